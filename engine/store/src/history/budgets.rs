//! The counts of what starts without a vote, by requester or service, by playbook and by sender. They are read and
//! written under the lock of the chain in the transaction of the start, so two nodes cannot both use the rest of a
//! limit.

use std::collections::BTreeMap;

use clawback_model::{
    Amount, Counted, CountedBy, Id, Origin, PrincipalKind, Remediation, Timestamp, Used, Window, WithoutAVote,
};

use super::locking::Locked;
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::people::principals;

/// The most senders of one plan that are counted, those with the most messages first.
const SENDERS: usize = 100;
/// The requester of what a schedule starts.
const AUTOMATION: &str = "automation";

/// Returns what a start without a vote adds to each count, with the sums so far. Empty if a vote covers it, if it has
/// begun before, if its messages were already counted for the same person, or if there are no limits.
pub(crate) async fn used(
    tx: &mut Tx,
    locked: &Locked,
    site: &WithoutAVote,
    at: Timestamp,
) -> Result<Vec<Used>, StoreError> {
    let remediation = &locked.remediation;
    if !site.limited || !remediation.runs_uncovered() || is_counted_already(tx, remediation).await? {
        return Ok(Vec::new());
    }
    let mut used = Vec::new();
    for adds in adds(tx, locked).await? {
        let hour = had(tx, &adds, Window::Hour, at).await?;
        let day = had(tx, &adds, Window::Day, at).await?;
        used.push(Used { adds, hour, day });
    }
    Ok(used)
}

/// Writes the rows of an event `counted`.
pub(crate) async fn note(tx: &mut Tx, number: i64, counted: &[Counted], at: Timestamp) -> Result<(), StoreError> {
    for one in counted {
        let values = [
            one.by.as_str().into(),
            (&one.name).into(),
            at.into(),
            number.into(),
            integer(one.messages).into(),
            integer(one.mailboxes).into(),
        ];
        let sql = "INSERT INTO counted (counted_by, name, started_at, remediation, messages, mailboxes) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        tx.execute(sql, &values).await?;
    }
    Ok(())
}

/// Returns the rows of a remediation, ordered by key.
pub(crate) async fn of(tx: &mut Tx, number: i64) -> Result<Vec<(String, String, i64, i64, i64)>, StoreError> {
    let sql = "SELECT counted_by, name, started_at, messages, mailboxes FROM counted WHERE remediation = $1";
    let rows = tx.rows(sql, &[number.into()]).await?;
    let read = rows.iter().map(|row| Ok((row.string(0)?, row.string(1)?, row.int(2)?, row.int(3)?, row.int(4)?)));
    let mut rows: Vec<_> = read.collect::<Result<_, StoreError>>()?;
    rows.sort();
    Ok(rows)
}

/// Returns the row of an entry of an event, as [`of`] reads it.
pub(crate) fn row(one: &Counted, at: Timestamp) -> (String, String, i64, i64, i64) {
    (one.by.as_str().to_owned(), one.name.clone(), at.0, integer(one.messages), integer(one.mailboxes))
}

/// Returns whether the messages were counted already: an undo and a retry act on messages of another remediation, and
/// if the same person requested both, they were counted then.
/// then.
async fn is_counted_already(tx: &mut Tx, remediation: &Remediation) -> Result<bool, StoreError> {
    let (Origin::Undo { of } | Origin::Retry { of }) = &remediation.request.origin else { return Ok(false) };
    let row = tx.row("SELECT requested_by FROM remediations WHERE id = $1", &[Id::as_str(of).into()]).await?;
    Ok(row.is_some_and(|row| row.text(0).is_ok_and(|name| name == remediation.request.requested_by)))
}

async fn adds(tx: &mut Tx, locked: &Locked) -> Result<Vec<Counted>, StoreError> {
    let Some(plan) = &locked.remediation.plan else { return Ok(Vec::new()) };
    let request = &locked.remediation.request;
    let kind = principals::named(tx, &request.requested_by).await?.map(|known| known.kind);
    let by = match kind {
        Some(PrincipalKind::Service) => CountedBy::Service,
        None if request.requested_by == AUTOMATION => CountedBy::Service,
        Some(PrincipalKind::Person) | None => CountedBy::Requester,
    };
    let whole = |by, name: &str| Counted {
        by,
        name: name.to_owned(),
        messages: plan.counts.remediable,
        mailboxes: plan.facts.mailboxes,
    };
    let mut adds = vec![whole(by, &request.requested_by), whole(CountedBy::Playbook, &request.playbook)];
    adds.extend(senders(tx, locked.number).await?);
    Ok(adds)
}

/// Returns the senders of a plan's remediable messages.
async fn senders(tx: &mut Tx, number: i64) -> Result<Vec<Counted>, StoreError> {
    let sql = "SELECT from_address, COUNT(*), COUNT(DISTINCT lane) FROM targets \
               WHERE remediation = $1 AND not_remediable IS NULL GROUP BY from_address";
    let mut senders: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for row in tx.rows(sql, &[number.into()]).await? {
        let (messages, mailboxes) = senders.entry(row.text(0)?.to_lowercase()).or_default();
        *messages += u64::try_from(row.int(1)?).unwrap_or(0);
        *mailboxes += u64::try_from(row.int(2)?).unwrap_or(0);
    }
    let counted = |(name, (messages, mailboxes))| Counted { by: CountedBy::Sender, name, messages, mailboxes };
    let mut senders: Vec<Counted> = senders.into_iter().map(counted).collect();
    senders.sort_by_key(|one| std::cmp::Reverse(one.messages));
    senders.truncate(SENDERS);
    Ok(senders)
}

async fn had(tx: &mut Tx, adds: &Counted, window: Window, at: Timestamp) -> Result<Amount, StoreError> {
    let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(messages), 0) AS BIGINT), CAST(COALESCE(SUM(mailboxes), 0) AS BIGINT) \
               FROM counted WHERE counted_by = $1 AND name = $2 AND started_at > $3";
    let values = [adds.by.as_str().into(), (&adds.name).into(), at.minus(window.duration()).into()];
    let Some(row) = tx.row(sql, &values).await? else { return Ok(Amount::default()) };
    let number = |column| row.int(column).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(Amount { remediations: number(0)?, messages: number(1)?, mailboxes: number(2)? })
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
