//! Tables of slots and their fates.

use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000_000;

fn timetable(overlap: Overlap, misfire: Misfire) -> Timetable {
    Timetable { cron: "0 */10 * * * *".into(), time_zone: "UTC".into(), jitter: Duration::ZERO, overlap, misfire }
}

fn standing(decided_to: i64) -> ScheduleState {
    ScheduleState { decided_to: Timestamp(decided_to * MINUTE), paused_to: None, waiting: None, busy: false }
}

/// Returns slots in minutes, their number and their fate, and the time of the next round.
fn decide(timetable: &Timetable, standing: &ScheduleState, now: i64) -> (Vec<(i64, i64, u64, String)>, Round) {
    let round = timetable.decide("s", &timetable.cron().unwrap(), standing, Timestamp(now * MINUTE));
    let told = round.decided.iter().map(|decided| {
        let fate = match decided.fate {
            Fate::Fire => "fire".to_owned(),
            Fate::Skip(reason) => reason.to_string(),
        };
        (decided.first.0 / MINUTE, decided.last.0 / MINUTE, decided.slots, fate)
    });
    (told.collect(), round)
}

fn told(rows: &[(i64, i64, u64, &str)]) -> Vec<(i64, i64, u64, String)> {
    rows.iter().map(|(first, last, slots, fate)| (*first, *last, *slots, (*fate).to_owned())).collect()
}

#[test]
fn a_slot_fires_once_and_the_next_look_is_at_the_next_slot() {
    let table = timetable(Overlap::Skip, Misfire::Skip);
    let (rows, round) = decide(&table, &standing(0), 10);
    assert_eq!(rows, told(&[(10, 10, 1, "fire")]));
    assert_eq!((round.decided_to, round.next_at), (Timestamp(10 * MINUTE), Some(Timestamp(20 * MINUTE))));
    let (rows, round) = decide(&table, &standing(10), 15);
    assert_eq!((rows, round.next_at), (vec![], Some(Timestamp(20 * MINUTE))));
}

#[test]
fn missed_slots_go_as_the_policy_says() {
    for (misfire, now, expected) in [
        // 60 is in time at 61; 50 and before are not.
        (Misfire::Skip, 61, told(&[(10, 50, 5, "missed"), (60, 60, 1, "fire")])),
        (Misfire::Skip, 65, told(&[(10, 60, 6, "missed")])),
        (Misfire::RunOnce, 61, told(&[(10, 50, 5, "made-up"), (60, 60, 1, "fire")])),
        (Misfire::RunOnce, 65, told(&[(10, 50, 5, "made-up"), (60, 60, 1, "fire")])),
        (Misfire::Backfill(2), 65, told(&[(10, 40, 4, "missed"), (50, 50, 1, "fire"), (60, 60, 1, "fire")])),
        (Misfire::Backfill(9), 25, told(&[(10, 10, 1, "fire"), (20, 20, 1, "fire")])),
    ] {
        let (rows, _) = decide(&timetable(Overlap::Skip, misfire), &standing(0), now);
        assert_eq!(rows, expected, "{misfire:?} at {now}");
    }
}

#[test]
fn an_earlier_run_is_skipped_for_waited_for_or_replaced() {
    let busy = ScheduleState { busy: true, ..standing(0) };
    let (rows, round) = decide(&timetable(Overlap::Skip, Misfire::Skip), &busy, 10);
    assert_eq!((rows, round.replaces), (told(&[(10, 10, 1, "overlapped")]), false));
    let (rows, round) = decide(&timetable(Overlap::Replace, Misfire::Skip), &busy, 10);
    assert_eq!((rows, round.replaces), (told(&[(10, 10, 1, "fire")]), true));

    let queue = timetable(Overlap::Queue, Misfire::Skip);
    let (rows, round) = decide(&queue, &busy, 10);
    assert_eq!((rows, round.waiting), (told(&[(10, 10, 1, "waiting")]), Some(Timestamp(10 * MINUTE))));
    assert_eq!(round.next_at, Some(Timestamp(10 * MINUTE)), "it asks again at once");
    // A second slot does not wait behind the first.
    let waiting = ScheduleState { waiting: round.waiting, busy: true, ..standing(10) };
    let (rows, round) = decide(&queue, &waiting, 20);
    assert_eq!((rows, round.waiting), (told(&[(20, 20, 1, "overlapped")]), waiting.waiting));
    // The run ends: the slot that waited fires, however late it is.
    let free = ScheduleState { busy: false, ..ScheduleState { decided_to: Timestamp(20 * MINUTE), ..waiting } };
    let (rows, round) = decide(&queue, &free, 29);
    assert_eq!(
        (rows, round.waiting, round.next_at),
        (told(&[(10, 10, 1, "fire")]), None, Some(Timestamp(30 * MINUTE)))
    );
    // The next slot waits for that run.
    let (rows, round) = decide(&queue, &free, 30);
    assert_eq!(rows, told(&[(10, 10, 1, "fire"), (30, 30, 1, "waiting")]));
    assert_eq!(round.waiting, Some(Timestamp(30 * MINUTE)));
}

