//! What a connector is asked to look for.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::location::LocationKind;

/// A search that a connector may push down to its store. All conditions hold at once; within a list one is enough; an empty
/// list is no condition. A connector may answer with more; [`crate::Predicate::matches`] has the last word.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Query {
    /// Exact From address, without case.
    pub from_address: Vec<String>,
    /// Exact domain of the From address, without case.
    pub from_domain: Vec<String>,
    /// Part of the subject, without case.
    pub subject_contains: Vec<String>,
    /// Exact To or Cc address, without case.
    pub to_address: Vec<String>,
    /// Exact Message-ID with angle brackets.
    pub message_id: Vec<String>,
    /// Received at or after.
    pub received_after: Option<Timestamp>,
    /// Received before.
    pub received_before: Option<Timestamp>,
    /// Header field and part of its value.
    pub header_contains: Vec<(String, String)>,
    /// Part of an attachment's file name.
    pub attachment_name: Vec<String>,
    /// Kinds of location to look in; empty: all but the hidden ones.
    pub locations: Vec<LocationKind>,
    /// Folders by path, beside `locations`.
    pub folders: Vec<String>,
    /// Header fields to return, names in lower case.
    pub want_headers: Vec<String>,
    /// Whether attachment names are wanted.
    pub want_attachments: bool,
}
