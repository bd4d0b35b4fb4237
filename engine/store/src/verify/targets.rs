//! Checks the targets of one plan with their outcomes.

use clawback_model::{Action, Outcome, OutcomeKind, PlanHasher, PlanHeader, Remediation, Status, Target};

use super::expected_rows::ExpectedRows;
use super::found::{Found, VerifyError};
use super::verified::{PAGE, Verified};
use crate::database::dialect::{Row, Tx};
use crate::history::message_rows::{OUTCOME_COLUMNS, OUTCOME_WIDTH, TARGET_COLUMNS, TARGET_WIDTH, read_pair};
use crate::rows::parse;

/// Checks the targets with their outcomes in one pass.
pub(super) async fn check_targets(
    tx: &mut Tx,
    fold: &Remediation,
    story: &ExpectedRows,
    number: i64,
    seen: &mut Verified,
    progress: &mut impl FnMut(&Verified),
) -> Result<(), VerifyError> {
    let remediation = || fold.id.to_string();
    let row = tx.row("SELECT remediation, header FROM plans WHERE remediation = $1", &[number.into()]).await?;
    let row = row.ok_or_else(|| Found::PlanMissing { remediation: remediation() })?;
    let header: PlanHeader = parse(&row, 1, "plans", "header")?;
    let mut hasher = PlanHasher::new(&header);
    let sql = format!(
        "SELECT {TARGET_COLUMNS}, {OUTCOME_COLUMNS}, t.lane, l.first_seq, l.targets, e.digest FROM targets t \
         LEFT JOIN lanes l ON l.remediation = t.remediation AND l.lane = t.lane \
         LEFT JOIN outcomes o ON o.remediation = t.remediation AND o.seq = t.seq \
         LEFT JOIN evidence e ON e.remediation = t.remediation AND e.seq = t.seq \
         WHERE t.remediation = $1 AND t.seq > $2 ORDER BY t.seq LIMIT {PAGE}"
    );
    let (mut after, mut outcomes) = (-1, 0_i64);
    let (mut lanes, mut kept) = (Lanes::default(), 0_i64);
    let mut last: Option<Target> = None;
    loop {
        let rows = tx.rows(sql.clone(), &[number.into(), after.into()]).await?;
        for row in &rows {
            lanes.add(fold, row)?;
            let (target, outcome) = read_pair(row, last.as_ref())?;
            hasher.add(&target);
            check_pair(fold, story, &target, outcome.as_ref())?;
            kept += i64::from(check_evidence(fold, target.seq, outcome.as_ref(), row)?);
            outcomes += i64::from(outcome.is_some());
            after = i64::from(target.seq);
            last = Some(target);
        }
        seen.targets += rows.len() as u64;
        progress(seen);
        if rows.len() < PAGE as usize {
            break;
        }
    }
    seen.outcomes += u64::try_from(outcomes).unwrap_or(0);
    let (found, expected) = (hasher.finish().digest, fold.plan.as_ref().map(|plan| plan.digest).unwrap_or_default());
    if found != expected {
        return Err(Found::Plan { remediation: remediation(), expected, found }.into());
    }
    for (table, seen, found) in [
        ("outcomes", outcomes, Found::OutcomesBeyondPlan { remediation: remediation() }),
        ("lanes", lanes.number, Found::Lane { remediation: remediation(), lane: lanes.number }),
        ("evidence", kept, Found::EvidenceBeyondPlan { remediation: remediation() }),
    ] {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE remediation = $1");
        if tx.row(sql, &[number.into()]).await?.map_or(Ok(0), |row| row.int(0))? != seen {
            return Err(found.into());
        }
    }
    lanes.end(fold, after + 1)?;
    Ok(())
}

/// The lanes, checked while the targets are read: they are consecutive and without gaps, as the targets are.
#[derive(Default)]
struct Lanes {
    /// The number of lanes that have begun.
    number: i64,
    /// The first target after the last one that was read.
    end: i64,
}

impl Lanes {
    fn add(&mut self, fold: &Remediation, row: &Row) -> Result<(), VerifyError> {
        const AT: usize = TARGET_WIDTH + OUTCOME_WIDTH;
        let (seq, lane) = (row.int(0)?, row.int(AT)?);
        let (first, targets) = (row.opt_int(AT + 1)?, row.opt_int(AT + 2)?);
        let differs = || Found::Lane { remediation: fold.id.to_string(), lane }.into();
        let (Some(first), Some(targets)) = (first, targets) else { return Err(differs()) };
        if lane == self.number && first == seq && seq == self.end {
            self.number += 1;
            self.end = first + targets;
        }
        if lane + 1 == self.number && seq < self.end { Ok(()) } else { Err(differs()) }
    }

    fn end(&self, fold: &Remediation, targets: i64) -> Result<(), Found> {
        let lane = self.number - 1;
        if self.end == targets { Ok(()) } else { Err(Found::Lane { remediation: fold.id.to_string(), lane }) }
    }
}

/// Checks that a message is recorded as kept exactly if its receipt says so; returns whether there is a row. A message
/// that was kept but then not deleted has only a row.
fn check_evidence(fold: &Remediation, seq: u32, outcome: Option<&Outcome>, row: &Row) -> Result<bool, VerifyError> {
    let kept = row.opt_text(TARGET_WIDTH + OUTCOME_WIDTH + 3)?;
    let recorded = outcome.and_then(|outcome| outcome.receipt.as_ref()?.evidence);
    let fits = match (&kept, recorded) {
        (None, recorded) => recorded.is_none(),
        (Some(kept), Some(recorded)) => *kept == recorded.to_string(),
        (Some(_), None) => {
            let gone = outcome.is_some_and(|outcome| outcome.kind == OutcomeKind::Succeeded);
            fold.request.action == Action::HardDelete && !gone
        }
    };
    if fits { Ok(kept.is_some()) } else { Err(Found::Evidence { remediation: fold.id.to_string(), seq }.into()) }
}

/// Checks that a target has an outcome exactly if the events say so.
fn check_pair(
    fold: &Remediation,
    story: &ExpectedRows,
    target: &Target,
    outcome: Option<&Outcome>,
) -> Result<(), Found> {
    let seq = target.seq;
    let Some(outcome) = outcome else {
        let ended = matches!(fold.status, Status::Completed | Status::PartiallyCompleted | Status::Cancelled)
            || (fold.status == Status::Failed && fold.counts.open == 0);
        let lost = ended || target.not_remediable.is_some();
        return if lost { Err(Found::OutcomeMissing { remediation: fold.id.to_string(), seq }) } else { Ok(()) };
    };
    let fits = match (target.not_remediable, outcome.batch) {
        (Some(reason), _) => {
            let expected = Outcome {
                seq,
                kind: OutcomeKind::NotRemediable,
                reason,
                detail: None,
                receipt: None,
                batch: None,
                recorded_at: story.planned_at,
            };
            *outcome == expected
        }
        // Its digest was compared before; here its batch must be the one that its number falls into.
        (None, Some(batch)) => story.batch_of(seq).is_some_and(|known| known.number == batch),
        (None, None) => story.cancelled.is_some() && outcome.kind == OutcomeKind::Cancelled,
    };
    if fits { Ok(()) } else { Err(Found::OutcomeAdded { remediation: fold.id.to_string(), seq }) }
}
