//! The handle of a message: `UIDVALIDITY:UID:FOLDER`, the folder in the server's own spelling (modified UTF-7).

/// A parsed handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Locator {
    pub(crate) validity: u32,
    pub(crate) uid: u32,
    /// In the server's spelling.
    pub(crate) folder: String,
}

impl Locator {
    /// Parses a handle; `None` if it is not one of this connector.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (validity, uid) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let folder = parts.next().filter(|folder| !folder.is_empty())?;
        Some(Self { validity, uid, folder: folder.to_owned() })
    }
}

impl std::fmt::Display for Locator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", self.validity, self.uid, self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back() {
        let locator = Locator { validity: 1_700_000_000, uid: 7, folder: "Archive/a:b".into() };
        assert_eq!(Locator::parse(&locator.to_string()), Some(locator));
        for text in ["", "1", "1:2", "1:2:", "x:2:INBOX", "1:-2:INBOX"] {
            assert_eq!(Locator::parse(text), None, "{text}");
        }
    }
}
