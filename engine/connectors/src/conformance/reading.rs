//! The rules of what changes nothing.

use std::collections::HashSet;
use std::sync::Arc;

use clawback_model::{Location, LocationKind, Message, MessageRef, Query};

use super::rule::{Kept, ensure};
use super::seed::Seed;
use crate::mail_store::{CallError, MailStore};

/// The most pages that an answer may have.
const MOST_PAGES: usize = 10_000;
/// The mailboxes that are also listed one by one.
const SINGLE: usize = 3;

pub(super) fn capabilities(store: &dyn MailStore) -> Kept {
    let can = store.capabilities();
    ensure!(!can.connector.is_empty() && !can.version.is_empty(), "it has no name or no version");
    ensure!(can.largest_batch > 0 && can.calls > 0 && can.calls_per_mailbox > 0, "it takes no target, or no call");
    Ok(())
}

pub(super) async fn mailboxes(store: &dyn MailStore, seed: &Seed) -> Kept {
    let whole = listed(store, 1_000, usize::MAX).await?;
    let single = listed(store, 1, SINGLE).await?;
    ensure!(whole.starts_with(&single), "pages of 1,000 and of 1 give other mailboxes, or another order");
    ensure!(single.len() == SINGLE.min(whole.len()), "pages of 1 end before the last mailbox");
    ensure!(whole.iter().collect::<HashSet<_>>().len() == whole.len(), "a mailbox comes twice");
    ensure!(whole.contains(seed.mailbox()), "the seeded mailbox `{}` is not listed", seed.mailbox());
    Ok(())
}

/// Returns the first mailboxes, in pages of this size.
async fn listed(store: &dyn MailStore, most: u32, enough: usize) -> Result<Vec<Arc<str>>, String> {
    let (mut all, mut cursor) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = store.mailboxes(cursor, most).await.map_err(|error| error.to_string())?;
        ensure!(page.items.len() <= most as usize, "a page of mailboxes is larger than requested");
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() || all.len() >= enough {
            return Ok(all);
        }
    }
    Err("the list of mailboxes does not end".into())
}

/// Returns all messages of a search, page by page. Cursors are plain texts, so a search resumes the same way after a
/// crash. Fails with the reason in words.
pub async fn search(
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    query: &Query,
    most: u32,
) -> Result<Vec<Message>, String> {
    let (mut all, mut cursor) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = store.search(mailbox, query, cursor, most).await.map_err(|error| error.to_string())?;
        ensure!(page.items.len() <= most as usize, "a page of messages is larger than requested");
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
    Err("the search does not end".into())
}

/// The query for the seeded messages.
fn wanted(seed: &Seed) -> Query {
    Query { subject_contains: vec![seed.subject().to_owned()], ..Query::default() }
}

/// Returns the messages of the mailbox that are not seeded, by locator and place.
pub(super) async fn census(store: &dyn MailStore, seed: &Seed) -> Result<Vec<(String, Location)>, String> {
    let found = search(store, seed.mailbox(), &Query::default(), 1_000).await?;
    let mut all: Vec<_> = found
        .into_iter()
        .filter(|message| !seed.is_of(message))
        .map(|message| (message.reference.locator, message.location))
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(all)
}

/// Returns the seeded messages, in their order.
pub(super) async fn seeded(store: &dyn MailStore, seed: &Seed) -> Result<Vec<Message>, String> {
    let mut found = search(store, seed.mailbox(), &wanted(seed), 1_000).await?;
    found.retain(|message| seed.is_of(message));
    found.sort_by(|a, b| a.subject.cmp(&b.subject));
    Ok(found)
}

pub(super) async fn pages(store: &dyn MailStore, seed: &Seed) -> Kept {
    let locators = async |most| {
        let found = search(store, seed.mailbox(), &wanted(seed), most).await?;
        let mut locators: Vec<_> =
            found.into_iter().filter(|message| seed.is_of(message)).map(|message| message.reference.locator).collect();
        locators.sort();
        Ok::<_, String>(locators)
    };
    let whole = locators(1_000).await?;
    ensure!(whole.iter().collect::<HashSet<_>>().len() == whole.len(), "a message comes twice");
    ensure!(whole.len() == seed.messages(), "{} of {} seeded messages are found", whole.len(), seed.messages());
    for most in [1, 2] {
        ensure!(locators(most).await? == whole, "pages of {most} give other messages than pages of 1,000");
    }
    Ok(())
}

