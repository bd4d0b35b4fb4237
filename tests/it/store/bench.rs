//! How fast a plan of 200,000 is written and worked off. Ignored by default; run it with `--release` and `--nocapture`.

use std::time::{Duration, Instant};

use clawback_model::{Decision, Event, Timestamp};

use super::harness::{Database, header, outcome, planned, targets};

const COUNT: u32 = 200_000;
const BATCH: u32 = 5_000;

#[tokio::test]
#[ignore = "a measurement"]
async fn two_hundred_thousand() {
    let plan = targets(COUNT);
    for flush in [1_000, 5_000] {
        for database in Database::all().await {
            let store = &database.store;
            let id = database.submit(1).await;
            let lease = database.claim(&id).await;
            let at = Timestamp(2_000_100);
            store.record(&id, Some(&lease), "automation", &Event::PlanningStarted, at).await.unwrap();
            store.begin_plan(&id, &lease).await.unwrap();
            let began = Instant::now();
            for page in plan.chunks(flush) {
                store.append_targets(&id, &lease, page).await.unwrap();
            }
            let appended = began.elapsed();
            let event = planned(&header(), &plan, Some(clawback_model::ApprovalRule::default()));
            let began = Instant::now();
            store.freeze_plan(&id, &lease, &header(), "automation", &event, at).await.unwrap();
            let froze = began.elapsed();
            database.vote(&id, "eve", Decision::Approve).await;
            store.record(&id, Some(&lease), "automation", &Event::Started, at).await.unwrap();
            let (mut read, mut written, mut finished) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
            for number in 0..COUNT / BATCH {
                let event = Event::BatchStarted { number, first: number * BATCH, targets: BATCH };
                store.record(&id, Some(&lease), "automation", &event, at).await.unwrap();
                let began = Instant::now();
                let open = store.batch_targets(&id, number * BATCH, BATCH).await.unwrap();
                read += began.elapsed();
                let outcomes: Vec<_> = open.iter().map(|target| outcome(target, number)).collect();
                let began = Instant::now();
                for some in outcomes.chunks(flush) {
                    store.record_outcomes(&id, &lease, some).await.unwrap();
                }
                written += began.elapsed();
                let began = Instant::now();
                store.finish_batch(&id, &lease, "automation", number, &[], 0, at).await.unwrap();
                finished += began.elapsed();
            }
            let began = Instant::now();
            store.verify(None, |_| {}).await.unwrap();
            println!(
                "{} flush {flush}: append {appended:?}, freeze {froze:?}, outcomes {written:?}, digests {finished:?}, \
                 batch_targets {:?} each, verify {:?}",
                database.name,
                read / (COUNT / BATCH),
                began.elapsed()
            );
        }
    }
}
