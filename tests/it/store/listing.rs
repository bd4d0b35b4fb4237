//! The history's filters over several blocks: the answers are those of a full scan, and no statement scans.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

use clawback_model::{Action, ActionSource, Remediation, Status, Timestamp};
use clawback_store::{HistoryFilter, Store};
use clawback_tests::past::{self, submitted_at};
use sqlx::{Connection as _, Row as _};

use super::harness::Database;

/// Three blocks of 4,096, the last not full.
const COUNT: u32 = 9_000;

/// A database with a history that was written before it was opened, as after an upgrade.
async fn with_a_past(database: &Database) -> (Store, Vec<Remediation>) {
    let mut all = Vec::new();
    past::write(&database.url, COUNT, |made| all.push(made.remediation)).await;
    (Store::open(&database.url).await.unwrap(), all)
}

/// Every subset of nine conditions, each with a value that is common, rare, absent, or never combined with another.
fn filters(all: &[Remediation]) -> Vec<HistoryFilter> {
    let names = ["PURGE", "zanzibar", "Überweisung", "q", "7 (z", "notice: parcel", "no such name"];
    let statuses = [Status::Completed, Status::Paused, Status::Rejected, Status::Queued];
    let sources = [ActionSource::Schedule, ActionSource::Script, ActionSource::Manual];
    let actions = [Action::SoftDelete, Action::HardDelete];
    let deciders = ["automation", "zoe", "nobody"];
    let since = [submitted_at(1), submitted_at(4_000), submitted_at(8_990), submitted_at(COUNT + 1)];
    let until = [submitted_at(COUNT + 1), submitted_at(4_200), submitted_at(3), submitted_at(1)];
    let mut filters = Vec::new();
    for which in 0..512_usize {
        for value in 0..7_usize {
            let asked = |bit: usize| which & (1 << bit) != 0;
            let request = &all[(which * 7 + value) * 17 % all.len()].request;
            filters.push(HistoryFilter {
                name: asked(0).then(|| names[value].to_owned()),
                statuses: statuses[value % 4..]
                    .iter()
                    .take(if asked(1) { 1 + which % 2 } else { 0 })
                    .copied()
                    .collect(),
                action_source: asked(2).then(|| sources[value % 3]),
                action_type: asked(3).then(|| actions[value % 2]),
                decided_by: asked(4).then(|| deciders[value % 3].to_owned()),
                requested_by: (asked(4) && value > 4).then(|| request.requested_by.clone()),
                playbook: (asked(3) && value == 6).then(|| request.playbook.clone()),
                mailbox: None,
                message_id: None,
                since: asked(5).then(|| since[value % 4]),
                until: asked(6).then(|| until[value % 4]),
                approval_id: (asked(7) && asked(8)).then(|| request.approval_id.clone()),
                investigation_id: (asked(7) && !asked(8)).then(|| request.investigation_id.clone()),
                pending_only: !asked(7) && asked(8),
                without_empty: (which + value) % 3 == 1,
            });
        }
    }
    filters
}

#[tokio::test]
async fn every_combination_of_filters_matches_a_full_scan() {
    for database in Database::all().await {
        let (store, all) = with_a_past(&database).await;
        let waiting = all.iter().filter(|one| matches!(one.status, Status::PendingApproval | Status::Paused)).count();
        assert_eq!(store.pending(usize::MAX).await.unwrap(), waiting);
        assert_eq!(store.pending(10).await.unwrap(), waiting.min(10));
        for (place, filter) in filters(&all).iter().enumerate() {
            // One in fifteen, different ones on each database.
            if place % 15 != database.name.len() % 15 {
                continue;
            }
            let page = store.history(filter, None, 20).await.unwrap();
            let expected: Vec<_> = all.iter().rev().filter(|one| filter.lets_through(one)).take(21).collect();
            let found: Vec<_> = page.remediations.iter().map(|one| &one.id).collect();
            let first: Vec<_> = expected.iter().take(20).map(|one| &one.id).collect();
            assert_eq!(found, first, "{}: {filter:?}", database.name);
            assert_eq!(page.next.is_some(), expected.len() > 20, "{}: {filter:?}", database.name);
        }
    }
}

#[tokio::test]
async fn pages_go_through_every_block_to_the_end() {
    for database in Database::all().await {
        let (store, all) = with_a_past(&database).await;
        let filter = HistoryFilter {
            name: Some("purge".into()),
            since: Some(submitted_at(100)),
            until: Some(submitted_at(8_500)),
            ..HistoryFilter::default()
        };
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let page = store.history(&filter, cursor, 150).await.unwrap();
            seen.extend(page.remediations.into_iter().map(|one| one.id));
            match page.next {
                Some(next) => cursor = Some(next.to_string().parse().unwrap()),
                None => break,
            }
        }
        let expected: Vec<_> =
            all.iter().rev().filter(|one| filter.lets_through(one)).map(|one| one.id.clone()).collect();
        assert!(seen == expected && seen.len() > 1_000, "{}: {} of {}", database.name, seen.len(), expected.len());
    }
}

