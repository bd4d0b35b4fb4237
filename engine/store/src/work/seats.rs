//! A store's limits, over all nodes: each node holds seats, which never sum to more than the store allows at once, and
//! takes tokens from one bucket, a lot at a time. If a store requests a pause of all calls, every node observes it.
//! Each operation locks the store's one row for a short transaction.

use crate::boxed::boxed;
use std::time::Duration;

use clawback_model::Timestamp;

use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::store::Store;

/// A node's share of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seats {
    /// The calls that it may make at once.
    pub seats: u32,
    /// The time until which no node may call the store; a past time has no effect.
    pub held_until: Timestamp,
}

/// Tokens are stored in millionths, so that a bucket also fills between two close reads.
const UNIT: i64 = 1_000_000;

impl Store {
    /// Takes a node's share of the `total` seats of a store, until `until`. `used` are those that it cannot return now.
    /// It may get less than its share while others hold more than theirs, and never gets more than are free.
    #[tracing::instrument(name = "store.seats.take", skip_all, fields(node.id = node, store = store))]
    #[boxed]
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

    /// Stops all calls to a store on every node until `until`, because it throttles and requested that. The latest time
    /// wins.
    #[tracing::instrument(name = "store.seats.hold", skip_all, fields(store = store))]
    #[boxed]
    pub async fn hold_store(&self, store: &str, until: Timestamp) -> Result<(), StoreError> {
        let sql = "SELECT 1 FROM store_limits WHERE store = $1 AND held_until >= $2";
        if self.row(sql, &[store.into(), until.into()]).await?.is_some() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        lock_store(&mut tx, store).await?;
        let sql = "UPDATE store_limits SET held_until = $1 WHERE store = $2 AND held_until < $1";
        tx.execute(sql, &[until.into(), store.into()]).await?;
        tx.commit().await
    }

    /// Returns every node that holds seats of a store.
    #[tracing::instrument(name = "store.seats.holders", skip_all, fields(store = store))]
    #[boxed]
    pub async fn seat_holders(&self, store: &str) -> Result<Vec<String>, StoreError> {
        let rows = self.rows("SELECT node FROM seats WHERE store = $1", &[store.into()]).await?;
        rows.iter().map(|row| row.string(0)).collect()
    }

    /// Returns all seats of a node.
    #[tracing::instrument(name = "store.seats.leave", skip_all, fields(node.id = node, store = store))]
    #[boxed]
    pub async fn leave_seats(&self, node: &str, store: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.execute("DELETE FROM seats WHERE store = $1 AND node = $2", &[store.into(), node.into()]).await?;
        tx.commit().await
    }

    /// Takes `lot` calls from a store's bucket, which fills with `per_second` and holds a fiftieth of that: stores
    /// count in short windows, so idle time must not allow a burst. Returns after how long the calls may be made:
    /// tokens that are missing are reserved in advance, so that callers need not come back and none are lost while the
    /// database is slow.
    #[tracing::instrument(name = "store.tokens.take", skip_all, fields(store = store))]
    #[boxed]
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
        // A clock behind that of the last node adds nothing; `filled_at` never goes back.
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

/// Locks a store's row; returns the time until which no node may call the store.
async fn lock_store(tx: &mut Tx, store: &str) -> Result<Timestamp, StoreError> {
    tx.execute("INSERT INTO store_limits (store) VALUES ($1) ON CONFLICT (store) DO NOTHING", &[store.into()]).await?;
    let sql = tx.for_update("SELECT held_until FROM store_limits WHERE store = $1");
    tx.row(sql, &[store.into()]).await?.map_or(Ok(Timestamp(0)), |row| row.time(0))
}
