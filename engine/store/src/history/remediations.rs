//! Remediations, with their alerts and investigations. An event is decided on the state inside the transaction that
//! records it.

use crate::boxed::boxed;
use std::collections::BTreeMap;

use clawback_model::{
    Action, Actor, Alert, AlertId, ApprovalId, Event, Investigation, InvestigationId, Origin, Remediation,
    RemediationId, Timestamp,
};
use serde::de::DeserializeOwned;

use super::locking::lock;
use super::transitions::{Filing, file, write};
use crate::database::dialect::{Tx, Value};
use crate::error::StoreError;
use crate::lease::Lease;
use crate::rows::{parse, places, state};
use crate::store::Store;

/// The remediations that follow one, oldest first. A retry of an undo is in both.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Followers {
    /// Those that put its messages back.
    pub undos: Vec<Remediation>,
    /// Those that act on what failed in it.
    pub retries: Vec<Remediation>,
}

impl Store {
    /// Writes a new remediation with the records that belong to it.
    #[tracing::instrument(name = "store.remediations.file", skip_all, fields(remediation.id = %filing.remediation.id))]
    #[boxed]
    pub async fn file(&self, filing: &Filing) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        file(&mut tx, filing).await?;
        tx.commit().await
    }

    /// Returns a remediation by its ID.
    #[tracing::instrument(name = "store.remediations.load", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn load(&self, id: &RemediationId) -> Result<Remediation, StoreError> {
        let row = self.row("SELECT id, state FROM remediations WHERE id = $1", &[id.as_str().into()]).await?;
        state(&row.ok_or_else(|| StoreError::not_found("remediation", id))?, 1)
    }

    /// Returns the remediation that an approval belongs to, even before votes are requested.
    #[tracing::instrument(name = "store.remediations.by_approval", skip_all)]
    #[boxed]
    pub async fn by_approval(&self, id: &ApprovalId) -> Result<Remediation, StoreError> {
        let row = self.row("SELECT id, state FROM remediations WHERE approval_id = $1", &[id.as_str().into()]).await?;
        state(&row.ok_or_else(|| StoreError::not_found("approval", id))?, 1)
    }

    /// Returns the undos of a remediation, oldest first.
    pub async fn undos(&self, of: &RemediationId) -> Result<Vec<Remediation>, StoreError> {
        Ok(self.followers(of).await?.undos)
    }

    /// Returns what was submitted to follow a remediation.
    #[tracing::instrument(name = "store.remediations.followers", skip_all, fields(remediation.id = %of))]
    #[boxed]
    pub async fn followers(&self, of: &RemediationId) -> Result<Followers, StoreError> {
        let sql = "SELECT id, state FROM remediations WHERE follows = $1 ORDER BY number";
        let rows = self.rows(sql, &[of.as_str().into()]).await?;
        let all = rows.iter().map(|row| state(row, 1)).collect::<Result<Vec<Remediation>, _>>()?;
        let undos = all.iter().filter(|one| one.request.action == Action::Restore).cloned().collect();
        let is_retry = |one: &Remediation| matches!(one.request.origin, Origin::Retry { .. });
        Ok(Followers { undos, retries: all.into_iter().filter(is_retry).collect() })
    }

    /// Returns an alert by its ID.
    #[tracing::instrument(name = "store.alerts.load", skip_all)]
    #[boxed]
    pub async fn alert(&self, id: &AlertId) -> Result<Alert, StoreError> {
        let row = self.row("SELECT id, body FROM alerts WHERE id = $1", &[id.as_str().into()]).await?;
        parse(&row.ok_or_else(|| StoreError::not_found("alert", id))?, 1, "alerts", "body")
    }

    /// Returns an investigation by its ID.
    #[tracing::instrument(name = "store.investigations.load", skip_all)]
    #[boxed]
    pub async fn investigation(&self, id: &InvestigationId) -> Result<Investigation, StoreError> {
        let row = self.row("SELECT id, body FROM investigations WHERE id = $1", &[id.as_str().into()]).await?;
        parse(&row.ok_or_else(|| StoreError::not_found("investigation", id))?, 1, "investigations", "body")
    }

    /// Returns the alert of each of these, in order.
    #[tracing::instrument(name = "store.alerts.of", skip_all)]
    #[boxed]
    pub async fn alerts_of(&self, remediations: &[Remediation]) -> Result<Vec<Alert>, StoreError> {
        let ids: Vec<&str> = remediations.iter().map(|one| one.request.alert_id.as_str()).collect();
        bodies(&mut self.read().await?, "alerts", "alert", &ids).await
    }

    /// Returns the investigation of each of these, in order.
    #[tracing::instrument(name = "store.investigations.of", skip_all)]
    #[boxed]
    pub async fn investigations_of(&self, remediations: &[Remediation]) -> Result<Vec<Investigation>, StoreError> {
        let ids: Vec<&str> = remediations.iter().map(|one| one.request.investigation_id.as_str()).collect();
        bodies(&mut self.read().await?, "investigations", "investigation", &ids).await
    }

    /// Records an event that was decided before. The model refuses it if it is no longer allowed.
    pub async fn record(
        &self,
        id: &RemediationId,
        lease: Option<&Lease>,
        actor: impl Into<Actor<'_>>,
        event: &Event,
        at: Timestamp,
    ) -> Result<Remediation, StoreError> {
        let actor = actor.into();
        self.record_if(id, lease, actor, at, |_| Ok(event.clone())).await
    }

    /// Decides on the current state and records the event, in one transaction, so that the state cannot change in
    /// between.
    #[tracing::instrument(name = "store.remediations.record", skip_all, fields(remediation.id = %id))]
    pub async fn record_if<E: From<StoreError>>(
        &self,
        id: &RemediationId,
        lease: Option<&Lease>,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
        decide: impl FnOnce(&Remediation) -> Result<Event, E>,
    ) -> Result<Remediation, E> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let decided = async {
            let locked = lock(&mut tx, id, lease).await?;
            let event = decide(&locked.remediation)?;
            Ok::<_, E>(write(&mut tx, locked, actor, &event, at).await?)
        };
        match decided.await {
            Ok(next) => {
                tx.commit().await?;
                Ok(next.remediation)
            }
            Err(refused) => {
                // A dropped transaction would keep the row locked until the pool handles it, and claims would skip the
                // row.
                tx.roll_back().await?;
                Err(refused)
            }
        }
    }
}

/// Returns the records of a table with these IDs, in order.
async fn bodies<T: DeserializeOwned + Clone>(
    tx: &mut Tx,
    table: &'static str,
    kind: &'static str,
    ids: &[&str],
) -> Result<Vec<T>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT id, body FROM {table} WHERE id IN {}", places(1, ids.len()));
    let values: Vec<Value<'_>> = ids.iter().map(|id| (*id).into()).collect();
    let mut found = BTreeMap::new();
    for row in tx.rows(sql, &values).await? {
        found.insert(row.string(0)?, parse(&row, 1, table, "body")?);
    }
    ids.iter().map(|id| found.get(*id).cloned().ok_or_else(|| StoreError::not_found(kind, id))).collect()
}
