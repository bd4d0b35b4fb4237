//! The handle that everything else is a method of.

use clawback_model::Timestamp;

use crate::dialect::{Pool, Tx};
use crate::error::StoreError;
use crate::postgres::Access;
use crate::principals::{SiteEvent, append};
use crate::schema;

/// The step of the schema since which events of the site tell of sweeps and schedules.
const TOLD_SINCE: i64 = 17;

/// The action history. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
}

impl Store {
    /// Opens `sqlite:PATH`, a plain path, or `postgres://...`, creates what is missing and brings the schema up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Access::default()).await
    }

    /// The same where more is known of the way to a database of PostgreSQL.
    #[tracing::instrument(name = "store.open", skip_all)]
    pub async fn open_with(url: &str, access: Access) -> Result<Self, StoreError> {
        let store = Self { pool: schema::connect(url, access).await? };
        store.upgrade().await?;
        store.build_words().await?;
        Ok(store)
    }

    /// Brings the schema up to date. A history that is older than the events that tell of sweeps and schedules notes where they
    /// begin, so that `verify` asks for none before it.
    async fn upgrade(&self) -> Result<(), StoreError> {
        if schema::reached(&self.pool).await?.is_some_and(|reached| reached < TOLD_SINCE) {
            let mut tx = self.write().await?;
            let last = tx.row("SELECT MAX(recorded_at) FROM events", &[]).await?;
            if let Some(at) = last.map_or(Ok(None), |row| row.opt_int(0))? {
                let event = SiteEvent::Upgraded { schema: TOLD_SINCE };
                append(&mut tx, &event, "automation".into(), Timestamp(at)).await?;
            }
            tx.commit().await?;
        }
        schema::migrate(&self.pool).await
    }

    /// Closes every connection; calls after it fail. SQLite folds its write-ahead log into the file.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) async fn write(&self) -> Result<Tx, StoreError> {
        // The state of a connection that has to be made first, with its TLS handshake, is large.
        Box::pin(self.pool.write()).await
    }

    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        Box::pin(self.pool.read()).await
    }
}
