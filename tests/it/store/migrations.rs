//! Old histories: what an earlier version wrote is migrated, and all of it can be read and verified.
//!
//! `tests/data/histories/NNNN.sql` is a small history as the version with schema NNNN wrote it. That of the newest
//! schema is written if it is missing, and the test then fails once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clawback_model::{Decision, Digest, Event, Principal, PrincipalKind, Role, Timestamp};
use clawback_store::{Head, HistoryFilter, Store, TokenTerms};
use futures::{StreamExt as _, stream};
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, Row as _};

use super::harness::{Database, approval_id, targets};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// The migrations of the schema up to this one.
async fn steps(database: &str, last: i64) -> Migrator {
    let mut all = Migrator::new(folder("engine/store/migrations").join(database)).await.unwrap();
    all.migrations = all.migrations.iter().filter(|step| step.version <= last).cloned().collect();
    all
}

/// Numbers of the dumps, and the dumps.
fn histories() -> Vec<(i64, String)> {
    let files = std::fs::read_dir(folder("tests/data/histories")).unwrap().map(|file| file.unwrap().path());
    let mut found: Vec<(i64, String)> = files
        .map(|path| {
            (path.file_stem().unwrap().to_str().unwrap().parse().unwrap(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn what_every_earlier_version_wrote_is_read_and_verified() {
    let newest = steps("sqlite", i64::MAX).await.migrations.iter().map(|step| step.version).max().unwrap();
    let histories = histories();
    if histories.iter().all(|(version, _)| *version != newest) {
        let path = folder("tests/data/histories").join(format!("{newest:04}.sql"));
        std::fs::write(&path, dump().await).unwrap();
        panic!("{} was missing and is written: look at it, then commit it", path.display());
    }
    for kind in ["sqlite", "postgres"] {
        let versions: Vec<i64> = steps(kind, i64::MAX).await.migrations.iter().map(|step| step.version).collect();
        // As a database that was migrated to each version between then and now; an older one than NOTED reaches that only
        // by the program itself.
        let pairs = histories.iter().flat_map(|(written, sql)| {
            let last = if *written < NOTED { NOTED - 1 } else { i64::MAX };
            let reached = versions.iter().filter(move |version| (*written..=last).contains(*version));
            reached.map(move |reached| (*written, sql.as_str(), *reached))
        });
        let checks = stream::iter(pairs);
        checks.for_each_concurrent(4, |(written, sql, reached)| check(kind, written, sql, reached)).await;
    }
}

/// The migration that the program completes itself, as it notes in the chain what is older.
const NOTED: i64 = 17;

/// Makes a database of schema `written`, fills it, migrates it to `reached`, and then opens it with this program.
async fn check(kind: &str, written: i64, sql: &str, reached: i64) {
    let place = tempfile::tempdir().unwrap();
    let fill = sqlx::AssertSqlSafe(sql.to_owned());
    let url = if kind == "sqlite" {
        let url = format!("sqlite:{}", place.path().join("old.db").display());
        let mut old = sqlx::SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
        steps(kind, written).await.run(&mut old).await.unwrap();
        sqlx::raw_sql(fill).execute(&mut old).await.unwrap();
        steps(kind, reached).await.run(&mut old).await.unwrap();
        old.close().await.unwrap();
        url
    } else {
        let url = clawback_tests::postgres::empty_database().await;
        let mut old = sqlx::PgConnection::connect(&url).await.unwrap();
        steps(kind, written).await.run(&mut old).await.unwrap();
        sqlx::raw_sql(fill).execute(&mut old).await.unwrap();
        steps(kind, reached).await.run(&mut old).await.unwrap();
        old.close().await.unwrap();
        url
    };
    let said = format!("{kind}, written at {written}, stood at {reached}");
    let store = Store::open(&url).await.unwrap();
    let verified = store.verify(Some(head(sql)), |_| {}).await.unwrap_or_else(|error| panic!("{said}: {error}"));
    assert_eq!((verified.remediations, verified.outcomes), (4, 28), "{said}");
    let all = store.history(&HistoryFilter::default(), None, 10).await.unwrap().remediations;
    assert_eq!(all.len(), 4, "{said}");
    for remediation in &all {
        store.alert(&remediation.request.alert_id).await.unwrap();
        store.investigation(&remediation.request.investigation_id).await.unwrap();
        assert!(!store.events(&remediation.id).await.unwrap().is_empty());
        let messages = store.messages(&remediation.id, None, 100).await.unwrap();
        assert_eq!(messages.len() as u64, remediation.counts.submitted, "{said}");
        assert_eq!(store.batches(&remediation.id).await.unwrap().len(), remediation.progress.next_batch as usize);
        let status = HistoryFilter {
            statuses: vec![remediation.status],
            name: Some(remediation.request.name.clone()),
            ..HistoryFilter::default()
        };
        let found = store.history(&status, None, 10).await.unwrap().remediations;
        assert_eq!(found, std::slice::from_ref(remediation), "{said}");
    }
    assert!(store.principal_by_token(&Digest::of(b"secret"), Timestamp(5)).await.unwrap().is_some(), "{said}");
    // It can be continued from there.
    let pending = store.by_approval(&approval_id(2)).await.unwrap();
    let event = Event::CancelRequested { by: "ann".into(), reason: None };
    store.record(&pending.id, None, "ann", &event, Timestamp(9_000_000)).await.unwrap();
    store.verify(None, |_| {}).await.unwrap();
    store.close().await;
}

/// The head that is noted in a dump's first line.
fn head(sql: &str) -> Head {
    let (seq, hash) = sql.lines().next().unwrap().trim_start_matches("-- head ").split_once(':').unwrap();
    Head { seq: seq.parse().unwrap(), hash: hash.parse().unwrap() }
}

/// A small history as this version writes it: finished, waiting, cancelled, just submitted; a principal with a token.
async fn dump() -> String {
    let database = Database::sqlite().await;
    let store = &database.store;
    database.finished(1, 16).await;
    database.planned(2, &targets(5), Some(2)).await;
    let (id, lease) = database.planned(3, &targets(12), Some(1)).await;
    database.vote(&id, "eve", Decision::Approve).await;
    store.record(&id, Some(&lease), "automation", &Event::Started, Timestamp(2_000_300)).await.unwrap();
    database.batch(&id, &lease, 0, 0, 6).await;
    store.cancel_open(&id, &lease, "ann", Timestamp(2_000_700)).await.unwrap();
    database.submit(4).await;
    let principal = Principal::new("eve", PrincipalKind::Person, vec![Role::Approver]);
    store.add_principal(&principal, "root", Timestamp(3)).await.unwrap();
    store.add_token("eve", &Digest::of(b"secret"), TokenTerms::labelled("laptop"), "root", Timestamp(4)).await.unwrap();
    let head = store.head().await.unwrap();
    let mut sql = format!("-- head {}:{}\n", head.seq, head.hash);
    let mut connection = sqlx::SqliteConnection::connect(&database.url).await.unwrap();
    // In the order of their creation, so that referenced tables come first.
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' \
                  AND name NOT LIKE 'sqlite%' ORDER BY rowid";
    for table in sqlx::query(tables).fetch_all(&mut connection).await.unwrap() {
        let table: String = table.get(0);
        let columns = sqlx::AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{table}')"));
        let columns: Vec<String> = sqlx::query_scalar(columns).fetch_all(&mut connection).await.unwrap();
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let rows = sqlx::AssertSqlSafe(format!("SELECT {} FROM {table}", quoted.join(" || ', ' || ")));
        for row in sqlx::query_scalar::<_, String>(rows).fetch_all(&mut connection).await.unwrap() {
            writeln!(sql, "INSERT INTO {table} ({}) VALUES ({row});", columns.join(", ")).unwrap();
        }
    }
    sql
}
