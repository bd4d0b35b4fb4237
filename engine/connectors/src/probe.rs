//! Probes of a store, for `clawback connectors check` and `clawback doctor`: whether its tokens can be obtained, it can be
//! reached, the login works, it answers, and which obstacles are known for each action.

use crate::boxed::boxed;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_model::{Gap, LocationKind, Query};
use futures::StreamExt as _;

use crate::mail_store::{CallError, CredentialTrial, MailStore, Readiness};

/// The number of mailboxes that are probed by default.
const SAMPLE: usize = 5;
/// The mailboxes that are probed concurrently.
const AT_ONCE: usize = 4;
/// The mailbox names per page.
const PAGE: u32 = 1_000;
/// The most pages of them: those of a listing that does not end are all empty.
const MOST_PAGES: usize = 10_000;

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The mailbox that was opened; `None` if the store has none.
    pub mailbox: Option<Arc<str>>,
    /// The time until its inbox answered, login included.
    pub took: Duration,
}

/// The failure of a probe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{source}", mailbox.as_ref().map_or(String::new(), |mailbox| format!("mailbox `{mailbox}`: ")))]
pub struct ProbeError {
    /// The mailbox; `None` if listing the mailboxes failed.
    pub mailbox: Option<Arc<str>>,
    /// The cause. It is part of this error's message.
    pub source: CallError,
}

impl From<CallError> for ProbeError {
    fn from(source: CallError) -> Self {
        Self { mailbox: None, source }
    }
}

/// Opens the first mailbox and searches for one message that does not exist.
#[boxed]
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

/// The mailboxes of a store to probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The first, the last, and some in between.
    Sample,
    /// Every one.
    All,
    /// These.
    Named(Vec<String>),
}

/// Whether the entries that invitations left in a calendar are removed with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarReadiness {
    /// The connector does not reach calendars, or the mailbox could not be opened.
    Unknown,
    /// They are.
    Ready,
    /// They stay, for this reason.
    Obstacle(String),
}

/// A probed mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The mailbox.
    pub mailbox: Arc<str>,
    /// The credentials of this mailbox that were tried.
    pub credentials: Vec<CredentialTrial>,
    /// The time until its inbox answered, login included.
    pub took: Duration,
    /// Whether entries of the calendar go with their invitations.
    pub calendar: CalendarReadiness,
    /// What is known about each action, or why the mailbox could not be opened.
    pub seen: Result<Vec<Readiness>, ProbeError>,
}

/// The results of probing several mailboxes of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The credentials for all mailboxes that were tried.
    pub credentials: Vec<CredentialTrial>,
    /// The number of its mailboxes.
    pub mailboxes: usize,
    /// Mailboxes whose names could not be returned.
    pub gaps: Vec<Gap>,
    /// The probed mailboxes, in order.
    pub visits: Vec<Visit>,
}

/// Logs in to several mailboxes and returns what is known about each action in each. Changes nothing.
#[boxed]
pub async fn survey(store: &dyn MailStore, which: &Which) -> Result<Survey, ProbeError> {
    let credentials = store.try_credentials(None).await;
    let (mut all, mut gaps, mut cursor) = (Vec::new(), Vec::new(), None);
    for number in 0.. {
        if number == MOST_PAGES {
            let detail = format!("its list of mailboxes does not end after {MOST_PAGES} pages");
            return Err(CallError::Permanent { store: Arc::clone(store.name()), detail }.into());
        }
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
    Ok(Survey { credentials, mailboxes: all.len(), gaps, visits })
}

async fn visit(store: &dyn MailStore, mailbox: Arc<str>) -> Visit {
    let credentials = store.try_credentials(Some(&mailbox)).await;
    let began = Instant::now();
    let looked = look(store, &mailbox).await;
    let took = began.elapsed();
    let calendar = match &looked {
        Ok(()) if store.keeps_calendar() => match store.calendar_obstacle(&mailbox).await {
            Ok(None) => CalendarReadiness::Ready,
            Ok(Some(why)) => CalendarReadiness::Obstacle(why),
            Err(error) => CalendarReadiness::Obstacle(error.to_string()),
        },
        _ => CalendarReadiness::Unknown,
    };
    let seen = match looked {
        Ok(()) => {
            let known = store.check(&mailbox).await;
            known.map_err(|source| ProbeError { mailbox: Some(Arc::clone(&mailbox)), source })
        }
        Err(error) => Err(error),
    };
    Visit { mailbox, credentials, took, calendar, seen }
}

/// Returns the first, the last, and others at equal distances.
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
