//! The handle that everything else is a method of.

use crate::dialect::{Pool, Tx};
use crate::error::StoreError;
use crate::postgres::Access;
use crate::schema;

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
        let store = Self { pool: schema::open(url, access).await? };
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
        // The state of a connection that has to be made first, with its TLS handshake, is large.
        Box::pin(self.pool.write()).await
    }

    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        Box::pin(self.pool.read()).await
    }
}
