//! The two databases behind one small interface: transactions, values, rows. Nothing above this file distinguishes
//! them, except the bulk writes and the schema.

use std::borrow::Cow;
use std::sync::Arc;

use clawback_model::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, PgPool, Postgres, Row as _, Sqlite, SqlitePool, Transaction};

use super::escape::{escape, unescape};
use super::task::run_to_completion;
use crate::error::StoreError;

/// Connections to one of the two databases.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    /// SQLite has one writer; readers do not wait for it (WAL).
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction. If it is dropped without [`Tx::commit`], it is rolled back.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A value that is bound to a statement. The schema uses only texts and integers.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    NoText,
    NoInt,
}

/// A row that was read; columns are accessed by position.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Beginning a transaction always runs to its end, even if the caller is cancelled. If it were dropped between the
/// statement and its response, the connection would return to the pool inside an unknown transaction, and the next
/// writer on it could be in a read-only one.
impl Pool {
    /// Begins a transaction that writes. On SQLite it takes the write lock at once, so that it cannot fail later.
    pub(crate) async fn write(&self) -> Result<Tx, StoreError> {
        match self.clone() {
            Self::Sqlite { writer, .. } => {
                run_to_completion(async move { Ok(Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)) }).await
            }
            Self::Postgres(pool) => run_to_completion(async move { Ok(Tx::Postgres(pool.begin().await?)) }).await,
        }
    }

    /// Begins a transaction that reads: all its statements see the same snapshot.
    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        match self.clone() {
            Self::Sqlite { readers, .. } => {
                run_to_completion(async move { Ok(Tx::Sqlite(readers.begin().await?)) }).await
            }
            Self::Postgres(pool) => {
                run_to_completion(async move { Ok(Tx::Postgres(pool.begin_with(READ).await?)) }).await
            }
        }
    }
}

impl Pool {
    /// Returns all rows of one query, outside a transaction: it sees one snapshot without one. That is one round trip
    /// to the server instead of three.
    pub(crate) async fn rows(
        &self,
        sql: impl Into<Cow<'static, str>>,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let sql = AssertSqlSafe(log_statement(sql.into()));
        Ok(match self {
            Self::Sqlite { readers, .. } => {
                let rows = sqlx::query_with(sql, sqlite(values)).fetch_all(readers).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(pool) => {
                let rows = sqlx::query_with(sql, postgres(values)).fetch_all(pool).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }
}

impl Tx {
    /// Commits the transaction.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Rolls back, and releases the locks at once.
    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }

    /// Runs a statement and returns the number of affected rows.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let sql = AssertSqlSafe(log_statement(sql.into()));
        Ok(match self {
            Self::Sqlite(tx) => sqlx::query_with(sql, sqlite(values)).execute(&mut **tx).await?.rows_affected(),
            Self::Postgres(tx) => sqlx::query_with(sql, postgres(values)).execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// Lets the commit return before the data is on disk, for data that may be lost if the database crashes. SQLite has
    /// this setting per connection only.
    pub(crate) async fn async_commit(&mut self) -> Result<(), StoreError> {
        if let Self::Postgres(tx) = self {
            sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Returns all rows of a query. Callers limit them with a `LIMIT` or by their condition.
    pub(crate) async fn rows(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let sql = AssertSqlSafe(log_statement(sql.into()));
        Ok(match self {
            Self::Sqlite(tx) => {
                let rows = sqlx::query_with(sql, sqlite(values)).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(tx) => {
                let rows = sqlx::query_with(sql, postgres(values)).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Returns the first row of a query.
    pub(crate) async fn row(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Returns the `SELECT` with a lock on its rows until the commit. SQLite has one writer, so it needs none.
    pub(crate) fn for_update(&self, sql: &'static str) -> Cow<'static, str> {
        match self {
            Self::Sqlite(_) => Cow::Borrowed(sql),
            Self::Postgres(_) => Cow::Owned(format!("{sql} FOR UPDATE")),
        }
    }

    /// Like [`Tx::for_update`], but skips rows that another transaction has locked.
    pub(crate) fn for_update_skip_locked(&self, sql: &'static str) -> Cow<'static, str> {
        match self {
            Self::Sqlite(_) => Cow::Borrowed(sql),
            Self::Postgres(_) => Cow::Owned(format!("{sql} FOR UPDATE SKIP LOCKED")),
        }
    }
}

/// Logs a statement before it is sent. It contains no values: all external values are bound.
fn log_statement(sql: Cow<'static, str>) -> Cow<'static, str> {
    tracing::trace!(%sql, "statement");
    sql
}

impl Row {
    /// Reads an integer.
    pub(crate) fn int(&self, column: usize) -> Result<i64, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// Reads an integer or NULL.
    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// Reads a text.
    pub(crate) fn text(&self, column: usize) -> Result<Cow<'_, str>, StoreError> {
        Ok(unescape(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        }))
    }

    /// Reads a text or NULL.
    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<Cow<'_, str>>, StoreError> {
        let text: Option<&str> = match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        };
        Ok(text.map(unescape))
    }

    /// Reads an owned text.
    pub(crate) fn string(&self, column: usize) -> Result<String, StoreError> {
        Ok(self.text(column)?.into_owned())
    }

    /// Reads a shared text.
    pub(crate) fn shared(&self, column: usize) -> Result<Arc<str>, StoreError> {
        Ok(self.text(column)?.into())
    }

    /// Reads a time.
    pub(crate) fn time(&self, column: usize) -> Result<Timestamp, StoreError> {
        Ok(Timestamp(self.int(column)?))
    }
}

pub(crate) fn sqlite(values: &[Value<'_>]) -> SqliteArguments {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            Value::Text(text) => arguments.add(escape(text).as_ref()),
            Value::Int(number) => arguments.add(*number),
            Value::NoText => arguments.add(None::<&str>),
            Value::NoInt => arguments.add(None::<i64>),
        }
        .expect("texts and integers are encoded as they are");
    }
    arguments
}

fn postgres(values: &[Value<'_>]) -> PgArguments {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Text(text) => arguments.add(escape(text).as_ref()),
            Value::Int(number) => arguments.add(*number),
            Value::NoText => arguments.add(None::<&str>),
            Value::NoInt => arguments.add(None::<i64>),
        }
        .expect("texts and integers are encoded as they are");
    }
    arguments
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Int(time.0)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::NoText, Self::from)
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::NoText, Self::from)
    }
}

impl From<Option<u32>> for Value<'_> {
    fn from(number: Option<u32>) -> Self {
        number.map_or(Self::NoInt, Self::from)
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::NoInt, Self::from)
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Self::NoInt, Self::from)
    }
}
