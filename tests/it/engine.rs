//! The scheduler on a store that fails on demand: guards, throttling, pause, cancel, retry, undo, and counts that sum.

use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::{CallError, MailStore};
use clawback_model::{
    CalendarEntry, CalendarFate, Decision, Location, LocationKind, OutcomeKind, Picked, Principal, Reason, Remediation,
    Role, SelectionMode, Status, StopReason, Timestamp,
};
use clawback_runtime::{Error, Submission, Worker, silent};
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::{NOON, api, noon, person, site, submission};
use clawback_tests::world;

const SENDER: &str = "eve@evil.example";
const PLAYBOOK: &str = "playbook: purge
description: Everything by one sender.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - approve: { when: plan.count > 50 }
  - remediate: { action: soft-delete, batch: 10, canary: 4, stop-when: { failed-ratio: 0.3 } }
  - verify: {}
";

struct World {
    store: Arc<FakeStore>,
    api: Api,
    ann: Principal,
    _site: world::World,
}

impl World {
    /// Mailboxes with `each` messages of the sender, and one message of another sender.
    async fn new(mailboxes: u32, each: u32) -> Self {
        let site = world::World::new(&[("purge", PLAYBOOK)]);
        let store = Arc::clone(&site.store);
        for number in 0..mailboxes {
            let mailbox = format!("user{number:02}@corp.example");
            for letter in 0..each {
                store.deliver(&mailbox, SENDER, &format!("Letter {letter}"), Timestamp(NOON.0 - i64::from(letter)));
            }
            store.deliver(&mailbox, "friend@good.example", "Hello", NOON);
        }
        Self { store, api: site.api(|_| {}).await, ann: person("ann", &[Role::Analyst]), _site: site }
    }

    fn worker(&self) -> Worker {
        world::worker(&self.api)
    }

    /// An approver who is recorded in the site.
    async fn approver(&self, name: &str) -> Principal {
        let approver = person(name, &[Role::Approver]);
        self.api.site().history.add_principal(&approver, "root", NOON).await.unwrap();
        approver
    }

    async fn submit(&self) -> Remediation {
        self.api.submit(&self.ann, submission("purge", &[("sender", SENDER)])).await.unwrap()
    }

    async fn run(&self) -> Remediation {
        let submitted = self.submit().await;
        world::run(&self.api, &submitted.id).await
    }

    async fn reasons(&self, of: &Remediation) -> Vec<(OutcomeKind, Reason)> {
        let messages = self.api.site().history.messages(&of.id, None, 10_000).await.unwrap();
        messages.into_iter().filter_map(|(_, outcome)| outcome.map(|outcome| (outcome.kind, outcome.reason))).collect()
    }

    /// What became of the calendar entry of each message.
    async fn entries(&self, of: &Remediation) -> Vec<CalendarEntry> {
        let messages = self.api.site().history.messages(&of.id, None, 10_000).await.unwrap();
        let receipts = messages.into_iter().filter_map(|(_, outcome)| outcome?.receipt);
        receipts.filter_map(|receipt| receipt.calendar_entry).collect()
    }

    async fn verify(&self) {
        self.api.site().history.verify(None, |_| {}).await.unwrap();
    }
}

fn transient() -> CallError {
    CallError::Transient { store: "corp".into(), detail: "connection reset".into() }
}

fn throttled() -> CallError {
    CallError::Throttled { store: "corp".into(), after: Some(Duration::from_millis(2)), detail: None }
}

#[tokio::test]
async fn everything_is_found_removed_verified_and_put_back() {
    let world = World::new(6, 5).await;
    let done = world.run().await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 30));
    assert_eq!(done.progress.verified, Some((30, 0)));
    let undo = world.api.undo(&world.ann, &done.id).await.unwrap();
    let undone = world.worker().run(&undo.id).await.unwrap();
    assert_eq!((undone.status, undone.counts.succeeded), (Status::Completed, 30));
    let again = world.run().await;
    assert_eq!(again.counts.succeeded, 30, "they lie in the inboxes again");
    world.verify().await;
}

#[tokio::test]
async fn a_message_that_its_owner_moved_is_left_alone() {
    let world = World::new(2, 2).await;
    let submitted = world.submit().await;
    let planned = world.worker().plan_only(&submitted.id).await.unwrap();
    let (target, _) = world.api.site().history.messages(&planned.id, None, 1).await.unwrap().remove(0);
    let keep = Location::new(LocationKind::Folder, "Keep");
    world.store.move_by_owner(&target.mailbox, &target.reference.fingerprint, keep);
    let done = world.worker().run(&planned.id).await.unwrap();
    assert_eq!((done.counts.succeeded, done.counts.moved_since), (3, 1));
    assert_eq!(world.reasons(&done).await[0], (OutcomeKind::MovedSince, Reason::MovedByOwner));
}

