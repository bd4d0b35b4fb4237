//! Every (status, event) pair as a snapshot, so that a new one shows up in review, and properties of random histories.

use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use super::replay::ReplayError;
use super::*;
use crate::action::{Action, ActionSource, Severity};
use crate::classification::{Classification, Determination};
use crate::event::Origin;
use crate::guard::{PlanFacts, StopWhen};
use crate::halt::Halt;
use crate::handling::{AlertHandling, AlertState, Incident};
use crate::id::{AlertId, ApprovalId, InvestigationId};
use crate::limits::SelectionMode;
use crate::sha256::Digest;

fn request() -> Request {
    Request {
        name: "purge".into(),
        severity: Severity::High,
        description: String::new(),
        action: Action::SoftDelete,
        delete_senders_copy: false,
        source: ActionSource::Manual,
        mode: SelectionMode::Query,
        playbook: "purge".into(),
        playbook_source: String::new(),
        inputs: [].into(),
        picked: vec![],
        requested_by: "ann".into(),
        owner: None,
        agent: None,
        reported: false,
        origin: Origin::Fresh,
        in_words: String::new(),
        as_of: None,
        approval_id: ApprovalId::from_random(1),
        investigation_id: InvestigationId::from_random(2),
        alert_id: AlertId::from_random(3),
    }
}

fn plan(remediable: u64) -> PlanSummary {
    PlanSummary { digest: Digest([7; 32]), counts: Counts::planned(remediable, 0), facts: PlanFacts::default() }
}

fn planned(remediable: u64, approval: Option<ApprovalRule>) -> Event {
    let guards = Guards {
        batch: 40,
        canary: 10,
        stop_when: StopWhen { failed_ratio: Some(0.1), ..StopWhen::default() },
        ..Guards::default()
    };
    Event::Planned { plan: plan(remediable), guards, verify: true, approval, decided_by: None, under: None, wait: None }
}

fn vote(by: &str, decision: Decision) -> Event {
    let digest = Digest([7; 32]);
    Event::Voted { vote: Vote { by: by.into(), decision, digest, comment: None, at: Timestamp(0), signature: None } }
}

fn batch(succeeded: u64, failed: u64, throttled: u64) -> Event {
    let counts = Counts { succeeded, failed, ..Counts::default() };
    Event::BatchFinished { number: 0, report: BatchReport { counts, throttled }, outcomes: Digest([0; 32]) }
}

fn by(name: &str) -> String {
    name.to_owned()
}

/// One event of each kind, and two where an event can lead to two states.
fn events() -> Vec<Event> {
    vec![
        Event::PlanningStarted,
        planned(100, Some(ApprovalRule::default())),
        planned(100, None),
        planned(0, Some(ApprovalRule::default())),
        Event::PlanRefused { reason: StopReason::Targets { limit: 1, planned: 2 } },
        Event::ReplanRequested,
        vote("ben", Decision::Approve),
        vote("ben", Decision::Reject),
        Event::Expired,
        Event::VotesVoided { voters: vec![by("ben")] },
        Event::VoteRequired { reason: StopReason::Targets { limit: 1, planned: 2 }, approval: ApprovalRule::default() },
        Event::Counted { counted: vec![] },
        Event::Started,
        Event::BatchStarted { number: 0, first: 0, targets: 10 },
        batch(10, 0, 0),
        Event::PauseRequested { by: by("ann") },
        Event::Paused { reason: StopReason::Person { by: by("ann") } },
        Event::Held { reason: StopReason::InProgress { limit: 50, running: 50 } },
        Event::Held { reason: StopReason::Person { by: by("ann") } },
        Event::Released,
        Event::Resumed { by: by("ann") },
        Event::CancelRequested { by: by("ann"), reason: None },
        Event::Cancelled { by: by("ann"), targets: 90, outcomes: Digest([0; 32]) },
        Event::Verified { confirmed: 10, unconfirmed: 0, sample: vec![] },
        Event::Finished,
    ]
}

