//! Delivery locations: the place to which a message was delivered, and the place where it is.

use std::fmt;
use std::str::FromStr;

use crate::words;
use serde::{Deserialize, Serialize, Serializer};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::unknown_word::UnknownWord;

/// The kind of place a message is in.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumCount,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the field's own terms")]
pub enum LocationKind {
    Inbox,
    Junk,
    DeletedItems,
    SentItems,
    Archive,
    /// Hidden from the owner; the destination of a soft delete.
    RecoverableItems,
    /// Hidden from the owner; for review.
    Quarantine,
    /// A folder of the owner's own.
    Folder,
    OnPremisesExternal,
    Failed,
    Dropped,
    Unknown,
}

words!(LocationKind, "location");

impl LocationKind {
    /// Returns whether a message at the location is in a mailbox that a connector can reach.
    pub const fn is_remediable(self) -> bool {
        !matches!(self, Self::OnPremisesExternal | Self::Failed | Self::Dropped | Self::Unknown)
    }
}

/// A place in one mailbox. Written `inbox:INBOX`, `folder:Archive/2026`, or the kind alone where the path is not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Location {
    /// The kind of place.
    pub kind: LocationKind,
    /// The folder in the store's own spelling; empty if not known. Chosen by the owner of the mailbox, not by a sender.
    pub path: String,
}

impl Location {
    /// Creates a location of this kind and path.
    pub fn new(kind: LocationKind, path: impl Into<String>) -> Self {
        Self { kind, path: path.into() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.pad(self.kind.as_str()) } else { write!(f, "{}:{}", self.kind, self.path) }
    }
}

impl FromStr for Location {
    type Err = UnknownWord;
    fn from_str(given: &str) -> Result<Self, UnknownWord> {
        let (kind, path) = given.split_once(':').unwrap_or((given, ""));
        Ok(Self { kind: kind.parse()?, path: path.to_owned() })
    }
}

impl TryFrom<String> for Location {
    type Error = UnknownWord;
    fn try_from(given: String) -> Result<Self, UnknownWord> {
        given.parse()
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_outside_of_the_mailboxes_is_out_of_reach() {
        let out_of_reach: Vec<_> = LocationKind::ALL.into_iter().filter(|kind| !kind.is_remediable()).collect();
        let expected =
            [LocationKind::OnPremisesExternal, LocationKind::Failed, LocationKind::Dropped, LocationKind::Unknown];
        assert_eq!(out_of_reach, expected);
    }

    #[test]
    fn a_location_is_read_as_it_is_written() {
        for (location, written) in [
            (Location::new(LocationKind::Inbox, "INBOX"), "inbox:INBOX"),
            (Location::new(LocationKind::Folder, "a:b/c"), "folder:a:b/c"),
            (Location::new(LocationKind::Dropped, ""), "dropped"),
        ] {
            assert_eq!(location.to_string(), written);
            assert_eq!(
                (written.parse(), Location::try_from(written.to_owned())),
                (Ok(location.clone()), Ok(location.clone()))
            );
            assert_eq!(serde_json::to_value(location).unwrap(), written);
        }
        assert_eq!("attic:x".parse::<Location>().unwrap_err(), "attic".parse::<LocationKind>().unwrap_err());
    }
}
