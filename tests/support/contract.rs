//! The contract of a mail store: the one suite that runs over the in-process store, the Maildir connector on a folder,
//! and the IMAP connector on a real server. `cargo xtask conformance` runs it on an operator's own connector.
//!
//! It acts on the seeded messages only and leaves them where it found them, except the last, which it deletes for good.

use std::collections::HashSet;
use std::sync::Arc;

use clawback_connectors::{ActionTarget, CallError, MailStore};
use clawback_model::{Action, Effect, Location, LocationKind, Message, MessageRef, Query, Receipt, RestorePoint};

/// What must be in the store before the suite runs.
#[derive(Debug, Clone)]
pub struct Seed {
    /// The mailbox.
    pub mailbox: Arc<str>,
    /// A part of the subject that the seeded messages have, and no other message.
    pub subject: String,
    /// The number of messages: at least 3, all in the inbox.
    pub messages: usize,
}

impl Seed {
    /// The raw messages to put into the inbox.
    pub fn raw(&self) -> Vec<String> {
        (0..self.messages)
            .map(|number| {
                format!(
                    "From: Parcels <Parcels@Bulk.Example>\r\nTo: {to}\r\nSubject: {subject} {number}\r\n\
                     Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <seed-{number}@bulk.example>\r\n\r\nBody {number}\r\n",
                    to = self.mailbox,
                    subject = self.subject,
                )
            })
            .collect()
    }

    fn query(&self) -> Query {
        Query { subject_contains: vec![self.subject.clone()], ..Query::default() }
    }
}

/// Runs the whole suite. Panics with a sentence at the first rule that is broken.
pub async fn check_contract(store: &dyn MailStore, seed: &Seed) {
    assert!(seed.messages >= 3, "the suite needs three messages");
    check_capabilities(store);
    check_mailboxes(store, seed).await;
    check_pages(store, seed).await;
    check_query(store, seed).await;
    check_locate(store, seed).await;
    check_raw(store, seed).await;
    check_unknown_mailbox(store, seed).await;
    for action in store.capabilities().actions.clone() {
        if action.is_reversible() && action != Action::Restore && action != Action::MoveToInbox {
            check_there_and_back(store, seed, action).await;
        }
    }
    check_moved_since(store, seed).await;
    if store.capabilities().actions.contains(&Action::HardDelete) {
        check_hard_delete(store, seed).await;
    }
}

fn check_capabilities(store: &dyn MailStore) {
    let can = store.capabilities();
    assert!(!can.connector.is_empty() && !can.version.is_empty(), "it says its name and version");
    assert!(can.largest_batch > 0 && can.calls > 0 && can.calls_per_mailbox > 0, "it takes something at all");
}

async fn check_mailboxes(store: &dyn MailStore, seed: &Seed) {
    let whole = mailboxes(store, 1_000).await;
    assert_eq!(whole, mailboxes(store, 1).await, "mailboxes are the same, and in the same order, in pages of any size");
    assert_eq!(whole.iter().collect::<HashSet<_>>().len(), whole.len(), "no mailbox comes twice");
    assert!(whole.contains(&seed.mailbox), "the seeded mailbox is listed");
}

async fn mailboxes(store: &dyn MailStore, most: u32) -> Vec<Arc<str>> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.mailboxes(cursor, most).await.expect("mailboxes");
        assert!(page.items.len() <= most as usize, "no page is larger than asked");
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
        assert!(all.len() < 100_000, "the list of mailboxes ends");
    }
}

/// All messages of a search, page by page. Cursors are plain strings, so a search resumes the same way after a crash.
pub async fn search(store: &dyn MailStore, mailbox: &Arc<str>, query: &Query, most: u32) -> Vec<Message> {
    let (mut all, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = store.search(mailbox, query, cursor, most).await.expect("search");
        assert!(page.items.len() <= most as usize, "no page is larger than asked");
        all.extend(page.items);
        cursor = page.next;
        pages += 1;
        if cursor.is_none() {
            return all;
        }
        assert!(pages < 10_000, "the search ends");
    }
}

async fn seeded(store: &dyn MailStore, seed: &Seed) -> Vec<Message> {
    let mut found = search(store, &seed.mailbox, &seed.query(), 1_000).await;
    found.retain(|message| message.subject.contains(&seed.subject));
    found.sort_by(|a, b| a.subject.cmp(&b.subject));
    found
}