fn fresh() -> Remediation {
    Remediation::submitted(RemediationId::from_random(9), request(), Timestamp(0))
}

fn after(history: &[Event]) -> Remediation {
    history.iter().fold(fresh(), |state, event| state.apply(event, Timestamp(0)).unwrap())
}

/// A remediation in each status, by the shortest sequence of events.
fn in_status(status: Status) -> Remediation {
    let approved = || vec![Event::PlanningStarted, planned(100, None)];
    let running = || [approved(), vec![Event::Started]].concat();
    let pending = || vec![Event::PlanningStarted, planned(100, Some(ApprovalRule::default()))];
    let refused = Event::PlanRefused { reason: StopReason::Targets { limit: 1, planned: 2 } };
    after(&match status {
        Status::Queued => vec![],
        Status::Planning => vec![Event::PlanningStarted],
        Status::PendingApproval => pending(),
        Status::Approved => approved(),
        Status::InProgress => running(),
        Status::Paused => [running(), vec![Event::Paused { reason: StopReason::Person { by: by("ann") } }]].concat(),
        Status::Completed => [running(), vec![batch(100, 0, 0), Event::Finished]].concat(),
        Status::PartiallyCompleted => [running(), vec![batch(99, 1, 0), Event::Finished]].concat(),
        Status::Failed => vec![Event::PlanningStarted, refused],
        Status::Rejected => [pending(), vec![vote("ben", Decision::Reject)]].concat(),
        Status::Expired => [pending(), vec![Event::Expired]].concat(),
        Status::Cancelled => {
            vec![Event::Cancelled { by: by("ann"), targets: 0, outcomes: Digest([0; 32]) }]
        }
        Status::NothingToDo => vec![Event::PlanningStarted, planned(0, None)],
    })
}

