//! Approved remediations that wait for capacity.

use clawback_model::Timestamp;

use crate::database::dialect::Tx;
use crate::error::StoreError;

/// Those that wait for capacity, the highest severity first; no more than may be started at once by default, and twice.
const WAITING: &str = "SELECT number FROM remediations WHERE status = 'approved' AND due_at > $1 ORDER BY CASE severity \
    WHEN 'high' THEN 0 WHEN 'medium' THEN 1 WHEN 'low' THEN 2 ELSE 3 END, number LIMIT 100";

/// Makes those that wait for capacity due: a place has become free. The transaction holds the lock of the chain, so none of
/// them is deciding right now, and whoever holds one of their rows is not waited for.
pub(crate) async fn wake(tx: &mut Tx, at: Timestamp) -> Result<(), StoreError> {
    let sql = tx.for_update_skip_locked(WAITING);
    let rows = tx.rows(sql, &[at.into()]).await?;
    for row in &rows {
        let sql = "UPDATE remediations SET due_at = $1 WHERE number = $2";
        tx.execute(sql, &[at.into(), row.int(0)?.into()]).await?;
    }
    Ok(())
}
