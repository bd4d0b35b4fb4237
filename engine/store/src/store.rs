//! The handle that everything else is a method of.

use crate::dialect::{Pool, Tx};
use crate::error::StoreError;
use crate::schema;

/// The action history. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
}

impl Store {
    /// Opens `sqlite:PATH`, a plain path, or `postgres://...`, creates what is missing and brings the schema up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, schema::CONNECTIONS).await
    }

    /// The same with at most so many connections to PostgreSQL. SQLite needs no such bound.
    #[tracing::instrument(name = "store.open", skip_all)]
    pub async fn open_with(url: &str, connections: u32) -> Result<Self, StoreError> {
        let store = Self { pool: schema::open(url, connections).await? };
        store.build_words().await?;
        Ok(store)
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
        self.pool.write().await
    }

    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        self.pool.read().await
    }
}
