//! Checks the Merkle tree against the events: the stored tiles, the published checkpoints, and one that was noted
//! elsewhere.

use std::collections::BTreeMap;

use clawback_model::{Checkpoint, Digest, LogEdge, Note, TileAt};

use super::found::{Found, VerifyError};
use crate::database::dialect::Tx;
use crate::history::log::{size, tile};

/// The tree, recomputed from the events.
pub(super) struct Log {
    edge: LogEdge,
    /// The number of events in the stored tiles; the recomputed tree may be larger.
    stored: u64,
    /// The number of tiles that were compared.
    tiles: i64,
    /// The expected roots, by size.
    roots: BTreeMap<u64, Digest>,
}

impl Log {
    pub(super) async fn begin(tx: &mut Tx, noted: Option<(u64, Digest)>) -> Result<Self, VerifyError> {
        let mut roots = BTreeMap::new();
        for row in tx.rows("SELECT size, note FROM heads ORDER BY size", &[]).await? {
            let size = row.int(0)?;
            let kept = row.text(1)?.parse::<Note>().and_then(|note| note.text.parse::<Checkpoint>());
            let kept = kept.ok().filter(|kept| i64::try_from(kept.size) == Ok(size));
            let kept = kept.ok_or(Found::Head { size })?;
            roots.insert(kept.size, kept.root);
        }
        let mut log = Self { edge: LogEdge::default(), stored: size(tx).await?, tiles: 0, roots };
        if let Some((size, root)) = noted
            && log.roots.insert(size, root).is_some_and(|kept| kept != root)
        {
            return Err(Found::NotTheCheckpoint { size }.into());
        }
        log.compare(tx).await?;
        Ok(log)
    }

    /// Adds an event, and compares what is stored for its place in the tree.
    pub(super) async fn add(&mut self, tx: &mut Tx, event: &Digest) -> Result<(), VerifyError> {
        for (at, hashes) in self.edge.append(event) {
            if self.edge.size() <= self.stored {
                self.is_stored(tx, at, &hashes).await?;
            }
        }
        self.compare(tx).await
    }

    async fn compare(&mut self, tx: &mut Tx) -> Result<(), VerifyError> {
        let size = self.edge.size();
        if self.roots.first_key_value().is_some_and(|(first, _)| *first == size)
            && self.roots.pop_first().is_some_and(|(_, root)| root != self.edge.root())
        {
            return Err(Found::NotTheCheckpoint { size }.into());
        }
        if size == self.stored {
            for (at, hashes) in self.edge.clone().partial() {
                self.is_stored(tx, at, hashes).await?;
            }
        }
        Ok(())
    }

    async fn is_stored(&mut self, tx: &mut Tx, at: TileAt, hashes: &[Digest]) -> Result<(), VerifyError> {
        self.tiles += 1;
        if tile(tx, at).await?.as_deref() == Some(hashes) {
            return Ok(());
        }
        Err(Found::Tile { level: at.level, number: at.number }.into())
    }

    /// Checks the end, after all events were added.
    pub(super) async fn end(self, tx: &mut Tx) -> Result<(), VerifyError> {
        let last = self.edge.size();
        if let Some((&size, _)) = self.roots.last_key_value() {
            return Err(Found::CutCheckpoint { size, last }.into());
        }
        let rows = tx.row("SELECT COUNT(*) FROM log_tiles", &[]).await?.map_or(Ok(0), |row| row.int(0))?;
        if self.stored > last || rows != self.tiles { Err(Found::Tiles.into()) } else { Ok(()) }
    }
}
