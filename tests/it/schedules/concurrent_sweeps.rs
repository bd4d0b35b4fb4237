//! Searches of sweeps run independently of the timers: a store that does not answer delays no schedule and no other
//! sweep, and a look that is dropped is due again.

use std::time::Duration;

use clawback_model::{Remediation, SlotReason, Status};
use clawback_store::HistoryFilter;
use clawback_tests::site::{NOON, submission};
use sqlx::Connection as _;

use super::{World, ann, turn};

const SWEEPING: &str = "playbook: sweeping
on: { manual: {} }
steps:
  - search: { where: { from: eve@evil.example } }
  - remediate: { action: soft-delete }
  - sweep: { every: 1h, for: 1d, approval: same }
";

const TICKING: &str = "playbook: ticking
on: { schedule: { cron: \"0 */10 * * * *\", overlap: replace } }
steps:
  - search: { where: { from: bob@evil.example } }
  - remediate: { action: soft-delete }
";

/// The same under another name: the same selection twice would wait for a person.
fn other() -> String {
    SWEEPING.replace("sweeping", "other")
}

impl World {
    /// Submits a remediation with a sweep, and carries it out.
    async fn swept(&self, playbook: &str) -> Remediation {
        let now = clawback_model::Clock::now(&*self.clock);
        self.store.deliver("ann@corp.example", "eve@evil.example", "Invoice", now);
        self.api.submit(&ann(), submission(playbook, &[])).await.unwrap();
        let done = self.work().await.pop().unwrap();
        assert_eq!(done.status, Status::Completed);
        done
    }

    async fn searching(&self, searches: u64) {
        while self.store.searches() < searches {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_delays_no_schedule() {
    for mut world in World::both(&[("sweeping", SWEEPING), ("other", &other()), ("ticking", TICKING)]).await {
        turn(&mut world.timers).await;
        let (first, other) = (world.swept("sweeping").await, world.swept("other").await);
        world.store.hang_searches();
        let before = world.store.searches();
        world.pass(60);
        // The six slots of this hour passed without a tick; the next ones are in time.
        world.timers.tick().await.unwrap();
        world.searching(before + 1).await;
        for _ in 0..6 {
            world.pass(10);
            assert_eq!(world.timers.tick().await.unwrap(), 1, "in its time, whatever the search does");
        }
        let slots = world.history().slots("ticking", 6).await.unwrap();
        assert!(slots.iter().all(|slot| slot.reason != Some(SlotReason::Missed)), "{slots:?}");
        assert_eq!(world.store.searches(), before + 1, "one look at a time here, and none twice");

        // Another node meets neither a lock nor the look that is under way.
        world.store.answer_searches();
        assert_eq!(world.timers.looked().await.unwrap(), 0);
        turn(&mut world.timers).await;
        for of in [first, other] {
            assert!(world.history().sweep(&of.id).await.unwrap().unwrap().looks >= 1);
        }
        world.verify().await;
    }
}

#[tokio::test]
async fn a_look_that_is_dropped_is_due_again() {
    for mut world in World::both(&[("sweeping", SWEEPING)]).await {
        let first = world.swept("sweeping").await;
        let now = clawback_model::Clock::now(&*world.clock);
        world.store.deliver("ann@corp.example", "eve@evil.example", "Late", now);
        world.store.hang_searches();
        let before = world.store.searches();
        world.pass(60);
        world.timers.tick().await.unwrap();
        world.searching(before + 1).await;
        let taken = world.history().sweep(&first.id).await.unwrap().unwrap();
        assert!(!world.history().timers_due(now.plus(Duration::from_hours(1))).await.unwrap(), "{taken:?}");

        // The node ends. Another finds the look due at once.
        world.timers.stop().await;
        let mut other = world.another().await;
        world.store.answer_searches();
        assert_eq!(turn(&mut other).await, 1);
        assert_eq!(world.work().await[0].counts.succeeded, 1);
        assert_eq!(world.timers.tick().await.unwrap(), 0);
        world.verify().await;
    }
}

#[tokio::test]
async fn unreadable_rows_delay_no_other_schedule_or_sweep() {
    for mut world in World::both(&[("sweeping", SWEEPING), ("other", &other()), ("ticking", TICKING)]).await {
        turn(&mut world.timers).await;
        let (first, other) = (world.swept("sweeping").await, world.swept("other").await);
        let [broken, whole] = if first.id.as_str() < other.id.as_str() { [first, other] } else { [other, first] };
        world.sql("INSERT INTO schedules (name, timetable, decided_to, next_at) VALUES ('a', '{}', 0, 1)").await;
        world.sql("UPDATE sweeps SET sweep = '{}' WHERE first_id = (SELECT MIN(first_id) FROM sweeps)").await;
        world.pass(65);
        world.timers.tick().await.unwrap_err();
        world.timers.looked().await.unwrap();
        world.pass(5);
        world.timers.tick().await.unwrap_err();
        let slots = world.history().slots("ticking", 1).await.unwrap();
        assert!(slots[0].remediation.is_some(), "its row can be read: {slots:?}");
        assert_eq!(world.history().sweep(&whole.id).await.unwrap().unwrap().looks, 1);
        world.history().sweep(&broken.id).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_script_that_cannot_be_read_stops_only_what_uses_it() {
    let scripted = TICKING
        .replace("ticking", "scripted")
        .replace("  - remediate", "  - filter: { script: keep.rhai }\n  - remediate");
    for mut world in World::both(&[("scripted", &scripted), ("ticking", TICKING), ("sweeping", SWEEPING)]).await {
        std::fs::write(world.script("keep.rhai"), "fn keep(message) { true }").unwrap();
        turn(&mut world.timers).await;
        let first = world.swept("sweeping").await;
        std::fs::write(world.script("keep.rhai"), b"fn keep(message) { \xff").unwrap();
        world.pass(60);
        turn(&mut world.timers).await;
        world.pass(10);
        turn(&mut world.timers).await;
        let ran = world.history().slots("ticking", 1).await.unwrap();
        assert!(ran[0].remediation.is_some(), "{ran:?}");
        assert_eq!(world.history().sweep(&first.id).await.unwrap().unwrap().looks, 1);
        let refused = world.history().slots("scripted", 1).await.unwrap().remove(0);
        assert_eq!(refused.reason, Some(SlotReason::Refused));
        let detail = refused.detail.unwrap();
        assert!(
            detail.contains("keep.rhai") && detail.contains("cannot be read") && detail.contains("UTF-8"),
            "{detail}"
        );

        std::fs::write(world.script("keep.rhai"), "fn keep(message) { true }").unwrap();
        world.pass(10);
        turn(&mut world.timers).await;
        assert!(world.history().slots("scripted", 1).await.unwrap()[0].remediation.is_some(), "mended");
        world.verify().await;
    }
}

#[tokio::test]
async fn replacing_runs_locks_their_rows_before_the_chain() {
    let url = clawback_tests::postgres::database().await;
    let mut world = World::on(url.clone(), &[("ticking", TICKING)], NOON).await;
    turn(&mut world.timers).await;
    for _ in 0..2 {
        assert_eq!(world.tick_after(10).await, 1);
    }
    let open = world.history().open_runs("ticking").await.unwrap();
    assert_eq!(open.len(), 2, "nobody works");

    // A transaction records an event of the older run: it holds the row, and then needs the lock of the chain.
    let mut recording = sqlx::PgConnection::connect(&url).await.unwrap();
    let mut held = recording.begin().await.unwrap();
    sqlx::query("SELECT id FROM remediations WHERE id = $1 FOR UPDATE")
        .bind(open[1].as_str())
        .execute(&mut *held)
        .await
        .unwrap();
    world.pass(10);
    let (api, mut watching) = (world.api.clone(), sqlx::PgConnection::connect(&url).await.unwrap());
    let others = async move {
        let waits =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut watching).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        // The lock is free: the holder of the row can take it.
        let filed = tokio::time::timeout(Duration::from_secs(5), api.run_schedule(&ann(), "ticking")).await;
        held.rollback().await.unwrap();
        filed.expect("a transaction that waits for a row does not hold the chain's lock").unwrap();
    };
    let (fired, ()) = tokio::join!(world.timers.tick(), others);
    assert_eq!(fired.unwrap(), 1);
    world.verify().await;
}

#[tokio::test]
async fn a_run_that_finds_nothing_is_not_listed_but_an_incomplete_one_is() {
    for mut world in World::both(&[("ticking", TICKING)]).await {
        let now = clawback_model::Clock::now(&*world.clock);
        world.store.deliver("ann@corp.example", "bob@corp.example", "Lunch", now);
        world.store.deliver("ben@corp.example", "bob@corp.example", "Lunch", now);
        turn(&mut world.timers).await;
        world.tick_after(10).await;
        let empty = world.work().await.remove(0);
        assert_eq!(empty.status, Status::NothingToDo);
        let history = world.history().clone();
        let listed = async |filter: HistoryFilter| {
            let page = history.history(&filter, None, 10).await.unwrap();
            page.remediations.into_iter().map(|one| one.id).collect::<Vec<_>>()
        };
        let tidy = || HistoryFilter { without_empty: true, ..HistoryFilter::default() };
        assert!(listed(tidy()).await.is_empty());
        for asked in [
            HistoryFilter::default(),
            HistoryFilter { statuses: vec![Status::NothingToDo], ..tidy() },
            HistoryFilter { approval_id: Some(empty.request.approval_id.clone()), ..tidy() },
        ] {
            assert_eq!(listed(asked.clone()).await, std::slice::from_ref(&empty.id), "{asked:?}");
        }
        let slot = world.history().slots("ticking", 1).await.unwrap().remove(0);
        let result = slot.result.unwrap();
        assert_eq!((result.status, result.searched, result.counts.submitted), (Status::NothingToDo, Some(2), 0));

        // A run that could not search a mailbox is listed.
        world.store.deny("ben@corp.example");
        world.pass(10);
        world.timers.tick().await.unwrap();
        let partial = world.work().await.remove(0);
        assert_eq!(partial.status, Status::PartiallyCompleted);
        assert_eq!(listed(tidy()).await, [partial.id]);
        // A run that a person asked for is listed too.
        world.store.deliver("ben@corp.example", "bob@corp.example", "Lunch", now);
        let by_hand = world.api.run_schedule(&ann(), "ticking").await.unwrap();
        assert!(listed(tidy()).await.contains(&by_hand.id));
        world.verify().await;
    }
}
