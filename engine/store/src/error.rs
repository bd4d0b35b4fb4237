//! The errors of the store. Each variant is a sentence that names the thing and the next step. Callers that act on the
//! difference (retry, give up the lease, stop the node) match on the variant, never on text.

use clawback_model::{ConfirmRefused, Halt, IllegalTransition, NameRefused, RemediationId, SavedSearchRefused};
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::migrate::MigrateError;

/// A read or write of the history that failed. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StoreError {
    #[error("there is no {noun} `{id}` in the history; {}", lists(noun))]
    NotFound { noun: &'static str, id: String },
    #[error("{noun} `{id}` exists already; choose another name")]
    Exists { noun: &'static str, id: String },
    #[error("{what}: expected {expected}, found {found}; it changed meanwhile, so load it again and decide again")]
    Conflict { what: String, expected: String, found: String },
    #[error("the lease on {remediation} is lost: another node has taken over, and nothing was written")]
    LeaseLost { remediation: RemediationId },
    #[error("the site is {halt}; nothing is planned, started or acted on before `clawback unhalt`")]
    Halted { halt: Halt },
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    #[error(
        "the history holds something that this program did not write: table {table}, column {column}, row {id}; run `clawback verify` and restore a backup if it complains"
    )]
    Corrupt { table: &'static str, column: &'static str, id: String },
    #[error(
        "the stored rows of {remediation} are not those that were recorded: {detail}. The database was changed from outside. Nothing is acted on; run `clawback verify`, and restore a backup or cancel it and submit it again"
    )]
    Altered { remediation: RemediationId, detail: String },
    #[error(
        "the stored state of {remediation} differs from its events: {detail}. The database was changed from outside. Nothing is done with it; run `clawback verify` and restore a backup"
    )]
    NotItsEvents { remediation: RemediationId, detail: String },
    #[error(transparent)]
    Name(#[from] NameRefused),
    #[error(transparent)]
    ConfirmRefused(#[from] ConfirmRefused),
    #[error(transparent)]
    SavedSearch(#[from] SavedSearchRefused),
    #[error("no roles of {name} wait to be confirmed; `clawback principals list` shows what waits")]
    NothingPending { name: String },
    #[error("the database's disk is full; make room and try again, nothing is lost")]
    Full(#[source] sqlx::Error),
    #[error("the database cannot be reached or is busy; check that it runs, then try again")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database file is damaged or is not a database; restore a backup")]
    Damaged(#[source] sqlx::Error),
    #[error("the database cannot be written: it is read-only, or its file belongs to another user")]
    ReadOnly(#[source] sqlx::Error),
    #[error("the database was written by a newer version (its schema has step {found}); upgrade this program")]
    TooNew { found: i64 },
    #[error("the database's schema cannot be brought up to date")]
    Migration(#[source] MigrateError),
    #[error("`{url}` is not a database: expected a file path, sqlite:PATH or postgres://USER@HOST/NAME")]
    BadUrl { url: String },
    #[error("PostgreSQL has its own tools for backups: `pg_dump --format=custom`, and `pg_restore` to go back")]
    NoBackup,
    #[error("the database file {path} cannot be created")]
    File { path: String, source: std::io::Error },
    #[error(
        "the database server `{host}` is another machine, and `sslmode={mode}` does not verify its certificate; write `sslmode=verify-full`, with `sslrootcert=FILE` for an authority of your own (`database-allow-cleartext = true` allows it nevertheless)"
    )]
    Cleartext { host: String, mode: &'static str },
    #[error(
        "TLS with the database server `{host}` failed; its certificate must be for this name, and of an authority that this machine or `sslrootcert=FILE` in the URL trusts (`database-allow-cleartext = true` allows a connection without)"
    )]
    Tls { host: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(
        "the schema of the database is older than this program, and this role may not change it; run `clawback doctor` once as the owner of the tables"
    )]
    NotTheOwner,
    #[error("the database file {0}")]
    Unsafe(#[from] clawback_files::FileError),
    #[error("the database refused a statement; this is a defect, please report it")]
    Database(#[source] sqlx::Error),
}

/// Returns the command that lists the existing ones.
fn lists(noun: &str) -> &'static str {
    match noun {
        "principal" => "`clawback principals list` shows the existing ones",
        "token" => "`clawback principals tokens` and the name of its owner lists them",
        "schedule" => "`clawback schedules list` shows the existing ones",
        "saved search" => "`clawback saved-searches list` shows those that you may open",
        _ => "`clawback history` shows the existing ones",
    }
}

impl StoreError {
    /// Returns whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Unavailable(_))
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and references alike")]
    pub(crate) fn not_found(noun: &'static str, id: impl ToString) -> Self {
        Self::NotFound { noun, id: id.to_string() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and references alike")]
    pub(crate) fn corrupt(table: &'static str, column: &'static str, id: impl ToString) -> Self {
        Self::Corrupt { table, column, id: id.to_string() }
    }

    pub(crate) fn altered(remediation: &RemediationId, detail: String) -> Self {
        Self::Altered { remediation: remediation.clone(), detail }
    }

    pub(crate) fn not_its_events(remediation: &RemediationId, detail: String) -> Self {
        Self::NotItsEvents { remediation: remediation.clone(), detail }
    }

    /// Maps a violated unique constraint to [`StoreError::Exists`].
    #[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and references alike")]
    pub(crate) fn exists(self, noun: &'static str, id: impl ToString) -> Self {
        if self.is_unique_violation() { Self::Exists { noun, id: id.to_string() } } else { self }
    }

    /// Returns whether a row already existed.
    pub(crate) fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.kind() == ErrorKind::UniqueViolation)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(reported) => {
                let make = if error_is_postgres(reported.as_ref()) {
                    postgres(reported.as_ref())
                } else {
                    sqlite(reported.as_ref())
                };
                make(error)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Database(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(found) => Self::TooNew { found },
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => Self::from(source),
            other => Self::Migration(other),
        }
    }
}

fn error_is_postgres(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some()
}

/// Classifies by primary result code (<https://www.sqlite.org/rescode.html>).
fn sqlite(error: &dyn DatabaseError) -> fn(sqlx::Error) -> StoreError {
    let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or(0);
    match code & 0xff {
        // On a full disk, a shared-memory file that cannot grow is a separate I/O error (SQLITE_IOERR_SHMSIZE).
        13 => StoreError::Full,
        10 if code == 4874 => StoreError::Full,
        11 | 26 => StoreError::Damaged,
        8 => StoreError::ReadOnly,
        // Busy, locked, I/O error, cannot open.
        5 | 6 | 10 | 14 => StoreError::Unavailable,
        _ => StoreError::Database,
    }
}

/// Classifies by SQLSTATE class (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
fn postgres(error: &dyn DatabaseError) -> fn(sqlx::Error) -> StoreError {
    let code = error.code().unwrap_or_default();
    match code.get(..2).unwrap_or_default() {
        _ if code == "53100" => StoreError::Full,
        _ if code == "25006" => StoreError::ReadOnly,
        "XX" if code != "XX000" => StoreError::Damaged,
        // Connection, resources, operator intervention (including time-outs), deadlock and serialization, object in
        // use.
        "08" | "53" | "57" | "40" | "55" => StoreError::Unavailable,
        _ => StoreError::Database,
    }
}
