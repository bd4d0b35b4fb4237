//! Further looks at plans that wait for votes. A plan without a row is due one interval after its votes were asked for.
//! A node takes a look by advancing the time of the next one, so only one node looks. The row has no effect on the plan.

use std::time::Duration;

use crate::boxed::boxed;
use clawback_model::{Event, LookedAgain, Remediation, StopReason, Timestamp};

use crate::error::StoreError;
use crate::history::locking::lock;
use crate::history::transitions::write;
use crate::rows::{json, parse, state};
use crate::store::Store;

/// The most plans that are read at once.
const DUE: u32 = 20;
const AUTOMATION: &str = "automation";

/// A waiting plan whose next look is due or taken.
#[derive(Debug, Clone, PartialEq)]
pub struct LookAgain {
    /// The remediation, as it was when the look was read.
    pub remediation: Remediation,
    version: i64,
}

impl Store {
    /// Returns the plans that wait for votes and are due for a look, the longest wait first.
    #[tracing::instrument(name = "store.looks_again.due", skip_all)]
    #[boxed]
    pub async fn due_looks_again(&self, now: Timestamp, every: Duration) -> Result<Vec<LookAgain>, StoreError> {
        let sql = "SELECT r.id, r.state, COALESCE(l.version, 0) FROM remediations r \
                   JOIN approvals a ON a.remediation_id = r.id LEFT JOIN looked_again l ON l.remediation_id = r.id \
                   WHERE r.status = 'pending-approval' AND a.asked_at <= $2 AND COALESCE(l.next_at, 0) <= $1 \
                   ORDER BY COALESCE(l.next_at, a.asked_at), r.number LIMIT $3";
        let rows = self.rows(sql, &[now.into(), now.minus(every).into(), DUE.into()]).await?;
        rows.iter().map(|row| Ok(LookAgain { remediation: state(row, 1)?, version: row.int(2)? })).collect()
    }

    /// Takes a look, or gives it back: the next one is at `next`. Returns `None` if another node took it.
    #[tracing::instrument(name = "store.looks_again.take", skip_all, fields(remediation.id = %due.remediation.id))]
    #[boxed]
    pub async fn take_look_again(&self, due: &LookAgain, next: Timestamp) -> Result<Option<LookAgain>, StoreError> {
        let mut tx = self.write().await?;
        let sql = if due.version == 0 {
            "INSERT INTO looked_again (remediation_id, next_at, version) VALUES ($1, $2, $3 + 1) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE looked_again SET next_at = $2, version = version + 1 WHERE remediation_id = $1 AND version = $3"
        };
        let values = [due.remediation.id.as_str().into(), next.into(), due.version.into()];
        let touched = tx.execute(sql, &values).await?;
        tx.commit().await?;
        let taken = LookAgain { version: due.version + 1, ..due.clone() };
        Ok((touched == 1).then_some(taken))
    }

    /// Writes the counts of a look. If nothing is left to act on, and the remediation has not changed since the look
    /// began, its cancel is recorded in the same transaction. Returns whether it was.
    #[tracing::instrument(name = "store.looks_again.finish", skip_all, fields(remediation.id = %taken.remediation.id))]
    #[boxed]
    pub async fn finish_look_again(
        &self,
        taken: &LookAgain,
        counts: &LookedAgain,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let seen = &taken.remediation;
        let Some(plan) = &seen.plan else { return Ok(false) };
        let mut tx = self.write().await?;
        let locked = lock(&mut tx, &seen.id, None).await?;
        let sql = "UPDATE looked_again SET digest = $3, looked = $4, version = version + 1 \
                   WHERE remediation_id = $1 AND version = $2";
        let values =
            [seen.id.as_str().into(), taken.version.into(), plan.digest.to_string().into(), json(counts).into()];
        let touched = tx.execute(sql, &values).await?;
        let current = &locked.remediation;
        let cancels = touched == 1 && current == seen && current.is_looked_at_again(now) && counts.leaves_nothing(seen);
        if cancels {
            let reason = Some(StopReason::NothingLeft { gone: counts.gone });
            let event = Event::CancelRequested { by: AUTOMATION.to_owned(), reason };
            write(&mut tx, locked, AUTOMATION.into(), &event, now).await?;
        }
        tx.commit().await?;
        Ok(cancels)
    }

    /// Returns what the last look at the current plan of a remediation counted.
    #[tracing::instrument(name = "store.looks_again.last", skip_all, fields(remediation.id = %remediation.id))]
    #[boxed]
    pub async fn looked_again(&self, remediation: &Remediation) -> Result<Option<LookedAgain>, StoreError> {
        let Some(plan) = &remediation.plan else { return Ok(None) };
        let sql = "SELECT remediation_id, looked FROM looked_again \
                   WHERE remediation_id = $1 AND digest = $2 AND looked IS NOT NULL";
        let values = [remediation.id.as_str().into(), plan.digest.to_string().into()];
        let row = self.row(sql, &values).await?;
        row.map(|row| parse(&row, 1, "looked_again", "looked")).transpose()
    }
}
