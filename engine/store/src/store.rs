//! The handle of the action history.

use crate::boxed::boxed;
use crate::database::dialect::{Pool, Tx};
use crate::error::StoreError;

/// The action history. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
}

impl Store {
    pub(crate) const fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Closes every connection; later calls fail. SQLite merges its write-ahead log into the file.
    #[boxed]
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
        // The future of a new connection, with its TLS handshake, is large.
        Box::pin(self.pool.write()).await
    }

    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        Box::pin(self.pool.read()).await
    }
}