#[tokio::test]
async fn passing_errors_and_throttling_are_waited_out() {
    let world = World::new(4, 5).await;
    let submitted = world.submit().await;
    world.worker().plan_only(&submitted.id).await.unwrap();
    world.store.fail_next([transient(), throttled(), throttled(), transient()]);
    let done = world.worker().run(&submitted.id).await.unwrap();
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 20));
    world.verify().await;
}

#[tokio::test]
async fn an_act_whose_answer_was_lost_is_never_recorded_as_failed() {
    // Both ways to lose an answer: the connection breaks on the last try too, and the connector faults on a chunk.
    let fault = || CallError::Fault {
        store: "corp".into(),
        connector: "fake".into(),
        version: "0.0.0".into(),
        detail: "trapped".into(),
    };
    for lost in [vec![transient(); 5], vec![fault(), fault()]] {
        let world = World::new(1, 4).await;
        let submitted = world.submit().await;
        world.worker().plan_only(&submitted.id).await.unwrap();
        world.store.lose_answers(lost);
        let done = world.worker().run(&submitted.id).await.unwrap();
        assert_eq!((done.status, done.counts.succeeded, done.counts.failed), (Status::Completed, 4, 0));
        let told = world.reasons(&done).await;
        assert!(told.iter().all(|(_, reason)| *reason == Reason::ConfirmedAfterRestart), "{told:?}");
        let undo = world.api.undo(&world.ann, &done.id).await.unwrap();
        let undone = world.worker().run(&undo.id).await.unwrap();
        assert_eq!(undone.counts.succeeded, 4, "each has a receipt for an undo");
    }
}

#[tokio::test]
async fn calendar_entries_are_recorded_and_never_hide_what_became_of_a_message() {
    let entry = |fate| CalendarEntry { fate, detail: None };
    // The answer arrives; it is lost, so that the act is found done; and the calendar then does not answer, either.
    let denied = CallError::Denied { store: "corp".into(), detail: "no right".into() };
    for (lost, refused) in [(0, None), (5, None), (5, Some(denied))] {
        let world = World::new(1, 4).await;
        world.store.keep_calendar();
        let submitted = world.submit().await;
        world.worker().plan_only(&submitted.id).await.unwrap();
        world.store.lose_answers(vec![transient(); lost]);
        world.store.fail_calendar(refused.clone());
        let done = world.worker().run(&submitted.id).await.unwrap();
        assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 4));
        let expected = match &refused {
            None => entry(CalendarFate::Removed),
            Some(refused) => CalendarEntry::not_looked_for(refused.to_string()),
        };
        assert_eq!(world.entries(&done).await, vec![expected; 4], "{lost} {refused:?}");
        let undo = world.api.undo(&world.ann, &done.id).await.unwrap();
        let undone = world.worker().run(&undo.id).await.unwrap();
        assert_eq!(world.entries(&undone).await, vec![entry(CalendarFate::Restored); 4]);
        world.verify().await;
    }
}

#[tokio::test]
async fn undoing_a_retry_needs_the_votes_of_the_first() {
    let world = World::new(12, 5).await;
    let ben = world.approver("ben").await;
    let pending = world.run().await;
    world.api.decide(&ben, &pending.id, Decision::Approve, None, None).await.unwrap();
    // One mailbox after the canary is denied, and retried.
    let denied = || CallError::Denied { store: "corp".into(), detail: "no right".into() };
    world.store.fail_next([denied()]);
    let paused = world.worker().run(&pending.id).await.unwrap();
    world.api.resume(&ben, &paused.id).await.unwrap();
    let partly = world.worker().run(&paused.id).await.unwrap();
    assert!(partly.counts.failed > 0);
    let retry = world.api.retry(&world.ann, &partly.id).await.unwrap();
    let retried = world.worker().run(&retry.id).await.unwrap();
    assert_eq!((retried.status, retried.decided_by.as_deref()), (Status::Completed, Some("ben")));
    let undo = world.api.undo(&world.ann, &retried.id).await.unwrap();
    assert_eq!(world.worker().run(&undo.id).await.unwrap().status, Status::PendingApproval);
}

#[tokio::test]
async fn a_person_cannot_submit_as_automation() {
    let world = World::new(1, 1).await;
    let mut asked = submission("purge", &[("sender", SENDER)]);
    asked.source = clawback_model::ActionSource::Air;
    assert!(matches!(world.api.submit(&world.ann, asked).await, Err(Error::NotAService { .. })));
    let path = submission("../elsewhere/purge", &[("sender", SENDER)]);
    assert!(matches!(world.api.submit(&world.ann, path).await, Err(Error::PlaybookPath { .. })));
}

