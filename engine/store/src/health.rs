//! The health of the database, for `clawback doctor`, and its backup.

use crate::boxed::boxed;
use std::path::Path;

use clawback_model::Timestamp;
use sqlx::AssertSqlSafe;

use crate::database::dialect::{Pool, Tx};
use crate::database::schema;
use crate::error::StoreError;
use crate::store::Store;

/// The state of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// For example `SQLite 3.50.2` or `PostgreSQL 15.14`.
    pub database: String,
    /// Whether the version is one that Clawback is tested with: PostgreSQL 15 or later.
    pub supported: bool,
    /// The last step of the schema.
    pub schema: i64,
    /// Whether the connection is protected by TLS; `None` if there is no connection.
    pub tls: Option<bool>,
    /// The time of the database's clock; `None` if it is this machine's.
    pub clock: Option<Timestamp>,
}

impl Store {
    /// Reads the state and tests a write, without leaving anything behind.
    #[tracing::instrument(name = "store.health", skip_all)]
    #[boxed]
    pub async fn health(&self) -> Result<Health, StoreError> {
        let mut tx = self.write().await?;
        tx.execute("UPDATE remediations SET fence = fence WHERE number = -1", &[]).await?;
        tx.execute("DELETE FROM nodes WHERE id = ''", &[]).await?;
        let row = tx.row("SELECT MAX(version) FROM _sqlx_migrations WHERE success", &[]).await?;
        let schema = row.map(|row| row.opt_int(0)).transpose()?.flatten().unwrap_or(0);
        let health = match tx {
            Tx::Sqlite(_) => {
                let row = tx.row("SELECT sqlite_version()", &[]).await?;
                let version = row.map(|row| row.string(0)).transpose()?.unwrap_or_default();
                Health { database: format!("SQLite {version}"), supported: true, schema, tls: None, clock: None }
            }
            Tx::Postgres(_) => {
                let sql = "SELECT current_setting('server_version'), \
                           CAST(current_setting('server_version_num') AS BIGINT), \
                           CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT), \
                           (SELECT CAST(CAST(ssl AS INTEGER) AS BIGINT) FROM pg_stat_ssl WHERE pid = pg_backend_pid())";
                let row = tx.row(sql, &[]).await?;
                let row = row.ok_or_else(|| StoreError::corrupt("pg_settings", "server_version", ""))?;
                Health {
                    database: format!("PostgreSQL {}", row.text(0)?),
                    supported: row.int(1)? >= schema::OLDEST_POSTGRES,
                    schema,
                    tls: Some(row.opt_int(3)?.unwrap_or(0) != 0),
                    clock: Some(row.time(2)?),
                }
            }
        };
        Ok(health)
    }

    /// Writes a copy of a SQLite history, as of one moment, to a new file for its owner alone. Does not block other
    /// work.
    #[tracing::instrument(name = "store.backup", skip_all)]
    #[boxed]
    pub async fn back_up(&self, path: &Path) -> Result<(), StoreError> {
        let Pool::Sqlite { readers, .. } = self.pool() else { return Err(StoreError::NoBackup) };
        // SQLite uses the empty file, with its mode.
        let file = clawback_files::create(path)?;
        let copied =
            sqlx::query(AssertSqlSafe("VACUUM INTO $1")).bind(path.display().to_string()).execute(readers).await;
        if let Err(error) = copied {
            // An incomplete file must not be mistaken for a backup.
            let _ = std::fs::remove_file(path);
            return Err(error.into());
        }
        file.sync_all().map_err(|source| StoreError::File { path: path.display().to_string(), source })
    }
}
