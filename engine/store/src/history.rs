//! Reading the history: remediations by filter, newest first, in pages by key (never by offset, which skips rows while new
//! ones arrive), and the messages and batches of one.

use std::fmt::Write as _;

use clawback_model::{
    Action, ActionSource, ApprovalId, BatchReport, Digest, Id, InvestigationId, Outcome, OutcomeKind, Remediation,
    RemediationId, Status, Target, Timestamp,
};

use crate::chain::digest;
use crate::dialect::{Row, Value};
use crate::error::StoreError;
use crate::outcomes::{OUTCOME_COLUMNS, number_of, read_pair};
use crate::plans::{TARGET_COLUMNS, number};
use crate::remediations::{parse, state};
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
    /// Where it stands.
    pub status: Option<Status>,
    /// Where it came from.
    pub action_source: Option<ActionSource>,
    /// What it does.
    pub action_type: Option<Action>,
    /// One of those who decided, or `automation`.
    pub decided_by: Option<String>,
    /// Submitted at or after.
    pub since: Option<Timestamp>,
    /// Submitted before.
    pub until: Option<Timestamp>,
    /// Only what waits for a person: for votes, or paused.
    pub pending_only: bool,
}

/// Where a page ended; the next one begins behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    created_at: i64,
    number: i64,
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
        write!(f, "{}-{}", self.created_at, self.number)
    }
}

impl std::str::FromStr for Cursor {
    type Err = StoreError;
    fn from_str(given: &str) -> Result<Self, StoreError> {
        let parts = given.rsplit_once('-');
        let read = parts.and_then(|(time, number)| Some((time.parse().ok()?, number.parse().ok()?)));
        let (created_at, number) = read.ok_or_else(|| StoreError::not_found("page", given))?;
        Ok(Self { created_at, number })
    }
}

impl Store {
    /// The newest remediations that the filter lets through, at most `most`, behind `cursor`.
    #[tracing::instrument(name = "store.history", skip_all)]
    pub async fn history(&self, filter: &HistoryFilter, cursor: Option<Cursor>, most: u32) -> Result<Page, StoreError> {
        let (sql, values) = query(filter, cursor, most);
        let rows = self.read().await?.rows(sql, &values).await?;
        // One more than asked for was read, to know whether there is another page.
        let more = rows.len() > most as usize;
        let kept = &rows[..rows.len().min(most as usize)];
        let next = kept
            .last()
            .filter(|_| more)
            .map(|row| Ok::<_, StoreError>(Cursor { created_at: row.int(2)?, number: row.int(3)? }));
        Ok(Page {
            remediations: kept.iter().map(|row| state(row, 1)).collect::<Result<_, _>>()?,
            next: next.transpose()?,
        })
    }

    /// The messages of a remediation with their outcomes, in their order, behind number `after`.
    #[tracing::instrument(name = "store.messages", skip_all, fields(remediation.id = %id))]
    pub async fn messages(
        &self,
        id: &RemediationId,
        after: Option<u32>,
        most: u32,
    ) -> Result<Vec<(Target, Option<Outcome>)>, StoreError> {
        self.pairs(id, None, after, most).await
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
        let pairs = self.pairs(id, Some(kind), after, most).await?;
        Ok(pairs.into_iter().filter_map(|(target, outcome)| Some((target, outcome?))).collect())
    }

    async fn pairs(
        &self,
        id: &RemediationId,
        kind: Option<OutcomeKind>,
        after: Option<u32>,
        most: u32,
    ) -> Result<Vec<(Target, Option<Outcome>)>, StoreError> {
        let mut tx = self.read().await?;
        let sql = format!(
            "SELECT {TARGET_COLUMNS}, {OUTCOME_COLUMNS} FROM targets t \
             LEFT JOIN lanes l ON l.remediation = t.remediation AND l.lane = t.lane \
             {} JOIN outcomes o ON o.remediation = t.remediation AND o.seq = t.seq {} \
             WHERE t.remediation = $1 AND t.seq > $2 ORDER BY t.seq LIMIT $3",
            if kind.is_some() { "" } else { "LEFT" },
            if kind.is_some() { "AND o.kind = $4" } else { "" },
        );
        let after = after.map_or(-1, i64::from);
        let mut values: Vec<Value<'_>> = vec![number_of(&mut tx, id).await?.into(), after.into(), most.into()];
        values.extend(kind.map(|kind| kind.as_str().into()));
        let rows = tx.rows(sql, &values).await?;
        let mut pairs: Vec<(Target, Option<Outcome>)> = Vec::with_capacity(rows.len());
        for row in &rows {
            pairs.push(read_pair(row, pairs.last().map(|(target, _)| target))?);
        }
        Ok(pairs)
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

/// Puts the conditions that are set one behind the other; each is a fixed text with the number of its value.
fn query(filter: &HistoryFilter, cursor: Option<Cursor>, most: u32) -> (String, Vec<Value<'_>>) {
    let mut sql = "SELECT id, state, created_at, number FROM remediations WHERE 1 = 1".to_owned();
    let mut values: Vec<Value<'_>> = Vec::new();
    let mut and = |condition: &str, value: Option<Value<'static>>| {
        let Some(value) = value else { return };
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('?', &format!("${}", values.len())));
    };
    let word = |word: Option<&str>| word.map(|word| Value::from(word.to_owned()));
    and("approval_id = ?", word(filter.approval_id.as_ref().map(Id::as_str)));
    and("investigation_id = ?", word(filter.investigation_id.as_ref().map(Id::as_str)));
    and("status = ?", word(filter.status.map(Status::as_str)));
    and("action_source = ?", word(filter.action_source.map(ActionSource::as_str)));
    and("action = ?", word(filter.action_type.map(Action::as_str)));
    and("created_at >= ?", filter.since.map(Value::from));
    and("created_at < ?", filter.until.map(Value::from));
    and(r"name_key LIKE ? ESCAPE '\'", filter.name.as_deref().map(|name| contains(&name.to_lowercase()).into()));
    // Names are joined with a comma; each stands alone here.
    and(
        r"', ' || decided_by || ', ' LIKE ? ESCAPE '\'",
        filter.decided_by.as_deref().map(|name| contains(&format!(", {name}, ")).into()),
    );
    if let Some(cursor) = cursor {
        and("created_at <= ?", Some(cursor.created_at.into()));
        and("(created_at, number) < (CAST(? AS BIGINT), ", Some(cursor.created_at.into()));
        values.push(cursor.number.into());
        let place = values.len();
        write!(sql, "CAST(${place} AS BIGINT))").expect("a String takes any text");
    }
    if filter.pending_only {
        sql.push_str(" AND status IN ('pending-approval', 'paused')");
    }
    values.push((i64::from(most) + 1).into());
    let place = values.len();
    write!(sql, " ORDER BY created_at DESC, number DESC LIMIT ${place}").expect("a String takes any text");
    (sql, values)
}

/// A LIKE pattern for any text that contains this one.
fn contains(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