#[test]
fn every_status_and_event() {
    let mut table = String::new();
    for status in Status::ALL {
        let state = in_status(status);
        assert_eq!(state.status, status);
        for event in events() {
            // A run can only finish when every target has its outcome.
            let dealt_with = state.apply(&batch(100, 0, 0), Timestamp(0));
            let state = if event == Event::Finished { dealt_with.as_ref().unwrap_or(&state) } else { &state };
            if let Ok(next) = state.apply(&event, Timestamp(0)) {
                let asked = next.asked.as_ref().map_or("", |asked| match asked {
                    Asked::Pause { .. } => " (pause asked)",
                    Asked::Cancel { .. } => " (cancel asked)",
                });
                let held = if next.is_held() { " (held)" } else { "" };
                let _ = writeln!(table, "{status} + {} -> {}{asked}{held}", event.kind(), next.status);
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_straight_line() {
    let rule = ApprovalRule { votes: 2, ..ApprovalRule::default() };
    let mut state = after(&[Event::PlanningStarted, planned(100, Some(rule))]);
    let deadline = Timestamp(0).plus(Duration::from_hours(7 * 24));
    assert_eq!(state.next(Timestamp(0)), Next::AwaitApproval { until: deadline });
    assert_eq!(state.next(deadline), Next::Expire, "an undecided request expires");
    for event in [vote("ben", Decision::Approve), vote("eve", Decision::Approve), Event::Started] {
        state = state.apply(&event, Timestamp(1)).unwrap();
    }
    assert_eq!(state.decided_by.as_deref(), Some("ben, eve"));
    assert_eq!(state.next(Timestamp(1)), Next::StartBatch { number: 0, first: 0, targets: 10 }, "the canary");
    let started = Event::BatchStarted { number: 0, first: 0, targets: 10 };
    state = state.apply(&started, Timestamp(2)).unwrap();
    assert_eq!(state.next(Timestamp(2)), Next::Run { number: 0, first: 0, targets: 10 });
    state = state.apply(&batch(10, 0, 0), Timestamp(3)).unwrap();
    assert_eq!(state.next(Timestamp(3)), Next::StartBatch { number: 1, first: 10, targets: 40 });
}

#[test]
fn a_bad_canary_stops_it_and_a_person_may_overrule() {
    let mut state = after(&[Event::PlanningStarted, planned(100, None), Event::Started]);
    for event in [Event::BatchStarted { number: 0, first: 0, targets: 10 }, batch(8, 2, 0)] {
        state = state.apply(&event, Timestamp(1)).unwrap();
    }
    let Next::Pause { reason } = state.next(Timestamp(1)) else { panic!("not stopped: {state:?}") };
    assert_eq!(reason, StopReason::FailedRatio { limit: 0.1, failed: 2, acted: 10 });
    for event in [Event::Paused { reason }, Event::Resumed { by: by("ann") }] {
        state = state.apply(&event, Timestamp(2)).unwrap();
    }
    assert!(matches!(state.next(Timestamp(2)), Next::StartBatch { number: 1, .. }));
}

#[test]
fn throttling_halves_the_batch_and_calm_grows_it_back() {
    let mut state = after(&[Event::PlanningStarted, planned(10_000, None), Event::Started]);
    state.guards.batch = 1_000;
    state.progress.batch_size = 1_000;
    let mut sizes = vec![];
    for throttled in [10, 10, 0, 0, 0, 0] {
        state = state.apply(&batch(20, 0, throttled), Timestamp(1)).unwrap();
        sizes.push(state.progress.batch_size);
    }
    assert_eq!(sizes, [500, 250, 312, 390, 487, 608]);
}

proptest! {
    #[test]
    fn no_history_panics_and_what_has_ended_stays_ended(picks in prop::collection::vec(0..22_usize, 0..60)) {
        let events = events();
        let mut state = fresh();
        for pick in picks {
            let before = state.clone();
            if let Ok(next) = state.apply(&events[pick], Timestamp(5)) {
                prop_assert!(!before.status.is_final());
                state = next;
            }
            let _ = state.next(Timestamp(5));
            prop_assert!(!state.status.is_final() || state.next(Timestamp(5)) == Next::Nothing);
            let json = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Remediation>(&json).unwrap(), &state);
        }
    }
}

#[test]
fn a_cancel_stands_whatever_else_is_asked() {
    let mut state = after(&[Event::PlanningStarted, planned(100, None), Event::Started]);
    let person = StopReason::Person { by: by("ann") };
    for event in [
        Event::CancelRequested { by: by("ann"), reason: None },
        Event::PauseRequested { by: by("ben") },
        Event::Paused { reason: person },
    ] {
        state = state.apply(&event, Timestamp(1)).unwrap();
    }
    assert!(state.apply(&Event::Resumed { by: by("ben") }, Timestamp(1)).is_err());
    assert_eq!(state.next(Timestamp(1)), Next::Cancel { by: by("ann") });
}

fn running() -> Remediation {
    after(&[Event::PlanningStarted, planned(100, None), Event::Started])
}

#[test]
fn who_is_held_goes_on_by_itself() {
    let full = Event::Held { reason: StopReason::InProgress { limit: 1, running: 1 } };
    let waiting = after(&[Event::PlanningStarted, planned(100, None), full]);
    assert_eq!((waiting.status, waiting.is_held(), waiting.next(Timestamp(0))), (Status::Approved, true, Next::Start));
    assert_eq!(waiting.apply(&Event::Started, Timestamp(1)).unwrap().stop, None);

    let halt = Halt { by: by("ann"), reason: "wrong campaign".into(), since: Timestamp(0) };
    let open = running().apply(&Event::BatchStarted { number: 0, first: 0, targets: 10 }, Timestamp(1)).unwrap();
    let held = open.apply(&Event::Held { reason: StopReason::Halted { halt } }, Timestamp(2)).unwrap();
    assert_eq!((held.status, held.next(Timestamp(2))), (Status::InProgress, Next::Release));
    let released = held.apply(&Event::Released, Timestamp(3)).unwrap();
    assert_eq!(released.next(Timestamp(3)), open.next(Timestamp(3)), "the open batch is gone on with");
    assert!(open.apply(&Event::Released, Timestamp(3)).is_err(), "nothing held it");
}

#[test]
fn a_cancel_of_a_held_one_forgets_what_held_it_and_keeps_what_stopped_it() {
    let cancelled = Event::Cancelled { by: by("ann"), targets: 100, outcomes: Digest([0; 32]) };
    let held = Event::Held { reason: StopReason::InProgress { limit: 1, running: 1 } };
    let stop = |event| running().apply(&event, Timestamp(1)).unwrap().apply(&cancelled, Timestamp(2)).unwrap().stop;
    assert_eq!(stop(held), None);
    assert!(stop(Event::Paused { reason: StopReason::Targets { limit: 1, planned: 2 } }).is_some());
}

#[test]
fn the_time_in_progress_counts_from_the_start_and_from_each_resume() {
    let mut state = running();
    state.guards.stop_when.running_longer_than = Some(Duration::from_secs(10));
    let (within, beyond) = (Timestamp(10_000_000), Timestamp(10_000_001));
    assert!(matches!(state.next(within), Next::StartBatch { .. }));
    let Next::Pause { reason } = state.next(beyond) else { panic!("not stopped") };
    assert_eq!(reason.to_string(), "running-longer-than: it is in progress for more than 10 s");
    // An open batch does not extend the time.
    let open = state.apply(&Event::BatchStarted { number: 0, first: 0, targets: 10 }, within).unwrap();
    assert_eq!(open.next(beyond), Next::Pause { reason: reason.clone() });
    let paused = open.apply(&Event::Paused { reason }, beyond).unwrap();
    let resumed = paused.apply(&Event::Resumed { by: by("ann") }, beyond).unwrap();
    assert!(matches!(resumed.next(beyond), Next::Run { .. }));
}

#[test]
fn what_a_person_knew_of_vips_stops_nothing_again() {
    let mut state = running();
    assert_eq!(state.touches_vips(7), None, "no rule");
    state.guards.stop_when.vips = Some(0);
    let reason = state.touches_vips(7).unwrap();
    let paused = state.apply(&Event::Paused { reason }, Timestamp(1)).unwrap();
    let resumed = paused.apply(&Event::Resumed { by: by("ann") }, Timestamp(2)).unwrap();
    assert_eq!(resumed.touches_vips(7), None);
    assert!(resumed.touches_vips(8).is_some());
}

#[test]
fn the_same_selection_is_known_whatever_it_is_called() {
    let one = request();
    let named = Request { name: "again".into(), requested_by: "ben".into(), ..request() };
    assert_eq!(one.selection(), named.selection());
    let of = RemediationId::from_random(4);
    for other in [
        Request { inputs: [("sender".to_owned(), "eve@x".to_owned())].into(), ..request() },
        Request { action: Action::HardDelete, ..request() },
        Request { playbook_source: "other".into(), ..request() },
        Request { origin: Origin::Undo { of: of.clone() }, ..request() },
        Request { origin: Origin::Retry { of }, ..request() },
        Request { source: ActionSource::Schedule, ..request() },
    ] {
        assert_ne!(one.selection(), other.selection());
    }
}

fn step(state: &Remediation, event: &Event) -> Remediation {
    state.apply(event, Timestamp(1)).unwrap()
}

#[test]
fn batches_cover_each_target_once_and_none_is_larger_than_what_is_left() {
    let mut state = running();
    let (mut sizes, mut seen) = (vec![], 0);
    while let Next::StartBatch { number, first, targets } = state.next(Timestamp(1)) {
        assert_eq!((number as usize, first), (sizes.len(), seen));
        state = step(&state, &Event::BatchStarted { number, first, targets });
        assert_eq!(state.next(Timestamp(1)), Next::Run { number, first, targets });
        state = step(&state, &batch(targets.into(), 0, 0));
        sizes.push(targets);
        seen += targets;
    }
    assert_eq!((sizes, seen), (vec![10, 40, 40, 10], 100));
    assert_eq!(state.next(Timestamp(1)), Next::Verify);
    let verified = step(&state, &Event::Verified { confirmed: 100, unconfirmed: 0, sample: vec![] });
    assert_eq!(verified.next(Timestamp(1)), Next::Finish);
    state.verify = false;
    assert_eq!(state.next(Timestamp(1)), Next::Finish);
}

#[test]
fn it_is_not_finished_while_a_target_is_open() {
    let open = step(&running(), &batch(98, 1, 0));
    let refused = open.apply(&Event::Finished, Timestamp(1)).unwrap_err();
    assert_eq!(refused, IllegalTransition { status: Status::InProgress, event: "finished" });
    let done = step(&step(&open, &batch(1, 0, 0)), &Event::Finished);
    assert_eq!(done.status, Status::PartiallyCompleted);
}

#[test]
fn how_it_ends_is_a_matter_of_failures_confirmation_and_completeness() {
    let unsearched = PlanFacts { searched: Some(1), unsearched: 1, ..PlanFacts::default() };
    for (failed, unconfirmed, facts, expected) in [
        (0, None, PlanFacts::default(), Status::Completed),
        (0, Some(0), PlanFacts::default(), Status::Completed),
        (0, Some(1), PlanFacts::default(), Status::PartiallyCompleted),
        (0, None, unsearched.clone(), Status::PartiallyCompleted),
        (1, None, PlanFacts::default(), Status::PartiallyCompleted),
        (100, None, unsearched.clone(), Status::Failed),
    ] {
        let mut state = step(&running(), &batch(100 - failed, failed, 0));
        state.plan.as_mut().unwrap().facts = facts;
        if let Some(unconfirmed) = unconfirmed {
            state = step(&state, &Event::Verified { confirmed: 1, unconfirmed, sample: vec![] });
            assert_eq!(state.progress.verified, Some((1, unconfirmed)));
        }
        assert_eq!(step(&state, &Event::Finished).status, expected, "{failed} failed, {unconfirmed:?} unconfirmed");
    }
    // Nothing was found in the mailboxes that could be searched.
    let empty = PlanSummary { facts: unsearched, ..plan(0) };
    let (guards, verify, approval, decided_by) = (Guards::default(), true, None, None);
    let planned = Event::Planned { plan: empty, guards, verify, approval, decided_by, under: None, wait: None };
    assert_eq!(after(&[Event::PlanningStarted, planned]).status, Status::PartiallyCompleted);
}

#[test]
fn a_plan_that_waits_begins_a_time_after_the_decision() {
    let wait = Duration::from_mins(30);
    let waiting = |approval| match planned(100, approval) {
        Event::Planned { plan, guards, verify, approval, decided_by, under, .. } => {
            Event::Planned { plan, guards, verify, approval, decided_by, under, wait: Some(wait) }
        }
        other => other,
    };
    let decided = after(&[Event::PlanningStarted, waiting(None)]);
    let until = decided.approved_at.unwrap().plus(wait);
    assert_eq!(decided.starts_at(), Some(until));
    assert_eq!(decided.next(Timestamp(until.0 - 1)), Next::AwaitTime { until });
    assert!(decided.next(Timestamp(0)).is_waiting());
    assert_eq!(decided.next(until), Next::Start);
    let pending = after(&[Event::PlanningStarted, waiting(Some(ApprovalRule::default()))]);
    assert!(matches!(pending.next(Timestamp(0)), Next::AwaitApproval { .. }) && pending.starts_at().is_none());
    let voted = step(&pending, &vote("ben", Decision::Approve));
    assert!(matches!(voted.next(Timestamp(0)), Next::AwaitTime { .. }));
    let cancelled = step(&voted, &Event::CancelRequested { by: by("ann"), reason: None });
    assert_eq!(cancelled.next(Timestamp(0)), Next::Cancel { by: by("ann") }, "a cancel does not wait");
    let paused = step(&decided, &Event::PauseRequested { by: by("ann") });
    let paused = step(&paused, &Event::Paused { reason: StopReason::Person { by: by("ann") } });
    let resumed = step(&paused, &Event::Resumed { by: by("ann") });
    assert_eq!(
        (resumed.status, resumed.starts_at()),
        (Status::Approved, Some(until)),
        "a pause does not skip the wait"
    );
    assert_eq!(resumed.next(until), Next::Start);
}

#[test]
fn outcomes_of_batches_are_added_up() {
    let counts = Counts {
        succeeded: 1,
        already_in_destination: 2,
        not_found: 3,
        moved_since: 4,
        failed: 5,
        cancelled: 6,
        ..Counts::default()
    };
    let finished =
        Event::BatchFinished { number: 0, report: BatchReport { counts, throttled: 7 }, outcomes: Digest([0; 32]) };
    let once = step(&running(), &finished);
    let expected = Counts { submitted: 100, remediable: 100, open: 100 - 21, ..counts };
    assert_eq!((once.counts, once.progress.since_resumed.throttled), (expected, 7));
    let twice = step(&once, &finished);
    assert_eq!((twice.counts.open, twice.counts.failed, twice.progress.since_resumed.throttled), (100 - 42, 10, 14));
    assert_eq!(twice.progress.since_resumed.counts, counts.plus(counts));
    let cancelled = step(&twice, &Event::Cancelled { by: by("ann"), targets: 58, outcomes: Digest([0; 32]) });
    assert_eq!((cancelled.counts.open, cancelled.counts.cancelled), (0, 12 + 58));
    assert!(cancelled.counts.is_consistent());
}

#[test]
fn a_canary_says_nothing_about_the_size_of_batches_that_grow() {
    let size = |canary, batches: &[u64]| {
        let mut state = after(&[Event::PlanningStarted, planned(10_000, None), Event::Started]);
        state.guards = Guards { batch: 1_000, grows_from: Some(100), canary, ..Guards::default() };
        state.progress.batch_size = state.guards.first_batch();
        for (number, targets) in (0_u32..).zip(batches) {
            state = step(&state, &Event::BatchStarted { number, first: 0, targets: 10 });
            state = step(&state, &batch(*targets, 0, 0));
        }
        state.progress.batch_size
    };
    assert_eq!((size(10, &[10]), size(10, &[10, 100]), size(10, &[10, 100, 200])), (100, 200, 400));
    assert_eq!((size(0, &[100]), size(0, &[100, 200])), (200, 400), "without a canary the first batch counts");
    let mut fixed = after(&[Event::PlanningStarted, planned(10_000, None), Event::Started]);
    fixed.guards.batch = 1_000;
    fixed.progress.batch_size = 100;
    fixed = step(&fixed, &Event::BatchStarted { number: 0, first: 0, targets: 10 });
    assert_eq!(step(&fixed, &batch(10, 0, 0)).progress.batch_size, 125, "so it does with a fixed size");
}

#[test]
fn without_a_canary_the_first_batch_is_a_whole_one() {
    let mut state = running();
    state.guards.canary = 0;
    assert_eq!(state.next(Timestamp(1)), Next::StartBatch { number: 0, first: 0, targets: 40 });
    state.progress.batch_size = 0;
    assert_eq!(state.next(Timestamp(1)), Next::StartBatch { number: 0, first: 0, targets: 1 }, "never none");
}

#[test]
fn it_may_run_from_when_it_was_approved() {
    let at = |state: &Remediation, event: &Event, at| state.apply(event, Timestamp(at)).unwrap();
    let rule = ApprovalRule { votes: 2, ..ApprovalRule::default() };
    let pending = after(&[Event::PlanningStarted, planned(100, Some(rule))]);
    let one = at(&pending, &vote("ben", Decision::Approve), 5);
    assert_eq!((one.status, one.approved_at, one.decided_by.clone()), (Status::PendingApproval, None, None));
    let two = at(&one, &vote("eve", Decision::Approve), 7);
    assert_eq!((two.status, two.approved_at), (Status::Approved, Some(Timestamp(7))));
    let held = at(&two, &Event::Held { reason: StopReason::InProgress { limit: 1, running: 1 } }, 8);
    assert_eq!((held.approved_at, held.updated_at), (Some(Timestamp(7)), Timestamp(8)));
    assert_eq!(at(&two, &Event::Started, 9).approved_at, Some(Timestamp(7)));
    let rejected = at(&one, &vote("eve", Decision::Reject), 7);
    let (status, decided_by) = (rejected.status, rejected.decided_by.as_deref());
    assert_eq!((status, decided_by, rejected.approved_at), (Status::Rejected, Some("eve"), None));
    let by_itself = after(&[Event::PlanningStarted]).apply(&planned(100, None), Timestamp(3)).unwrap();
    assert_eq!(by_itself.approved_at, Some(Timestamp(3)));
}

#[test]
fn votes_are_awaited_until_the_deadline() {
    let rule = ApprovalRule { expires: Duration::from_secs(1), ..ApprovalRule::default() };
    let pending = after(&[Event::PlanningStarted, planned(100, Some(rule))]);
    let until = Timestamp(1_000_000);
    assert_eq!(pending.next(Timestamp(999_999)), Next::AwaitApproval { until });
    assert_eq!(pending.next(until), Next::Expire);
    let approval = pending.approval.as_ref().unwrap();
    assert_eq!((approval.requester.as_str(), approval.digest), ("ann", Digest([7; 32])));
    let again = step(&pending, &Event::ReplanRequested);
    assert_eq!((again.approval.is_none(), again.plan.is_none(), again.counts), (true, true, Counts::default()));
    assert_eq!(again.next(until), Next::Plan);
}

#[test]
fn a_pause_is_obeyed_before_anything_else_is_begun() {
    let pause = Event::PauseRequested { by: by("ann") };
    let person = Next::Pause { reason: StopReason::Person { by: by("ann") } };
    let approved = after(&[Event::PlanningStarted, planned(100, None)]);
    assert_eq!(approved.next(Timestamp(1)), Next::Start);
    assert_eq!(step(&approved, &pause).next(Timestamp(1)), person);
    assert_eq!(step(&running(), &pause).next(Timestamp(1)), person);
    let held = step(&running(), &Event::Held { reason: StopReason::InProgress { limit: 1, running: 1 } });
    assert_eq!((held.next(Timestamp(1)), step(&held, &pause).next(Timestamp(1))), (Next::Release, person));
    let paused = step(&step(&running(), &pause), &Event::Paused { reason: StopReason::Person { by: by("ann") } });
    assert_eq!((paused.asked.as_ref(), paused.next(Timestamp(1))), (None, Next::AwaitPerson));
    let resumed = step(&paused, &Event::Resumed { by: by("ann") });
    assert_eq!((resumed.stop.as_ref(), resumed.asked.as_ref()), (None, None));
}

#[test]
fn a_resume_forgets_what_a_person_has_seen() {
    let paused =
        step(&step(&running(), &batch(5, 5, 5)), &Event::Paused { reason: StopReason::Person { by: by("ann") } });
    assert_eq!(paused.progress.since_resumed.counts.failed, 5);
    let resumed = paused.apply(&Event::Resumed { by: by("ann") }, Timestamp(9)).unwrap();
    assert_eq!(resumed.progress.since_resumed, BatchReport::default());
    assert_eq!((resumed.progress.running_since, resumed.progress.vips_accepted), (Some(Timestamp(9)), 0));
}

#[test]
fn only_what_runs_is_overdue_and_only_with_work_left() {
    let mut state = running();
    state.guards.stop_when.running_longer_than = Some(Duration::from_secs(10));
    let beyond = Timestamp(10_000_001);
    assert!(state.overdue(beyond).is_some() && state.overdue(Timestamp(10_000_000)).is_none());
    let done = step(&state, &batch(100, 0, 0));
    assert!(!matches!(done.next(beyond), Next::Pause { .. }), "all is dealt with");
    let paused = step(&state, &Event::Paused { reason: StopReason::Person { by: by("ann") } });
    assert_eq!(paused.overdue(beyond), None);
}

#[test]
fn who_puts_back_or_tries_again_has_been_through_the_rule_of_vips() {
    let mut state = running();
    state.guards.stop_when.vips = Some(3);
    assert_eq!(state.touches_vips(3), None);
    assert_eq!(state.touches_vips(4), Some(StopReason::VipsNow { limit: 3, planned: 4 }));
    state.progress.vips_accepted = 2;
    assert!(state.touches_vips(4).is_some(), "the larger of the two limits counts");
    state.request.origin = Origin::Undo { of: RemediationId::from_random(4) };
    assert_eq!(state.touches_vips(4), None);
}

#[test]
fn what_has_ended_is_held_by_nothing() {
    let room = || Some(StopReason::InProgress { limit: 1, running: 1 });
    for status in Status::ALL {
        let state = Remediation { status, stop: room(), ..running() };
        assert_eq!(state.is_held(), !status.is_final(), "{status}");
    }
    let person = Some(StopReason::Person { by: by("ann") });
    assert!(!Remediation { stop: person, ..running() }.is_held() && !running().is_held());
}

#[test]
fn a_replay_begins_with_the_submission_and_leads_to_the_same_state() {
    let history = [Event::PlanningStarted, planned(100, None), Event::Started];
    let submitted = Event::Submitted { request: request() };
    let mut replay = Remediation::replay(RemediationId::from_random(9));
    let early = replay.add(&history[0], Timestamp(0)).unwrap_err();
    assert_eq!(early, ReplayError::NotSubmitted { event: "planning-started" });
    assert_eq!(replay.add(&submitted, Timestamp(0)), Ok(&fresh()));
    for (number, event) in history.iter().enumerate() {
        assert_eq!(replay.add(event, Timestamp(0)), Ok(&after(&history[..=number])));
    }
    let twice = IllegalTransition { status: Status::InProgress, event: "started" };
    assert_eq!(replay.add(&Event::Started, Timestamp(0)), Err(ReplayError::Illegal(twice)));
    assert_eq!(replay.end(), Some(after(&history)), "an event that is refused changes nothing");
    assert_eq!(Remediation::replay(RemediationId::from_random(9)).end(), None);
}

#[test]
fn an_alert_is_handled_in_any_status_and_changes_nothing_else() {
    let handled = Event::AlertHandled(AlertHandling {
        state: AlertState::Resolved,
        owner: Some(by("ann")),
        classification: Some(Classification::TruePositive),
        determination: Some(Determination::Phishing),
        comment: Some("seen before".to_owned()),
    });
    let linked = Event::IncidentLinked { incident: Some("https://tickets.example/1".parse().unwrap()) };
    for status in Status::ALL {
        let before = in_status(status);
        let after = step(&step(&before, &handled), &linked);
        assert_eq!((after.alert.state, after.alert.owner.as_deref()), (AlertState::Resolved, Some("ann")));
        assert_eq!(after.alert.determination, Some(Determination::Phishing));
        assert_eq!(after.incident.as_ref().and_then(Incident::host), Some("tickets.example"));
        let cleared = step(
            &step(&after, &Event::IncidentLinked { incident: None }),
            &Event::AlertHandled(AlertHandling::default()),
        );
        assert_eq!(cleared, before, "{status}");
        assert_eq!(serde_json::to_value(&cleared).unwrap(), serde_json::to_value(&before).unwrap());
    }
}
