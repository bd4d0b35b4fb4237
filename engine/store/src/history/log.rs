//! The Merkle tree over the events, grown by [`clawback_model::LogEdge`]. Its tiles are rows that are derived from the
//! events: they are brought up to date later, in bounded steps, by requests for a proof and by a node at work, but
//! never by the transaction that records an event.

use crate::boxed::boxed;
use std::collections::{BTreeMap, BTreeSet};

use clawback_model::{Digest, LogEdge, LogQuestion, Note, RemediationId, TILE_WIDTH, TileAt, Timestamp};
use data_encoding::BASE64;

use crate::chain::{self, Entry};
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::rows::digest;
use crate::store::Store;

/// The most events that one transaction adds.
const STEP: u32 = 4_096;

/// The events of a remediation, each with the proof that it is in the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    /// The size of the tree.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The events, oldest first, each with the sibling hashes on the path to the root, lowest first.
    pub events: Vec<(Entry, Vec<Digest>)>,
}

impl Store {
    /// Brings the tree up to the last event. Returns its size and its root.
    #[tracing::instrument(name = "store.log.grow", skip_all)]
    #[boxed]
    pub async fn grow_log(&self) -> Result<(u64, Digest), StoreError> {
        while self.step_log().await? {}
        let mut tx = self.read().await?;
        let edge = edge(&mut tx).await?;
        Ok((edge.size(), edge.root()))
    }

    /// Adds some events to the tree. Returns whether more are left.
    #[tracing::instrument(name = "store.log.step", skip_all)]
    #[boxed]
    pub async fn step_log(&self) -> Result<bool, StoreError> {
        // No lock is taken if the tree is up to date.
        if is_grown(&mut self.read().await?).await? {
            return Ok(false);
        }
        let mut tx = self.write().await?;
        lock(&mut tx).await?;
        let mut edge = edge(&mut tx).await?;
        let sql = "SELECT seq, hash FROM events WHERE seq > $1 ORDER BY seq LIMIT $2";
        let rows = tx.rows(sql, &[seq(edge.size()).into(), STEP.into()]).await?;
        for row in &rows {
            if row.int(0)? != seq(edge.size()) + 1 {
                return Err(StoreError::corrupt("events", "seq", seq(edge.size()) + 1));
            }
            for (at, hashes) in edge.append(&digest(row, 1, "events", "hash")?) {
                put(&mut tx, at, &hashes).await?;
            }
        }
        for (at, hashes) in edge.partial() {
            put(&mut tx, at, hashes).await?;
        }
        tx.commit().await?;
        Ok(rows.len() >= STEP as usize)
    }

    /// Returns the answer to a query on a tree that has this size: one hash for a root, otherwise those of the proof.
    #[tracing::instrument(name = "store.log.ask", skip_all)]
    #[boxed]
    pub async fn ask_log(&self, question: LogQuestion) -> Result<Vec<Digest>, StoreError> {
        let mut tx = self.read().await?;
        let tiles = tiles(&mut tx, question.tiles()).await?;
        question.answer(&tiles).ok_or_else(behind)
    }

