//! Opening a database and bringing its schema up to date. Steps are embedded, numbered and only ever added: a released step
//! is never edited, and a database with a step that this program does not know is refused.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr as _, SqlitePool};

use crate::dialect::{Pool, Tx};
use crate::error::StoreError;
use crate::postgres::{self, Access};

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
    (14, "plan_parts", include_str!("../migrations/sqlite/0014_plan_parts.sql")),
    (15, "refusals_of_strangers", include_str!("../migrations/sqlite/0015_refusals_of_strangers.sql")),
    (16, "log", include_str!("../migrations/sqlite/0016_log.sql")),
    (17, "told_sessions", include_str!("../migrations/sqlite/0017_told_sessions.sql")),
    (18, "credentials", include_str!("../migrations/sqlite/0018_credentials.sql")),
    (19, "counted", include_str!("../migrations/sqlite/0019_counted.sql")),
    (20, "texts", include_str!("../migrations/sqlite/0020_texts.sql")),
    (21, "owners", include_str!("../migrations/sqlite/0021_owners.sql")),
    (22, "pending_roles", include_str!("../migrations/sqlite/0022_pending_roles.sql")),
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
    (14, "plan_parts", include_str!("../migrations/postgres/0014_plan_parts.sql")),
    (15, "refusals_of_strangers", include_str!("../migrations/postgres/0015_refusals_of_strangers.sql")),
    (16, "log", include_str!("../migrations/postgres/0016_log.sql")),
    (17, "told_sessions", include_str!("../migrations/postgres/0017_told_sessions.sql")),
    (18, "credentials", include_str!("../migrations/postgres/0018_credentials.sql")),
    (19, "counted", include_str!("../migrations/postgres/0019_counted.sql")),
    (20, "texts", include_str!("../migrations/postgres/0020_texts.sql")),
    (21, "owners", include_str!("../migrations/postgres/0021_owners.sql")),
    (22, "pending_roles", include_str!("../migrations/postgres/0022_pending_roles.sql")),
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

/// Connects.
pub(crate) async fn connect(url: &str, access: Access) -> Result<Pool, StoreError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return postgres(url, access).await;
    }
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
    if path.is_empty() || path.contains("://") || path.starts_with(':') {
        return Err(StoreError::BadUrl { url: without_password(url) });
    }
    sqlite(Path::new(path)).await
}

async fn sqlite(path: &Path) -> Result<Pool, StoreError> {
    create_private(path).map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
    clawback_files::check_policy(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    let pool = |most| SqlitePoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE).idle_timeout(None);
    let writer = pool(1).connect_with(options.clone()).await?;
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

async fn postgres(url: &str, access: Access) -> Result<Pool, StoreError> {
    let pool = postgres::connect(url, access, ACQUIRE).await?;
    Ok(Pool::Postgres(pool))
}

/// The last step that a database has taken; none for one that is new.
pub(crate) async fn reached(pool: &Pool) -> Result<Option<i64>, StoreError> {
    let mut tx = pool.read().await?;
    let known = match tx {
        Tx::Sqlite(_) => "SELECT name FROM sqlite_master WHERE name = '_sqlx_migrations'",
        Tx::Postgres(_) => "SELECT relname::TEXT FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')",
    };
    if tx.row(known, &[]).await?.is_none() {
        return Ok(None);
    }
    let row = tx.row("SELECT MAX(version) FROM _sqlx_migrations WHERE success", &[]).await?;
    row.map_or(Ok(None), |row| row.opt_int(0))
}

/// Takes the steps that are missing.
pub(crate) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    match pool {
        Pool::Sqlite { writer, .. } => migrator(SQLITE).run(writer).await?,
        Pool::Postgres(pool) => postgres::migrate(pool, &migrator(POSTGRES)).await?,
    }
    Ok(())
}

/// An empty database in memory with every step taken: what a SQLite history looks like.
pub(crate) async fn model_sqlite() -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new().in_memory(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    migrator(SQLITE).run(&pool).await?;
    Ok(pool)
}

/// The steps of a PostgreSQL history, as one text.
pub(crate) fn steps_postgres() -> String {
    POSTGRES.iter().map(|(_, _, sql)| *sql).collect::<Vec<_>>().join("\n")
}

fn migrator(steps: &[(i64, &'static str, &'static str)]) -> Migrator {
    let step = |(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations(steps.iter().map(step).collect())
}

/// The URL for an error message.
pub(crate) fn without_password(url: &str) -> String {
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
