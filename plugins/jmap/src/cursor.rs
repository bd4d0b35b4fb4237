//! The place where a search continues: after a message, by its id, and by its time if it is no longer there.

use crate::session::is_id;

/// A parsed cursor: `MICROSECONDS:ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// When the message was received, in microseconds since 1970 UTC.
    pub(crate) received_at: i64,
    pub(crate) id: String,
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (time, id) = text.split_once(':')?;
        Some(Self { received_at: time.parse().ok()?, id: is_id(id).then(|| id.to_owned())? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.received_at, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back() {
        let cursor = Cursor { received_at: -1, id: "M-1_x".into() };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for text in ["", "1", "1:", "x:M1", "1:a/b", "1:M1:2"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
