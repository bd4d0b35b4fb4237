//! Bulk inserts, the one write that differs between the databases: multi-row `VALUES` on SQLite, binary `COPY` on
//! PostgreSQL. Both take any number of rows; callers send 1,000 to 5,000 at once, above which it does not get faster.

use super::dialect::{Tx, Value, sqlite};
use super::escape::escape;
use crate::error::StoreError;

/// Rows per statement on SQLite. Its limit is 32,766 values per statement; above some hundred rows it does not get
/// faster.
const ROWS: usize = 250;
/// Bytes per message to PostgreSQL.
const CHUNK: usize = 1 << 20;

/// A table and the columns to write, in the order of the values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Into {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
}

/// Inserts rows, given as a flat list of values.
pub(crate) async fn insert(tx: &mut Tx, into: Into, values: &[Value<'_>]) -> Result<(), StoreError> {
    if values.is_empty() {
        return Ok(());
    }
    debug_assert_eq!(values.len() % into.columns.len(), 0, "whole rows only");
    match tx {
        Tx::Sqlite(tx) => {
            for chunk in values.chunks(ROWS * into.columns.len()) {
                let rows = chunk.len() / into.columns.len();
                // Placeholders without numbers: SQLite finds numbered ones by name with a linear search.
                let query = sqlx::query_with(sqlx::AssertSqlSafe(statement(into, rows)), sqlite(chunk));
                // The statement of a full chunk is reused; those of remainders would evict it from the statement cache.
                query.persistent(rows == ROWS).execute(&mut **tx).await?;
            }
        }
        Tx::Postgres(tx) => {
            let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", into.table, into.columns.join(", "));
            let mut copy = tx.copy_in_raw(&sql).await?;
            let mut bytes = Vec::with_capacity(CHUNK + (CHUNK >> 2));
            bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
            for row in values.chunks(into.columns.len()) {
                encode(&mut bytes, row);
                if bytes.len() >= CHUNK {
                    copy.send(bytes.as_slice()).await?;
                    bytes.clear();
                }
            }
            bytes.extend_from_slice(&(-1_i16).to_be_bytes());
            copy.send(bytes.as_slice()).await?;
            copy.finish().await?;
        }
    }
    Ok(())
}

fn statement(into: Into, rows: usize) -> String {
    let mut row = "(?".to_owned();
    row.push_str(&", ?".repeat(into.columns.len() - 1));
    row.push(')');
    let mut sql = format!("INSERT INTO {} ({}) VALUES {row}", into.table, into.columns.join(", "));
    row.insert_str(0, ", ");
    sql.push_str(&row.repeat(rows - 1));
    sql
}

/// Encodes one tuple of <https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4>.
fn encode(bytes: &mut Vec<u8>, row: &[Value<'_>]) {
    bytes.extend_from_slice(&i16::try_from(row.len()).expect("tables have few columns").to_be_bytes());
    for value in row {
        match value {
            Value::Text(text) => {
                let text = escape(text);
                let length = i32::try_from(text.len()).expect("a text is far below 2 GiB");
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            Value::Int(number) => {
                bytes.extend_from_slice(&8_i32.to_be_bytes());
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Value::NoText | Value::NoInt => bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }
}
