//! A cheap look at a store, for `clawback connectors check` and `clawback doctor`: can it be reached, does the login work,
//! does it answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_model::{LocationKind, Query};

use crate::mail_store::{CallError, MailStore};

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The mailbox that was opened; none if the store has none.
    pub mailbox: Option<Arc<str>>,
    /// How long its inbox took to answer, login included.
    pub took: Duration,
}

/// Opens the first mailbox and asks for one message that does not exist.
pub async fn check(store: &dyn MailStore) -> Result<Probe, CallError> {
    let first = store.mailboxes(None, 1).await?.items.into_iter().next();
    let began = Instant::now();
    if let Some(mailbox) = &first {
        let nothing = Query {
            message_id: vec!["<probe@clawback.invalid>".to_owned()],
            locations: vec![LocationKind::Inbox],
            ..Query::default()
        };
        store.search(mailbox, &nothing, None, 1).await?;
    }
    Ok(Probe { mailbox: first, took: began.elapsed() })
}
