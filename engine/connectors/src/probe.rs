//! A look at a store, for `clawback connectors check` and `clawback doctor`: can it be reached, does the login work, does it
//! answer, and what is known against each action.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_model::{Gap, LocationKind, Query};
use futures::StreamExt as _;

use crate::mail_store::{CallError, MailStore, Readiness};

/// Mailboxes that are looked at where nobody says which.
const SAMPLE: usize = 5;
/// Mailboxes that are looked at together.
const AT_ONCE: usize = 4;
/// Mailbox names asked for at once.
const PAGE: u32 = 1_000;

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The mailbox that was opened; none if the store has none.
    pub mailbox: Option<Arc<str>>,
    /// How long its inbox took to answer, login included.
    pub took: Duration,
}

/// What a probe failed at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{source}", mailbox.as_ref().map_or(String::new(), |mailbox| format!("mailbox `{mailbox}`: ")))]
pub struct ProbeError {
    /// The mailbox that it was about; none where the store was asked for its mailboxes.
    pub mailbox: Option<Arc<str>>,
    /// Why. It is part of the words of this error.
    pub source: CallError,
}

impl From<CallError> for ProbeError {
    fn from(source: CallError) -> Self {
        Self { mailbox: None, source }
    }
}

/// Opens the first mailbox and asks for one message that does not exist.
pub async fn check(store: &dyn MailStore) -> Result<Probe, ProbeError> {
    let first = store.mailboxes(None, 1).await?.items.into_iter().next();
    let began = Instant::now();
    if let Some(mailbox) = &first {
        look(store, mailbox).await?;
    }
    Ok(Probe { mailbox: first, took: began.elapsed() })
}

async fn look(store: &dyn MailStore, mailbox: &Arc<str>) -> Result<(), ProbeError> {
    let nothing = Query {
        message_id: vec!["<probe@clawback.invalid>".to_owned()],
        locations: vec![LocationKind::Inbox],
        ..Query::default()
    };
    let looked = store.search(mailbox, &nothing, None, 1).await;
    looked.map(drop).map_err(|source| ProbeError { mailbox: Some(Arc::clone(mailbox)), source })
}

/// Which mailboxes of a store are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The first, the last, and some in between.
    Sample,
    /// Every one.
    All,
    /// These.
    Named(Vec<String>),
}

/// One mailbox that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Which.
    pub mailbox: Arc<str>,
    /// How long its inbox took to answer, login included.
    pub took: Duration,
    /// What is known of each action, or why the mailbox could not be opened.
    pub seen: Result<Vec<Readiness>, ProbeError>,
}

/// A store, looked at through several mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// How many mailboxes it has.
    pub mailboxes: usize,
    /// Mailboxes whose names could not be given.
    pub gaps: Vec<Gap>,
    /// What was seen, in the order of the mailboxes.
    pub visits: Vec<Visit>,
}

/// Logs in to several mailboxes and asks each what is known against each action. Changes nothing.
pub async fn survey(store: &dyn MailStore, which: &Which) -> Result<Survey, ProbeError> {
    let (mut all, mut gaps, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = store.mailboxes(cursor, PAGE).await?;
        all.extend(page.items);
        gaps.extend(page.gaps);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let chosen = match which {
        Which::Sample => sample(&all, SAMPLE),
        Which::All => all.clone(),
        Which::Named(names) => names.iter().map(|name| Arc::from(name.as_str())).collect(),
    };
    let at_once = AT_ONCE.min(store.capabilities().calls as usize).max(1);
    let visits = futures::stream::iter(chosen).map(|mailbox| visit(store, mailbox)).buffered(at_once).collect().await;
    Ok(Survey { mailboxes: all.len(), gaps, visits })
}

async fn visit(store: &dyn MailStore, mailbox: Arc<str>) -> Visit {
    let began = Instant::now();
    let looked = look(store, &mailbox).await;
    let took = began.elapsed();
    let seen = match looked {
        Ok(()) => {
            let known = store.check(&mailbox).await;
            known.map_err(|source| ProbeError { mailbox: Some(Arc::clone(&mailbox)), source })
        }
        Err(error) => Err(error),
    };
    Visit { mailbox, took, seen }
}

/// The first, the last, and others at even distances.
fn sample(all: &[Arc<str>], most: usize) -> Vec<Arc<str>> {
    if all.len() <= most || most < 2 {
        return all.iter().take(most).cloned().collect();
    }
    (0..most).map(|at| Arc::clone(&all[at * (all.len() - 1) / (most - 1)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_first_and_the_last() {
        let all: Vec<Arc<str>> = (0..250).map(|number| number.to_string().into()).collect();
        let names =
            |most: usize, all: &[Arc<str>]| sample(all, most).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(5, &all), ["0", "62", "124", "186", "249"]);
        assert_eq!(names(5, &all[..3]), ["0", "1", "2"]);
        assert_eq!(names(5, &all[..6]), ["0", "1", "2", "3", "5"]);
        assert!(names(5, &[]).is_empty());
    }

    #[test]
    fn an_error_names_the_mailbox() {
        let source = CallError::Denied { store: "corp".into(), detail: "[AUTHORIZATIONFAILED] no".into() };
        let error = ProbeError { mailbox: Some("u1@acme.test".into()), source };
        let said = "mailbox `u1@acme.test`: store `corp` denies access: [AUTHORIZATIONFAILED] no";
        assert_eq!(error.to_string(), said);
    }
}
