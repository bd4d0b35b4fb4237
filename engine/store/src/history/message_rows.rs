//! The rows of a message: its target in the plan, and its outcome.

use std::borrow::Cow;
use std::sync::Arc;

use clawback_model::{MessageRef, Outcome, Target};

use crate::database::dialect::Row;
use crate::error::StoreError;
use crate::rows::number;

/// The columns that [`read_target`] reads from `targets t JOIN lanes l`.
pub(crate) const TARGET_COLUMNS: &str = "t.seq, l.store, l.mailbox, t.locator, t.message_id, t.fingerprint, t.location, \
    t.original_location, t.subject, t.from_address, t.received_at, t.former, t.not_remediable, \
    t.script_reason, t.script_tag";

/// The number of these columns.
pub(crate) const TARGET_WIDTH: usize = 15;

/// The columns that [`read_outcome`] reads from `outcomes o`.
pub(crate) const OUTCOME_COLUMNS: &str = "o.seq, o.kind, o.reason, o.detail, o.receipt, o.batch, o.recorded_at";

/// The number of these columns.
pub(crate) const OUTCOME_WIDTH: usize = 7;

/// Reads a target. Adjacent targets mostly share store and mailbox, so the texts of `before` are reused.
pub(crate) fn read_target(row: &Row, before: Option<&Target>) -> Result<Target, StoreError> {
    let seq = number(row, 0, "targets", "seq")?;
    let corrupt = |column| StoreError::corrupt("targets", column, seq);
    let share = |column: usize, known: Option<&Arc<str>>| -> Result<Arc<str>, StoreError> {
        let text = row.text(column)?;
        Ok(known.filter(|known| ***known == *text).map_or_else(|| text.as_ref().into(), Arc::clone))
    };
    let location = |column: usize, name| -> Result<_, StoreError> {
        row.opt_text(column)?.map(|text| text.parse().map_err(|_| corrupt(name))).transpose()
    };
    Ok(Target {
        seq,
        store: share(1, before.map(|target| &target.store))?,
        mailbox: share(2, before.map(|target| &target.mailbox))?,
        reference: MessageRef { locator: row.string(3)?, message_id: row.string(4)?, fingerprint: row.string(5)? },
        location: location(6, "location")?.ok_or_else(|| corrupt("location"))?,
        original_location: location(7, "original_location")?,
        subject: row.string(8)?,
        from_address: row.string(9)?,
        received_at: row.time(10)?,
        former: match row.opt_text(11)? {
            Some(text) => Some(serde_json::from_str(&text).map_err(|_| corrupt("former"))?),
            None => None,
        },
        not_remediable: match row.opt_text(12)? {
            Some(text) => Some(text.parse().map_err(|_| corrupt("not_remediable"))?),
            None => None,
        },
        script_reason: row.opt_text(13)?.map(Cow::into_owned),
        script_tag: row.opt_text(14)?.map(Cow::into_owned),
    })
}

/// Reads an outcome whose first column is at `from`; `None` if the join found none.
fn read_outcome(row: &Row, from: usize) -> Result<Option<Outcome>, StoreError> {
    if row.opt_int(from)?.is_none() {
        return Ok(None);
    }
    let seq = number(row, from, "outcomes", "seq")?;
    let corrupt = |column| StoreError::corrupt("outcomes", column, seq);
    Ok(Some(Outcome {
        seq,
        kind: row.text(from + 1)?.parse().map_err(|_| corrupt("kind"))?,
        reason: row.text(from + 2)?.parse().map_err(|_| corrupt("reason"))?,
        detail: row.opt_text(from + 3)?.map(Cow::into_owned),
        receipt: match row.opt_text(from + 4)? {
            Some(text) => Some(serde_json::from_str(&text).map_err(|_| corrupt("receipt"))?),
            None => None,
        },
        batch: match row.opt_int(from + 5)? {
            Some(batch) => Some(u32::try_from(batch).map_err(|_| corrupt("batch"))?),
            None => None,
        },
        recorded_at: row.time(from + 6)?,
    }))
}

/// Reads a target and the outcome after it.
pub(crate) fn read_pair(row: &Row, before: Option<&Target>) -> Result<(Target, Option<Outcome>), StoreError> {
    Ok((read_target(row, before)?, read_outcome(row, TARGET_WIDTH)?))
}