#[tokio::test]
async fn a_plan_runs_on_the_connectors_that_it_was_approved_for() {
    let world = World::new(2, 2).await;
    let submitted = world.submit().await;
    world.worker().plan_only(&submitted.id).await.unwrap();
    // The same store by name, with another connector.
    let other = Arc::new(clawback_tests::synthetic::Synthetic::new(1, 1));
    let changed = site(world.api.site().history.clone(), vec![other], &[("purge", PLAYBOOK)], noon());
    let paused = Worker::new(Arc::new(changed), silent()).run(&submitted.id).await.unwrap();
    assert_eq!(paused.status, Status::Paused);
    let said = paused.stop.unwrap().to_string();
    assert!(said.contains("connectors.corp was `fake ") && said.contains("is `synthetic "), "{said}");
}

#[tokio::test]
async fn a_failed_canary_pauses_with_a_reason_and_a_retry_does_the_rest() {
    let world = World::new(4, 5).await;
    let submitted = world.submit().await;
    world.worker().plan_only(&submitted.id).await.unwrap();
    let denied = || CallError::Denied { store: "corp".into(), detail: "no right".into() };
    world.store.fail_next([denied()]);
    let paused = world.worker().run(&submitted.id).await.unwrap();
    assert_eq!(paused.status, Status::Paused);
    assert!(matches!(paused.stop, Some(StopReason::FailedRatio { failed: 4, acted: 4, .. })), "{:?}", paused.stop);
    assert_eq!(paused.counts.open, 16, "nothing after the canary was acted on");
    world.api.resume(&world.approver("ben").await, &paused.id).await.unwrap();
    let done = world.worker().run(&paused.id).await.unwrap();
    assert_eq!((done.status, done.counts.failed, done.counts.succeeded), (Status::PartiallyCompleted, 4, 16));
    let cancelled = world.api.retry(&world.ann, &done.id).await.unwrap();
    world.api.cancel(&world.ann, &cancelled.id).await.unwrap();
    assert_eq!(world.worker().run(&cancelled.id).await.unwrap().status, Status::Cancelled);
    let retry = world.api.retry(&world.ann, &done.id).await.unwrap();
    let twice = || world.api.retry(&world.ann, &done.id);
    assert!(matches!(twice().await, Err(Error::Retried { by, .. }) if by == retry.id), "while it runs");
    let retried = world.worker().run(&retry.id).await.unwrap();
    assert!(matches!(twice().await, Err(Error::Retried { by, .. }) if by == retry.id), "what it moved counts once");
    assert_eq!((retried.status, retried.counts.submitted, retried.counts.succeeded), (Status::Completed, 4, 4));
    assert_eq!(world.api.site().history.load(&done.id).await.unwrap(), done, "the old one is as it was");
    world.verify().await;
}

#[tokio::test]
async fn cancelling_a_paused_one_leaves_each_remaining_target_cancelled() {
    let world = World::new(4, 5).await;
    let submitted = world.submit().await;
    world.worker().plan_only(&submitted.id).await.unwrap();
    world.api.pause(&world.ann, &submitted.id).await.unwrap();
    let paused = world.worker().run(&submitted.id).await.unwrap();
    assert_eq!((paused.status, &paused.stop), (Status::Paused, &Some(StopReason::Person { by: "ann".into() })));
    world.api.cancel(&world.ann, &paused.id).await.unwrap();
    let cancelled = world.worker().run(&paused.id).await.unwrap();
    assert_eq!((cancelled.status, cancelled.counts.cancelled, cancelled.counts.open), (Status::Cancelled, 20, 0));
    assert!(world.reasons(&cancelled).await.iter().all(|(_, reason)| *reason == Reason::CancelledByPerson));
    world.verify().await;
}

#[tokio::test]
async fn a_plan_over_its_limit_is_refused_with_limit_and_count() {
    let world = World::new(4, 5).await;
    let mut tight = site(
        world.api.site().history.clone(),
        vec![Arc::clone(&world.store) as Arc<dyn MailStore>],
        &[("purge", PLAYBOOK)],
        noon(),
    );
    tight.limits.query = 12;
    let tight = api(tight);
    let submitted = tight.submit(&world.ann, submission("purge", &[("sender", SENDER)])).await.unwrap();
    let refused = world::worker(&tight).run(&submitted.id).await.unwrap();
    assert_eq!(refused.status, Status::Failed);
    let said = refused.stop.unwrap().to_string();
    assert!(said.contains("limited to 12") && said.contains("narrow the query"), "{said}");
}

