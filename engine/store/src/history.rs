//! Reading the history: remediations by filter, the last submitted first, in pages by key (never by offset, which skips rows
//! while new ones arrive), and the messages and batches of one.

use clawback_model::{
    Action, ActionSource, ApprovalId, BatchReport, Digest, InvestigationId, Outcome, OutcomeKind, Reason, Remediation,
    RemediationId, Status, Target, Timestamp,
};

use crate::chain::digest;
use crate::dialect::{Row, Value};
use crate::error::StoreError;
use crate::listing;
use crate::outcomes::{OUTCOME_COLUMNS, number_of, read_pair};
use crate::plans::{TARGET_COLUMNS, number};
use crate::remediations::parse;
use crate::store::Store;

/// Which remediations to list. Every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryFilter {
    /// Part of the name, without case.
    pub name: Option<String>,
    /// Its approval.
    pub approval_id: Option<ApprovalId>,
    /// Its investigation.
    pub investigation_id: Option<InvestigationId>,
    /// Where it stands: any of these; empty for any at all.
    pub statuses: Vec<Status>,
    /// Where it came from.
    pub action_source: Option<ActionSource>,
    /// What it does.
    pub action_type: Option<Action>,
    /// One of those who decided, or `automation`.
    pub decided_by: Option<String>,
    /// Who asked for it.
    pub requested_by: Option<String>,
    /// The playbook that it runs.
    pub playbook: Option<String>,
    /// A mailbox with a message of its plan.
    pub mailbox: Option<String>,
    /// The Message-ID of a message of its plan.
    pub message_id: Option<String>,
    /// Submitted at or after.
    pub since: Option<Timestamp>,
    /// Submitted before.
    pub until: Option<Timestamp>,
    /// Only what waits for a person: for votes, or paused.
    pub pending_only: bool,
    /// Leaves out what a schedule began and that searched everything and found nothing, unless it is asked for by its status or
    /// by an ID. What was not looked at has another status, and is never left out.
    pub without_empty: bool,
}

impl HistoryFilter {
    /// Whether a remediation fits all of it, but for what its messages tell.
    pub fn lets_through(&self, remediation: &Remediation) -> bool {
        let request = &remediation.request;
        let in_name = |part: &String| request.name.to_lowercase().contains(&part.to_lowercase());
        let decided = |name: &String| {
            let names = remediation.decided_by.as_deref();
            names.is_some_and(|names| names.split(", ").any(|one| one == name))
        };
        self.name.as_ref().is_none_or(in_name)
            && self.approval_id.as_ref().is_none_or(|id| *id == request.approval_id)
            && self.investigation_id.as_ref().is_none_or(|id| *id == request.investigation_id)
            && (self.statuses.is_empty() || self.statuses.contains(&remediation.status))
            && self.action_source.is_none_or(|source| source == request.source)
            && self.action_type.is_none_or(|action| action == request.action)
            && self.decided_by.as_ref().is_none_or(decided)
            && self.requested_by.as_ref().is_none_or(|name| *name == request.requested_by)
            && self.playbook.as_ref().is_none_or(|name| *name == request.playbook)
            && self.since.is_none_or(|since| remediation.created_at >= since)
            && self.until.is_none_or(|until| remediation.created_at < until)
            && (!self.leaves_out_empty() || !is_empty(remediation))
            && (!self.pending_only || matches!(remediation.status, Status::PendingApproval | Status::Paused))
    }
}

impl HistoryFilter {
    /// Whether empty runs of schedules are left out.
    pub(crate) fn leaves_out_empty(&self) -> bool {
        let by_id = self.approval_id.is_some() || self.investigation_id.is_some();
        self.without_empty && !by_id && !self.statuses.contains(&Status::NothingToDo)
    }
}

/// Whether a schedule began it, and it searched everything and found nothing.
fn is_empty(remediation: &Remediation) -> bool {
    remediation.request.source == ActionSource::Schedule && remediation.status == Status::NothingToDo
}

/// Which messages of a remediation to list. Every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageFilter {
    /// What became of it: any of these, where none stands for a message without an outcome; empty for any at all.
    pub outcomes: Vec<Option<OutcomeKind>>,
    /// Why: any of these; empty for any at all.
    pub reasons: Vec<Reason>,
    /// Its mailbox.
    pub mailbox: Option<String>,
}

/// Where a page ended; the next one begins behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) number: i64,
}

/// A page of history.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Newest first.
    pub remediations: Vec<Remediation>,
    /// Where the next page begins; none on the last.
    pub next: Option<Cursor>,
}

/// One batch of a remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Batch {
    pub number: u32,
    pub first: u32,
    pub targets: u32,
    pub started_at: Timestamp,
    /// Counts, end and digest of its outcomes, once it is finished.
    pub finished: Option<(Timestamp, BatchReport, Digest)>,
}

/// Written as it is put into a link or a flag.
impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.number)
    }
}

impl std::str::FromStr for Cursor {
    type Err = StoreError;
    fn from_str(given: &str) -> Result<Self, StoreError> {
        let number = given.parse().map_err(|_| StoreError::not_found("page", given))?;
        Ok(Self { number })
    }
}

