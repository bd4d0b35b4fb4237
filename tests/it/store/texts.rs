//! Texts that plans were made with: kept once, and for as long as a plan refers to them.

use std::collections::BTreeMap;

use clawback_model::{Digest, Event, StopReason, Timestamp};

use super::harness::Database;

fn texts<const N: usize>(texts: [&str; N]) -> BTreeMap<Digest, String> {
    texts.map(|text| (Digest::of(text.as_bytes()), text.to_owned())).into()
}

async fn kept(database: &Database) -> Vec<String> {
    database.lines("SELECT body FROM texts ORDER BY body").await
}

#[tokio::test]
async fn a_text_is_kept_once_and_while_a_plan_refers_to_it() {
    for database in Database::all().await {
        let store = &database.store;
        let mut held = Vec::new();
        for (number, given) in [(1, ["a", "b"]), (2, ["b", "c"])] {
            let id = database.submit(number).await;
            let lease = database.claim(&id).await;
            let at = Timestamp(2_000_100);
            store.record(&id, Some(&lease), "automation", &Event::PlanningStarted, at).await.unwrap();
            store.begin_plan(&id, &lease).await.unwrap();
            store.keep_texts(&id, &lease, &texts(given)).await.unwrap();
            held.push((id, lease));
        }
        assert_eq!(kept(&database).await, ["a", "b", "c"], "{}", database.name);
        assert_eq!(store.text(&Digest::of(b"b")).await.unwrap().as_deref(), Some("b"));

        // A plan that is made again refers to its new texts.
        let (id, lease) = &held[1];
        store.begin_plan(id, lease).await.unwrap();
        assert_eq!(kept(&database).await, ["a", "b"], "{}", database.name);
        store.keep_texts(id, lease, &texts(["b", "d"])).await.unwrap();
        store.keep_texts(id, lease, &texts(["b", "d"])).await.unwrap();

        // Retention leaves texts that other plans refer to.
        let (id, lease) = &held[0];
        let reason = StopReason::PlanFailed { detail: "a test".into() };
        store
            .record(id, Some(lease), "automation", &Event::PlanRefused { reason }, Timestamp(2_000_200))
            .await
            .unwrap();
        assert!(store.remove_messages(id, Timestamp(9_000_000), "root", Timestamp(9)).await.unwrap());
        assert_eq!(kept(&database).await, ["b", "d"], "{}", database.name);

        // A changed text is not accepted under the old digest.
        assert!(database.force("UPDATE texts SET body = 'x' WHERE body = 'b'").await);
        assert_eq!(store.text(&Digest::of(b"b")).await.unwrap(), None);
        let said = store.verify(None, |_| {}).await.unwrap_err().to_string();
        assert!(said.contains("in the table `texts` is another"), "{said}");
    }
}