    /// Proves the events of a remediation in the current tree, which contains all of them.
    #[tracing::instrument(name = "store.log.prove", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn prove(&self, id: &RemediationId) -> Result<Proven, StoreError> {
        self.grow_log().await?;
        let mut tx = self.read().await?;
        let edge = edge(&mut tx).await?;
        let entries = chain::until(&mut tx, id.as_str(), seq(edge.size())).await?;
        if entries.is_empty() {
            return Err(StoreError::not_found("remediation", id));
        }
        let size = edge.size();
        let question = |entry: &Entry| LogQuestion::Inclusion { index: entry.link.seq.unsigned_abs() - 1, size };
        let needed = entries.iter().flat_map(|entry| question(entry).tiles()).collect();
        let tiles = tiles(&mut tx, needed).await?;
        let proven = entries.into_iter().map(|entry| {
            let proof = question(&entry).answer(&tiles).ok_or_else(behind)?;
            Ok((entry, proof))
        });
        Ok(Proven { size, root: edge.root(), events: proven.collect::<Result<_, StoreError>>()? })
    }

    /// Returns the first `width` hashes of a tile.
    #[tracing::instrument(name = "store.log.tile", skip_all)]
    #[boxed]
    pub async fn log_tile(&self, at: TileAt, width: usize) -> Result<Vec<Digest>, StoreError> {
        let mut hashes = tile(&mut self.read().await?, at).await?.unwrap_or_default();
        if hashes.len() < width {
            return Err(corrupt(at));
        }
        hashes.truncate(width);
        Ok(hashes)
    }

    /// Returns the hashes of `most` events after number `after`: the entries of the tree.
    #[tracing::instrument(name = "store.log.entries", skip_all)]
    #[boxed]
    pub async fn log_entries(&self, after: u64, most: usize) -> Result<Vec<Digest>, StoreError> {
        let sql = "SELECT seq, hash FROM events WHERE seq > $1 ORDER BY seq LIMIT $2";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = self.rows(sql, &[seq(after).into(), most.into()]).await?;
        rows.iter().map(|row| digest(row, 1, "events", "hash")).collect()
    }

    /// Stores a checkpoint that is published. Returns it with the signatures that were stored for it before.
    #[tracing::instrument(name = "store.log.keep_head", skip_all)]
    #[boxed]
    pub async fn keep_head(&self, size: u64, note: &Note, at: Timestamp) -> Result<Note, StoreError> {
        let mut tx = self.write().await?;
        lock(&mut tx).await?;
        let kept = tx.row("SELECT note FROM heads WHERE size = $1", &[seq(size).into()]).await?;
        let kept = kept.map(|row| row.string(0)).transpose()?.and_then(|kept| kept.parse().ok());
        let note = kept.map_or(note.clone(), |kept| note.clone().with_signatures_of(kept));
        let sql = "INSERT INTO heads (size, note, made_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (size) DO UPDATE SET note = excluded.note, made_at = excluded.made_at";
        tx.execute(sql, &[seq(size).into(), note.to_string().into(), at.into()]).await?;
        tx.commit().await?;
        Ok(note)
    }

    /// Returns the largest published checkpoint, as it was signed.
    #[tracing::instrument(name = "store.log.last_head", skip_all)]
    #[boxed]
    pub async fn last_head(&self) -> Result<Option<(u64, String)>, StoreError> {
        let row = self.row("SELECT size, note FROM heads ORDER BY size DESC LIMIT 1", &[]).await?;
        row.map(|row| Ok((row.int(0)?.unsigned_abs(), row.string(1)?))).transpose()
    }

    /// Returns the published checkpoints of more events than `after`, as they were signed, by their sizes.
    #[tracing::instrument(name = "store.log.heads", skip_all)]
    #[boxed]
    pub async fn heads(&self, after: u64, most: u32) -> Result<Vec<(u64, String)>, StoreError> {
        let sql = "SELECT size, note FROM heads WHERE size > $1 ORDER BY size LIMIT $2";
        let rows = self.rows(sql, &[seq(after).into(), most.into()]).await?;
        rows.iter().map(|row| Ok((row.int(0)?.unsigned_abs(), row.string(1)?))).collect()
    }

    /// Returns whether events are not yet covered by a checkpoint that was sent, and none was sent after `since`.
    #[tracing::instrument(name = "store.log.head_due", skip_all)]
    #[boxed]
    pub async fn head_due(&self, since: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS due WHERE NOT EXISTS (SELECT 1 FROM heads WHERE sent_at > $1) \
                   AND (SELECT COALESCE(MAX(seq), 0) FROM events) > \
                   (SELECT COALESCE(MAX(size), 0) FROM heads WHERE sent_at IS NOT NULL)";
        Ok(self.row(sql, &[since.into()]).await?.is_some())
    }

    /// Records that a checkpoint was sent to every keeper.
    #[tracing::instrument(name = "store.log.head_sent", skip_all)]
    #[boxed]
    pub async fn head_sent(&self, size: u64, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.execute("UPDATE heads SET sent_at = $2 WHERE size = $1", &[seq(size).into(), at.into()]).await?;
        tx.commit().await
    }
}

