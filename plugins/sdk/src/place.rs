//! Which folders are special, where the store itself does not say.
//!
//! A store's own word (SPECIAL-USE) always wins; these names are the fallback, and the names that new folders get.

use crate::types::{Action, LocationKind};

/// The folder of a soft delete, unless the setting `recoverable-folder` says otherwise.
pub const RECOVERABLE: &str = "Recoverable Items";
/// The folder of `move-to-quarantine`, unless the setting `quarantine-folder` says otherwise.
pub const QUARANTINE: &str = "Quarantine";

/// The kind of a top-level folder with this name. `None`: nothing special.
pub fn kind_of_name(name: &str) -> Option<LocationKind> {
    let name = name.to_lowercase();
    Some(match name.as_str() {
        "inbox" => LocationKind::Inbox,
        "junk" | "spam" | "junk e-mail" | "junk email" | "junk mail" | "bulk mail" | "junk-e-mail" => {
            LocationKind::Junk
        }
        "trash" | "deleted items" | "deleted messages" | "deleted" | "bin" => LocationKind::DeletedItems,
        "sent" | "sent items" | "sent messages" | "sent mail" | "sent-mail" => LocationKind::SentItems,
        "archive" | "archives" | "archived" => LocationKind::Archive,
        _ => return None,
    })
}

/// The name that a missing special folder is created with.
pub fn name_of_kind(kind: LocationKind) -> Option<&'static str> {
    Some(match kind {
        LocationKind::Inbox => "INBOX",
        LocationKind::Junk => "Junk",
        LocationKind::DeletedItems => "Trash",
        LocationKind::SentItems => "Sent",
        LocationKind::Archive => "Archive",
        _ => return None,
    })
}

/// Where an action puts mail. `None`: nowhere (hard delete), or where each message came from (restore).
pub fn destination(action: Action) -> Option<LocationKind> {
    match action {
        Action::MoveToJunk => Some(LocationKind::Junk),
        Action::MoveToInbox => Some(LocationKind::Inbox),
        Action::MoveToDeletedItems => Some(LocationKind::DeletedItems),
        Action::SoftDelete => Some(LocationKind::RecoverableItems),
        Action::MoveToQuarantine => Some(LocationKind::Quarantine),
        Action::HardDelete | Action::Restore => None,
    }
}

/// Whether the owner must not stumble over mail there, so that a search looks only when asked.
pub fn is_hidden(kind: LocationKind) -> bool {
    matches!(kind, LocationKind::RecoverableItems | LocationKind::Quarantine)
}

/// Whether a query wants a folder: by kind, by path, or by naming neither.
pub fn is_wanted(query: &crate::types::Query, kind: LocationKind, path: &str) -> bool {
    if query.locations.is_empty() && query.folders.is_empty() {
        return !is_hidden(kind);
    }
    query.locations.contains(&kind) || query.folders.iter().any(|folder| folder == path)
}