async fn check_pages(store: &dyn MailStore, seed: &Seed) {
    let locators = |messages: Vec<Message>| {
        let mut locators: Vec<_> = messages.into_iter().map(|message| message.reference.locator).collect();
        locators.sort();
        locators
    };
    let whole = locators(search(store, &seed.mailbox, &seed.query(), 1_000).await);
    assert_eq!(whole.iter().collect::<HashSet<_>>().len(), whole.len(), "no message comes twice");
    assert_eq!(whole.len(), seed.messages, "every seeded message is found");
    for most in [1, 2] {
        assert_eq!(locators(search(store, &seed.mailbox, &seed.query(), most).await), whole, "in pages of {most}");
    }
}

async fn check_query(store: &dyn MailStore, seed: &Seed) {
    let found = seeded(store, seed).await;
    let first = &found[0];
    assert_eq!(first.from_address, "parcels@bulk.example", "From is the bare address in lower case");
    assert_eq!(first.from_name, "Parcels");
    assert_eq!(first.reference.message_id, "<seed-0@bulk.example>");
    assert_eq!(first.location.kind, LocationKind::Inbox);
    assert!(first.received_at.0 > 0 && first.size > 0, "time and size are known");
    let only = |query| async move { search(store, &seed.mailbox, &query, 1_000).await.len() };
    let by_id = Query { message_id: vec![first.reference.message_id.clone()], ..Query::default() };
    assert!(only(by_id).await >= 1, "a message is found by its Message-ID");
    let elsewhere = Query { locations: vec![LocationKind::Junk], ..seed.query() };
    let junk = search(store, &seed.mailbox, &elsewhere, 1_000).await;
    assert!(junk.iter().all(|message| message.location.kind == LocationKind::Junk), "locations are obeyed");
    let with_headers = Query { want_headers: vec!["date".into()], ..seed.query() };
    let found = search(store, &seed.mailbox, &with_headers, 1_000).await;
    assert!(found.iter().all(|message| message.header("date").is_some()), "the headers that were asked for are there");
    let prints: HashSet<_> = found.iter().map(|message| message.reference.fingerprint.as_str()).collect();
    assert_eq!(prints.len(), found.len(), "different messages have different fingerprints");
}

fn nowhere() -> MessageRef {
    MessageRef {
        locator: "nowhere".to_owned(),
        message_id: "<nowhere@clawback.invalid>".to_owned(),
        fingerprint: "00".repeat(16),
    }
}

async fn locate_one(store: &dyn MailStore, seed: &Seed, reference: &MessageRef) -> Vec<(MessageRef, Location)> {
    let located = store.locate(&seed.mailbox, std::slice::from_ref(reference)).await.expect("locate");
    let sightings = located.into_iter().next().expect("one answer per reference").sightings;
    sightings.into_iter().map(|sighting| (sighting.reference, sighting.location)).collect()
}

async fn check_locate(store: &dyn MailStore, seed: &Seed) {
    let found = seeded(store, seed).await;
    let mut references: Vec<_> = found.iter().rev().map(|message| message.reference.clone()).collect();
    references.insert(1, nowhere());
    let located = store.locate(&seed.mailbox, &references).await.expect("locate");
    assert_eq!(located.len(), references.len());
    for (located, reference) in located.iter().zip(&references) {
        assert_eq!(located.locator, reference.locator, "answers keep the order of the questions");
        let expected = usize::from(reference.message_id != "<nowhere@clawback.invalid>");
        assert_eq!(located.sightings.len(), expected, "{}", reference.message_id);
    }
    assert!(store.locate(&seed.mailbox, &[]).await.expect("locate nothing").is_empty());
}

async fn check_raw(store: &dyn MailStore, seed: &Seed) {
    let message = seeded(store, seed).await.remove(0);
    let raw = store.fetch_raw(&seed.mailbox, &message.reference, 1 << 20).await.expect("fetch-raw");
    assert!(String::from_utf8_lossy(&raw).contains("<seed-0@bulk.example>"), "the raw message is the message");
    let cut = store.fetch_raw(&seed.mailbox, &message.reference, 16).await.expect("fetch-raw");
    assert_eq!(cut, raw[..16], "no more bytes than requested");
    assert!(store.fetch_raw(&seed.mailbox, &nowhere(), 16).await.is_err(), "there is no raw message of nothing");
}

async fn check_unknown_mailbox(store: &dyn MailStore, seed: &Seed) {
    let answer = store.search(&"nobody@clawback.invalid".into(), &seed.query(), None, 10).await;
    let refused =
        matches!(answer, Err(CallError::NotFound { .. } | CallError::Denied { .. } | CallError::Permanent { .. }));
    assert!(refused, "a mailbox that is not there is an error, never an empty page: {answer:?}");
}

fn aim(message: &Message) -> ActionTarget {
    ActionTarget { reference: message.reference.clone(), location: message.location.clone(), former: None }
}

