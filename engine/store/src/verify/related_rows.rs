//! Checks the related rows of a remediation against its events: alert, investigation, request for votes, plan,
//! reminder, sweep, follow-up, slot, work.

use std::collections::BTreeMap;

use clawback_model::{
    ActionSource, Alert, Approval, ApprovalRule, Investigation, Origin, Remediation, Status, Sweep, Timestamp,
};

use super::found::{Found, VerifyError};
use super::site::Facts;
use crate::database::dialect::Tx;
use crate::rows::parse;
use crate::search_index::block::block;

/// The number of rows that were compared, by table: any further row belongs to no remediation.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<&'static str, i64>);

impl Tally {
    pub(super) fn add(&mut self, table: &'static str, rows: usize) {
        *self.0.entry(table).or_default() += i64::try_from(rows).unwrap_or(i64::MAX);
    }

    /// Compares the numbers with the tables, after every remediation was checked.
    pub(super) async fn check(&self, tx: &mut Tx, last: i64) -> Result<(), VerifyError> {
        for table in COUNTED {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let rows = tx.row(sql, &[]).await?.map_or(Ok(0), |row| row.int(0))?;
            if rows != self.0.get(table).copied().unwrap_or(0) {
                return Err(Found::Rows { table }.into());
            }
        }
        // Numbers of remediations have no gaps, so a row that belongs to none is before the first or after the last. As
        // separate queries, each end is a look-up by key.
        for (table, column, first, last) in [
            ("lanes", "remediation", 1, last),
            ("targets", "remediation", 1, last),
            ("outcomes", "remediation", 1, last),
            ("evidence", "remediation", 1, last),
            ("history_times", "number", 1, last),
            ("history_blocks", "block", 0, block(last)),
            ("history_words", "block", 0, block(last)),
        ] {
            for (beyond, end) in [("<", first), (">", last)] {
                let sql = format!("SELECT {column} FROM {table} WHERE {column} {beyond} $1 ORDER BY {column} LIMIT 1");
                if tx.row(sql, &[end.into()]).await?.is_some() {
                    return Err(Found::Rows { table }.into());
                }
            }
        }
        Ok(())
    }
}

/// Tables whose rows each belong to one remediation and are counted while it is checked.
const COUNTED: [&str; 12] = [
    "alerts",
    "investigations",
    "approvals",
    "votes",
    "counted",
    "plans",
    "batches",
    "reminders",
    "sweeps",
    "follow_ups",
    "work",
    "removals",
];

/// What the related rows of a remediation are compared with.
pub(super) struct RelatedRows<'a> {
    pub(super) fold: &'a Remediation,
    pub(super) number: i64,
    /// The submitter, and the number of the event of the submission.
    pub(super) actor: &'a str,
    pub(super) submitted: i64,
    /// The last request for votes, with its time.
    pub(super) asked: Option<&'a (Approval, Timestamp)>,
    pub(super) now: Option<Timestamp>,
}

