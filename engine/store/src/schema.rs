//! Opening a database and bringing its schema up to date. Steps are embedded, numbered and only ever added: a released step
//! is never edited, and a database with a step that this program does not know is refused.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};

use crate::dialect::Pool;
use crate::error::StoreError;

const SQLITE: &[(i64, &str, &str)] = &[
    (1, "history", include_str!("../migrations/sqlite/0001_history.sql")),
    (2, "lanes", include_str!("../migrations/sqlite/0002_lanes.sql")),
    (3, "schedules", include_str!("../migrations/sqlite/0003_schedules.sql")),
    (4, "guards", include_str!("../migrations/sqlite/0004_guards.sql")),
    (5, "evidence", include_str!("../migrations/sqlite/0005_evidence.sql")),
    (6, "sign-in", include_str!("../migrations/sqlite/0006_sign_in.sql")),
    (7, "reminders", include_str!("../migrations/sqlite/0007_reminders.sql")),
    (8, "token_scope", include_str!("../migrations/sqlite/0008_token_scope.sql")),
    (9, "notices", include_str!("../migrations/sqlite/0009_notices.sql")),
    (10, "attempts_and_sessions", include_str!("../migrations/sqlite/0010_attempts_and_sessions.sql")),
    (11, "script_words", include_str!("../migrations/sqlite/0011_script_words.sql")),
    (12, "store_holds", include_str!("../migrations/sqlite/0012_store_holds.sql")),
    (13, "who_touched", include_str!("../migrations/sqlite/0013_who_touched.sql")),
    (16, "refusals_of_strangers", include_str!("../migrations/sqlite/0016_refusals_of_strangers.sql")),
];
const POSTGRES: &[(i64, &str, &str)] = &[
    (1, "history", include_str!("../migrations/postgres/0001_history.sql")),
    (2, "lanes", include_str!("../migrations/postgres/0002_lanes.sql")),
    (3, "schedules", include_str!("../migrations/postgres/0003_schedules.sql")),
    (4, "guards", include_str!("../migrations/postgres/0004_guards.sql")),
    (5, "evidence", include_str!("../migrations/postgres/0005_evidence.sql")),
    (6, "sign-in", include_str!("../migrations/postgres/0006_sign_in.sql")),
    (7, "reminders", include_str!("../migrations/postgres/0007_reminders.sql")),
    (8, "token_scope", include_str!("../migrations/postgres/0008_token_scope.sql")),
    (9, "notices", include_str!("../migrations/postgres/0009_notices.sql")),
    (10, "attempts_and_sessions", include_str!("../migrations/postgres/0010_attempts_and_sessions.sql")),
    (11, "script_words", include_str!("../migrations/postgres/0011_script_words.sql")),
    (12, "store_holds", include_str!("../migrations/postgres/0012_store_holds.sql")),
    (13, "who_touched", include_str!("../migrations/postgres/0013_who_touched.sql")),
    (16, "refusals_of_strangers", include_str!("../migrations/postgres/0016_refusals_of_strangers.sql")),
];

/// `server_version_num` of the oldest PostgreSQL that is tested.
pub(crate) const OLDEST_POSTGRES: i64 = 150_000;
/// How long a writer of SQLite waits for another process.
const BUSY: Duration = Duration::from_secs(10);
/// How long a caller waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(30);
/// Readers of SQLite; they share the disk, so more would only queue there.
const READERS: u32 = 5;
/// Connections to PostgreSQL per node, unless its configuration says otherwise.
pub const CONNECTIONS: u32 = 16;
/// With fewer, whoever works would wait for whoever waits for work.
pub const FEWEST_CONNECTIONS: u32 = 4;

/// Connects and migrates.
pub(crate) async fn open(url: &str, connections: u32) -> Result<Pool, StoreError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return postgres(url, connections.max(FEWEST_CONNECTIONS)).await;
    }
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
    if path.is_empty() || path.contains("://") || path.starts_with(':') {
        return Err(StoreError::BadUrl { url: without_password(url) });
    }
    sqlite(Path::new(path)).await
}

async fn sqlite(path: &Path) -> Result<Pool, StoreError> {
    create_private(path).map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    let pool = |most| SqlitePoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE).idle_timeout(None);
    let writer = pool(1).connect_with(options.clone()).await?;
    migrator(SQLITE).run(&writer).await?;
    let readers = pool(READERS).connect_with(options).await?;
    Ok(Pool::Sqlite { writer, readers })
}

/// The history names people and their mail: the file is its owner's alone, and SQLite gives its companions the same rights.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

async fn postgres(url: &str, connections: u32) -> Result<Pool, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::BadUrl { url: without_password(url) })?
        .application_name("clawback")
        .options([
            ("statement_timeout", "60s"),
            ("lock_timeout", "20s"),
            ("idle_in_transaction_session_timeout", "120s"),
            // Every wide table is read by its key, page after page. On a table that grew since it was last analyzed the
            // planner takes it for tiny and joins or sorts all of it for each page: measured 16 times slower.
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            // The costs that say "off" would make it compile every statement.
            ("jit", "off"),
        ]);
    // The pool would try again until its time is up; a wrong address should be told at once.
    options.connect().await?.close().await?;
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE).connect_with(options).await?;
    migrator(POSTGRES).run(&pool).await?;
    Ok(Pool::Postgres(pool))
}

fn migrator(steps: &[(i64, &'static str, &'static str)]) -> Migrator {
    let step = |(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations(steps.iter().map(step).collect())
}

/// The URL for an error message.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_show_no_password() {
        assert_eq!(without_password("mysql://ann:secret@db/x"), "mysql://...@db/x");
        assert_eq!(without_password("nowhere"), "nowhere");
    }
}
