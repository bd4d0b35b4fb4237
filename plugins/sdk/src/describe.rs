//! The capabilities that a connector describes.

use crate::types::{Action, Capabilities};

/// All actions of the contract.
pub const ACTIONS: [Action; 7] = [
    Action::MoveToJunk,
    Action::MoveToInbox,
    Action::MoveToDeletedItems,
    Action::SoftDelete,
    Action::HardDelete,
    Action::MoveToQuarantine,
    Action::Restore,
];

/// The conditions of a query that are about the header of a message and its time.
pub const HEADER_FIELDS: [&str; 8] = [
    "from-address",
    "from-domain",
    "subject-contains",
    "to-address",
    "message-id",
    "received-after",
    "received-before",
    "header-contains",
];

/// The condition of a query that is about the names of attachments.
pub const ATTACHMENT_NAME: &str = "attachment-name";

/// Returns the capabilities of a connector that takes one call at a time for each mailbox.
///
/// `version` is that of the connector's crate: `env!("CARGO_PKG_VERSION")`. `largest_batch` is the most targets of one
/// call of `apply`.
pub fn capabilities(
    name: &str,
    version: &str,
    actions: &[Action],
    search_fields: &[&str],
    largest_batch: u32,
) -> Capabilities {
    Capabilities {
        name: name.to_owned(),
        version: version.to_owned(),
        actions: actions.to_vec(),
        search_fields: search_fields.iter().map(|&field| field.to_owned()).collect(),
        largest_batch,
        calls_per_mailbox: 1,
        extra: Vec::new(),
    }
}
