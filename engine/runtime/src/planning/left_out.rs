//! What a search of "any folder" leaves out: the same selection in the folders that it does not search, counted for a
//! dry run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::{CallError, MailStore};
use clawback_model::{LocationKind, Query, SelectionMode};
use clawback_playbooks::{Bound, Judgement};
use futures::StreamExt as _;

use super::examine::judge;
use super::header::stores_of;
use super::input::PlanInput;
use super::mailboxes::{Listed, mailboxes};
use crate::error::Error;
use crate::site::Site;

/// Kinds of location that are searched only if they are named.
const HIDDEN: [LocationKind; 2] = [LocationKind::RecoverableItems, LocationKind::Quarantine];
/// The time limit of the count: it is a hint, and the dry run waits for it.
const COUNT_TIMEOUT: Duration = Duration::from_secs(5);

type Counted = BTreeMap<LocationKind, u64>;

/// Counts them. Returns `None` if nothing is left out, or if the count is not done in time.
pub(crate) async fn count(site: &Arc<Site>, input: &PlanInput<'_>) -> Option<Counted> {
    let query = input.bound.query();
    if input.request.mode == SelectionMode::Handpicked || !query.locations.is_empty() || !query.folders.is_empty() {
        return None;
    }
    let query = Arc::new(Query { locations: HIDDEN.to_vec(), ..query });
    match tokio::time::timeout(COUNT_TIMEOUT, of_site(site, input, &query)).await {
        Ok(Ok(counted)) => Some(counted),
        Ok(Err(error)) => {
            tracing::debug!(%error, "What the search leaves out was not counted.");
            None
        }
        Err(_) => None,
    }
}

async fn of_site(site: &Arc<Site>, input: &PlanInput<'_>, query: &Arc<Query>) -> Result<Counted, Error> {
    let mut counted = Counted::new();
    for store in stores_of(site, &input.bound)? {
        let calls = usize::try_from(store.capabilities().calls.max(1)).unwrap_or(1);
        let mut listed = mailboxes(site, Arc::clone(&store), input.request)
            .map(|mailbox| {
                let (store, query, bound) = (Arc::clone(&store), Arc::clone(query), Arc::clone(&input.bound));
                async move {
                    match mailbox? {
                        Listed::Mailbox(mailbox) => of_mailbox(site, &*store, &mailbox, &query, &bound).await,
                        // The search records the gap.
                        Listed::Gap(_) => Ok(Counted::new()),
                    }
                }
            })
            .buffer_unordered(calls);
        while let Some(found) = listed.next().await {
            for (kind, number) in found? {
                *counted.entry(kind).or_default() += number;
            }
        }
    }
    Ok(counted)
}

async fn of_mailbox(
    site: &Site,
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    query: &Query,
    bound: &Bound,
) -> Result<Counted, CallError> {
    let (mut counted, mut cursor) = (Counted::new(), None);
    loop {
        let found = store.search(mailbox, query, cursor, site.tuning.page).await?;
        // A store may answer with more than it was asked for.
        let hidden: Vec<_> =
            found.items.into_iter().filter(|message| HIDDEN.contains(&message.location.kind)).collect();
        for judged in judge(site, store, mailbox, bound, hidden).await? {
            if matches!(judged.judgement, Judgement::Keep { .. }) {
                *counted.entry(judged.message.location.kind).or_default() += 1;
            }
        }
        match found.next {
            Some(next) => cursor = Some(next),
            None => return Ok(counted),
        }
    }
}
