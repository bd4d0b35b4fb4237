//! Verification after the last batch: whether every moved message is where its receipt says, and every deleted one is
//! gone.

use std::sync::Arc;

use clawback_connectors::MailStore;
use clawback_model::{Event, MessageRef, Outcome, OutcomeKind, Remediation, Target};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use crate::error::Error;
use crate::progress::{Observer, Seen};
use crate::retry::locate_all;
use crate::site::Site;
use crate::task;

/// Rows read at once.
const PAGE: u32 = 4_000;
/// Numbers of unconfirmed targets kept in the history.
const SAMPLE: usize = 100;

/// Succeeded targets of one mailbox.
type Lane = (Arc<dyn MailStore>, Arc<str>, Vec<(Target, Outcome)>);

/// Checks every succeeded target.
pub(crate) async fn verify(site: &Arc<Site>, remediation: &Remediation, observer: &Observer) -> Result<Event, Error> {
    let (mut confirmed, mut unconfirmed, mut sample) = (0, 0, Vec::new());
    let all = remediation.counts.succeeded;
    let mut after = None;
    loop {
        let rows = site.history.former_outcomes(&remediation.id, OutcomeKind::Succeeded, after, PAGE).await?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.seq);
        for missing in check_page(site, rows, &mut confirmed).await? {
            unconfirmed += 1;
            if sample.len() < SAMPLE {
                sample.push(missing);
            }
        }
        observer(Seen::Verifying { done: confirmed + unconfirmed, all });
    }
    sample.sort_unstable();
    Ok(Event::Verified { confirmed, unconfirmed, sample })
}

/// The numbers of the targets that are not where they should be.
async fn check_page(site: &Arc<Site>, rows: Vec<(Target, Outcome)>, confirmed: &mut u64) -> Result<Vec<u32>, Error> {
    let mut lanes: Vec<Lane> = Vec::new();
    let mut missing = Vec::new();
    for row in rows {
        match lanes.last_mut() {
            Some((store, mailbox, rows)) if *mailbox == row.0.mailbox && *store.name() == row.0.store => rows.push(row),
            _ => match site.stores.get(&row.0.store) {
                Some(store) => lanes.push((Arc::clone(store) as _, Arc::clone(&row.0.mailbox), vec![row])),
                None => missing.push(row.0.seq),
            },
        }
    }
    let mut running = FuturesUnordered::new();
    let mut lanes = lanes.into_iter();
    loop {
        while let Some(lane) = (running.len() < calls_at_once(&lanes)).then(|| lanes.next()).flatten() {
            let site = Arc::clone(site);
            running.push(task::spawn(async move { check_lane(&site, lane).await }));
        }
        let Some((good, bad)) = running.next().await else { return Ok(missing) };
        *confirmed += good;
        missing.extend(bad);
    }
}

fn calls_at_once(lanes: &std::vec::IntoIter<Lane>) -> usize {
    lanes.as_slice().first().map_or(0, |(store, ..)| usize::try_from(store.capabilities().calls.max(1)).unwrap_or(1))
}

/// Counts a target that cannot be located as unconfirmed, so that a mailbox that went away does not keep the
/// remediation from ending.
async fn check_lane(site: &Site, (store, mailbox, rows): Lane) -> (u64, Vec<u32>) {
    let references: Vec<MessageRef> = rows
        .iter()
        .map(|(target, outcome)| {
            let receipt = outcome.receipt.as_ref();
            receipt.and_then(|receipt| receipt.now.clone()).unwrap_or_else(|| target.reference.clone())
        })
        .collect();
    let located = match locate_all(site, &*store, &mailbox, &references).await {
        Ok(located) => located,
        Err(error) => {
            tracing::warn!(%error, "Messages of a mailbox could not be verified.");
            return (0, rows.iter().map(|(target, _)| target.seq).collect());
        }
    };
    let (mut good, mut bad) = (0, Vec::new());
    for ((target, outcome), found) in rows.iter().zip(located) {
        let wanted = outcome.receipt.as_ref().and_then(|receipt| receipt.location.as_ref());
        let holds = match wanted {
            Some(place) => found.sightings.iter().any(|seen| seen.location == *place),
            // An identical copy elsewhere is another message.
            None => found.sightings.iter().all(|seen| seen.reference.locator != target.reference.locator),
        };
        if holds { good += 1 } else { bad.push(target.seq) }
    }
    (good, bad)
}
