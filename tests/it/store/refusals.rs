//! Refusals: kept separately for each principal, and counted if they are the same.

use clawback_model::Timestamp;
use clawback_store::Refusal;

use super::harness::Database;

fn refusal(known: Option<&str>, at: i64) -> Refusal {
    Refusal {
        at: Timestamp(at),
        last_at: Timestamp(at),
        times: 1,
        known: known.map(str::to_owned),
        principal: known.map(str::to_owned),
        source: "192.0.2.1".into(),
        request: format!("GET /{at}"),
        reason: "no".into(),
    }
}

#[tokio::test]
async fn refusals_of_one_principal_do_not_evict_those_of_another() {
    for database in Database::all().await {
        let store = &database.store;
        store.note_refusals(&[(None, refusal(Some("ann"), 1))]).await.unwrap();
        for part in 0..5 {
            let flood: Vec<_> = (0..1_000).map(|number| (None, refusal(None, 10 + part * 1_000 + number))).collect();
            store.note_refusals(&flood).await.unwrap();
        }
        let all = store.refusals(10_000).await.unwrap();
        assert_eq!(all.len(), 2_001, "{}", database.name);
        assert_eq!(all.first().unwrap().at, Timestamp(5_009), "the newest first");
        assert_eq!(all.last().unwrap(), &refusal(Some("ann"), 1));
        let mine: Vec<_> = (0..2_500).map(|number| (None, refusal(Some("ben"), 10_000 + number))).collect();
        store.note_refusals(&mine).await.unwrap();
        let all = store.refusals(10_000).await.unwrap();
        let of = |who: Option<&str>| all.iter().filter(|one| one.known.as_deref() == who).count();
        assert_eq!([of(None), of(Some("ann")), of(Some("ben"))], [2_000, 1, 2_000], "{}", database.name);
    }
}

#[tokio::test]
async fn a_repeated_refusal_is_counted_in_its_row() {
    for database in Database::all().await {
        let store = &database.store;
        let rows = store.note_refusals(&[(None, refusal(None, 1)), (None, refusal(Some("ann"), 2))]).await.unwrap();
        let again = Refusal { times: 41, ..refusal(None, 9) };
        assert_eq!(store.note_refusals(&[(Some(rows[0]), again)]).await.unwrap(), [rows[0]]);
        let all = store.refusals(10).await.unwrap();
        let first = Refusal { last_at: Timestamp(9), times: 42, ..refusal(None, 1) };
        assert_eq!(all, [first, refusal(Some("ann"), 2)], "{}", database.name);
        // A row that was evicted begins again.
        database.sql("DELETE FROM refusals").await;
        let new = store.note_refusals(&[(Some(rows[0]), refusal(None, 11))]).await.unwrap();
        assert_ne!(new, [rows[0]]);
        assert_eq!(store.refusals(10).await.unwrap(), [refusal(None, 11)], "{}", database.name);
    }
}