fn receipt(effect: &Effect) -> &Receipt {
    match effect {
        Effect::Succeeded(receipt) => receipt,
        other => panic!("expected a success, got {other:?}"),
    }
}

async fn check_there_and_back(store: &dyn MailStore, seed: &Seed, action: Action) {
    let before = seeded(store, seed).await;
    let mut aims: Vec<_> = before.iter().map(aim).collect();
    aims.insert(1, ActionTarget { reference: nowhere(), location: before[0].location.clone(), former: None });
    let effects = store.apply(&seed.mailbox, action, &aims).await.expect("apply");
    assert_eq!(effects.len(), aims.len(), "{action}: one effect per aim");
    assert_eq!(effects[1], Effect::NotFound, "{action}: a missing message is not found, and the rest is acted on");
    let mut back = Vec::new();
    for (effect, aim) in effects.iter().zip(&aims).filter(|(effect, _)| **effect != Effect::NotFound) {
        let receipt = receipt(effect);
        assert_eq!(receipt.former.location, aim.location, "{action}: the receipt says where it was");
        let now = receipt.now.clone().expect("a moved message has a new reference");
        let place = receipt.location.clone().expect("a moved message has a place");
        assert_eq!(Some(place.kind), action.destination(), "{action}");
        assert_eq!(now.fingerprint, aim.reference.fingerprint, "{action}: a move changes no fingerprint");
        let sightings = locate_one(store, seed, &aim.reference).await;
        assert_eq!(sightings.len(), 1, "{action}: one copy, no more and no fewer");
        assert_eq!(sightings[0].1, place, "{action}: it is where the receipt says");
        back.push(ActionTarget { reference: now, location: place, former: Some(receipt.former.clone()) });
    }
    // The same act on the old references: nothing is done, and the effects say so.
    for effect in store.apply(&seed.mailbox, action, &aims).await.expect("apply again") {
        let nothing_done = matches!(effect, Effect::AlreadyInDestination | Effect::NotFound | Effect::MovedSince(_));
        assert!(nothing_done, "{action}, again: {effect:?}");
    }
    let restored = store.apply(&seed.mailbox, Action::Restore, &back).await.expect("restore");
    assert_eq!(restored.len(), back.len());
    for (effect, aim) in restored.iter().zip(&back) {
        let home = aim.former.as_ref().map(|former: &RestorePoint| former.location.clone());
        assert_eq!(receipt(effect).location, home, "{action}: restore goes home");
    }
    let after = seeded(store, seed).await;
    let shape = |messages: &[Message]| -> Vec<_> {
        let sorted = |flags: &[String]| {
            let mut flags = flags.to_vec();
            flags.sort();
            flags
        };
        messages.iter().map(|m| (m.subject.clone(), m.location.clone(), sorted(&m.flags))).collect()
    };
    assert_eq!(shape(&after), shape(&before), "{action}: undone, everything is as it was");
}

async fn check_moved_since(store: &dyn MailStore, seed: &Seed) {
    let before = seeded(store, seed).await;
    let stale = aim(&before[0]);
    let moved = store.apply(&seed.mailbox, Action::MoveToJunk, std::slice::from_ref(&stale)).await.expect("apply");
    let receipt = receipt(&moved[0]).clone();
    let effect =
        store.apply(&seed.mailbox, Action::MoveToDeletedItems, std::slice::from_ref(&stale)).await.expect("apply");
    assert!(
        matches!(&effect[0], Effect::MovedSince(place) if place.kind == LocationKind::Junk),
        "a message that its owner moved is left alone: {:?}",
        effect[0]
    );
    let back = ActionTarget {
        reference: receipt.now.expect("a moved message has a reference"),
        location: receipt.location.expect("and a place"),
        former: Some(receipt.former),
    };
    store.apply(&seed.mailbox, Action::Restore, &[back]).await.expect("restore");
    assert_eq!(seeded(store, seed).await.len(), before.len());
}

async fn check_hard_delete(store: &dyn MailStore, seed: &Seed) {
    let before = seeded(store, seed).await;
    let last = aim(before.last().expect("messages are left"));
    let effect = store.apply(&seed.mailbox, Action::HardDelete, std::slice::from_ref(&last)).await.expect("apply");
    assert_eq!(receipt(&effect[0]).now, None, "what is gone has no reference");
    assert!(locate_one(store, seed, &last.reference).await.is_empty(), "it is nowhere");
    let again = store.apply(&seed.mailbox, Action::HardDelete, &[last]).await.expect("apply");
    assert_eq!(again, [Effect::NotFound]);
    assert_eq!(seeded(store, seed).await.len(), before.len() - 1, "and nothing else is gone");
}
