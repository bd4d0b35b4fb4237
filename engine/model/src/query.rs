//! The query that a connector gets.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::location::LocationKind;

/// A search that a connector may push down to its store. All conditions must hold; in a list, one match is enough; an
/// empty list is no condition. A connector may return more messages than match: [`crate::Predicate::matches`] decides.
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
    /// Kinds of location to search; empty means all except the hidden ones.
    pub locations: Vec<LocationKind>,
    /// Folders by path, searched in addition to `locations`.
    pub folders: Vec<String>,
    /// Header fields to return, names in lower case.
    pub want_headers: Vec<String>,
    /// Whether to return attachment names.
    pub want_attachments: bool,
}
