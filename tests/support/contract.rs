//! The contract of a mail store, as the tests run it over every store.

use std::sync::Arc;

use clawback_connectors::MailStore;
use clawback_connectors::conformance::{self, Seed};
use clawback_model::{Message, Query};

/// Runs the whole suite. Panics with all rules that are broken.
pub async fn check_contract(store: &dyn MailStore, seed: &Seed) {
    let verdicts = conformance::run(store, seed, &mut |_| ()).await;
    let broken: Vec<_> = verdicts.iter().filter(|verdict| verdict.broken.is_some()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(verdicts.len() >= 7, "{verdicts:#?}");
}

/// All messages of a search, page by page.
pub async fn search(store: &dyn MailStore, mailbox: &Arc<str>, query: &Query, most: u32) -> Vec<Message> {
    conformance::search(store, mailbox, query, most).await.expect("search")
}
