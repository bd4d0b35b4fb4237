//! The kill switch in the history: one row, two events, and nothing begins in between.

use clawback_model::{Event, Halt, Timestamp};
use clawback_store::{Store, StoreError};

use super::harness::{Database, TTL, targets};

#[tokio::test]
async fn a_halt_lasts_until_it_is_ended() {
    for database in Database::all().await {
        let store = &database.store;
        assert_eq!(store.halted().await.unwrap(), None);
        let halt = Halt { by: "ann".into(), reason: "wrong campaign".into(), since: Timestamp(7) };
        assert_eq!(store.halt("wrong campaign", "ann", Timestamp(7)).await.unwrap(), halt);
        assert_eq!(store.halt("me too", "ben", Timestamp(8)).await.unwrap(), halt, "the first one remains");
        let restarted = Store::open(&database.url).await.unwrap();
        assert_eq!(restarted.halted().await.unwrap(), Some(halt.clone()));
        assert_eq!(restarted.unhalt("ben", Timestamp(9)).await.unwrap(), Some(halt));
        assert_eq!(store.unhalt("ben", Timestamp(9)).await.unwrap(), None);
        let chain = store.chain(0, 10).await.unwrap();
        let told: Vec<_> = chain.iter().map(|entry| (entry.link.kind.as_str(), entry.link.actor.as_str())).collect();
        assert_eq!(told, [("halted", "ann"), ("unhalted", "ben")], "{}", database.name);
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_claimed_or_begun_during_a_halt() {
    for database in Database::all().await {
        let store = &database.store;
        let queued = database.submit(1).await;
        let (approved, lease) = database.planned(2, &targets(8), None).await;
        let now = Timestamp(2_000_000);
        store.halt("drill", "ann", now).await.unwrap();
        assert!(store.claim_due("a", now, TTL).await.unwrap().is_none());
        let held = store.claim(&queued, "a", now, TTL).await.unwrap().unwrap().1;
        for (id, lease, event) in [(&queued, &held, Event::PlanningStarted), (&approved, &lease, Event::Started)] {
            let refused = store.record(id, Some(lease), "automation", &event, now).await.unwrap_err();
            assert!(matches!(&refused, StoreError::Halted { halt } if halt.by == "ann"), "{refused}");
        }
        store.unhalt("ann", now).await.unwrap();
        let started = store.record(&approved, Some(&lease), "automation", &Event::Started, now).await.unwrap();
        store.halt("again", "ann", now).await.unwrap();
        let batch = Event::BatchStarted { number: 0, first: 0, targets: 8 };
        let refused = store.record(&approved, Some(&lease), "automation", &batch, now).await.unwrap_err();
        assert!(matches!(refused, StoreError::Halted { .. }));
        assert_eq!(store.load(&approved).await.unwrap(), started, "nothing of it was written");
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_halt_in_the_middle_of_a_batch_lets_its_outcomes_be_kept() {
    for database in Database::all().await {
        let store = &database.store;
        let plan = targets(6);
        let (id, lease) = database.planned(1, &plan, None).await;
        let at = Timestamp(2_000_300);
        store.record(&id, Some(&lease), "automation", &Event::Started, at).await.unwrap();
        let batch = Event::BatchStarted { number: 0, first: 0, targets: 6 };
        store.record(&id, Some(&lease), "automation", &batch, at).await.unwrap();
        store.halt("drill", "ann", at).await.unwrap();
        let outcomes: Vec<_> = plan.iter().map(|target| super::harness::outcome(target, 0)).collect();
        let after = store.finish_batch(&id, &lease, "automation", 0, &outcomes, at).await.unwrap();
        assert_eq!(after.counts.open, 0);
    }
}
