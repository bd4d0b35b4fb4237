//! Undo and retry: new remediations whose targets come from the history of an old one. The old one never changes.

use std::sync::Arc;

use clawback_model::{Origin, OutcomeKind, Reason, RemediationId, StopWhen, Target};
use tokio::sync::mpsc;

use super::builder::PlanBuilder;
use super::input::{PlanInput, Planned};
use crate::error::Error;
use crate::site::Site;

/// Rows read at once.
const PAGE: u32 = 4_000;

/// Sends the targets that `origin` refers to.
pub(crate) async fn targets(site: &Arc<Site>, origin: &Origin, pages: mpsc::Sender<Vec<Target>>) -> Result<(), Error> {
    match origin {
        Origin::Undo { of } => {
            stream(site, of, OutcomeKind::Succeeded, pages, |target, receipt| {
                let Some(receipt) = receipt else { return Target { not_remediable: Some(Reason::Gone), ..target } };
                match (receipt.now, receipt.location) {
                    (Some(reference), Some(location)) => Target {
                        reference,
                        original_location: Some(receipt.former.location.clone()),
                        location,
                        former: Some(receipt.former),
                        ..target
                    },
                    _ => Target { former: Some(receipt.former), not_remediable: Some(Reason::Gone), ..target },
                }
            })
            .await
        }
        Origin::Retry { of } => stream(site, of, OutcomeKind::Failed, pages, |target, _| target).await,
        Origin::Fresh | Origin::Sweep { .. } => Ok(()),
    }
}

async fn stream(
    site: &Arc<Site>,
    of: &RemediationId,
    kind: OutcomeKind,
    pages: mpsc::Sender<Vec<Target>>,
    change: impl Fn(Target, Option<clawback_model::Receipt>) -> Target,
) -> Result<(), Error> {
    let mut after = None;
    loop {
        let rows = site.history.former_outcomes(of, kind, after, PAGE).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = Some(last.seq);
        let page = rows.into_iter().map(|(target, outcome)| change(target, outcome.receipt)).collect();
        if pages.send(page).await.is_err() {
            return Ok(());
        }
    }
}

/// Makes the plan of an undo or a retry from given targets, without a search.
pub(crate) async fn given(
    site: &Arc<Site>,
    input: &PlanInput<'_>,
    mut targets: mpsc::Receiver<Vec<Target>>,
    pages: mpsc::Sender<Vec<Target>>,
) -> Result<Planned, Error> {
    let mut plan = PlanBuilder::new(site, input, pages);
    while let Some(page) = targets.recv().await {
        for target in page {
            let seq = plan.next_seq();
            plan.push(Target { seq, ..target }).await?;
        }
    }
    plan.finish(&StopWhen::default(), None).await
}
