//! Connections to a SQLite file: one writer, several readers, and a file that only its owner can access.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::access::ACQUIRE;
use super::dialect::Pool;
use crate::error::StoreError;

/// How long a SQLite writer waits for another process.
const BUSY: Duration = Duration::from_secs(10);

/// The number of SQLite readers; they share the disk, so more would only queue there.
const READERS: u32 = 5;

/// Connects, and creates the file if it does not exist.
pub(crate) async fn connect(path: &Path) -> Result<Pool, StoreError> {
    create_private(path).map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
    clawback_files::check_policy(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    // The connection to a file does not break, so it is not tested before each use.
    let pool = |most| {
        let pool = SqlitePoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE);
        pool.idle_timeout(None).test_before_acquire(false)
    };
    let writer = pool(1).connect_with(options.clone()).await?;
    let readers = pool(READERS).connect_with(options).await?;
    Ok(Pool::Sqlite { writer, readers })
}

/// Creates the file for its owner alone, because the history names people and their mail. SQLite gives its companion
/// files the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