/// Names and votes may contain anything.
#[tokio::test]
async fn the_index_follows_every_event_and_drift_is_found() {
    for database in Database::all().await {
        let id = database.submit_as(1, |request| request.name = "\0\u{10FFFF} 'x' 100%_\\ \u{202e}ß".into()).await;
        database.finished(2, 20).await;
        let find = |filter: HistoryFilter| {
            let store = database.store.clone();
            async move {
                store
                    .history(&filter, None, 10)
                    .await
                    .unwrap()
                    .remediations
                    .into_iter()
                    .map(|one| one.id)
                    .collect::<Vec<_>>()
            }
        };
        for part in ["\0\u{10FFFF}", "\u{202e}", "%_\\", "' 1", "\u{202e}ß"] {
            let filter = HistoryFilter { name: Some(part.into()), ..HistoryFilter::default() };
            assert_eq!(find(filter).await, std::slice::from_ref(&id), "{}: {part:?}", database.name);
        }
        database.store.verify(None, |_| {}).await.unwrap();
        let tables = database.keep().await;
        for change in [
            "UPDATE history_words SET members = '' WHERE word = 'status:queued'",
            "DELETE FROM history_words WHERE word = 'name:pur'",
            "INSERT INTO history_words SELECT block, 'decided-by:mallory', members FROM history_words WHERE word = 'all'",
            "UPDATE history_blocks SET last_at = 5",
            "UPDATE history_times SET created_at = 5 WHERE number = 2",
            "DELETE FROM history_blocks",
        ] {
            database.sql(change).await;
            let found = database.store.verify(None, |_| {}).await.unwrap_err();
            assert!(found.to_string().contains("remediations 0 to 4095"), "{}: {change}: {found}", database.name);
            database.put_back(&tables).await;
        }
        // A block that is missing is built again by the next event, and when the database is opened.
        database.sql("DELETE FROM history_blocks; DELETE FROM history_words").await;
        database.store.close().await;
        let store = Store::open(&database.url).await.unwrap();
        store.verify(None, |_| {}).await.unwrap();
    }
}

/// Captures the store's statements.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The statements for these filters, as the store sends them.
async fn statements(store: &Store, filters: &[HistoryFilter]) -> BTreeSet<String> {
    let told = Told::default();
    let writer = told.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    for filter in filters {
        // Other tests use the store's log lines at the same time without a subscriber, which disables them for all.
        tracing::callsite::rebuild_interest_cache();
        store.history(filter, None, 20).await.unwrap();
    }
    drop(guard);
    let bytes = std::mem::take(&mut *told.0.lock().unwrap());
    let lines: Vec<serde_json::Value> =
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().filter_map(|line| line["fields"]["sql"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn no_combination_of_filters_scans_a_table() {
    for database in Database::all().await {
        let (store, all) = with_a_past(&database).await;
        let mut asked: Vec<_> = filters(&all).into_iter().step_by(3).collect();
        let (mailbox, message_id) = (Some("ann@corp.example".to_owned()), Some("<1@evil.example>".to_owned()));
        for (mailbox, message_id) in [(mailbox.clone(), None), (None, message_id.clone()), (mailbox, message_id)] {
            asked.push(HistoryFilter { mailbox, message_id, ..HistoryFilter::default() });
        }
        let statements = statements(&store, &asked).await;
        assert!(statements.len() > 5, "{statements:#?}");
        for sql in statements {
            if database.name == "sqlite" {
                check_sqlite(&database.url, &sql).await;
            } else {
                check_postgres(&database.url, &sql).await;
            }
        }
    }
}

async fn check_sqlite(url: &str, sql: &str) {
    let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut connection).await;
    let steps: Vec<String> = rows.unwrap().iter().map(|row| row.get("detail")).collect();
    let is_by_key = |step: &String| step.starts_with("SEARCH") || step.starts_with("CORRELATED SCALAR SUBQUERY");
    assert!(steps.iter().all(is_by_key), "{sql}: {steps:#?}");
    if sql.contains("history_words") {
        assert!(steps.iter().any(|step| step.contains("(block=? AND word=?)")), "{sql}: {steps:#?}");
    }
    if sql.contains("FROM lanes") {
        assert!(steps[0].contains("lanes_by_mailbox (mailbox=? AND remediation>?"), "{sql}: {steps:#?}");
    }
}

/// With the settings of the store's own connections, and for any values.
async fn check_postgres(url: &str, sql: &str) {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let values = (1..100).take_while(|place| sql.contains(&format!("${place}"))).count();
    let nothing = vec!["NULL"; values].join(", ");
    let settings = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
                    SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan";
    let prepare = format!("{settings}; PREPARE asked AS {sql}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN EXECUTE asked({nothing})"));
    let rows = sqlx::raw_sql(explain).fetch_all(&mut connection).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let plan = lines.join("\n");
    let scans = lines.iter().filter(|line| line.contains("Scan")).count();
    let conditions = lines.iter().filter(|line| line.contains("Index Cond")).count();
    assert!(!plan.contains("Seq Scan") && scans == conditions, "{sql}\n{plan}");
    if sql.contains("FROM lanes") {
        assert!(plan.contains("lanes_by_mailbox"), "{sql}\n{plan}");
    }
    if sql.contains("history_words") {
        assert!(plan.contains("block = b.block") && plan.contains("AND (word = "), "{sql}\n{plan}");
    }
}

#[tokio::test]
async fn a_clock_that_went_back_hides_nothing() {
    for database in Database::all().await {
        for number in [5, 3, 9, 1] {
            database.submit(number).await;
        }
        let filter = HistoryFilter {
            since: Some(Timestamp(1_000_003)),
            until: Some(Timestamp(1_000_009)),
            ..HistoryFilter::default()
        };
        let page = database.store.history(&filter, None, 10).await.unwrap();
        let times: Vec<_> = page.remediations.iter().map(|one| one.created_at.0).collect();
        assert_eq!(times, [1_000_003, 1_000_005], "the last submitted first, whatever their clocks said");
    }
}
