//! Where a search goes on: which of its lists, a page of that, and the message of it that was the last.

use clawback_connector_sdk::{page, types::Error};
use serde::{Deserialize, Serialize};

use crate::locator;

/// The longest token of a page that is believed.
const LONGEST: usize = 4_096;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The page; the first without.
    pub(crate) page: Option<String>,
    /// The messages of this page, as they were asked for.
    pub(crate) size: usize,
    /// The last message of this page that an earlier answer covered.
    pub(crate) after: Option<String>,
    /// Messages received before this time, in microseconds since 1970, are left to the index. `None`: all are listed.
    pub(crate) border: Option<i64>,
    /// Whether the list is that of the index.
    pub(crate) is_old: bool,
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let cursor: Option<Self> = serde_json::from_str(text).ok();
        cursor.filter(Self::is_ours).ok_or_else(page::not_ours)
    }

    fn is_ours(&self) -> bool {
        (1..=500).contains(&self.size)
            && self.page.as_ref().is_none_or(|page| page.len() <= LONGEST)
            && (self.border.is_some() || !self.is_old)
            && self.after.as_ref().is_none_or(|after| locator::id(after).is_some())
    }

    /// Returns the start of the list of the index.
    pub(crate) fn of_old(&self) -> Self {
        Self { page: None, after: None, is_old: true, ..*self }
    }

    pub(crate) fn text(&self) -> Result<String, Error> {
        if !self.is_ours() {
            return Err(Error::Permanent("Gmail names the next page by a text that is too long".into()));
        }
        serde_json::to_string(self).map_err(|error| Error::Permanent(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_and_nothing_else() {
        let cursor = Cursor {
            page: Some("0912\"&x".into()),
            size: 200,
            after: Some("19ab".into()),
            border: Some(-1),
            is_old: true,
        };
        assert_eq!(Cursor::parse(&cursor.text().unwrap()), Ok(cursor));
        for wrong in [
            "",
            "{}",
            r#"{"page":null,"size":0,"after":null,"border":null,"is_old":false}"#,
            r#"{"page":null,"size":1,"after":"../x","border":null,"is_old":false}"#,
            r#"{"page":null,"size":1,"after":null,"border":null,"is_old":true}"#,
        ] {
            assert!(Cursor::parse(wrong).is_err(), "{wrong}");
        }
    }
}
