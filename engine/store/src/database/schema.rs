//! The schema and its migration. Steps are embedded, numbered and only ever added: a released step is never edited, and
//! a database with a step that this program does not know is refused.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{SqlSafeStr as _, SqlitePool};

use super::dialect::{Pool, Tx};
use super::postgres;
use crate::error::StoreError;

const SQLITE: &[(i64, &str, &str)] = &[
    (1, "history", include_str!("../../migrations/sqlite/0001_history.sql")),
    (2, "lanes", include_str!("../../migrations/sqlite/0002_lanes.sql")),
    (3, "schedules", include_str!("../../migrations/sqlite/0003_schedules.sql")),
    (4, "guards", include_str!("../../migrations/sqlite/0004_guards.sql")),
    (5, "evidence", include_str!("../../migrations/sqlite/0005_evidence.sql")),
    (6, "sign-in", include_str!("../../migrations/sqlite/0006_sign_in.sql")),
    (7, "reminders", include_str!("../../migrations/sqlite/0007_reminders.sql")),
    (8, "token_scope", include_str!("../../migrations/sqlite/0008_token_scope.sql")),
    (9, "notices", include_str!("../../migrations/sqlite/0009_notices.sql")),
    (10, "attempts_and_sessions", include_str!("../../migrations/sqlite/0010_attempts_and_sessions.sql")),
    (11, "script_words", include_str!("../../migrations/sqlite/0011_script_words.sql")),
    (12, "store_holds", include_str!("../../migrations/sqlite/0012_store_holds.sql")),
    (13, "who_touched", include_str!("../../migrations/sqlite/0013_who_touched.sql")),
    (14, "plan_parts", include_str!("../../migrations/sqlite/0014_plan_parts.sql")),
    (15, "refusals_of_strangers", include_str!("../../migrations/sqlite/0015_refusals_of_strangers.sql")),
    (16, "log", include_str!("../../migrations/sqlite/0016_log.sql")),
    (17, "told_sessions", include_str!("../../migrations/sqlite/0017_told_sessions.sql")),
    (18, "credentials", include_str!("../../migrations/sqlite/0018_credentials.sql")),
    (19, "counted", include_str!("../../migrations/sqlite/0019_counted.sql")),
    (20, "texts", include_str!("../../migrations/sqlite/0020_texts.sql")),
    (21, "owners", include_str!("../../migrations/sqlite/0021_owners.sql")),
    (22, "pending_roles", include_str!("../../migrations/sqlite/0022_pending_roles.sql")),
    (23, "reports", include_str!("../../migrations/sqlite/0023_reports.sql")),
    (24, "looked_again", include_str!("../../migrations/sqlite/0024_looked_again.sql")),
    (25, "abuse_mailboxes", include_str!("../../migrations/sqlite/0025_abuse_mailboxes.sql")),
    (26, "simulations", include_str!("../../migrations/sqlite/0026_simulations.sql")),
    (27, "node_setup", include_str!("../../migrations/sqlite/0027_node_setup.sql")),
    (28, "saved_searches", include_str!("../../migrations/sqlite/0028_saved_searches.sql")),
    (29, "sent", include_str!("../../migrations/sqlite/0029_sent.sql")),
];
const POSTGRES: &[(i64, &str, &str)] = &[
    (1, "history", include_str!("../../migrations/postgres/0001_history.sql")),
    (2, "lanes", include_str!("../../migrations/postgres/0002_lanes.sql")),
    (3, "schedules", include_str!("../../migrations/postgres/0003_schedules.sql")),
    (4, "guards", include_str!("../../migrations/postgres/0004_guards.sql")),
    (5, "evidence", include_str!("../../migrations/postgres/0005_evidence.sql")),
    (6, "sign-in", include_str!("../../migrations/postgres/0006_sign_in.sql")),
    (7, "reminders", include_str!("../../migrations/postgres/0007_reminders.sql")),
    (8, "token_scope", include_str!("../../migrations/postgres/0008_token_scope.sql")),
    (9, "notices", include_str!("../../migrations/postgres/0009_notices.sql")),
    (10, "attempts_and_sessions", include_str!("../../migrations/postgres/0010_attempts_and_sessions.sql")),
    (11, "script_words", include_str!("../../migrations/postgres/0011_script_words.sql")),
    (12, "store_holds", include_str!("../../migrations/postgres/0012_store_holds.sql")),
    (13, "who_touched", include_str!("../../migrations/postgres/0013_who_touched.sql")),
    (14, "plan_parts", include_str!("../../migrations/postgres/0014_plan_parts.sql")),
    (15, "refusals_of_strangers", include_str!("../../migrations/postgres/0015_refusals_of_strangers.sql")),
    (16, "log", include_str!("../../migrations/postgres/0016_log.sql")),
    (17, "told_sessions", include_str!("../../migrations/postgres/0017_told_sessions.sql")),
    (18, "credentials", include_str!("../../migrations/postgres/0018_credentials.sql")),
    (19, "counted", include_str!("../../migrations/postgres/0019_counted.sql")),
    (20, "texts", include_str!("../../migrations/postgres/0020_texts.sql")),
    (21, "owners", include_str!("../../migrations/postgres/0021_owners.sql")),
    (22, "pending_roles", include_str!("../../migrations/postgres/0022_pending_roles.sql")),
    (23, "reports", include_str!("../../migrations/postgres/0023_reports.sql")),
    (24, "looked_again", include_str!("../../migrations/postgres/0024_looked_again.sql")),
    (25, "abuse_mailboxes", include_str!("../../migrations/postgres/0025_abuse_mailboxes.sql")),
    (26, "simulations", include_str!("../../migrations/postgres/0026_simulations.sql")),
    (27, "node_setup", include_str!("../../migrations/postgres/0027_node_setup.sql")),
    (28, "saved_searches", include_str!("../../migrations/postgres/0028_saved_searches.sql")),
    (29, "sent", include_str!("../../migrations/postgres/0029_sent.sql")),
];

/// The `server_version_num` of the oldest PostgreSQL that is tested.
pub(crate) const OLDEST_POSTGRES: i64 = 150_000;

/// Returns the last step that was applied to a database; `None` for a new one.
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

/// Applies the missing steps.
pub(crate) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    match pool {
        Pool::Sqlite { writer, .. } => migrator(SQLITE).run(writer).await?,
        Pool::Postgres(pool) => postgres::migrate(pool, &migrator(POSTGRES)).await?,
    }
    Ok(())
}

/// Creates an in-memory database with every step applied: the expected schema of a SQLite history.
pub(crate) async fn model_sqlite() -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new().in_memory(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    migrator(SQLITE).run(&pool).await?;
    Ok(pool)
}

/// Returns the steps of a PostgreSQL history as one text.
pub(crate) fn steps_postgres() -> String {
    POSTGRES.iter().map(|(_, _, sql)| *sql).collect::<Vec<_>>().join("\n")
}

fn migrator(steps: &[(i64, &'static str, &'static str)]) -> Migrator {
    let step = |(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations(steps.iter().map(step).collect())
}
