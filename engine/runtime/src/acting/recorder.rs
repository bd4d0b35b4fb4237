//! Writes the reports of lanes as they arrive, many in a transaction, none later than `Tuning::flush_after`.

use std::sync::Arc;

use clawback_model::Outcome;
use clawback_store::{LaneClaim, LaneEnd, LaneReport, StoreError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::act::Report;
use crate::progress::{Observer, Seen};
use crate::site::Site;

/// Reports that wait for their transaction.
#[derive(Default)]
struct Waiting {
    reports: Vec<Report>,
    outcomes: usize,
    /// Lanes that ended with one of them.
    ended: Vec<LaneClaim>,
}

/// Records for `node` until the channel closes. `in_hand` returns the number of lanes that the node works on; `ended`
/// is called with those that have ended. After an error the channel is dropped, which stops the lanes; what they did
/// and could not record is located by their next claim.
pub(crate) async fn record(
    site: Arc<Site>,
    node: String,
    mut reports: mpsc::Receiver<Report>,
    observer: Observer,
    in_hand: impl Fn() -> usize,
    ended: impl Fn(&[LaneClaim]),
) -> Result<(), StoreError> {
    let mut waiting = Waiting::default();
    let mut flush_at = None;
    loop {
        let next = match flush_at {
            None => Ok(reports.recv().await),
            Some(at) => timeout_at(at, reports.recv()).await,
        };
        let Ok(next) = next else {
            flush(&site, &node, &mut waiting, &observer, &ended).await?;
            flush_at = None;
            continue;
        };
        let Some(report) = next else { return flush(&site, &node, &mut waiting, &observer, &ended).await };
        waiting.outcomes += report.outcomes.len();
        waiting.ended.extend((report.end != LaneEnd::Working).then_some(report.claim));
        waiting.reports.push(report);
        // When every lane in hand has ended, no more reports come, and the end of a batch may depend on these.
        if waiting.outcomes >= site.tuning.flush || waiting.ended.len() >= in_hand() {
            flush(&site, &node, &mut waiting, &observer, &ended).await?;
            flush_at = None;
        } else if flush_at.is_none() {
            flush_at = Some(Instant::now() + site.tuning.flush_after);
        }
    }
}

async fn flush(
    site: &Site,
    node: &str,
    waiting: &mut Waiting,
    observer: &Observer,
    ended: &impl Fn(&[LaneClaim]),
) -> Result<(), StoreError> {
    if waiting.reports.is_empty() {
        return Ok(());
    }
    let Waiting { reports, outcomes, ended: lanes } = std::mem::take(waiting);
    let lost = site.history.record_lanes(node, &in_turn(&reports)).await?;
    for report in reports.iter().filter(|report| !lost.contains(&report.claim)) {
        site.metrics.recorded(&report.outcomes);
    }
    if !lost.is_empty() {
        tracing::warn!(lanes = lost.len(), "Another node has taken over lanes; it checks what was done there.");
    }
    observer(Seen::Recorded { outcomes: outcomes as u64 });
    ended(&lanes);
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
