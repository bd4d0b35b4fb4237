//! Locators: the UID, the GUID of the folder, and the GUID of the message. The last one stays when the message moves.

use std::fmt;

use crate::command::{Query, in_some_folder};

/// The longest GUID of a message: a locator has at most 1,024 bytes. In a Maildir it is the name of a file.
const LONGEST: usize = 900;

/// A message in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Locator {
    pub(crate) folder: String,
    pub(crate) uid: u32,
    pub(crate) guid: String,
}

impl Locator {
    /// Returns a query for this place.
    pub(crate) fn query(&self) -> Query {
        in_some_folder(&self.folder, &self.uid.to_string())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (uid, folder, guid) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = (1..=10).contains(&uid.len()) && uid.bytes().all(|digit| digit.is_ascii_digit());
        let uid = uid.parse().ok().filter(|uid| is_number && *uid > 0)?;
        (is_guid(folder) && is_message(guid)).then(|| Self { folder: folder.to_owned(), uid, guid: guid.to_owned() })
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}:{}", self.uid, self.folder, self.guid)
    }
}

/// Returns whether this is the GUID of a folder.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns whether this can be the GUID of a message.
pub(crate) fn is_message(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && !text.chars().any(|one| one.is_control() || one == '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FOLDER: &str = "e77d340b002d0b6b8c3f000083ecc375";

    #[test]
    fn what_is_no_locator() {
        let locator = format!("7:{FOLDER}:1795894687.M873937P26559.vm,S=43,W=48");
        assert_eq!(Locator::parse(&locator).unwrap().to_string(), locator);
        for wrong in [
            String::new(),
            format!("0:{FOLDER}:x"),
            format!("-1:{FOLDER}:x"),
            format!("1,2:{FOLDER}:x"),
            format!("*:{FOLDER}:x"),
            format!("1:*:{FOLDER}:x"),
            format!("4294967296:{FOLDER}:x"),
            format!("1:{}:x", FOLDER.to_uppercase()),
            format!("1:{FOLDER}:"),
            format!("1:{FOLDER}:a\nb"),
            format!("1:{FOLDER}:{}", "x".repeat(901)),
            format!("1 OR ALL:{FOLDER}:x"),
        ] {
            assert_eq!(Locator::parse(&wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_locator_comes_back(uid in 1_u32.., guid in "[ -~]{1,200}") {
            let locator = Locator { folder: FOLDER.into(), uid, guid };
            prop_assert_eq!(Locator::parse(&locator.to_string()), Some(locator));
        }
    }
}
