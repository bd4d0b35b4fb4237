//! Wrong passwords: what is counted, what is forgotten.

use std::time::Duration;

use clawback_model::{Digest, Timestamp};
use clawback_store::FailedAttempt;

use super::harness::Database;

const MOST: u32 = 50;

fn wrong(name: &str, is_account: bool, at: i64) -> FailedAttempt {
    let forget_before = Timestamp(at - 1_000_000_000);
    FailedAttempt { name: Digest::of(name.as_bytes()), is_account, at: Timestamp(at), forget_before, most: MOST }
}

/// A wait of one second per failure.
fn seconds(failures: u32) -> Duration {
    Duration::from_secs(failures.into())
}

#[tokio::test]
async fn counts_of_unknown_names_are_bounded_and_accounts_are_kept_separately() {
    for database in Database::all().await {
        let store = &database.store;
        let until = async |name: &str| store.locked_until(&Digest::of(name.as_bytes())).await.unwrap().0;
        for at in [1, 2, 3] {
            store.count_wrong(&wrong("ann", true, at), seconds).await.unwrap();
            store.count_wrong(&wrong("nobody", false, at), seconds).await.unwrap();
        }
        assert_eq!((until("ann").await, until("nobody").await), (3_000_003, 3_000_003));
        for number in 0..3 * MOST {
            store.count_wrong(&wrong(&format!("made up {number}"), false, 4), seconds).await.unwrap();
        }
        assert_eq!(until("ann").await, 3_000_003, "{}: an account's wait remains", database.name);
        assert_eq!(until("nobody").await, 0, "{}", database.name);
        let last = format!("made up {}", 3 * MOST - 1);
        assert_eq!(until(&last).await, 1_000_004, "{}", database.name);
        let rows = database.lines("SELECT name FROM attempts").await.len();
        assert!(rows <= MOST as usize + 2, "{}: {rows} rows", database.name);

        // After a while all are forgotten, in the same way.
        store.count_wrong(&wrong("zoe", false, 2_000_000_000), seconds).await.unwrap();
        assert_eq!((until("ann").await, until(&last).await), (0, 0));
        store.count_right(&Digest::of(b"zoe")).await.unwrap();
        assert!(database.lines("SELECT name FROM attempts").await.is_empty());
    }
}

#[tokio::test]
async fn no_wrong_password_is_lost_among_others_at_the_same_time() {
    for database in Database::all().await {
        let mut all = tokio::task::JoinSet::new();
        for number in 0..40 {
            let store = database.store.clone();
            let name = if number % 2 == 0 { "ann" } else { "nobody" };
            all.spawn(async move { store.count_wrong(&wrong(name, name == "ann", 1), seconds).await });
        }
        while let Some(done) = all.join_next().await {
            done.unwrap().unwrap();
        }
        let counted = database.lines("SELECT CAST(failures AS TEXT) FROM attempts").await;
        assert_eq!(counted, ["20", "20"], "{}", database.name);
    }
}
