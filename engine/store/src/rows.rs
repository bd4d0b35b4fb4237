//! Reading columns and writing values: JSON, words, numbers, digests, and the numbers of remediations.

use clawback_model::{Digest, Remediation, RemediationId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::database::dialect::{Row, Tx};
use crate::error::StoreError;

/// Reads a state; the row's first column is the ID.
pub(crate) fn state(row: &Row, column: usize) -> Result<Remediation, StoreError> {
    parse(row, column, "remediations", "state")
}

/// Reads JSON; the row's first column is the ID.
pub(crate) fn parse<T: DeserializeOwned>(
    row: &Row,
    column: usize,
    table: &'static str,
    name: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_str(&row.text(column)?)
        .map_err(|_| StoreError::corrupt(table, name, row.string(0).unwrap_or_default()))
}

/// Writes JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the model's types are texts, numbers and maps by text")
}

/// Returns the word of an enum that has no `as_str`.
pub(crate) fn word(value: &impl Serialize) -> String {
    json(value).trim_matches('"').to_owned()
}

/// Reads a small number.
pub(crate) fn number(row: &Row, column: usize, table: &'static str, name: &'static str) -> Result<u32, StoreError> {
    let found = row.int(column)?;
    u32::try_from(found).map_err(|_| StoreError::corrupt(table, name, found))
}

/// Reads a digest.
pub(crate) fn digest(row: &Row, column: usize, table: &'static str, name: &'static str) -> Result<Digest, StoreError> {
    let text = row.text(column)?;
    text.parse().map_err(|_| StoreError::corrupt(table, name, row.int(0).unwrap_or_default()))
}

/// Reads the ID of a remediation.
pub(crate) fn remediation_id(row: &Row, column: usize) -> Result<RemediationId, StoreError> {
    let id = row.text(column)?;
    id.parse().map_err(|_| StoreError::corrupt("remediations", "id", id))
}

/// Returns the number of a remediation.
pub(crate) async fn number_of(tx: &mut Tx, id: &RemediationId) -> Result<i64, StoreError> {
    let row = tx.row("SELECT number FROM remediations WHERE id = $1", &[id.as_str().into()]).await?;
    row.ok_or_else(|| StoreError::not_found("remediation", id))?.int(0)
}

/// Returns `count` placeholders from `first` on, such as `($2, $3, $4)`.
pub(crate) fn places(first: usize, count: usize) -> String {
    let places: Vec<_> = (first..first + count).map(|place| format!("${place}")).collect();
    format!("({})", places.join(", "))
}
