//! Slots and sweeps as rows: written with their remediation or not at all, and once over all nodes.

use std::time::Duration;

use clawback_model::{
    ActionSource, Id, Misfire, Origin, Overlap, Remediation, Round, SlotReason, Sweep, SweepApproval, SweepEnd,
    Timestamp, Timetable,
};
use clawback_store::{Filing, SlotFate, SlotRecord, StoreError, WantedSchedule};

use super::harness::{Database, filing, request};

fn wanted() -> WantedSchedule {
    let timetable = Timetable {
        cron: "0 * * * * *".into(),
        time_zone: "UTC".into(),
        jitter: Duration::ZERO,
        overlap: Overlap::Skip,
        misfire: Misfire::Backfill(3),
    };
    WantedSchedule { name: "s".into(), timetable, starts_paused: false }
}

/// Filed a little later than the slot was decided, as with a real clock.
fn scheduled(number: u64) -> Filing {
    let mut asked = request(number);
    asked.source = ActionSource::Schedule;
    filing(Remediation::submitted(Id::from_random(number), asked, Timestamp(70_000_000)))
}

fn round(slot: i64) -> Round {
    let (decided_to, next_at) = (Timestamp(slot), Some(Timestamp(slot + 60_000_000)));
    Round { decided: vec![], decided_to, waiting: None, replaces: false, next_at }
}

fn runs(slot: i64, number: u64) -> SlotRecord {
    let fate = SlotFate::Runs(Box::new(scheduled(number)));
    SlotRecord { first: Timestamp(slot), last: Timestamp(slot), slots: 1, fate }
}

#[tokio::test]
async fn a_slot_is_written_once_with_its_remediation() {
    for database in Database::all().await {
        let store = &database.store;
        store.sync_schedules(&[wanted()], &[], "automation", Timestamp(0)).await.unwrap();
        assert!(store.timers_due(Timestamp(0)).await.unwrap());
        let schedule = store.schedules().await.unwrap().remove(0);
        let minute = 60_000_000;
        assert!(
            store.decide_slots(&schedule, &round(minute), &[runs(minute, 1)], &[], Timestamp(minute)).await.unwrap()
        );
        // A node that read the schedule before is late: nothing of it is written.
        assert!(
            !store.decide_slots(&schedule, &round(minute), &[runs(minute, 2)], &[], Timestamp(minute)).await.unwrap()
        );
        assert!(matches!(store.load(&Id::from_random(2)).await, Err(StoreError::NotFound { .. })));
        // Even with a newer read of the schedule, the slot itself is taken.
        let newer = store.schedules().await.unwrap().remove(0);
        let again = store.decide_slots(&newer, &round(minute), &[runs(minute, 3)], &[], Timestamp(minute)).await;
        assert!(matches!(again, Err(StoreError::Exists { noun: "slot", .. })), "{again:?}");
        assert!(matches!(store.load(&Id::from_random(3)).await, Err(StoreError::NotFound { .. })));
        assert_eq!(store.open_runs("s").await.unwrap(), [Id::from_random(1)]);
        assert!(!store.timers_due(Timestamp(minute)).await.unwrap());
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_waiting_slot_may_run_and_one_left_out_may_not() {
    for database in Database::all().await {
        let store = &database.store;
        store.sync_schedules(&[wanted()], &[], "automation", Timestamp(0)).await.unwrap();
        let left_out = |slot: i64, last: i64, slots, reason| SlotRecord {
            first: Timestamp(slot),
            last: Timestamp(last),
            slots,
            fate: SlotFate::LeftOut { reason, detail: Some("why \0".into()) },
        };
        let schedule = store.schedules().await.unwrap().remove(0);
        let records = [left_out(60, 120, 2, SlotReason::Missed), left_out(180, 180, 1, SlotReason::Waiting)];
        assert!(store.decide_slots(&schedule, &round(180), &records, &[], Timestamp(180)).await.unwrap());
        let schedule = store.schedules().await.unwrap().remove(0);
        assert!(store.decide_slots(&schedule, &round(180), &[runs(180, 1)], &[], Timestamp(181)).await.unwrap());
        let schedule = store.schedules().await.unwrap().remove(0);
        let refused = store.decide_slots(&schedule, &round(180), &[runs(60, 2)], &[], Timestamp(182)).await;
        assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
        let slots = store.slots("s", 9).await.unwrap();
        let told: Vec<_> = slots.iter().map(|slot| (slot.first.0, slot.slots, slot.reason)).collect();
        assert_eq!(told, [(180, 1, None), (60, 2, Some(SlotReason::Missed))]);
        assert_eq!(slots[1].detail.as_deref(), Some("why \0"));
    }
}

#[tokio::test]
async fn a_sweep_begins_with_its_remediation_and_ends_once() {
    for database in Database::all().await {
        let store = &database.store;
        let sweep = Sweep {
            every: Duration::from_mins(1),
            lasts: Duration::from_hours(1),
            approval: SweepApproval::Same,
            at_most: 3,
        };
        let first = Filing { sweep: Some(sweep), ..scheduled(1) };
        store.file(&first).await.unwrap();
        let id = first.remediation.id.clone();
        let due = store.due_sweeps(Timestamp(130_000_000)).await.unwrap().remove(0).unwrap();
        let taken = store.take_look(&due, Timestamp(190_000_000)).await.unwrap().unwrap();
        assert_eq!(store.take_look(&due, Timestamp(190_000_000)).await.unwrap(), None, "one node looks");
        let follow_up = |number| {
            let mut asked = request(number);
            asked.origin = Origin::Sweep { of: id.clone() };
            filing(Remediation::submitted(Id::from_random(number), asked, Timestamp(131_000_000)))
        };
        assert!(store.finish_look(&taken, Some(&follow_up(2)), Timestamp(131_000_000)).await.unwrap());
        assert!(!store.finish_look(&taken, Some(&follow_up(3)), Timestamp(132_000_000)).await.unwrap());
        assert_eq!(store.follow_ups(&id).await.unwrap(), [follow_up(2).remediation]);
        let why = SweepEnd::Stopped { by: "ann".into() };
        assert!(store.end_sweep(&id, &why, "ann", Timestamp(140_000_000)).await.unwrap());
        assert!(!store.end_sweep(&id, &SweepEnd::Over, "ann", Timestamp(141_000_000)).await.unwrap());
        let ended = store.sweep(&id).await.unwrap().unwrap();
        assert_eq!((ended.ended, ended.next_at, ended.looks), (Some(why), None, 1));
        assert!(!store.timers_due(Timestamp(i64::MAX)).await.unwrap());
        store.verify(None, |_| {}).await.unwrap();
    }
}
