//! Approved remediations that wait for capacity.

use clawback_model::Timestamp;

use crate::database::dialect::Tx;
use crate::error::StoreError;

/// Remediations that wait for capacity, highest severity first; at most twice the default number that may be in
/// progress.
const WAITING: &str = "SELECT number FROM remediations WHERE status = 'approved' AND due_at > $1 ORDER BY CASE severity \
    WHEN 'high' THEN 0 WHEN 'medium' THEN 1 WHEN 'low' THEN 2 ELSE 3 END, number LIMIT 100";

/// Makes the remediations that wait for capacity due, because capacity was freed. The transaction holds the lock of the
/// chain, so none of them is being decided; rows that another transaction has locked are skipped.
pub(crate) async fn wake(tx: &mut Tx, at: Timestamp) -> Result<(), StoreError> {
    let sql = tx.for_update_skip_locked(WAITING);
    let rows = tx.rows(sql, &[at.into()]).await?;
    for row in &rows {
        let sql = "UPDATE remediations SET due_at = $1 WHERE number = $2";
        tx.execute(sql, &[at.into(), row.int(0)?.into()]).await?;
    }
    Ok(())
}
