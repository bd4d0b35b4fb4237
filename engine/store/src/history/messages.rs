//! The messages of a remediation with their outcomes.

use crate::boxed::boxed;
use clawback_model::{Outcome, OutcomeKind, Reason, RemediationId, Target};

use super::message_rows::{OUTCOME_COLUMNS, TARGET_COLUMNS, read_pair};
use crate::database::dialect::{Row, Value};
use crate::error::StoreError;
use crate::rows::number_of;
use crate::store::Store;

/// A filter for the messages of a remediation. Every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageFilter {
    /// Any of these outcomes, where `None` means a message without an outcome; empty means all.
    pub outcomes: Vec<Option<OutcomeKind>>,
    /// Any of these reasons; empty means all.
    pub reasons: Vec<Reason>,
    /// Its mailbox.
    pub mailbox: Option<String>,
}

impl Store {
    /// Returns the messages of a remediation with their outcomes, in order, after number `after`.
    #[tracing::instrument(name = "store.messages", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn messages(
        &self,
        id: &RemediationId,
        after: Option<u32>,
        most: u32,
    ) -> Result<Vec<(Target, Option<Outcome>)>, StoreError> {
        self.messages_like(id, &MessageFilter::default(), after, most).await
    }

    /// Returns those of them that the filter accepts.
    #[tracing::instrument(name = "store.messages.like", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn messages_like(
        &self,
        id: &RemediationId,
        filter: &MessageFilter,
        after: Option<u32>,
        most: u32,
    ) -> Result<Vec<(Target, Option<Outcome>)>, StoreError> {
        let mut tx = self.read().await?;
        let after = after.map_or(-1, i64::from);
        let mut values: Vec<Value<'_>> = vec![number_of(&mut tx, id).await?.into(), after.into(), most.into()];
        let mut place = |value| {
            values.push(value);
            format!("${}", values.len())
        };
        let mut conditions = Vec::new();
        if !filter.outcomes.is_empty() {
            let asked = filter.outcomes.iter().map(|kind| match kind {
                Some(kind) => format!("o.kind = {}", place(kind.as_str().into())),
                None => "o.kind IS NULL".to_owned(),
            });
            conditions.push(format!("AND ({}) ", asked.collect::<Vec<_>>().join(" OR ")));
        }
        if !filter.reasons.is_empty() {
            let asked = filter.reasons.iter().map(|reason| place(reason.as_str().into()));
            conditions.push(format!("AND o.reason IN ({}) ", asked.collect::<Vec<_>>().join(", ")));
        }
        if let Some(mailbox) = &filter.mailbox {
            conditions.push(format!("AND l.mailbox = {} ", place(mailbox.into())));
        }
        let sql = format!(
            "SELECT {TARGET_COLUMNS}, {OUTCOME_COLUMNS} FROM targets t \
             LEFT JOIN lanes l ON l.remediation = t.remediation AND l.lane = t.lane \
             LEFT JOIN outcomes o ON o.remediation = t.remediation AND o.seq = t.seq \
             WHERE t.remediation = $1 AND t.seq > $2 {}ORDER BY t.seq LIMIT $3",
            conditions.concat()
        );
        read_pairs(&tx.rows(sql, &values).await?)
    }

    /// Returns how many messages of a remediation have each outcome and reason, the most frequent first.
    #[tracing::instrument(name = "store.outcomes.by_reason", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn outcomes_by_reason(&self, id: &RemediationId) -> Result<Vec<(OutcomeKind, Reason, u64)>, StoreError> {
        let mut tx = self.read().await?;
        let number = number_of(&mut tx, id).await?;
        let sql = "SELECT kind, reason, COUNT(*) FROM outcomes WHERE remediation = $1 \
                   GROUP BY kind, reason ORDER BY COUNT(*) DESC, reason";
        let rows = tx.rows(sql, &[number.into()]).await?;
        let corrupt = |column| StoreError::corrupt("outcomes", column, id);
        let counted = |row: &Row| {
            let kind = row.text(0)?.parse().map_err(|_| corrupt("kind"))?;
            let reason = row.text(1)?.parse().map_err(|_| corrupt("reason"))?;
            Ok((kind, reason, row.int(2)?.unsigned_abs()))
        };
        rows.iter().map(counted).collect()
    }

    /// Returns the messages whose outcome is of one kind, as the base of an undo or a retry.
    #[tracing::instrument(name = "store.outcomes.former", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn former_outcomes(
        &self,
        id: &RemediationId,
        kind: OutcomeKind,
        after: Option<u32>,
        most: u32,
    ) -> Result<Vec<(Target, Outcome)>, StoreError> {
        let filter = MessageFilter { outcomes: vec![Some(kind)], ..MessageFilter::default() };
        let pairs = self.messages_like(id, &filter, after, most).await?;
        Ok(pairs.into_iter().filter_map(|(target, outcome)| Some((target, outcome?))).collect())
    }
}

fn read_pairs(rows: &[Row]) -> Result<Vec<(Target, Option<Outcome>)>, StoreError> {
    let mut pairs: Vec<(Target, Option<Outcome>)> = Vec::with_capacity(rows.len());
    for row in rows {
        pairs.push(read_pair(row, pairs.last().map(|(target, _)| target))?);
    }
    Ok(pairs)
}