impl RelatedRows<'_> {
    pub(super) async fn check(&self, tx: &mut Tx, facts: &Facts, tally: &mut Tally) -> Result<(), VerifyError> {
        self.alert(tx, tally).await?;
        self.investigation(tx, tally).await?;
        self.approval(tx, tally).await?;
        self.plan(tx, tally).await?;
        self.reminder(tx, tally).await?;
        self.sweep(tx, facts, tally).await?;
        self.follow_up(tx, tally).await?;
        self.slot(tx).await?;
        self.work(tx, tally).await
    }

    fn id(&self) -> String {
        self.fold.id.to_string()
    }

    async fn alert(&self, tx: &mut Tx, tally: &mut Tally) -> Result<(), VerifyError> {
        let expected = Alert::of(&self.fold.request, &self.fold.id, self.actor, self.fold.created_at);
        let sql = "SELECT id, created_at, body FROM alerts WHERE remediation_id = $1";
        let rows = tx.rows(sql, &[self.fold.id.as_str().into()]).await?;
        let fits = match rows.as_slice() {
            [row] => {
                let body = parse::<Alert>(row, 2, "alerts", "body");
                row.text(0)? == expected.id.as_str()
                    && row.time(1)? == expected.created_at
                    && body.ok() == Some(expected)
            }
            _ => false,
        };
        tally.add("alerts", 1);
        if fits { Ok(()) } else { Err(Found::Alert { remediation: self.id() }.into()) }
    }

    async fn investigation(&self, tx: &mut Tx, tally: &mut Tally) -> Result<(), VerifyError> {
        let mut expected = Investigation::of(&self.fold.request, &self.fold.id, self.fold.created_at);
        let sql = "SELECT id, kind, created_at, body FROM investigations WHERE remediation_id = $1";
        let rows = tx.rows(sql, &[self.fold.id.as_str().into()]).await?;
        let fits = match rows.as_slice() {
            [row] => {
                let body = parse::<Investigation>(row, 3, "investigations", "body").ok();
                // Older requests do not contain the selection in words.
                if let Some(body) = body.as_ref().filter(|_| self.fold.request.in_words.is_empty()) {
                    expected.entity.clone_from(&body.entity);
                }
                row.text(0)? == expected.id.as_str()
                    && row.text(1)? == expected.kind.as_str()
                    && row.time(2)? == expected.created_at
                    && body == Some(expected)
            }
            _ => false,
        };
        tally.add("investigations", 1);
        if fits { Ok(()) } else { Err(Found::Investigation { remediation: self.id() }.into()) }
    }

    async fn approval(&self, tx: &mut Tx, tally: &mut Tally) -> Result<(), VerifyError> {
        let sql = "SELECT id, digest, requester, votes_required, rule, asked_at, deadline FROM approvals \
                   WHERE remediation_id = $1";
        let rows = tx.rows(sql, &[self.fold.id.as_str().into()]).await?;
        let fits = match (self.asked, rows.as_slice()) {
            (None, []) => true,
            (Some((asked, at)), [row]) => {
                row.text(0)? == asked.id.as_str()
                    && row.text(1)? == asked.digest.to_string()
                    && row.text(2)? == asked.requester
                    && row.int(3)? == i64::from(asked.rule.votes)
                    && parse::<ApprovalRule>(row, 4, "approvals", "rule").is_ok_and(|rule| rule == asked.rule)
                    && row.time(5)? == *at
                    && row.time(6)? == asked.deadline
            }
            _ => false,
        };
        tally.add("approvals", rows.len());
        if fits { Ok(()) } else { Err(Found::Approval { remediation: self.id() }.into()) }
    }

    async fn plan(&self, tx: &mut Tx, tally: &mut Tally) -> Result<(), VerifyError> {
        let row = tx.row("SELECT digest, targets FROM plans WHERE remediation = $1", &[self.number.into()]).await?;
        tally.add("plans", usize::from(row.is_some()));
        let fits = match (&self.fold.plan, row) {
            (None, None) => true,
            // The next attempt removes the frozen plan of the last one, for which votes were requested.
            (None, Some(_)) => self.asked.is_some(),
            (Some(_), None) => return Err(Found::PlanMissing { remediation: self.id() }.into()),
            (Some(plan), Some(row)) => {
                row.text(0)? == plan.digest.to_string() && Ok(row.int(1)?) == i64::try_from(plan.counts.submitted)
            }
        };
        if fits { Ok(()) } else { Err(Found::PlanRow { remediation: self.id() }.into()) }
    }

    async fn reminder(&self, tx: &mut Tx, tally: &mut Tally) -> Result<(), VerifyError> {
        let sql = "SELECT sent, next_at FROM reminders WHERE remediation_id = $1";
        let row = tx.row(sql, &[self.fold.id.as_str().into()]).await?;
        tally.add("reminders", usize::from(row.is_some()));
        let asked = self.fold.approval.as_ref().filter(|_| self.fold.status == Status::PendingApproval);
        let fits = match (asked, row) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(asked), row) => {
                let times: Vec<Timestamp> = (0..).map_while(|sent| asked.next_reminder(sent)).collect();
                let past = |at: &Timestamp| self.now.is_none_or(|now| *at <= now);
                match row {
                    None => times.last().is_none_or(past),
                    Some(row) => {
                        let sent = usize::try_from(row.int(0)?).unwrap_or(usize::MAX);
                        let (next, at) = (times.get(sent), row.time(1)?);
                        // A reminder that was taken is deferred for a while.
                        let taken = self.now.is_none_or(|now| at <= now.plus(super::waiting::LONGEST));
                        next.is_some_and(|next| at == *next || (past(next) && taken)) && times[..sent].iter().all(past)
                    }
                }
            }
        };
        if fits { Ok(()) } else { Err(Found::Reminder { remediation: self.id() }.into()) }
    }

    async fn sweep(&self, tx: &mut Tx, facts: &Facts, tally: &mut Tally) -> Result<(), VerifyError> {
        let sql = "SELECT first_id, sweep FROM sweeps WHERE first_id = $1";
        let row = tx.row(sql, &[self.fold.id.as_str().into()]).await?;
        tally.add("sweeps", usize::from(row.is_some()));
        let fits = match (facts.begun.get(self.fold.id.as_str()), row) {
            (None, None) => true,
            (Some(begun), Some(row)) => parse::<Sweep>(&row, 1, "sweeps", "sweep").is_ok_and(|sweep| sweep == *begun),
            (None, Some(_)) => self.submitted < facts.older,
            (Some(_), None) => false,
        };
        if fits { Ok(()) } else { Err(Found::SweepTerms { remediation: self.id() }.into()) }
    }

    async fn follow_up(&self, tx: &mut Tx, tally: &mut Tally) -> Result<(), VerifyError> {
        let sql = "SELECT first_id FROM follow_ups WHERE remediation_id = $1";
        let row = tx.row(sql, &[self.fold.id.as_str().into()]).await?;
        tally.add("follow_ups", usize::from(row.is_some()));
        let fits = match (&self.fold.request.origin, row) {
            (Origin::Sweep { of }, Some(row)) => row.text(0)? == of.as_str(),
            (Origin::Sweep { .. }, None) => false,
            (_, row) => row.is_none(),
        };
        if fits { Ok(()) } else { Err(Found::FollowUp { remediation: self.id() }.into()) }
    }

    /// Checks that the slot of a run names it, at the time that is its `now`.
    async fn slot(&self, tx: &mut Tx) -> Result<(), VerifyError> {
        let request = &self.fold.request;
        let (ActionSource::Schedule, Origin::Fresh, Some(at)) = (request.source, &request.origin, request.as_of) else {
            return Ok(());
        };
        let sql = "SELECT remediation_id FROM slots WHERE schedule = $1 AND fire_at = $2";
        let row = tx.row(sql, &[(&request.playbook).into(), at.into()]).await?;
        let fits = match row {
            Some(row) => row.opt_text(0)?.as_deref() == Some(self.fold.id.as_str()),
            None => false,
        };
        if fits { Ok(()) } else { Err(Found::SlotOfRun { remediation: self.id() }.into()) }
    }

    /// Checks that work exists exactly for the lanes of the open batch.
    async fn work(&self, tx: &mut Tx, tally: &mut Tally) -> Result<(), VerifyError> {
        let sql = "SELECT w.lane, w.batch, w.store, w.mailbox, w.first_seq, w.targets, l.store, l.mailbox, l.first_seq, \
                   l.targets FROM work w LEFT JOIN lanes l ON l.remediation = w.remediation AND l.lane = w.lane \
                   WHERE w.remediation = $1 ORDER BY w.lane";
        let rows = tx.rows(sql, &[self.number.into()]).await?;
        tally.add("work", rows.len());
        let open = self.fold.progress.open_batch;
        for row in &rows {
            let fits = match (open, row.opt_text(6)?, row.opt_text(7)?, row.opt_int(8)?, row.opt_int(9)?) {
                (Some((batch, first, targets)), Some(store), Some(mailbox), Some(lane_first), Some(lane_targets)) => {
                    let (first, end) = (i64::from(first), i64::from(first) + i64::from(targets));
                    let (from, to) = (first.max(lane_first), end.min(lane_first + lane_targets));
                    row.int(1)? == i64::from(batch)
                        && row.text(2)? == store
                        && row.text(3)? == mailbox
                        && (row.int(4)?, row.int(5)?) == (from, to - from)
                }
                _ => false,
            };
            if !fits {
                return Err(Found::Work { remediation: self.id(), lane: row.int(0)? }.into());
            }
        }
        let Some((_, first, targets)) = open else { return Ok(()) };
        let sql = "SELECT t.seq FROM targets t \
                   LEFT JOIN outcomes o ON o.remediation = t.remediation AND o.seq = t.seq \
                   LEFT JOIN work w ON w.remediation = t.remediation AND w.lane = t.lane \
                   WHERE t.remediation = $1 AND t.seq >= $2 AND t.seq < $3 AND t.not_remediable IS NULL \
                   AND o.seq IS NULL AND w.lane IS NULL ORDER BY t.seq LIMIT 1";
        let end = i64::from(first) + i64::from(targets);
        match tx.row(sql, &[self.number.into(), first.into(), end.into()]).await? {
            Some(row) => Err(Found::WorkMissing { remediation: self.id(), seq: row.int(0)? }.into()),
            None => Ok(()),
        }
    }
}