#[test]
fn slots_of_a_pause_are_left_out_with_that_reason() {
    let paused = ScheduleState { paused_to: Some(Timestamp(35 * MINUTE)), ..standing(0) };
    let (rows, _) = decide(&timetable(Overlap::Skip, Misfire::Backfill(100)), &paused, 50);
    assert_eq!(rows, told(&[(10, 30, 3, "paused"), (40, 40, 1, "fire"), (50, 50, 1, "fire")]));
    let waited = ScheduleState { waiting: Some(Timestamp(10 * MINUTE)), decided_to: Timestamp(10 * MINUTE), ..paused };
    let (rows, round) = decide(&timetable(Overlap::Queue, Misfire::Skip), &waited, 35);
    assert_eq!((rows, round.waiting), (told(&[(20, 30, 2, "paused"), (10, 10, 1, "paused")]), None));
}

#[test]
fn a_long_outage_is_let_go_in_rounds() {
    let mut table = timetable(Overlap::Skip, Misfire::Backfill(3));
    table.cron = "* * * * * *".into();
    let (mut at, now, mut skipped) = (standing(0), Timestamp(3 * 60 * 60_000_000), 0);
    let cron = table.cron().unwrap();
    let fired = loop {
        let round = table.decide("s", &cron, &at, now);
        skipped += round.decided.iter().filter(|one| one.fate != Fate::Fire).map(|one| one.slots).sum::<u64>();
        let fired: Vec<_> = round.decided.iter().filter(|one| one.fate == Fate::Fire).collect();
        at.decided_to = round.decided_to;
        if !fired.is_empty() {
            break fired.len();
        }
        assert_eq!(round.next_at, Some(now), "there is more");
    };
    // Those of the last minute are in time; of the ones before, 64 less those are backfilled.
    assert_eq!((skipped, fired), (3 * 3_600 - 64, 64));
}

#[test]
fn jitter_is_bounded_the_same_everywhere_and_keeps_the_order() {
    let mut table = timetable(Overlap::Skip, Misfire::Skip);
    table.cron = "0 * * * * *".into();
    table.jitter = Duration::from_mins(5);
    let slots: Vec<_> = table.cron().unwrap().slots_after(Timestamp(0)).take(500).collect();
    let delays: Vec<_> = slots.iter().map(|slot| table.due("s", *slot).since(*slot)).collect();
    assert!(delays.iter().all(|delay| *delay <= table.jitter));
    assert!(delays.iter().collect::<std::collections::BTreeSet<_>>().len() > 100, "they differ");
    assert_ne!(table.due("s", slots[0]), table.due("another", slots[0]));
    // A schedule of every minute with five minutes of jitter: every slot still fires once, in order.
    let (cron, mut at, mut seen) = (table.cron().unwrap(), standing(0), Vec::new());
    for second in 0..4_000 {
        let round = table.decide("s", &cron, &at, Timestamp(second * 1_000_000));
        seen.extend(round.decided.iter().map(|one| (one.first, one.fate)));
        at.decided_to = round.decided_to;
    }
    assert!(seen.len() > 55 && seen.iter().all(|(_, fate)| *fate == Fate::Fire));
    assert!(seen.iter().zip(&slots).all(|((first, _), slot)| first == slot));
}

proptest! {
    /// With any policy and any time of the rounds, every slot gets exactly one fate.
    #[test]
    fn every_slot_meets_one_fate(
        overlap in prop::sample::select(vec![Overlap::Skip, Overlap::Queue, Overlap::Replace]),
        misfire in prop::sample::select(vec![Misfire::Skip, Misfire::RunOnce, Misfire::Backfill(1), Misfire::Backfill(7)]),
        jitter in 0_u64..1_500,
        looks in prop::collection::vec((0_i64..5_400, any::<bool>(), any::<bool>()), 1..60),
    ) {
        let mut table = timetable(overlap, misfire);
        table.jitter = Duration::from_secs(jitter);
        let cron = table.cron().unwrap();
        let (mut at, mut now, mut fates) = (standing(0), Timestamp(0), std::collections::BTreeMap::new());
        for (pause, busy, paused) in looks {
            now = now.plus(Duration::from_secs(u64::try_from(pause).unwrap()));
            at.busy = busy;
            at.paused_to = if paused { Some(now) } else { at.paused_to };
            let round = table.decide("s", &cron, &at, now);
            for one in &round.decided {
                let covered = cron.slots_after(Timestamp(one.first.0 - 1)).take_while(|slot| *slot <= one.last);
                let covered: Vec<_> = covered.collect();
                prop_assert_eq!(covered.len() as u64, one.slots);
                for slot in covered {
                    let before = fates.insert(slot, one.fate);
                    prop_assert!(matches!(before, None | Some(Fate::Skip(SlotReason::Waiting))), "{:?} twice", slot);
                }
            }
            prop_assert!(round.next_at.is_some_and(|next| next > now || round.waiting.is_some()));
            (at.decided_to, at.waiting) = (round.decided_to, round.waiting);
        }
        let expected: Vec<_> = cron.slots_after(Timestamp(0)).take_while(|slot| *slot <= at.decided_to).collect();
        prop_assert_eq!(fates.keys().copied().collect::<Vec<_>>(), expected);
    }
}
