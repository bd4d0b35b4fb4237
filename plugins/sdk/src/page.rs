//! The size of one page of a search.
//!
//! A page passes from the component to the host at once, and the host limits its size. So a page of messages with large
//! headers ends early: it has fewer messages and a cursor, as the contract allows.

use crate::types::{Error, Message};

/// The bytes after which a page ends. [`crate::header::describe`] limits the size of a message, so a page is never much
/// larger.
pub const BYTES: usize = 4 * 1024 * 1024;
/// The overhead of a text or a list in addition to its bytes.
const EACH: usize = 16;

/// The remaining room in one page.
///
/// ```
/// # use clawback_connector_sdk::{page::Budget, types::{Message, MessagePage}};
/// # fn page(hits: impl Iterator<Item = (String, Message)>, most: usize) -> MessagePage {
/// let (mut budget, mut messages) = (Budget::default(), Vec::new());
/// for (cursor, message) in hits {
///     let has_room = budget.take(&message);
///     messages.push(message);
///     if !has_room || messages.len() == most {
///         return MessagePage { messages, next: Some(cursor), gaps: Vec::new() };
///     }
/// }
/// # MessagePage { messages, next: None, gaps: Vec::new() }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    left: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: BYTES }
    }
}

impl Budget {
    /// Counts a message that goes into the page. Returns `false` if the page is full with it as its last.
    ///
    /// A message is never refused, so every page makes progress.
    #[must_use]
    pub fn take(&mut self, message: &Message) -> bool {
        self.left = self.left.saturating_sub(bytes(message));
        self.left > 0
    }

    /// Returns whether the page has no room for another message.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }
}

/// Returns the number of messages of a page: as many as the host asks for, and at most `largest`.
pub fn size(most: u32, largest: usize) -> usize {
    usize::try_from(most.max(1)).unwrap_or(largest).min(largest)
}

/// Returns where a page begins: what `read` makes of the cursor.
pub fn resume<'a, T>(cursor: Option<&'a str>, read: impl Fn(&'a str) -> Option<T>) -> Result<Option<T>, Error> {
    cursor.map(|cursor| read(cursor).ok_or_else(not_ours)).transpose()
}

/// The error of a cursor that the connector has not made.
pub fn not_ours() -> Error {
    Error::Permanent("the cursor is not one of ours".into())
}

/// Returns one page of mailboxes, at most `most` of those whose names come after the cursor, and the cursor of the next
/// page. `items` are sorted by these names.
pub fn after<T>(
    mut items: Vec<T>,
    name: impl Fn(&T) -> &str,
    cursor: Option<&str>,
    most: u32,
) -> (Vec<T>, Option<String>) {
    items.retain(|item| cursor.is_none_or(|cursor| name(item) > cursor));
    let most = size(most, usize::MAX);
    let is_more = items.len() > most;
    items.truncate(most);
    let next = items.last().filter(|_| is_more).map(|item| name(item).to_owned());
    (items, next)
}

/// Returns the approximate size of a message in an answer.
pub fn bytes(message: &Message) -> usize {
    let text = |text: &String| text.len() + EACH;
    let texts = |all: &[String]| all.iter().map(text).sum::<usize>();
    let pairs = |all: &[(String, String)]| all.iter().map(|(one, other)| text(one) + text(other)).sum::<usize>();
    let original = message.original_location.as_ref().map_or(0, |location| text(&location.path));
    let one = [
        &message.ref_.locator,
        &message.ref_.message_id,
        &message.ref_.fingerprint,
        &message.location.path,
        &message.subject,
        &message.from_address,
        &message.from_name,
    ];
    let lists = [&message.also_from, &message.to, &message.flags, &message.attachments, &message.cut];
    one.into_iter().map(text).sum::<usize>()
        + lists.into_iter().map(|list| EACH + texts(list)).sum::<usize>()
        + pairs(&message.headers)
        + pairs(&message.extra)
        + original
        + 8 * EACH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        header::{Stored, describe},
        matching::everything,
        types::{Location, LocationKind},
    };

    fn message(header: &[u8]) -> Message {
        let stored = Stored {
            locator: "1".into(),
            location: Location { kind: LocationKind::Inbox, path: "INBOX".into() },
            received_at: 0,
            size: 1,
            flags: Vec::new(),
        };
        describe(stored, header, &everything())
    }

    #[test]
    fn a_thousand_usual_messages_fit() {
        let usual = message(b"From: Parcels <noreply@evil.example>\nTo: you@acme.test\nSubject: Your parcel\n\n");
        let mut budget = Budget::default();
        assert!((0..1_000).all(|_| budget.take(&usual)));
        assert!(!budget.is_spent());
    }

    #[test]
    fn pages_of_names_follow_each_other_without_a_gap() {
        let all: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let page = |cursor, most| after(all.clone(), String::as_str, cursor, most);
        assert_eq!(page(None, 2), (all[..2].to_vec(), Some("b".to_owned())));
        assert_eq!(page(Some("b"), 2), (all[2..].to_vec(), None));
        assert_eq!(page(None, 3).1, None);
        assert_eq!(page(Some("a"), 0), (all[1..2].to_vec(), Some("b".to_owned())));
        assert_eq!(page(Some("c"), 1), (Vec::new(), None));
    }

    #[test]
    fn large_messages_end_a_page_early_and_one_always_fits() {
        let mut large = message(b"From: a@b\n\n");
        large.to = vec!["x".repeat(100); 10_000];
        let mut budget = Budget::default();
        let taken = (0..200).take_while(|_| budget.take(&large)).count();
        assert!((1..10).contains(&taken), "{taken}");
        large.subject = "x".repeat(2 * BYTES);
        let mut budget = Budget::default();
        assert!(!budget.take(&large));
        assert!(budget.is_spent());
    }
}
