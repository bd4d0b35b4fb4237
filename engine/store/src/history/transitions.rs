//! Transitions of a remediation: submitted once, then changed only by events. The model applies an event, and this
//! module writes it together with everything that follows from it: the cached state, the columns that the history is
//! filtered by, votes, batches, and the time at which a worker must check it again.

use clawback_model::{Actor, Alert, Credential, Event, Id, Investigation, Next, Remediation, Status, Sweep, Timestamp};

use super::locking::Locked;
use super::{budgets, capacity, halts, sweep_rows};
use crate::chain;
use crate::database::dialect::{Tx, Value};
use crate::error::StoreError;
use crate::notifying::{notices, reminders, reports};
use crate::people::answers::{self, RequestKey};
use crate::rows::{json, word};
use crate::search_index::index;
use crate::watch;

/// A new remediation, with the records that are written with it.
#[derive(Debug, Clone)]
pub struct Filing {
    /// The remediation, as submitted.
    pub remediation: Remediation,
    /// The alert that it raises.
    pub alert: Alert,
    /// The investigation behind it.
    pub investigation: Investigation,
    /// The submitter, as recorded in the history.
    pub actor: String,
    /// The submitter's credential.
    pub credential: Option<Credential>,
    /// The sweep for late copies, if the playbook has one.
    pub sweep: Option<Sweep>,
    /// The idempotency key of the request, if it has one.
    pub key: Option<RequestKey>,
}

/// Writes a new remediation inside a larger step.
pub(crate) async fn file(tx: &mut Tx, filing: &Filing) -> Result<(), StoreError> {
    let Filing { remediation, alert, investigation, actor, credential, sweep, key } = filing;
    let actor = Actor { name: actor, credential: credential.as_ref() };
    // The first event has the time at which the remediation began: its state is the fold of its events.
    let at = remediation.created_at;
    // Numbers are assigned under the lock of the chain, so they have no gaps, too.
    chain::lock_chain(tx).await?;
    let last = tx.row("SELECT COALESCE(MAX(number), 0) FROM remediations", &[]).await?;
    let number = last.map_or(Ok(0), |row| row.int(0))? + 1;
    insert(tx, number, remediation, at).await?;
    let id = remediation.id.as_str();
    tx.execute(
        "INSERT INTO alerts (id, remediation_id, created_at, body) VALUES ($1, $2, $3, $4)",
        &[alert.id.as_str().into(), id.into(), alert.created_at.into(), json(alert).into()],
    )
    .await
    .map_err(|error| error.exists("alert", &alert.id))?;
    tx.execute(
        "INSERT INTO investigations (id, remediation_id, kind, created_at, body) VALUES ($1, $2, $3, $4, $5)",
        &[
            investigation.id.as_str().into(),
            id.into(),
            investigation.kind.as_str().into(),
            investigation.created_at.into(),
            json(investigation).into(),
        ],
    )
    .await
    .map_err(|error| error.exists("investigation", &investigation.id))?;
    let event = Event::Submitted { request: remediation.request.clone() };
    let seq = chain::append(tx, Some(id), actor, event.kind(), json(&event), at).await?;
    notices::changed(tx, id, seq).await?;
    index::added(tx, number, remediation).await?;
    if let Some(sweep) = sweep {
        sweep_rows::begin(tx, id, sweep, actor, at).await?;
    }
    if let Some(key) = key {
        answers::filed(tx, key, id).await?;
    }
    watch::wake(tx).await
}

/// Applies an event and writes what follows from it.
pub(crate) async fn write(
    tx: &mut Tx,
    locked: Locked,
    actor: Actor<'_>,
    event: &Event,
    at: Timestamp,
) -> Result<Locked, StoreError> {
    let next = locked.remediation.apply(event, at)?;
    let id = next.id.as_str();
    // A note of people makes nothing due: one that is held would be claimed before there is capacity.
    let due_at = if event.is_note() { "COALESCE(due_at, $4)" } else { "$4" };
    let touched = tx
        .execute(
            format!(
                "UPDATE remediations SET status = $1, decided_by = $2, updated_at = $3, due_at = {due_at}, state = $5, \
                 approved_at = $6, version = version + 1 WHERE number = $7 AND version = $8 AND fence = $9"
            ),
            &[
                next.status.as_str().into(),
                next.decided_by.as_deref().into(),
                next.updated_at.into(),
                due(&next, at).into(),
                json(&next).into(),
                next.approved_at.into(),
                locked.number.into(),
                locked.version.into(),
                locked.fence.into(),
            ],
        )
        .await?;
    if touched != 1 {
        let (what, expected) = (format!("version of {id}"), locked.version.to_string());
        return Err(StoreError::Conflict { what, expected, found: "another".to_owned() });
    }
    if locked.remediation.status != Status::InProgress && next.status == Status::InProgress {
        sweep_rows::put_back(tx, &next, actor, at).await?;
    }
    let seq = chain::append(tx, Some(id), actor, event.kind(), json(event), at).await?;
    if matches!(event, Event::BatchStarted { .. })
        || locked.remediation.asked != next.asked
        || (due(&next, at) == Some(at) && !event.is_note())
    {
        watch::wake(tx).await?;
    }
    halts::check(tx, event).await?;
    if locked.remediation.status == Status::InProgress && next.status != Status::InProgress {
        capacity::wake(tx, at).await?;
    }
    write_details(tx, locked.number, &next, event, seq, at).await?;
    index::changed(tx, locked.number, &locked.remediation, &next).await?;
    reminders::changed(tx, &locked.remediation, &next).await?;
    if locked.remediation.status != next.status {
        notices::changed(tx, id, seq).await?;
        if next.status.is_final() {
            reports::ended(tx, id, at).await?;
        }
    }
    Ok(Locked { version: locked.version + 1, remediation: next, ..locked })
}

