//! Histories that an earlier version of the schema wrote: opened, verified, and gone on with.

use clawback_model::{Decision, Event, Status, Throttles, Timestamp};
use clawback_store::Store;

use super::harness::{Database, targets};

/// What step 4 added, taken away again, and what the program of then did not write into the states.
async fn as_before_step_4(database: &Database) {
    let indexes = ["by_selection", "by_followed", "in_progress", "approved", "paused"];
    for index in indexes {
        database.sql(&format!("DROP INDEX remediations_{index}")).await;
    }
    for column in ["selection", "approved_at", "follows"] {
        database.sql(&format!("ALTER TABLE remediations DROP COLUMN {column}")).await;
    }
    database.sql("DROP TABLE halts").await;
    database.sql("DELETE FROM _sqlx_migrations WHERE version >= 4").await;
    for state in database.lines("SELECT state FROM remediations ORDER BY number").await {
        let mut old: serde_json::Value = serde_json::from_str(&state).unwrap();
        let id = old["id"].as_str().unwrap().to_owned();
        old.as_object_mut().unwrap().remove("approved-at");
        let progress = old["progress"].as_object_mut().unwrap();
        progress.remove("running-since");
        progress.remove("vips-accepted");
        if let Some(rules) = old["guards"]["stop-when"].as_object_mut() {
            rules.remove("running-longer-than");
        }
        let text = old.to_string().replace('\'', "''");
        database.sql(&format!("UPDATE remediations SET state = '{text}' WHERE id = '{id}'")).await;
    }
}

#[tokio::test]
async fn a_history_from_before_the_guards_is_sound_and_goes_on() {
    for mut database in Database::all().await {
        database.finished(1, 8).await;
        let (open, lease) = database.planned(2, &targets(8), Some(1)).await;
        database.vote(&open, "eve", Decision::Approve).await;
        let (half, running) = database.planned(3, &targets(8), None).await;
        let at = Timestamp(2_000_300);
        database.store.record(&half, Some(&running), "automation", &Event::Started, at).await.unwrap();
        database.batch(&half, &running, 0, 0, 4).await;
        database.store.close().await;
        as_before_step_4(&database).await;

        let store = Store::open(&database.url).await.unwrap();
        let verified = store.verify(None, |_| {}).await.unwrap();
        assert_eq!((verified.remediations, verified.targets), (3, 24), "{}", database.name);
        let started = store.start(&lease, &Throttles::default(), "automation", at).await.unwrap();
        assert_eq!(started.status, Status::InProgress, "{}: {:?}", database.name, started.stop);
        database.store = store.clone();
        database.batch(&half, &running, 1, 4, 4).await;
        store.record(&half, Some(&running), "automation", &Event::Finished, at).await.unwrap();
        store.halt("drill", "ann", at).await.unwrap();
        store.verify(None, |_| {}).await.unwrap();
    }
}