#[tokio::test]
async fn roles_are_asked_for() {
    let world = World::new(1, 1).await;
    let vic = person("vic", &[Role::Viewer]);
    let refused = world.api.submit(&vic, submission("purge", &[("sender", SENDER)])).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })));
    let done = world.run().await;
    assert!(matches!(world.api.cancel(&vic, &done.id).await, Err(Error::Forbidden { .. })));
    assert!(matches!(world.api.undo(&vic, &done.id).await, Err(Error::Forbidden { .. })));
}

#[tokio::test]
async fn a_plan_of_sixty_waits_and_starts_after_a_vote() {
    let world = World::new(12, 5).await;
    let pending = world.run().await;
    assert_eq!(pending.status, Status::PendingApproval);
    let ben = world.approver("ben").await;
    let approved = world.api.decide(&ben, &pending.id, Decision::Approve, None, None).await.unwrap();
    assert_eq!(approved.status, Status::Approved);
    let done = world.worker().run_next().await.unwrap().unwrap();
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 60));
    assert_eq!(world.worker().run_next().await.unwrap(), None);
}

#[tokio::test]
async fn an_administrative_action_raises_an_alert_and_an_investigation() {
    let world = World::new(1, 2).await;
    let done = world.run().await;
    let history = &world.api.site().history;
    let alert = history.alert(&done.request.alert_id).await.unwrap();
    assert_eq!(alert.name, "Administrative action submitted by an Administrator");
    assert_eq!((alert.actor.as_str(), &alert.investigation_id), ("ann", &done.request.investigation_id));
    let investigation = history.investigation(&done.request.investigation_id).await.unwrap();
    assert_eq!((&investigation.alert_id, &investigation.remediation_id), (&alert.id, &done.id));
}

#[tokio::test]
async fn a_node_that_serves_waits_for_a_store_that_is_down() {
    let world = World::new(2, 2).await;
    let stores: Vec<Arc<dyn MailStore>> = vec![Arc::clone(&world.store) as _];
    // The times of lanes are read from the clock, so it must advance.
    let clock = Arc::new(clawback_tests::site::SystemClock);
    let mut site = site(world.api.site().history.clone(), stores, &[("purge", PLAYBOOK)], clock);
    site.tuning.outage_pause = Duration::from_millis(20);
    let served = api(site);
    let submitted = served.submit(&world.ann, submission("purge", &[("sender", SENDER)])).await.unwrap();
    let worker = world::worker(&served);
    worker.plan_only(&submitted.id).await.unwrap();
    // More than all tries of both mailboxes.
    world.store.fail_next((0..14).map(|_| transient()));
    let history = served.site().history.clone();
    let ended = async {
        while !history.load(&submitted.id).await.unwrap().status.is_final() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    worker.serve(ended, |_| {}).await.unwrap();
    let done = history.load(&submitted.id).await.unwrap();
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 4), "{:?}", done.counts);
    world.verify().await;
}

#[tokio::test]
async fn the_limit_of_a_query_with_exclusions_is_on_what_the_query_finds() {
    let world = World::new(1, 1_003).await;
    let messages = world.store.messages("user00@corp.example");
    let picked = messages.iter().take(4).map(|message| Picked {
        mailbox: message.mailbox.to_string(),
        fingerprint: Some(message.reference.fingerprint.clone()),
        ..Picked::default()
    });
    let submission = Submission {
        mode: SelectionMode::QueryWithExclusions,
        picked: picked.collect(),
        ..submission("purge", &[("sender", SENDER)])
    };
    let found = world.api.dry_run(&world.ann, submission, 1, &silent()).await.unwrap();
    let refused = found.plan.unwrap_err().to_string();
    assert!(refused.contains("limited to 1000 and the search stopped at 1003: at least so many match"), "{refused}");
}

#[tokio::test]
async fn a_store_with_stable_handles_keeps_receipts_when_an_answer_is_lost() {
    let world = World::new(3, 4).await;
    world.store.keep_handles();
    // Each call takes full effect, and then is throttled or cut off instead of answering.
    world.store.lose_answers([throttled(), transient(), throttled()]);
    let done = world.run().await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 12), "{:?}", world.reasons(&done).await);
    assert_eq!(world.store.acts(), 12, "nothing is done twice");
    let undo = world.api.undo(&world.ann, &done.id).await.unwrap();
    let undone = world.worker().run(&undo.id).await.unwrap();
    assert_eq!((undone.status, undone.counts.succeeded), (Status::Completed, 12));
    for mailbox in ["user00@corp.example", "user01@corp.example", "user02@corp.example"] {
        let all = world.store.messages(mailbox);
        assert!(all.iter().all(|message| message.location.kind == LocationKind::Inbox), "{mailbox}");
    }
    world.verify().await;
}
