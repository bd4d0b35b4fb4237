//! The Gmail connector on a Gmail of our own. What is compared with is that server's state, read directly, and the
//! Maildir connector on the same messages.

use std::sync::Arc;

use clawback_connectors::conformance::Seed;
use clawback_connectors::{ActionTarget, CallError, MailStore, SandboxLimits};
use clawback_model::{Action, Digest, Effect, Message, Query, Receipt};
use clawback_tests::contract::{check_contract, search};
use clawback_tests::gmail::{FULL, Gmail, MODIFY, user};

use super::{config, dist, host};

mod acting;
mod patience;
mod refusals;
mod searching;

/// A server, and a store on it.
struct Site {
    gmail: Gmail,
    _folder: tempfile::TempDir,
    store: Arc<dyn MailStore>,
}

impl Site {
    async fn start(users: usize) -> Self {
        Self::with(users, MODIFY, "").await
    }

    /// Asks for this scope, with these settings.
    async fn with(users: usize, scope: &str, settings: &str) -> Self {
        let gmail = Gmail::start(users).await;
        if scope != MODIFY {
            gmail.delegate(scope);
        }
        let folder = tempfile::tempdir().unwrap();
        let text = gmail.config(folder.path(), scope, &format!("[settings]\n{settings}"));
        let text = text.replacen("\"gmail\"", &component(), 1);
        let store = host(SandboxLimits::default()).load("corp", &config(&text)).await.unwrap();
        Self { gmail, _folder: folder, store }
    }

    async fn search(&self, number: usize, query: &Query) -> Vec<Message> {
        search(&*self.store, &user(number).into(), query, 1_000).await
    }

    /// Acts on messages where they are; every one must succeed.
    async fn act(&self, number: usize, action: Action, messages: &[Message]) -> Vec<Receipt> {
        let aims: Vec<_> = messages.iter().map(aim).collect();
        let effects = self.store.apply(&user(number), action, &aims).await.unwrap();
        effects.into_iter().map(receipt).collect()
    }
}

/// The component that is committed.
fn component() -> String {
    let path = dist("gmail.wasm");
    let digest = Digest::of(&std::fs::read(&path).unwrap());
    format!("{{ path = \"{}\", sha256 = \"{digest}\" }}", path.display())
}

fn aim(message: &Message) -> ActionTarget {
    ActionTarget { reference: message.reference.clone(), location: message.location.clone(), former: None }
}

fn receipt(effect: Effect) -> Receipt {
    match effect {
        Effect::Succeeded(receipt) => receipt,
        other => panic!("expected a success, got {other:?}"),
    }
}

fn back(receipt: Receipt) -> ActionTarget {
    ActionTarget { reference: receipt.now.unwrap(), location: receipt.location.unwrap(), former: Some(receipt.former) }
}

fn mail(number: usize) -> Vec<u8> {
    format!(
        "From: Parcels <parcels@bulk.example>\r\nTo: staff@acme.test\r\nSubject: Parcel {number}\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@bulk.example>\r\n\r\nText\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn the_contract_holds() {
    let site = Site::with(2, FULL, "hard-delete = \"yes\"").await;
    let seed = Seed::new(&user(1), "Your parcel waits", 5).unwrap();
    for raw in seed.raw() {
        site.gmail.deliver(seed.mailbox(), raw.as_bytes(), &["INBOX", "CATEGORY_UPDATES"]);
    }
    check_contract(&*site.store, &seed).await;
    let probe = clawback_connectors::check(&*site.store).await.unwrap();
    assert_eq!(probe.mailbox.as_deref(), Some(&*user(1)));
    for token in site.gmail.tokens() {
        assert!(!format!("{probe:?}").contains(&token));
    }
}

#[tokio::test]
async fn the_directory_lists_who_has_a_mailbox() {
    let site = Site::start(7).await;
    site.gmail.with(&user(2), |mailbox| mailbox.is_suspended = true);
    site.gmail.with(&user(5), |mailbox| mailbox.is_without_mail = true);
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = site.store.mailboxes(cursor, 2).await.unwrap();
        found.extend(page.items.iter().map(ToString::to_string));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, [1, 3, 4, 6, 7].map(user));
    let refused = site.store.search(&user(2).into(), &Query::default(), None, 1).await.unwrap_err();
    assert!(matches!(refused, CallError::NotFound { .. }), "suspended: {refused}");
    let refused = site.store.search(&user(5).into(), &Query::default(), None, 1).await.unwrap_err();
    assert!(matches!(refused, CallError::NotFound { .. }), "without mail: {refused}");
}
