//! Checks times of deferred rows. A row that is deferred for ever is never processed, so no row may be deferred further
//! than this program does.

use std::time::Duration;

use clawback_model::Timestamp;

use super::found::{Found, VerifyError};
use crate::database::dialect::Tx;
use crate::error::StoreError;

/// Waits and leases are seconds to hours; a day allows for the waits that a store requests and for clocks that differ.
pub(super) const LONGEST: Duration = Duration::from_hours(24);

/// Table, column, and the column that names the row.
const TIMES: [(&str, &str, &str); 17] = [
    ("remediations", "lease_until", "id"),
    ("work", "next_at", "mailbox"),
    ("batches", "served_at", "CAST(remediation AS TEXT)"),
    ("nodes", "alive_until", "id"),
    ("seats", "until", "store"),
    ("store_limits", "filled_at", "store"),
    ("store_limits", "held_until", "store"),
    ("deliveries", "next_at", "notifier"),
    ("deliveries", "since", "notifier"),
    ("attempts", "locked_until", "name"),
    ("heads", "sent_at", "CAST(size AS TEXT)"),
    ("sessions", "seen_at", "principal"),
    ("answers", "created_at", "principal"),
    ("refusals", "at", "principal"),
    ("slots", "decided_at", "schedule"),
    ("looked_again", "next_at", "remediation_id"),
    ("abuse_mailboxes", "next_at", "mailbox"),
];

pub(super) async fn check(tx: &mut Tx, now: Timestamp) -> Result<(), VerifyError> {
    let latest = now.plus(LONGEST);
    for (table, column, row) in TIMES {
        let sql = format!("SELECT {row}, {column} FROM {table} WHERE {column} > $1 LIMIT 1");
        defer(tx, sql, latest, (table, column)).await?;
    }
    // A plan that waits for votes is due at its deadline, which its events determine.
    let sql = "SELECT id, due_at FROM remediations WHERE due_at > $1 AND status <> 'pending-approval' LIMIT 1";
    defer(tx, sql.to_owned(), latest, ("remediations", "due_at")).await?;
    for row in tx.rows("SELECT first_id, sweep, next_at FROM sweeps WHERE next_at > $1", &[latest.into()]).await? {
        let sweep: clawback_model::Sweep = crate::rows::parse(&row, 1, "sweeps", "sweep")?;
        let until = row.time(2)?;
        if until > latest.plus(sweep.every) {
            return Err(Found::PutOff { table: "sweeps", column: "next_at", row: row.string(0)?, until }.into());
        }
    }
    Ok(())
}

async fn defer(
    tx: &mut Tx,
    sql: String,
    latest: Timestamp,
    (table, column): (&'static str, &'static str),
) -> Result<(), VerifyError> {
    match tx.row(sql, &[latest.into()]).await? {
        Some(row) => Err(found(&row, table, column)?.into()),
        None => Ok(()),
    }
}

fn found(row: &crate::database::dialect::Row, table: &'static str, column: &'static str) -> Result<Found, StoreError> {
    Ok(Found::PutOff { table, column, row: row.string(0)?, until: row.time(1)? })
}
