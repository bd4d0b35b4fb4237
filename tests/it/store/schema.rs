//! Opening: new files, old files, files of others; and the query plans of statements that must not scan.

use clawback_store::{Store, StoreError};

use super::harness::Database;

#[tokio::test]
async fn a_database_is_opened_again_with_what_it_holds() {
    for database in Database::all().await {
        let id = database.submit(1).await;
        database.store.close().await;
        let again = Store::open(&database.url).await.unwrap();
        again.load(&id).await.unwrap();
        again.close().await;
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    for database in Database::all().await {
        let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     SELECT 99, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
        database.sql(later).await;
        let refused = Store::open(&database.url).await.unwrap_err();
        assert!(matches!(refused, StoreError::TooNew { found: 99 }), "{refused}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let _store = Store::open(path.to_str().unwrap()).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 2, "there is a write-ahead log");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "Dear Ann, this is not a database at all. ".repeat(200)).unwrap();
    let damaged = Store::open(path.to_str().unwrap()).await.unwrap_err();
    assert!(matches!(damaged, StoreError::Damaged(_)), "{damaged:?}");
    let missing = Store::open("sqlite:/no/such/folder/history.db").await.unwrap_err();
    assert!(matches!(missing, StoreError::File { .. }), "{missing:?}");
    let other = Store::open("mysql://ann:secret@db/x").await.unwrap_err();
    assert!(matches!(&other, StoreError::BadUrl { url } if !url.contains("secret")), "{other:?}");
    let away = Store::open("postgres://127.0.0.1:9/none").await.unwrap_err();
    assert!(away.is_retryable(), "{away:?}");
}

/// Checks that SQLite runs the statements over large tables by key, never with a scan.
#[tokio::test]
async fn wide_tables_are_read_by_key() {
    let database = Database::sqlite().await;
    database.finished(1, 40).await;
    for (sql, tables) in [
        (
            "SELECT t.seq FROM targets t JOIN lanes l ON l.remediation = t.remediation AND l.lane = t.lane \
             LEFT JOIN outcomes o ON o.remediation = t.remediation AND o.seq = t.seq \
             WHERE t.remediation = 1 AND t.seq >= 0 AND t.seq < 9 AND o.seq IS NULL ORDER BY t.seq",
            3,
        ),
        (
            "SELECT o.seq FROM outcomes o WHERE o.remediation = 1 AND o.seq >= 0 AND o.seq < 9 AND o.batch = 0 ORDER BY o.seq",
            1,
        ),
        ("SELECT seq FROM events WHERE remediation_id = 'R' ORDER BY seq", 1),
        ("SELECT number FROM remediations WHERE due_at <= 5 AND lease_until <= 5", 1),
        ("SELECT name FROM schedules WHERE next_at <= 5 ORDER BY next_at", 1),
        ("SELECT first_id FROM sweeps WHERE next_at <= 5 ORDER BY next_at", 1),
        ("SELECT notifier FROM deliveries WHERE next_at <= 5 ORDER BY next_at LIMIT 9", 1),
        (
            "SELECT d.event FROM deliveries d WHERE d.notifier = 'n' AND d.next_at <= 5 \
             AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.notifier = d.notifier \
             AND e.remediation_id = d.remediation_id AND e.event < d.event) \
             AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.remediation_id = d.remediation_id AND n.event < d.event)",
            3,
        ),
        (
            "SELECT p.name, s.secret FROM sessions s JOIN principals p ON p.name = s.principal \
             WHERE s.digest = 'd' AND s.seen_at > 5",
            2,
        ),
        ("DELETE FROM attempts WHERE locked_until < 5", 1),
        ("DELETE FROM attempts WHERE number <= (SELECT MAX(number) FROM attempts) - 9", 2),
        (
            "DELETE FROM refusals WHERE kept_for = '' AND number <= \
             (SELECT number FROM refusals WHERE kept_for = '' ORDER BY number DESC LIMIT 1 OFFSET 9)",
            2,
        ),
        (
            "SELECT remediation_id FROM slots WHERE schedule = 's' AND remediation_id IS NOT NULL ORDER BY fire_at DESC",
            1,
        ),
    ] {
        let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&database.url).await.unwrap();
        let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let rows = plan.fetch_all(&mut connection).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, "detail")).collect();
        assert_eq!(steps.iter().filter(|step| step.starts_with("SEARCH")).count(), tables, "{steps:?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN") || step.contains("TEMP B-TREE")), "{steps:?}");
    }
}
