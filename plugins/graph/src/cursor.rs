//! The position at which a search continues.
//!
//! Messages come in the order of their receipt. The position is a time, and the messages of that second that were seen:
//! what moves or vanishes between two pages makes no other message be skipped, as it does with Graph's own links, which
//! count. Such a link is followed only within one second that has more messages than a page.

use std::hash::Hasher as _;

use clawback_connector_sdk::{page, types::Error};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// The most seen messages in one cursor; the host accepts cursors of 16 KiB.
const SEEN: usize = 600;

/// A parsed cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    /// The id of the folder; empty for all.
    #[serde(rename = "f")]
    pub(crate) scope: String,
    /// The number of the filter.
    #[serde(rename = "c")]
    pub(crate) chunk: usize,
    /// The second of the last message, since 1970 UTC.
    #[serde(rename = "t")]
    pub(crate) second: Option<i64>,
    /// Hashes of the ids of the messages of that second that were seen.
    #[serde(rename = "s")]
    pub(crate) seen: Vec<u64>,
    /// The query of a link.
    #[serde(rename = "l")]
    pub(crate) link: Option<String>,
    /// Whether the second has too many messages to name those that were seen: the link alone says where to continue.
    #[serde(rename = "k", default)]
    is_counted: bool,
    /// How many messages of the linked page were seen.
    #[serde(rename = "n")]
    pub(crate) skip: usize,
}

impl Cursor {
    pub(crate) fn at(scope: &str, chunk: usize) -> Self {
        Self { scope: scope.to_owned(), chunk, ..Self::default() }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let wrong = page::not_ours;
        let cursor: Self = serde_json::from_str(text).map_err(|_| wrong())?;
        let is_folder = cursor.scope.is_empty() || crate::address::is_id(&cursor.scope);
        let is_query = cursor.link.as_ref().is_none_or(|link| !link.contains(['?', '#', '\r', '\n', ' ']));
        if is_folder && is_query { Ok(cursor) } else { Err(wrong()) }
    }

    /// Returns the cursor as a text. Where a second has too many messages to name them, the link alone says where to
    /// continue.
    pub(crate) fn text(&self) -> String {
        let short = self.is_full().then(|| Self { seen: Vec::new(), is_counted: true, ..self.clone() });
        serde_json::to_string(short.as_ref().unwrap_or(self)).unwrap_or_default()
    }

    /// Notes a message. Returns `false` if it was seen before.
    pub(crate) fn pass(&mut self, id: &str, second: Option<i64>) -> bool {
        let hash = hash(id);
        if second > self.second {
            self.second = second;
            self.is_counted = false;
            self.seen.clear();
        } else if self.seen.contains(&hash) {
            return false;
        }
        self.seen.push(hash);
        true
    }

    /// Whether a message was seen.
    pub(crate) fn has(&self, id: &str, second: Option<i64>) -> bool {
        second <= self.second && self.seen.contains(&hash(id))
    }

    /// Whether the messages of one second are too many to be kept.
    pub(crate) fn is_full(&self) -> bool {
        self.is_counted || self.seen.len() > SEEN
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_and_is_never_too_long() {
        let mut cursor = Cursor::at("AQMk-_=", 2);
        for number in 0..=SEEN {
            assert!(cursor.pass(&format!("{number}"), Some(7)));
        }
        assert!(cursor.is_full() && !cursor.pass("0", Some(7)));
        assert!(cursor.text().len() < 15 * 1024, "{}", cursor.text().len());
        let short = Cursor::parse(&cursor.text()).unwrap();
        assert!(short.seen.is_empty() && short.second == Some(7));
        let mut next = short;
        assert!(next.pass("new", Some(7)) && next.is_full(), "the second stays one that is counted");
        assert!(next.pass("newer", Some(8)) && !next.is_full());
        cursor.seen.pop();
        assert!(cursor.text().len() < 15 * 1024);
        assert_eq!(Cursor::parse(&cursor.text()), Ok(cursor.clone()));
        assert!(cursor.pass("0", Some(8)) && cursor.seen.len() == 1);
        for other in ["", "{}", "x", r#"{"f":"../ben","c":0,"t":null,"s":[],"l":null,"n":0}"#] {
            assert!(Cursor::parse(other).is_err(), "{other}");
        }
        assert!(Cursor::parse(r#"{"f":"","c":0,"t":null,"s":[],"l":"a=b#c","n":0}"#).is_err());
    }
}
