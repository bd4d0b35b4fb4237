//! Where a search goes on: after this message, in the order of the folders' GUIDs and of UIDs.

use std::fmt;

use crate::locator::is_guid;

/// The last message that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) folder: String,
    pub(crate) uid: u32,
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (folder, uid) = text.split_once(':')?;
        is_guid(folder).then_some(())?;
        Some(Self { folder: folder.to_owned(), uid: uid.parse().ok()? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}", self.folder, self.uid)
    }
}
