//! The event log: one hash chain over the whole site. An event is appended in the transaction that makes the change,
//! and never changes. Appends are serialized, so that the numbers have no gaps: a gap is a deleted event.

use crate::boxed::boxed;
use std::borrow::Cow;

use clawback_model::{
    Actor, Credential, Digest, Event, Link, RemediationId, Timestamp, credential_of, link_hash, with_credential,
};

use crate::database::dialect::{Row, Tx, Value};
use crate::error::StoreError;
use crate::rows::digest;
use crate::store::Store;

/// One event of the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The hashed fields: number, time, remediation, actor, kind, body, hash of the previous entry.
    pub link: Link,
    /// The stored hash.
    pub hash: Digest,
}

impl Entry {
    /// Returns the event of a remediation; `None` for an event of the site.
    pub fn event(&self) -> Result<Option<Event>, StoreError> {
        if self.link.remediation.is_none() {
            return Ok(None);
        }
        let parsed = serde_json::from_str(&self.link.body);
        parsed.map(Some).map_err(|_| StoreError::corrupt("events", "body", self.link.seq))
    }

    /// Returns the credential of the actor; `None` for the program itself, an identity provider, and events of older
    /// versions.
    pub fn credential(&self) -> Option<Credential> {
        credential_of(&self.link.body)
    }
}

/// The columns that [`read`] reads.
pub(crate) const COLUMNS: &str = "seq, remediation_id, recorded_at, actor, kind, body, previous, hash";

impl Store {
    /// Returns the events of one remediation, oldest first.
    #[tracing::instrument(name = "store.events", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn events(&self, id: &RemediationId) -> Result<Vec<Entry>, StoreError> {
        let mut tx = self.read().await?;
        let found = of_remediation(&mut tx, id.as_str()).await?;
        if found.is_empty() {
            return Err(StoreError::not_found("remediation", id));
        }
        Ok(found)
    }

    /// Returns events of the whole site after number `after`, oldest first.
    #[tracing::instrument(name = "store.chain", skip_all)]
    #[boxed]
    pub async fn chain(&self, after: i64, most: u32) -> Result<Vec<Entry>, StoreError> {
        page(&mut self.read().await?, after, most).await
    }
}

/// Returns the events after number `after`.
pub(crate) async fn page(tx: &mut Tx, after: i64, most: u32) -> Result<Vec<Entry>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE seq > $1 ORDER BY seq LIMIT $2");
    tx.rows(sql, &[after.into(), most.into()]).await?.iter().map(read).collect()
}

/// Returns the events that a query of [`COLUMNS`] finds.
pub(crate) async fn entries(tx: &mut Tx, sql: String, values: &[Value<'_>]) -> Result<Vec<Entry>, StoreError> {
    tx.rows(sql, values).await?.iter().map(read).collect()
}

/// Returns every event of a remediation.
pub(crate) async fn of_remediation(tx: &mut Tx, id: &str) -> Result<Vec<Entry>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE remediation_id = $1 ORDER BY seq");
    tx.rows(sql, &[id.into()]).await?.iter().map(read).collect()
}

/// Returns the events of a remediation up to this number.
pub(crate) async fn until(tx: &mut Tx, id: &str, last: i64) -> Result<Vec<Entry>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE remediation_id = $1 AND seq <= $2 ORDER BY seq");
    tx.rows(sql, &[id.into(), last.into()]).await?.iter().map(read).collect()
}

/// Appends an event, with the credential of its actor in its body; returns its number.
#[tracing::instrument(name = "store.events.append", skip_all, fields(event.kind = kind))]
pub(crate) async fn append(
    tx: &mut Tx,
    remediation: Option<&str>,
    actor: Actor<'_>,
    kind: &str,
    body: String,
    at: Timestamp,
) -> Result<i64, StoreError> {
    lock_chain(tx).await?;
    let last = tx.row("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", &[]).await?;
    let (seq, previous) = match last {
        Some(row) => (row.int(0)? + 1, digest(&row, 1, "events", "hash")?),
        None => (1, Digest::default()),
    };
    let link = Link {
        seq,
        at,
        remediation: remediation.map(str::to_owned),
        actor: actor.name.to_owned(),
        kind: kind.to_owned(),
        body: with_credential(body, actor.credential),
        previous,
    };
    tx.execute(
        "INSERT INTO events (seq, remediation_id, recorded_at, actor, kind, body, previous, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            seq.into(),
            remediation.into(),
            at.into(),
            actor.name.into(),
            kind.into(),
            (&link.body).into(),
            previous.to_string().into(),
            link_hash(&link).to_string().into(),
        ],
    )
    .await?;
    Ok(seq)
}

/// Locks the chain until the commit, so that no other transaction appends. Always taken after the row of a remediation,
/// so that no two transactions deadlock.
pub(crate) async fn lock_chain(tx: &mut Tx) -> Result<(), StoreError> {
    if let Tx::Postgres(_) = tx {
        // Advisory locks are per database; the number is used by this program only.
        tx.execute("SELECT pg_advisory_xact_lock(7241306)", &[]).await?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<Entry, StoreError> {
    let link = Link {
        seq: row.int(0)?,
        remediation: row.opt_text(1)?.map(Cow::into_owned),
        at: row.time(2)?,
        actor: row.string(3)?,
        kind: row.string(4)?,
        body: row.string(5)?,
        previous: digest(row, 6, "events", "previous")?,
    };
    Ok(Entry { link, hash: digest(row, 7, "events", "hash")? })
}
