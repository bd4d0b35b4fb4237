//! Which labels to add and to remove, so that a message is in another place, or as it was.

use std::collections::BTreeSet;

use clawback_connector_sdk::{
    place::destination,
    types::{Action, Former, LocationKind},
};
use serde::Serialize;

use crate::{
    labels::Labels,
    place::{LABEL, PLACES, home},
};

/// A change of labels, as the API takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    #[serde(rename = "addLabelIds")]
    pub(crate) add: Vec<String>,
    #[serde(rename = "removeLabelIds")]
    pub(crate) remove: Vec<String>,
}

impl Change {
    pub(crate) fn is_nothing(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// Returns the change without labels of which Gmail may refuse to set one, and these. `None` if there are none.
    pub(crate) fn settable(&self, known: &Labels) -> Option<(Self, Vec<String>)> {
        let is_sure = |label: &String| {
            PLACES.contains(&label.as_str())
                || ["UNREAD", "STARRED", "IMPORTANT"].contains(&label.as_str())
                || label.starts_with("CATEGORY_")
                || label.starts_with("Label_")
                || known.marks().any(|mark| mark == label)
        };
        let (add, others): (Vec<String>, Vec<String>) = self.add.iter().cloned().partition(is_sure);
        (!others.is_empty()).then(|| (Self { add, remove: self.remove.clone() }, others))
    }

    /// Returns whether a message with these labels is changed so.
    pub(crate) fn is_in(&self, labels: &BTreeSet<String>) -> bool {
        self.add.iter().all(|label| labels.contains(label)) && self.remove.iter().all(|label| !labels.contains(label))
    }
}

/// Returns the kind of place where a message is after the action. `None` if the action has none.
pub(crate) fn goal(action: Action, former: Option<&Former>) -> Option<LocationKind> {
    match action {
        Action::Restore => former.map(|former| former.location.kind),
        action => destination(action),
    }
}

/// Returns the change that brings a message to a place. With `flags`, also to these flags; then the second value has
/// the labels of them that do not exist any more.
pub(crate) fn to(
    kind: LocationKind,
    flags: Option<&[String]>,
    labels: &BTreeSet<String>,
    known: &Labels,
) -> (Change, Vec<String>) {
    let mut wanted: BTreeSet<&str> = home(kind, known).into_iter().collect();
    let mut unwanted: BTreeSet<&str> = PLACES.into_iter().chain(known.marks()).collect();
    let mut lost = Vec::new();
    if let Some(flags) = flags {
        let has = |flag: &str| flags.iter().any(|known| known.eq_ignore_ascii_case(flag));
        if has("\\Seen") {
            unwanted.insert("UNREAD")
        } else {
            wanted.insert("UNREAD")
        };
        if has("\\Flagged") {
            wanted.insert("STARRED")
        } else {
            unwanted.insert("STARRED")
        };
        for id in flags.iter().filter_map(|flag| flag.strip_prefix(LABEL)) {
            if labels.contains(id) || known.ids.contains(id) {
                wanted.insert(id);
            } else {
                lost.push(id.to_owned());
            }
        }
    }
    let add = wanted.iter().filter(|label| !labels.contains(**label)).map(|label| (*label).to_owned());
    let is_over = |label: &&&str| !wanted.contains(**label) && labels.contains(**label);
    let remove = unwanted.iter().filter(is_over).map(|label| (*label).to_owned());
    (Change { add: add.collect(), remove: remove.collect() }, lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(labels: &str) -> BTreeSet<String> {
        labels.split_whitespace().map(str::to_owned).collect()
    }

    fn known() -> Labels {
        Labels {
            ids: set("INBOX SPAM TRASH UNREAD STARRED IMPORTANT Label_1 Label_r"),
            recoverable: Some("Label_r".into()),
            ..Labels::default()
        }
    }

    fn change(kind: LocationKind, flags: Option<&str>, labels: &str) -> (String, String, String) {
        let flags = flags.map(|flags| flags.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let (change, lost) = to(kind, flags.as_deref(), &set(labels), &known());
        (change.add.join(" "), change.remove.join(" "), lost.join(" "))
    }

    #[test]
    fn labels_that_cannot_be_set_are_named() {
        let change = Change { add: vec!["INBOX".into(), "NEW_SYSTEM".into()], remove: vec!["TRASH".into()] };
        let (rest, others) = change.settable(&known()).unwrap();
        assert_eq!((rest.add, rest.remove, others), (vec!["INBOX".into()], change.remove, vec!["NEW_SYSTEM".into()]));
        let sure = Change { add: vec!["Label_1".into(), "CATEGORY_UPDATES".into()], remove: Vec::new() };
        assert_eq!(sure.settable(&known()), None);
    }

    #[test]
    fn only_what_differs() {
        let text = |one: &str, two: &str, three: &str| (one.to_owned(), two.to_owned(), three.to_owned());
        assert_eq!(change(LocationKind::Junk, None, "INBOX UNREAD Label_1"), text("SPAM", "INBOX", ""));
        assert_eq!(change(LocationKind::RecoverableItems, None, "INBOX"), text("Label_r TRASH", "INBOX", ""));
        assert_eq!(change(LocationKind::DeletedItems, None, "TRASH Label_r"), text("", "Label_r", ""));
        assert_eq!(change(LocationKind::Inbox, None, "INBOX"), text("", "", ""));
        let flags = Some("\\Flagged label:Label_1 label:Label_2 label:INBOX $x");
        assert_eq!(
            change(LocationKind::DeletedItems, flags, "SPAM"),
            text("INBOX Label_1 STARRED TRASH UNREAD", "SPAM", "Label_2")
        );
        assert_eq!(
            change(LocationKind::Archive, Some("\\Seen"), "TRASH UNREAD STARRED Label_1"),
            text("", "STARRED TRASH UNREAD", "")
        );
    }
}
