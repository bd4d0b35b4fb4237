//! Nodes: one row each, with the time until which the node is alive, and what it works by.

use crate::boxed::boxed;
use clawback_model::{NodeSetup, Timestamp};

use crate::database::dialect::Row;
use crate::error::StoreError;
use crate::rows::json;
use crate::store::Store;

/// The nodes that are removed at once.
const FORGOTTEN: i64 = 100;

/// A known node.
#[derive(Debug, Clone)]
pub struct KnownNode {
    /// Its name.
    pub name: String,
    /// The time until which it is alive.
    pub alive_until: Timestamp,
    /// What it works by; `None` if an earlier version of the program runs it.
    pub setup: Option<NodeSetup>,
}

impl Store {
    /// Records that a node is alive until `until`, and what it works by: one row per node, so that heartbeats never wait for bulk writes.
    #[tracing::instrument(name = "store.nodes.alive", skip_all, fields(node.id = node))]
    #[boxed]
    pub async fn node_alive(&self, node: &str, until: Timestamp, setup: &NodeSetup) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "INSERT INTO nodes (id, alive_until, setup) VALUES ($1, $2, $3) \
                   ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until, setup = excluded.setup";
        tx.execute(sql, &[node.into(), until.into(), json(setup).into()]).await?;
        tx.commit().await
    }

    /// Returns every known node.
    #[tracing::instrument(name = "store.nodes", skip_all)]
    #[boxed]
    pub async fn nodes(&self) -> Result<Vec<KnownNode>, StoreError> {
        let rows = self.rows("SELECT id, alive_until, setup FROM nodes ORDER BY id", &[]).await?;
        let node = |row: &Row| {
            let setup = row.opt_text(2)?.and_then(|text| serde_json::from_str(&text).ok());
            Ok(KnownNode { name: row.string(0)?, alive_until: row.time(1)?, setup })
        };
        rows.iter().map(node).collect()
    }

    /// Removes nodes that have been silent since `before` and hold nothing, a few at a time. A node that resumes adds
    /// its row again.
    #[tracing::instrument(name = "store.nodes.forget", skip_all)]
    #[boxed]
    pub async fn forget_nodes(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "SELECT id FROM nodes n WHERE alive_until < $1 AND NOT EXISTS (SELECT 1 FROM work w WHERE w.node = n.id) \
                   ORDER BY id LIMIT $2";
        // Read before anything is locked: usually there is nothing to remove.
        let silent = self.rows(sql, &[before.into(), FORGOTTEN.into()]).await?;
        if silent.is_empty() {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        let mut forgotten = 0;
        for row in silent {
            let sql = "DELETE FROM nodes WHERE id = $1 AND alive_until < $2";
            forgotten += tx.execute(sql, &[row.string(0)?.into(), before.into()]).await?;
        }
        tx.commit().await?;
        Ok(forgotten)
    }

    /// Hands back what a node holds, and removes the node.
    #[tracing::instrument(name = "store.nodes.leave", skip_all, fields(node.id = node))]
    #[boxed]
    pub async fn node_leaves(&self, node: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for sql in ["UPDATE work SET node = NULL WHERE node = $1", "DELETE FROM nodes WHERE id = $1"] {
            tx.execute(sql, &[node.into()]).await?;
        }
        tx.commit().await
    }
}