/// Serializes writes of the tree; SQLite does so anyway.
async fn lock(tx: &mut Tx) -> Result<(), StoreError> {
    if let Tx::Postgres(_) = tx {
        tx.execute("SELECT pg_advisory_xact_lock(7241307)", &[]).await?;
    }
    Ok(())
}

/// Returns whether the last event is in the tree.
async fn is_grown(tx: &mut Tx) -> Result<bool, StoreError> {
    let last = tx.row("SELECT COALESCE(MAX(seq), 0) FROM events", &[]).await?.map_or(Ok(0), |row| row.int(0))?;
    Ok(seq(size(tx).await?) >= last)
}

/// Returns the number of events in the tree, which is read from its lowest level.
pub(crate) async fn size(tx: &mut Tx) -> Result<u64, StoreError> {
    let sql = "SELECT number, hashes FROM log_tiles WHERE level = 0 ORDER BY number DESC LIMIT 1";
    let Some(row) = tx.row(sql, &[]).await? else { return Ok(0) };
    let at = TileAt { level: 0, number: row.int(0)?.unsigned_abs() };
    Ok(at.number * TILE_WIDTH + read(at, &row.text(1)?)?.len() as u64)
}

/// Returns the edge at which the tree grows.
async fn edge(tx: &mut Tx) -> Result<LogEdge, StoreError> {
    let size = size(tx).await?;
    let mut edge = Vec::new();
    for (at, width) in LogEdge::tiles(size) {
        let hashes = if width == 0 { Vec::new() } else { tile(tx, at).await?.unwrap_or_default() };
        if hashes.len() != width {
            return Err(corrupt(at));
        }
        edge.push(hashes);
    }
    Ok(LogEdge::new(size, edge))
}

async fn tiles(tx: &mut Tx, needed: BTreeSet<TileAt>) -> Result<BTreeMap<TileAt, Vec<Digest>>, StoreError> {
    let mut found = BTreeMap::new();
    for at in needed {
        if let Some(hashes) = tile(tx, at).await? {
            found.insert(at, hashes);
        }
    }
    Ok(found)
}

/// Returns a tile as it is stored.
pub(crate) async fn tile(tx: &mut Tx, at: TileAt) -> Result<Option<Vec<Digest>>, StoreError> {
    let sql = "SELECT hashes FROM log_tiles WHERE level = $1 AND number = $2";
    let row = tx.row(sql, &[at.level.into(), seq(at.number).into()]).await?;
    row.map(|row| read(at, &row.text(0)?)).transpose()
}

async fn put(tx: &mut Tx, at: TileAt, hashes: &[Digest]) -> Result<(), StoreError> {
    let sql = "INSERT INTO log_tiles (level, number, hashes) VALUES ($1, $2, $3) \
               ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes";
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
    tx.execute(sql, &[at.level.into(), seq(at.number).into(), BASE64.encode(&bytes).into()]).await.map(drop)
}

fn read(at: TileAt, text: &str) -> Result<Vec<Digest>, StoreError> {
    let bytes = BASE64.decode(text.as_bytes()).map_err(|_| corrupt(at))?;
    let (hashes, rest) = bytes.as_chunks::<32>();
    let fits = rest.is_empty() && (1..=TILE_WIDTH).contains(&(hashes.len() as u64));
    if fits { Ok(hashes.iter().copied().map(Digest).collect()) } else { Err(corrupt(at)) }
}

fn corrupt(at: TileAt) -> StoreError {
    StoreError::corrupt("log_tiles", "hashes", format!("{}/{}", at.level, at.number))
}

fn behind() -> StoreError {
    StoreError::corrupt("log_tiles", "number", "a tile that the proof needs")
}

fn seq(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
