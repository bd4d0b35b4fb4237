//! The contract of a mail store, as the tests run it over every store.

use std::sync::Arc;

use clawback_connectors::conformance::{self, Seed};
use clawback_connectors::{ActionTarget, MailStore};
use clawback_model::{Effect, Message, Query, Receipt, RestorePoint};

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

/// Messages as targets, where they are.
pub fn aims(messages: &[Message]) -> Vec<ActionTarget> {
    let aim = |message: &Message| ActionTarget {
        reference: message.reference.clone(),
        location: message.location.clone(),
        former: None,
    };
    messages.iter().map(aim).collect()
}

/// The receipts of acts that all succeeded.
pub fn receipts(effects: &[Effect]) -> Vec<Receipt> {
    let receipt = |effect: &Effect| match effect {
        Effect::Succeeded(receipt) => receipt.clone(),
        other => panic!("expected a success, got {other:?}"),
    };
    effects.iter().map(receipt).collect()
}

/// What was acted on, as targets of a restore.
/// # Panics
/// If a receipt does not say where its message is.
pub fn back(receipts: &[Receipt]) -> Vec<ActionTarget> {
    let back = |receipt: &Receipt| ActionTarget {
        reference: receipt.now.clone().expect("the place of the message"),
        location: receipt.location.clone().expect("the folder of the message"),
        former: Some(RestorePoint { ..receipt.former.clone() }),
    };
    receipts.iter().map(back).collect()
}