pub(super) async fn query(store: &dyn MailStore, seed: &Seed) -> Kept {
    let found = seeded(store, seed).await?;
    let Some(first) = found.first() else { return Err("no seeded message is found".into()) };
    ensure!(
        first.from_address == "parcels@bulk.example",
        "From is `{}`, not the bare address in lower case",
        first.from_address
    );
    ensure!(first.from_name == "Parcels", "the name in From is `{}`", first.from_name);
    let id = &first.reference.message_id;
    ensure!(id == "<seed-0@bulk.example>", "the Message-ID is `{id}`");
    ensure!(first.location.kind == LocationKind::Inbox, "a message of the inbox is in {:?}", first.location);
    ensure!(first.received_at.0 > 0 && first.size > 0, "time or size of a message is not known");
    let by_id = Query { message_id: vec![id.clone()], ..Query::default() };
    let found_by_id = search(store, seed.mailbox(), &by_id, 1_000).await?;
    ensure!(!found_by_id.is_empty(), "a message is not found by its Message-ID");
    let elsewhere = Query { locations: vec![LocationKind::Junk], ..wanted(seed) };
    let junk = search(store, seed.mailbox(), &elsewhere, 1_000).await?;
    let is_junk = |message: &Message| message.location.kind == LocationKind::Junk;
    ensure!(junk.iter().all(is_junk), "a search in the junk gives messages of other places");
    let with_headers = Query { want_headers: vec!["date".into()], ..wanted(seed) };
    let mut found = search(store, seed.mailbox(), &with_headers, 1_000).await?;
    // A search may return more than matches.
    found.retain(|message| seed.is_of(message));
    ensure!(found.iter().all(|message| message.header("date").is_some()), "a requested header field is missing");
    let prints: HashSet<_> = found.iter().map(|message| message.reference.fingerprint.as_str()).collect();
    ensure!(prints.len() == found.len(), "different messages have the same fingerprint");
    Ok(())
}

/// A reference to no message.
pub(super) fn nowhere() -> MessageRef {
    MessageRef {
        locator: "nowhere".to_owned(),
        message_id: "<nowhere@clawback.invalid>".to_owned(),
        fingerprint: "00".repeat(16),
    }
}

/// Returns where one message is.
pub(super) async fn sightings(
    store: &dyn MailStore,
    seed: &Seed,
    reference: &MessageRef,
) -> Result<Vec<(MessageRef, Location)>, String> {
    let located =
        store.locate(seed.mailbox(), std::slice::from_ref(reference)).await.map_err(|error| error.to_string())?;
    let Some(one) = located.into_iter().next() else { return Err("`locate` gives no answer".into()) };
    Ok(one.sightings.into_iter().map(|sighting| (sighting.reference, sighting.location)).collect())
}

pub(super) async fn locate(store: &dyn MailStore, seed: &Seed) -> Kept {
    let found = seeded(store, seed).await?;
    let mut references: Vec<_> = found.iter().rev().map(|message| message.reference.clone()).collect();
    references.insert(1.min(references.len()), nowhere());
    let located = store.locate(seed.mailbox(), &references).await.map_err(|error| error.to_string())?;
    ensure!(located.len() == references.len(), "{} answers to {} questions", located.len(), references.len());
    for (located, reference) in located.iter().zip(&references) {
        ensure!(located.locator == reference.locator, "answers are not in the order of the questions");
        let expected = usize::from(*reference != nowhere());
        let given = located.sightings.len();
        ensure!(given == expected, "`{}` is seen {given} times, not {expected}", reference.message_id);
    }
    let none = store.locate(seed.mailbox(), &[]).await.map_err(|error| error.to_string())?;
    ensure!(none.is_empty(), "`locate` of nothing gives an answer");
    Ok(())
}

pub(super) async fn raw(store: &dyn MailStore, seed: &Seed) -> Kept {
    let found = seeded(store, seed).await?;
    let Some(first) = found.first() else { return Err("no seeded message is found".into()) };
    let raw = store.fetch_raw(seed.mailbox(), &first.reference, 1 << 20).await.map_err(|error| error.to_string())?;
    ensure!(String::from_utf8_lossy(&raw).contains("<seed-0@bulk.example>"), "the raw message is another message");
    let cut = store.fetch_raw(seed.mailbox(), &first.reference, 16).await.map_err(|error| error.to_string())?;
    ensure!(raw.starts_with(&cut) && cut.len() == 16, "16 requested bytes are not the first 16 bytes");
    let nothing = store.fetch_raw(seed.mailbox(), &nowhere(), 16).await;
    ensure!(nothing.is_err(), "a message that does not exist has {} raw bytes", nothing.map_or(0, |raw| raw.len()));
    Ok(())
}

pub(super) async fn unknown_mailbox(store: &dyn MailStore, seed: &Seed) -> Kept {
    let answer = store.search(&"nobody@clawback.invalid".into(), &wanted(seed), None, 10).await;
    let refused =
        matches!(answer, Err(CallError::NotFound { .. } | CallError::Denied { .. } | CallError::Permanent { .. }));
    let answer = match answer {
        Ok(page) => format!("{} messages", page.items.len()),
        Err(error) => error.to_string(),
    };
    ensure!(refused, "a search in it answers: {answer}");
    Ok(())
}
