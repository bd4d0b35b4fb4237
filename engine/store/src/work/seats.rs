//! A store's limits, over all nodes: each node holds seats, which never sum to more than the store allows at once, and takes
//! tokens out of one bucket, a lot at a time. A store that asked to be left alone is left alone by all of them. Each locks the store's one row, for the length of a short transaction.

use std::time::Duration;

use clawback_model::Timestamp;

use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::store::Store;

/// What a node has of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seats {
    /// Calls that it may make at once.
    pub seats: u32,
    /// The store asked every node to be left alone until then; a time that has passed means nothing.
    pub held_until: Timestamp,
}

/// Tokens are kept in millionths, so that a bucket fills between two looks.
const UNIT: i64 = 1_000_000;

impl Store {
    /// Takes a node's share of the `total` seats of a store, until `until`. `used` are those that it cannot give back now. What
    /// it gets may be less than its share while others hold more than theirs, and is never more than is free.
    #[tracing::instrument(name = "store.seats.take", skip_all, fields(node.id = node, store = store))]
    pub async fn take_seats(
        &self,
        node: &str,
        store: &str,
        total: u32,
        used: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Seats, StoreError> {
        let mut tx = self.write().await?;
        let held_until = lock_store(&mut tx, store).await?;
        tx.execute("DELETE FROM seats WHERE store = $1 AND until <= $2", &[store.into(), now.into()]).await?;
        let sql = "SELECT CAST(COALESCE(SUM(seats), 0) AS BIGINT), COUNT(*) FROM seats WHERE store = $1 AND node <> $2";
        let row = tx.row(sql, &[store.into(), node.into()]).await?;
        let (theirs, others) = row.map_or(Ok((0, 0)), |row| Ok::<_, StoreError>((row.int(0)?, row.int(1)?)))?;
        let free = i64::from(total).saturating_sub(theirs).max(0);
        let share = (i64::from(total) / (others + 1)).max(1);
        let mine = share.max(i64::from(used)).min(free);
        tx.execute(
            "INSERT INTO seats (store, node, seats, until) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (store, node) DO UPDATE SET seats = excluded.seats, until = excluded.until",
            &[store.into(), node.into(), mine.into(), until.into()],
        )
        .await?;
        tx.commit().await?;
        Ok(Seats { seats: u32::try_from(mine).unwrap_or(0), held_until })
    }

    /// Has every node leave a store alone until `until`: it throttles, and asked for that. The latest time stands.
    #[tracing::instrument(name = "store.seats.hold", skip_all, fields(store = store))]
    pub async fn hold_store(&self, store: &str, until: Timestamp) -> Result<(), StoreError> {
        let sql = "SELECT 1 FROM store_limits WHERE store = $1 AND held_until >= $2";
        if self.read().await?.row(sql, &[store.into(), until.into()]).await?.is_some() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        lock_store(&mut tx, store).await?;
        let sql = "UPDATE store_limits SET held_until = $1 WHERE store = $2 AND held_until < $1";
        tx.execute(sql, &[until.into(), store.into()]).await?;
        tx.commit().await
    }

    /// Every node that holds seats of a store.
    #[tracing::instrument(name = "store.seats.holders", skip_all, fields(store = store))]
    pub async fn seat_holders(&self, store: &str) -> Result<Vec<String>, StoreError> {
        let rows = self.read().await?.rows("SELECT node FROM seats WHERE store = $1", &[store.into()]).await?;
        rows.iter().map(|row| row.string(0)).collect()
    }

    /// Gives all seats back.
    #[tracing::instrument(name = "store.seats.leave", skip_all, fields(node.id = node, store = store))]
    pub async fn leave_seats(&self, node: &str, store: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.execute("DELETE FROM seats WHERE store = $1 AND node = $2", &[store.into(), node.into()]).await?;
        tx.commit().await
    }

    /// Takes `lot` calls out of a store's bucket, which fills with `per_second` and holds what comes in a fiftieth of one:
    /// stores count in short windows, so a burst is not allowed by having been idle. Gives after how long they may be made:
    /// what is not there yet is promised, so that nobody comes back for it, and nothing spills while the database is slow.
    #[tracing::instrument(name = "store.tokens.take", skip_all, fields(store = store))]
    pub async fn take_tokens(
        &self,
        store: &str,
        per_second: u32,
        lot: u32,
        now: Timestamp,
    ) -> Result<Duration, StoreError> {
        let mut tx = self.write().await?;
        tx.async_commit().await?;
        let sql = tx.for_update("SELECT tokens, filled_at FROM store_limits WHERE store = $1");
        let mut row = tx.row(sql.clone(), &[store.into()]).await?;
        if row.is_none() {
            lock_store(&mut tx, store).await?;
            row = tx.row(sql, &[store.into()]).await?;
        }
        let (tokens, filled_at) = row.map_or(Ok((0, 0)), |row| Ok::<_, StoreError>((row.int(0)?, row.int(1)?)))?;
        let rate = i64::from(per_second.max(1));
        // A clock that is behind the last node's fills nothing; `filled_at` never goes back.
        let elapsed = now.0.saturating_sub(filled_at).max(0);
        let there = tokens.saturating_add(elapsed.saturating_mul(rate)).min((rate / 50).max(1).saturating_mul(UNIT));
        let left = there.saturating_sub(i64::from(lot).saturating_mul(UNIT));
        tx.execute(
            "UPDATE store_limits SET tokens = $1, filled_at = $2 WHERE store = $3",
            &[left.into(), now.0.max(filled_at).into(), store.into()],
        )
        .await?;
        tx.commit().await?;
        let missing = left.min(0).unsigned_abs();
        Ok(Duration::from_micros(missing.div_ceil(rate.unsigned_abs())))
    }
}

/// Locks a store's row; gives until when the store is to be left alone.
async fn lock_store(tx: &mut Tx, store: &str) -> Result<Timestamp, StoreError> {
    tx.execute("INSERT INTO store_limits (store) VALUES ($1) ON CONFLICT (store) DO NOTHING", &[store.into()]).await?;
    let sql = tx.for_update("SELECT held_until FROM store_limits WHERE store = $1");
    tx.row(sql, &[store.into()]).await?.map_or(Ok(Timestamp(0)), |row| row.time(0))
}
