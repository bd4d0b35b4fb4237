//! Refused requests: wrong passwords, forged cookies, votes against a rule. The table is bounded and not part of the
//! chain, so that refused callers cannot make the history grow. The refusals of one principal, or of all
//! unauthenticated callers, evict none of another's.

use crate::boxed::boxed;
use clawback_model::Timestamp;

use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::store::Store;

/// The rows that are kept of each principal, and of all unauthenticated callers together.
const MOST: i64 = 2_000;

/// A refusal, or several equal ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The time of the first.
    pub at: Timestamp,
    /// The time of the last.
    pub last_at: Timestamp,
    /// The number of refusals.
    pub times: u64,
    /// The authenticated principal; `None` for an unauthenticated caller.
    pub known: Option<String>,
    /// The principal, or the name that an unauthenticated caller gave, if any.
    pub principal: Option<String>,
    /// The source address; empty if unknown.
    pub source: String,
    /// The first request: method and path.
    pub request: String,
    /// The reason of the refusal.
    pub reason: String,
}

impl Store {
    /// Records refusals: each in a new row, or by the number of a row for equal ones, whose count is raised. Returns
    /// the number of the row of each.
    #[tracing::instrument(name = "store.refusals.note", skip_all)]
    #[boxed]
    pub async fn note_refusals(&self, refusals: &[(Option<i64>, Refusal)]) -> Result<Vec<i64>, StoreError> {
        let mut tx = self.write().await?;
        let mut rows = Vec::with_capacity(refusals.len());
        for (row, refusal) in refusals {
            let row = match row {
                Some(row) if again(&mut tx, *row, refusal).await? => *row,
                _ => first(&mut tx, refusal).await?,
            };
            rows.push(row);
        }
        let mut owners: Vec<&str> = refusals.iter().map(|(_, refusal)| owner(refusal)).collect();
        owners.sort_unstable();
        owners.dedup();
        for owner in owners {
            let sql = "DELETE FROM refusals WHERE kept_for = $1 AND number <= \
                       (SELECT number FROM refusals WHERE kept_for = $1 ORDER BY number DESC LIMIT 1 OFFSET $2)";
            tx.execute(sql, &[owner.into(), MOST.into()]).await?;
        }
        tx.commit().await?;
        Ok(rows)
    }

    /// Returns the latest refusals.
    #[tracing::instrument(name = "store.refusals", skip_all)]
    #[boxed]
    pub async fn refusals(&self, most: u32) -> Result<Vec<Refusal>, StoreError> {
        let sql = "SELECT at, last_at, times, kept_for, principal, source, request, reason FROM refusals \
                   ORDER BY last_at DESC, number DESC LIMIT $1";
        let rows = self.rows(sql, &[most.into()]).await?;
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        rows.iter()
            .map(|row| {
                Ok(Refusal {
                    at: row.time(0)?,
                    last_at: row.time(1)?,
                    times: u64::try_from(row.int(2)?).unwrap_or(1),
                    known: filled(row.string(3)?),
                    principal: filled(row.string(4)?),
                    source: row.string(5)?,
                    request: row.string(6)?,
                    reason: row.string(7)?,
                })
            })
            .collect()
    }
}

fn owner(refusal: &Refusal) -> &str {
    refusal.known.as_deref().unwrap_or_default()
}

fn times(refusal: &Refusal) -> i64 {
    i64::try_from(refusal.times).unwrap_or(i64::MAX)
}

/// Returns false if the row no longer exists.
async fn again(tx: &mut Tx, row: i64, refusal: &Refusal) -> Result<bool, StoreError> {
    let sql = "UPDATE refusals SET times = times + $1, last_at = $2 WHERE number = $3";
    Ok(tx.execute(sql, &[times(refusal).into(), refusal.last_at.into(), row.into()]).await? == 1)
}

async fn first(tx: &mut Tx, refusal: &Refusal) -> Result<i64, StoreError> {
    let sql = "INSERT INTO refusals (at, last_at, times, kept_for, principal, source, request, reason) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING number";
    let values = [
        refusal.at.into(),
        refusal.last_at.into(),
        times(refusal).into(),
        owner(refusal).into(),
        refusal.principal.as_deref().unwrap_or_default().into(),
        (&refusal.source).into(),
        (&refusal.request).into(),
        (&refusal.reason).into(),
    ];
    let row = tx.row(sql, &values).await?;
    row.map_or_else(|| Err(StoreError::not_found("refusal", "just written")), |row| row.int(0))
}
