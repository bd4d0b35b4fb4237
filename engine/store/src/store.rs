//! The handle of the action history.

use std::borrow::Cow;

use crate::boxed::boxed;
use crate::database::dialect::{Pool, Row, Tx, Value};
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

    /// Begins a transaction in which several queries see one snapshot.
    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        Box::pin(self.pool.read()).await
    }

    /// Returns all rows of one query.
    pub(crate) async fn rows(
        &self,
        sql: impl Into<Cow<'static, str>>,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        Box::pin(self.pool.rows(sql, values)).await
    }

    /// Returns the first row of one query.
    pub(crate) async fn row(
        &self,
        sql: impl Into<Cow<'static, str>>,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }
}