/// Writes the further rows that make an event queryable.
async fn write_details(
    tx: &mut Tx,
    number: i64,
    next: &Remediation,
    event: &Event,
    seq: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    match event {
        Event::Planned { .. } | Event::VoteRequired { .. } => {
            let Some(asked) = &next.approval else { return Ok(()) };
            let values = [
                asked.id.as_str().into(),
                next.id.as_str().into(),
                asked.digest.to_string().into(),
                (&asked.requester).into(),
                asked.rule.votes.into(),
                json(&asked.rule).into(),
                at.into(),
                asked.deadline.into(),
            ];
            tx.execute(
                "INSERT INTO approvals (id, remediation_id, digest, requester, votes_required, rule, asked_at, deadline) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, \
                 votes_required = excluded.votes_required, rule = excluded.rule, asked_at = excluded.asked_at, \
                 deadline = excluded.deadline",
                &values,
            )
            .await?;
        }
        Event::Counted { counted } => budgets::note(tx, number, counted, at).await?,
        Event::Voted { vote } => {
            let values = [
                seq.into(),
                next.request.approval_id.as_str().into(),
                (&vote.by).into(),
                word(&vote.decision).into(),
                vote.digest.to_string().into(),
                vote.comment.as_deref().into(),
                vote.at.into(),
            ];
            tx.execute(
                "INSERT INTO votes (event, approval_id, voter, decision, digest, comment, cast_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                &values,
            )
            .await?;
        }
        Event::BatchStarted { number: batch, first, targets } => {
            tx.execute(
                "INSERT INTO batches (remediation, number, first_seq, targets, started_at) VALUES ($1, $2, $3, $4, $5)",
                &[number.into(), (*batch).into(), (*first).into(), (*targets).into(), at.into()],
            )
            .await?;
            open_lanes(tx, number, *batch, *first, *targets).await?;
        }
        Event::BatchFinished { number: batch, report, outcomes } => {
            tx.execute(
                "UPDATE batches SET finished_at = $1, report = $2, outcomes = $3 WHERE remediation = $4 AND number = $5",
                &[at.into(), json(report).into(), outcomes.to_string().into(), number.into(), (*batch).into()],
            )
            .await?;
        }
        _ => {}
    }
    Ok(())
}

/// Creates work rows for the lanes of a batch that begins: a lane may begin before the batch and end after it.
async fn open_lanes(tx: &mut Tx, number: i64, batch: u32, first: u32, targets: u32) -> Result<(), StoreError> {
    let end = i64::from(first) + i64::from(targets);
    // The lanes of its first and last target bound a range of the key.
    let sql = "INSERT INTO work (remediation, lane, batch, store, mailbox, first_seq, targets) \
        SELECT remediation, lane, CAST($2 AS BIGINT), store, mailbox, first_seq, end_seq - first_seq FROM ( \
            SELECT l.remediation, l.lane, l.store, l.mailbox, \
                CASE WHEN l.first_seq > $3 THEN l.first_seq ELSE CAST($3 AS BIGINT) END AS first_seq, \
                CASE WHEN l.first_seq + l.targets < $4 THEN l.first_seq + l.targets ELSE CAST($4 AS BIGINT) END AS end_seq \
            FROM lanes l WHERE l.remediation = $1 \
                AND l.lane >= (SELECT t.lane FROM targets t WHERE t.remediation = $1 AND t.seq = $3) \
                AND l.lane <= (SELECT t.lane FROM targets t WHERE t.remediation = $1 AND t.seq = $4 - 1) \
        ) AS opened";
    tx.execute(sql, &[number.into(), batch.into(), first.into(), end.into()]).await?;
    Ok(())
}

async fn insert(tx: &mut Tx, number: i64, remediation: &Remediation, at: Timestamp) -> Result<(), StoreError> {
    let request = &remediation.request;
    let values: [Value<'_>; 18] = [
        number.into(),
        remediation.id.as_str().into(),
        (&request.name).into(),
        request.name.to_lowercase().into(),
        request.severity.as_str().into(),
        remediation.status.as_str().into(),
        request.action.as_str().into(),
        request.source.as_str().into(),
        request.approval_id.as_str().into(),
        request.investigation_id.as_str().into(),
        (&request.requested_by).into(),
        remediation.decided_by.as_deref().into(),
        remediation.created_at.into(),
        remediation.updated_at.into(),
        due(remediation, at).into(),
        json(remediation).into(),
        request.selection().map(|digest| digest.to_string()).into(),
        request.follows().map(Id::as_str).into(),
    ];
    tx.execute(
        "INSERT INTO remediations (number, id, name, name_key, severity, status, action, action_source, approval_id, \
         investigation_id, requested_by, decided_by, created_at, updated_at, due_at, state, selection, \
         follows, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 1)",
        &values,
    )
    .await
    .map_err(|error| error.exists("remediation", &remediation.id))?;
    Ok(())
}

/// Returns when a worker must check it: at once, at a deadline, or not before a person acts.
pub(crate) fn due(remediation: &Remediation, at: Timestamp) -> Option<Timestamp> {
    match remediation.next(at) {
        Next::AwaitPerson | Next::Nothing => None,
        Next::AwaitApproval { until } | Next::AwaitTime { until } => Some(until),
        _ => Some(at),
    }
}
