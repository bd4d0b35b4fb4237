//! Places and flags, which Gmail both has as labels.

use std::collections::BTreeSet;

use clawback_connector_sdk::types::{Location, LocationKind};

use crate::labels::Labels;

/// Before the id of a label that is neither a place nor a flag of IMAP.
pub(crate) const LABEL: &str = "label:";

/// The labels that decide the place of a message and can be changed.
pub(crate) const PLACES: [&str; 3] = ["TRASH", "SPAM", "INBOX"];
/// The labels that Gmail sets itself. They are no flags, because they cannot be brought back.
const FIXED: [&str; 3] = ["SENT", "DRAFT", "CHAT"];

/// Returns where a message with these labels is.
pub(crate) fn of(labels: &BTreeSet<String>, known: &Labels) -> Location {
    let has = |label: &str| labels.contains(label);
    let is_marked = |mark: &Option<String>| mark.as_deref().is_some_and(has);
    let kind = if has("TRASH") {
        if is_marked(&known.recoverable) { LocationKind::RecoverableItems } else { LocationKind::DeletedItems }
    } else if has("SPAM") {
        LocationKind::Junk
    } else if has("INBOX") {
        LocationKind::Inbox
    } else if is_marked(&known.quarantine) {
        LocationKind::Quarantine
    } else if has("SENT") {
        LocationKind::SentItems
    } else if let Some(folder) = ["DRAFT", "CHAT"].into_iter().find(|label| has(label)) {
        return Location { kind: LocationKind::Folder, path: folder.into() };
    } else {
        LocationKind::Archive
    };
    at(kind, known)
}

/// Returns the place of a kind.
pub(crate) fn at(kind: LocationKind, known: &Labels) -> Location {
    let path = match kind {
        LocationKind::Inbox => "INBOX",
        LocationKind::Junk => "SPAM",
        LocationKind::DeletedItems => "TRASH",
        LocationKind::SentItems => "SENT",
        LocationKind::RecoverableItems => &known.recoverable_name,
        LocationKind::Quarantine => &known.quarantine_name,
        _ => "All Mail",
    };
    Location { kind, path: path.into() }
}

/// Returns whether two locations are the same place: a label may be renamed, so only a folder is compared by its path.
pub(crate) fn is_same(one: &Location, other: &Location) -> bool {
    one.kind == other.kind && (one.kind != LocationKind::Folder || one.path == other.path)
}

/// Returns the labels among [`PLACES`], and the mark, of a message that is in a place of this kind.
pub(crate) fn home(kind: LocationKind, known: &Labels) -> Vec<&str> {
    let mark = known.mark(kind).and_then(|(id, _)| id);
    let label = match kind {
        LocationKind::Inbox => Some("INBOX"),
        LocationKind::Junk => Some("SPAM"),
        LocationKind::DeletedItems | LocationKind::RecoverableItems => Some("TRASH"),
        _ => None,
    };
    label.into_iter().chain(mark).collect()
}

/// Returns the flags of a message: all its labels that are not its place, and none that cannot be set.
pub(crate) fn flags(labels: &BTreeSet<String>, place: LocationKind, known: &Labels) -> Vec<String> {
    let home = home(place, known);
    let mut flags = Vec::new();
    if !labels.contains("UNREAD") {
        flags.push("\\Seen".to_owned());
    }
    if labels.contains("STARRED") {
        flags.push("\\Flagged".to_owned());
    }
    let is_flag = |label: &str| {
        !matches!(label, "UNREAD" | "STARRED")
            && !FIXED.contains(&label)
            && !home.contains(&label)
            && known.marks().all(|mark| mark != label)
    };
    flags.extend(labels.iter().filter(|label| is_flag(label)).map(|label| format!("{LABEL}{label}")));
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Labels {
        Labels {
            recoverable: Some("Label_r".into()),
            quarantine: Some("Label_q".into()),
            recoverable_name: "R".into(),
            quarantine_name: "Q".into(),
            ids: BTreeSet::new(),
            is_new: false,
        }
    }

    fn set(labels: &str) -> BTreeSet<String> {
        labels.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_place_is_the_most_deciding_label() {
        for (labels, kind) in [
            ("INBOX UNREAD Label_1", LocationKind::Inbox),
            ("INBOX SENT", LocationKind::Inbox),
            ("SENT Label_1", LocationKind::SentItems),
            ("TRASH INBOX SPAM", LocationKind::DeletedItems),
            ("SPAM INBOX", LocationKind::Junk),
            ("TRASH Label_r", LocationKind::RecoverableItems),
            // The owner took it out of the trash.
            ("INBOX Label_r Label_q", LocationKind::Inbox),
            ("Label_r", LocationKind::Archive),
            ("Label_q SENT", LocationKind::Quarantine),
            ("", LocationKind::Archive),
            ("DRAFT", LocationKind::Folder),
        ] {
            let labels = set(labels);
            assert_eq!(of(&labels, &known()).kind, kind, "{labels:?}");
        }
    }

    #[test]
    fn flags_are_all_labels_that_can_be_set_again() {
        let flags = |labels, kind| flags(&set(labels), kind, &known()).join(" ");
        assert_eq!(
            flags("INBOX STARRED IMPORTANT Label_1 SENT", LocationKind::Inbox),
            "\\Seen \\Flagged label:IMPORTANT label:Label_1"
        );
        assert_eq!(flags("TRASH INBOX UNREAD", LocationKind::DeletedItems), "label:INBOX");
        assert_eq!(flags("TRASH UNREAD Label_r Label_q", LocationKind::RecoverableItems), "");
    }
}