impl Store {
    /// The newest remediations that the filter lets through, at most `most`, behind `cursor`.
    #[tracing::instrument(name = "store.history", skip_all)]
    pub async fn history(&self, filter: &HistoryFilter, cursor: Option<Cursor>, most: u32) -> Result<Page, StoreError> {
        listing::page(&mut self.read().await?, filter, cursor, most).await
    }

    /// How many remediations wait for a person; `most` if there are more.
    #[tracing::instrument(name = "store.history.pending", skip_all)]
    pub async fn pending(&self, most: usize) -> Result<usize, StoreError> {
        listing::pending(&mut self.read().await?, most).await
    }

    /// The messages of a remediation with their outcomes, in their order, behind number `after`.
    #[tracing::instrument(name = "store.messages", skip_all, fields(remediation.id = %id))]
    pub async fn messages(
        &self,
        id: &RemediationId,
        after: Option<u32>,
        most: u32,
    ) -> Result<Vec<(Target, Option<Outcome>)>, StoreError> {
        self.messages_like(id, &MessageFilter::default(), after, most).await
    }

    /// Those of them that the filter lets through.
    #[tracing::instrument(name = "store.messages.like", skip_all, fields(remediation.id = %id))]
    pub async fn messages_like(
        &self,
        id: &RemediationId,
        filter: &MessageFilter,
        after: Option<u32>,
        most: u32,
    ) -> Result<Vec<(Target, Option<Outcome>)>, StoreError> {
        let mut tx = self.read().await?;
        let after = after.map_or(-1, i64::from);
        let mut values: Vec<Value<'_>> = vec![number_of(&mut tx, id).await?.into(), after.into(), most.into()];
        let mut place = |value| {
            values.push(value);
            format!("${}", values.len())
        };
        let mut conditions = Vec::new();
        if !filter.outcomes.is_empty() {
            let asked = filter.outcomes.iter().map(|kind| match kind {
                Some(kind) => format!("o.kind = {}", place(kind.as_str().into())),
                None => "o.kind IS NULL".to_owned(),
            });
            conditions.push(format!("AND ({}) ", asked.collect::<Vec<_>>().join(" OR ")));
        }
        if !filter.reasons.is_empty() {
            let asked = filter.reasons.iter().map(|reason| place(reason.as_str().into()));
            conditions.push(format!("AND o.reason IN ({}) ", asked.collect::<Vec<_>>().join(", ")));
        }
        if let Some(mailbox) = &filter.mailbox {
            conditions.push(format!("AND l.mailbox = {} ", place(mailbox.into())));
        }
        let sql = format!(
            "SELECT {TARGET_COLUMNS}, {OUTCOME_COLUMNS} FROM targets t \
             LEFT JOIN lanes l ON l.remediation = t.remediation AND l.lane = t.lane \
             LEFT JOIN outcomes o ON o.remediation = t.remediation AND o.seq = t.seq \
             WHERE t.remediation = $1 AND t.seq > $2 {}ORDER BY t.seq LIMIT $3",
            conditions.concat()
        );
        read_pairs(&tx.rows(sql, &values).await?)
    }

    /// The messages whose outcome is of one kind: what an undo or a retry starts from.
    #[tracing::instrument(name = "store.outcomes.former", skip_all, fields(remediation.id = %id))]
    pub async fn former_outcomes(
        &self,
        id: &RemediationId,
        kind: OutcomeKind,
        after: Option<u32>,
        most: u32,
    ) -> Result<Vec<(Target, Outcome)>, StoreError> {
        let filter = MessageFilter { outcomes: vec![Some(kind)], ..MessageFilter::default() };
        let pairs = self.messages_like(id, &filter, after, most).await?;
        Ok(pairs.into_iter().filter_map(|(target, outcome)| Some((target, outcome?))).collect())
    }

    /// The batches of a remediation, in their order.
    #[tracing::instrument(name = "store.batches", skip_all, fields(remediation.id = %id))]
    pub async fn batches(&self, id: &RemediationId) -> Result<Vec<Batch>, StoreError> {
        let mut tx = self.read().await?;
        let number = number_of(&mut tx, id).await?;
        let sql = "SELECT number, first_seq, targets, started_at, finished_at, report, outcomes FROM batches \
                   WHERE remediation = $1 ORDER BY number";
        tx.rows(sql, &[number.into()]).await?.iter().map(read_batch).collect()
    }
}

fn read_pairs(rows: &[Row]) -> Result<Vec<(Target, Option<Outcome>)>, StoreError> {
    let mut pairs: Vec<(Target, Option<Outcome>)> = Vec::with_capacity(rows.len());
    for row in rows {
        pairs.push(read_pair(row, pairs.last().map(|(target, _)| target))?);
    }
    Ok(pairs)
}

pub(crate) fn read_batch(row: &Row) -> Result<Batch, StoreError> {
    let finished = match row.opt_int(4)? {
        Some(at) => Some((Timestamp(at), parse(row, 5, "batches", "report")?, digest(row, 6, "batches", "outcomes")?)),
        None => None,
    };
    Ok(Batch {
        number: number(row, 0, "batches", "number")?,
        first: number(row, 1, "batches", "first_seq")?,
        targets: number(row, 2, "batches", "targets")?,
        started_at: row.time(3)?,
        finished,
    })
}
