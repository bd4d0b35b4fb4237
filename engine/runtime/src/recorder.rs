//! Writes what lanes report as it comes, many reports in a transaction, none later than a blink.

use std::sync::Arc;

use clawback_model::Outcome;
use clawback_store::{LaneEnd, LaneReport, StoreError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::act::Report;
use crate::progress::{Observer, Seen};
use crate::site::Site;

/// Reports that wait for their transaction.
#[derive(Default)]
struct Waiting {
    reports: Vec<Report>,
    outcomes: usize,
}

/// Records for `node` until the channel closes; calls `ended` with the number of lanes that came to an end. On an error the
/// channel is dropped, which stops the lanes: what they did and could not be written down is found by `locate` by whoever
/// claims them next.
pub(crate) async fn record(
    site: Arc<Site>,
    node: String,
    mut reports: mpsc::Receiver<Report>,
    observer: Observer,
    ended: impl Fn(usize),
) -> Result<(), StoreError> {
    let mut waiting = Waiting::default();
    let mut flush_at = None;
    loop {
        let next = match flush_at {
            None => reports.recv().await,
            Some(at) => match timeout_at(at, reports.recv()).await {
                Ok(next) => next,
                Err(_) => {
                    flush(&site, &node, &mut waiting, &observer, &ended).await?;
                    flush_at = None;
                    continue;
                }
            },
        };
        let Some(report) = next else { return flush(&site, &node, &mut waiting, &observer, &ended).await };
        waiting.outcomes += report.outcomes.len();
        // A lane that is handed back is waited for by somebody who asked to stop.
        let at_once = matches!(report.end, LaneEnd::Back(_));
        waiting.reports.push(report);
        if waiting.outcomes >= site.tuning.flush {
            flush(&site, &node, &mut waiting, &observer, &ended).await?;
            flush_at = None;
        } else if flush_at.is_none() || at_once {
            let wait =
                if at_once || reports.is_empty() { site.tuning.flush_after / 10 } else { site.tuning.flush_after };
            flush_at = Some(Instant::now() + wait);
        }
    }
}

async fn flush(
    site: &Site,
    node: &str,
    waiting: &mut Waiting,
    observer: &Observer,
    ended: &impl Fn(usize),
) -> Result<(), StoreError> {
    if waiting.reports.is_empty() {
        return Ok(());
    }
    let Waiting { reports, outcomes } = std::mem::take(waiting);
    let lost = site.history.record_lanes(node, &in_turn(&reports)).await?;
    for report in reports.iter().filter(|report| !lost.contains(&report.claim)) {
        site.metrics.recorded(&report.outcomes);
    }
    if !lost.is_empty() {
        tracing::warn!(
            lanes = lost.len(),
            "Another node has taken over lanes; what was done there it finds by itself."
        );
    }
    observer(Seen::Recorded { outcomes: outcomes as u64 });
    ended(reports.iter().filter(|report| report.end != LaneEnd::Working).count());
    Ok(())
}

fn in_turn(reports: &[Report]) -> Vec<LaneReport<'_>> {
    let of = |report: &'_ Report| -> u64 { if report.throttled { report.outcomes.len() as u64 } else { 0 } };
    reports
        .iter()
        .map(|report| {
            let outcomes: &[Outcome] = &report.outcomes;
            LaneReport { claim: report.claim, outcomes, throttled: of(report), end: report.end }
        })
        .collect()
}
