//! What may be done without a vote is limited over the whole site, so the second person cannot be evaded in small
//! parts.

use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::{CallError, MailStore};
use clawback_model::{
    Action, ActionSource, CountedBy, Decision, Limited, LocationKind, ManualClock, Principal, PrincipalKind,
    Remediation, Role, Status, StopReason, Timestamp, Unit, Window, Windows, WithoutAVote,
};
use clawback_runtime::{Error, Site, Worker, silent};
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::{NOON, api, known, noon, person, site, submission};
use clawback_tests::world;

use crate::store::harness::Database;

const PLAYBOOK: &str = "playbook: tidy
on: { manual: {}, suggestion: { verdict: malicious } }
inputs: { sender: { type: address, required: true }, mailbox: { type: text } }
steps:
  - search: { where: { from: \"${inputs.sender}\", mailbox: \"${inputs.mailbox}\" } }
  - remediate: { action: ACTION, canary: 0 }
";
const SENDER: &str = "eve@evil.example";
const MAILBOXES: usize = 60;
const EACH: usize = 6;

struct World {
    store: Arc<FakeStore>,
    clock: Arc<ManualClock>,
    site: Arc<Site>,
    api: Api,
    ann: Principal,
    ben: Principal,
    bot: Principal,
}

impl World {
    /// Sixty mailboxes with six messages each.
    async fn new(database: &Database, change: impl FnOnce(&mut Site)) -> Self {
        let store = Arc::new(FakeStore::new("corp"));
        for mailbox in 0..MAILBOXES {
            for letter in 0..EACH {
                store.deliver(&address(mailbox), SENDER, &format!("Letter {letter}"), NOON);
            }
        }
        let history = &database.store;
        let ann = known(history, "ann", &[Role::Analyst]).await;
        let ben = known(history, "ben", &[Role::Approver]).await;
        let bot = Principal { kind: PrincipalKind::Service, ..person("bot", &[Role::Analyst]) };
        history.add_principal(&bot, "root", NOON).await.unwrap();
        let clock = noon();
        let site = Arc::new(Self::node(database, &store, &clock, change));
        Self { store, clock, api: Api::new(Arc::clone(&site)), site, ann, ben, bot }
    }

    fn node(
        database: &Database,
        store: &Arc<FakeStore>,
        clock: &Arc<ManualClock>,
        change: impl FnOnce(&mut Site),
    ) -> Site {
        let playbook = PLAYBOOK.replace("ACTION", "soft-delete");
        let stores: Vec<Arc<dyn MailStore>> = vec![Arc::clone(store) as _];
        let mut site = site(database.store.clone(), stores, &[("tidy", &playbook)], Arc::clone(clock) as _);
        site.without_a_vote = WithoutAVote::default();
        change(&mut site);
        site
    }

    async fn submit(&self, who: &Principal, mailbox: usize) -> Remediation {
        let inputs = [("sender", SENDER), ("mailbox", &address(mailbox))];
        self.api.submit(who, submission("tidy", &inputs)).await.unwrap()
    }

    async fn run(&self, remediation: &Remediation) -> Remediation {
        Worker::new(Arc::clone(&self.site), silent()).run(&remediation.id).await.unwrap()
    }

    async fn ask(&self, who: &Principal, mailbox: usize) -> Remediation {
        self.run(&self.submit(who, mailbox).await).await
    }

    fn moved(&self) -> usize {
        let messages = (0..MAILBOXES).flat_map(|mailbox| self.store.messages(&address(mailbox)));
        messages.filter(|message| message.location.kind != LocationKind::Inbox).count()
    }

    async fn verify(&self) {
        self.site.history.verify(None, |_| {}).await.unwrap();
    }
}

fn address(mailbox: usize) -> String {
    format!("user{mailbox:02}@corp.example")
}

/// A limit on messages alone.
fn messages(hour: u64) -> Windows {
    Windows { hour: Limited { messages: Some(hour), ..Limited::default() }, ..Windows::default() }
}

fn over(remediation: &Remediation) -> (CountedBy, Unit, Window, u64, u64) {
    match &remediation.stop {
        Some(StopReason::WithoutAVote { by, unit, window, limit, used, .. }) => (*by, *unit, *window, *limit, *used),
        other => panic!("{} {other:?}", remediation.status),
    }
}

#[tokio::test]
async fn sixty_small_requests_stop_at_the_limit_and_what_is_over_it_waits_for_votes() {
    for database in Database::all().await {
        let world = World::new(&database, |_| {}).await;
        let (mut done, mut pending) = (0, Vec::new());
        for mailbox in 0..MAILBOXES {
            let after = world.ask(&world.ann, mailbox).await;
            match after.status {
                Status::Completed => done += after.counts.succeeded,
                _ => pending.push(after),
            }
        }
        // Sixteen times six are 96; a seventeenth would be 102.
        assert_eq!((done, world.moved(), pending.len()), (96, 96, 44), "{}", database.name);
        for waiting in &pending {
            assert_eq!(waiting.status, Status::PendingApproval);
            assert_eq!(over(waiting), (CountedBy::Requester, Unit::Messages, Window::Hour, 100, 96));
            assert_eq!(waiting.approval.as_ref().unwrap().requester, "ann");
        }
        let said = pending[0].stop.as_ref().unwrap().to_string();
        assert_eq!(
            said,
            "without-a-vote: asks for a vote: ann has had 96 of 100 messages within an hour without one, and this would be 6 more"
        );
        world.verify().await;

        // A vote covers it, and what runs under a vote is not counted.
        world.api.decide(&world.ben, &pending[0].id, Decision::Approve, None, None).await.unwrap();
        let voted = world.run(&pending[0]).await;
        assert_eq!((voted.status, voted.stop, voted.decided_by.as_deref()), (Status::Completed, None, Some("ben")));
        let refused = world.api.decide(&world.ann, &pending[1].id, Decision::Approve, None, None).await.unwrap_err();
        assert!(matches!(refused, Error::Vote(_)), "{refused}");
        // Planned again within the hour, it asks again; after it, it has the next hour's limit.
        world.api.replan(&world.ann, &pending[1].id).await.unwrap();
        assert_eq!(over(&world.run(&pending[1]).await).4, 96);
        world.clock.advance(Duration::from_mins(61));
        world.api.replan(&world.ann, &pending[1].id).await.unwrap();
        assert_eq!(world.run(&pending[1]).await.status, Status::Completed);
        assert_eq!(world.moved(), 108);
        world.verify().await;
    }
}

#[tokio::test]
async fn two_nodes_never_exceed_a_limit_together() {
    for database in Database::all().await {
        let world = World::new(&database, |site| site.without_a_vote.requester = messages(18)).await;
        let mut starts = Vec::new();
        for mailbox in 0..8 {
            let submitted = world.submit(&world.ann, mailbox).await;
            let site = another_node(&database, &world, mailbox);
            Worker::new(Arc::clone(&site), silent()).plan_only(&submitted.id).await.unwrap();
            starts.push(tokio::spawn(async move { Worker::new(site, silent()).run(&submitted.id).await.unwrap() }));
        }
        let (mut completed, mut waiting) = (0, 0);
        for start in starts {
            match start.await.unwrap().status {
                Status::Completed => completed += 1,
                Status::PendingApproval => waiting += 1,
                other => panic!("{other}"),
            }
        }
        assert_eq!((completed, waiting, world.moved()), (3, 5, 18), "{}", database.name);
        world.verify().await;
    }
}

/// Another node of the same site.
fn another_node(database: &Database, world: &World, number: usize) -> Arc<Site> {
    Arc::new(World::node(database, &world.store, &world.clock, |site| {
        site.node = format!("node-{number}");
        site.without_a_vote.requester = messages(18);
    }))
}

#[tokio::test]
async fn services_playbooks_and_senders_have_limits_of_their_own() {
    let limit = messages(6);
    for by in [CountedBy::Service, CountedBy::Playbook, CountedBy::Sender] {
        let set = |site: &mut WithoutAVote| match by {
            CountedBy::Playbook => site.playbook = limit,
            CountedBy::Sender => site.sender = limit,
            _ => site.service = limit,
        };
        let database = Database::sqlite().await;
        let world = World::new(&database, |site| set(&mut site.without_a_vote)).await;
        assert_eq!(world.ask(&world.bot, 0).await.status, Status::Completed);
        let waiting = world.ask(&world.bot, 1).await;
        assert_eq!(over(&waiting), (by, Unit::Messages, Window::Hour, 6, 6));
        // A person has the limit of a person, and shares those of the playbook and of the sender.
        let person = world.ask(&world.ann, 2).await.status;
        let expected = if by == CountedBy::Service { Status::Completed } else { Status::PendingApproval };
        assert_eq!(person, expected, "{by:?}");
        world.verify().await;
    }
}

#[tokio::test]
async fn mailboxes_remediations_and_days_are_counted_too() {
    let few = |mailboxes, remediations| Limited { mailboxes, remediations, ..Limited::default() };
    for (windows, unit, window) in [
        (Windows { hour: few(Some(2), None), ..Windows::default() }, Unit::Mailboxes, Window::Hour),
        (Windows { hour: few(None, Some(2)), ..Windows::default() }, Unit::Remediations, Window::Hour),
        (Windows { day: few(None, Some(2)), ..Windows::default() }, Unit::Remediations, Window::Day),
    ] {
        let database = Database::sqlite().await;
        let world = World::new(&database, |site| site.without_a_vote.requester = windows).await;
        for mailbox in 0..2 {
            assert_eq!(world.ask(&world.ann, mailbox).await.status, Status::Completed);
        }
        let waiting = world.ask(&world.ann, 2).await;
        assert_eq!(over(&waiting), (CountedBy::Requester, unit, window, 2, 2));
        world.clock.advance(Duration::from_mins(61));
        world.api.replan(&world.ann, &waiting.id).await.unwrap();
        let expected = if window == Window::Hour { Status::Completed } else { Status::PendingApproval };
        assert_eq!(world.run(&waiting).await.status, expected);
    }
}

#[tokio::test]
async fn a_remediation_is_counted_at_its_start() {
    let database = Database::sqlite().await;
    let world = World::new(&database, |site| site.without_a_vote.requester = messages(6)).await;
    let worker = Worker::new(Arc::clone(&world.site), silent());
    let mut planned = Vec::new();
    for mailbox in 0..3 {
        planned.push(worker.plan_only(&world.submit(&world.ann, mailbox).await.id).await.unwrap());
    }
    // Decided on two hours before, they start together.
    world.clock.advance(Duration::from_hours(2));
    let mut ended = Vec::new();
    for one in &planned {
        ended.push(world.run(one).await.status);
    }
    assert_eq!(ended, [Status::Completed, Status::PendingApproval, Status::PendingApproval]);
}

#[tokio::test]
async fn a_pause_before_the_start_does_not_evade_a_limit() {
    let database = Database::sqlite().await;
    let world = World::new(&database, |site| site.without_a_vote.requester = messages(6)).await;
    let worker = Worker::new(Arc::clone(&world.site), silent());
    let paused = worker.plan_only(&world.submit(&world.ann, 0).await.id).await.unwrap();
    world.api.pause(&world.ann, &paused.id).await.unwrap();
    assert_eq!(world.run(&paused).await.status, Status::Paused);
    assert_eq!(world.ask(&world.ann, 1).await.status, Status::Completed);
    let asked = world.api.resume(&world.ann, &paused.id).await.unwrap();
    assert_eq!((asked.status, over(&asked).4), (Status::PendingApproval, 6));
    // One that begins when it is resumed is counted, once.
    world.clock.advance(Duration::from_mins(61));
    let other = worker.plan_only(&world.submit(&world.ann, 2).await.id).await.unwrap();
    world.api.pause(&world.ann, &other.id).await.unwrap();
    world.run(&other).await;
    assert_eq!(world.api.resume(&world.ann, &other.id).await.unwrap().status, Status::InProgress);
    assert_eq!(over(&world.ask(&world.ann, 3).await).4, 6);
    let rows =
        "SELECT CAST(COUNT(*) AS TEXT) FROM counted c JOIN remediations r ON r.number = c.remediation WHERE r.id = ";
    assert_eq!(database.lines(&format!("{rows}'{}'", other.id)).await, ["3"], "requester, playbook, sender");
    world.verify().await;
}

#[tokio::test]
async fn an_undo_or_retry_of_ones_own_is_not_counted_twice_and_others_are() {
    let database = Database::sqlite().await;
    let world = World::new(&database, |site| site.without_a_vote.requester = messages(6)).await;
    let denied = CallError::Denied { store: "corp".into(), detail: "no right".into() };
    let submitted = world.submit(&world.ann, 0).await;
    Worker::new(Arc::clone(&world.site), silent()).plan_only(&submitted.id).await.unwrap();
    world.store.fail_next([denied]);
    let failed = world.run(&submitted).await;
    assert_eq!((failed.status, failed.counts.failed), (Status::Failed, 6));
    let retried = world.run(&world.api.retry(&world.ann, &failed.id).await.unwrap()).await;
    assert_eq!((retried.status, retried.counts.succeeded), (Status::Completed, 6));
    let undone = world.run(&world.api.undo(&world.ann, &retried.id).await.unwrap()).await;
    assert_eq!(undone.status, Status::Completed);
    // An undo of what another person asked for is counted.
    let other = known(&database.store, "cay", &[Role::Analyst]).await;
    let theirs = world.ask(&other, 1).await;
    let waiting = world.run(&world.api.undo(&world.ann, &theirs.id).await.unwrap()).await;
    assert_eq!((waiting.request.action, over(&waiting).4), (Action::Restore, 6));
    world.verify().await;
}

#[tokio::test]
async fn a_change_of_the_counted_rows_is_detected() {
    for database in Database::all().await {
        let world = World::new(&database, |_| {}).await;
        world.ask(&world.ann, 0).await;
        for change in [
            "DELETE FROM counted WHERE counted_by = 'requester'",
            "UPDATE counted SET started_at = started_at - 90000000000 WHERE counted_by = 'playbook'",
            "UPDATE counted SET messages = 0",
        ] {
            let kept = database.keep().await;
            assert!(database.force(change).await);
            let broken = world.site.history.verify(None, |_| {}).await.unwrap_err().to_string();
            assert!(broken.contains("counts towards the limits on what runs without a vote"), "{broken}");
            database.put_back(&kept).await;
        }
        world.verify().await;
    }
}

#[tokio::test]
async fn a_suggestion_needs_a_vote_unless_the_site_allows_it_without() {
    for allowed in [false, true] {
        let database = Database::sqlite().await;
        let world = World::new(&database, |site| site.suggestions_without_a_vote = allowed).await;
        let inputs = [("sender", SENDER), ("mailbox", &address(0))];
        let suggestion = clawback_runtime::Submission { source: ActionSource::Air, ..submission("tidy", &inputs) };
        let dry = world.api.dry_run(&world.bot, suggestion.clone(), 1, &silent()).await.unwrap();
        assert_eq!(dry.approval.is_some(), !allowed);
        let after = world.run(&world.api.submit(&world.bot, suggestion).await.unwrap()).await;
        let expected = if allowed { Status::Completed } else { Status::PendingApproval };
        assert_eq!(after.status, expected);
        if !allowed {
            world.api.decide(&world.ben, &after.id, Decision::Approve, None, None).await.unwrap();
            assert_eq!(world.run(&after).await.status, Status::Completed);
        }
        // What the same service asks for as itself is for its playbook to decide.
        assert_eq!(world.ask(&world.bot, 1).await.status, Status::Completed);
    }
}

#[tokio::test]
async fn a_retry_after_a_guards_stop_needs_a_vote() {
    let database = Database::sqlite().await;
    let playbook = PLAYBOOK.replace("ACTION, canary: 0", "soft-delete, canary: 6, stop-when: { failed-ratio: 0.5 }");
    let store = Arc::new(FakeStore::new("corp"));
    for mailbox in 0..2 {
        for letter in 0..EACH {
            store.deliver(&address(mailbox), SENDER, &format!("Letter {letter}"), NOON);
        }
    }
    let stores: Vec<Arc<dyn MailStore>> = vec![Arc::clone(&store) as _];
    let site = site(database.store.clone(), stores, &[("tidy", &playbook)], noon());
    let api = api(site);
    let ann = known(&database.store, "ann", &[Role::Analyst]).await;
    let worker = world::worker(&api);
    let submitted = api.submit(&ann, submission("tidy", &[("sender", SENDER)])).await.unwrap();
    worker.plan_only(&submitted.id).await.unwrap();
    store.fail_next([CallError::Denied { store: "corp".into(), detail: "no right".into() }]);
    let paused = worker.run(&submitted.id).await.unwrap();
    assert!(matches!(paused.stop, Some(StopReason::FailedRatio { .. })), "{:?}", paused.stop);
    api.cancel(&ann, &paused.id).await.unwrap();
    assert_eq!(worker.run(&paused.id).await.unwrap().status, Status::Cancelled);
    let retry = api.retry(&ann, &paused.id).await.unwrap();
    assert_eq!(worker.run(&retry.id).await.unwrap().status, Status::PendingApproval);
}

#[tokio::test]
async fn an_analyst_without_the_purgers_role_neither_retries_nor_resumes_a_hard_delete() {
    let database = Database::sqlite().await;
    let store = Arc::new(FakeStore::new("corp"));
    for letter in 0..EACH {
        store.deliver(&address(0), SENDER, &format!("Letter {letter}"), Timestamp(NOON.0 - 1));
    }
    let stores: Vec<Arc<dyn MailStore>> = vec![Arc::clone(&store) as _];
    let playbook = PLAYBOOK.replace("ACTION", "hard-delete");
    let api = api(site(database.store.clone(), stores, &[("tidy", &playbook)], noon()));
    let pam = known(&database.store, "pam", &[Role::Analyst, Role::Purger]).await;
    let ann = known(&database.store, "ann", &[Role::Analyst]).await;
    let worker = world::worker(&api);
    let submission = || submission("tidy", &[("sender", SENDER)]);
    let forbidden = |error: Error| matches!(error, Error::Forbidden { .. });
    assert!(forbidden(api.submit(&ann, submission()).await.unwrap_err()));
    // Paused before it began.
    let planned = worker.plan_only(&api.submit(&pam, submission()).await.unwrap().id).await.unwrap();
    api.pause(&ann, &planned.id).await.unwrap();
    assert_eq!(worker.run(&planned.id).await.unwrap().status, Status::Paused);
    assert!(forbidden(api.resume(&ann, &planned.id).await.unwrap_err()));
    api.resume(&pam, &planned.id).await.unwrap();
    store.fail_next([CallError::Denied { store: "corp".into(), detail: "no right".into() }]);
    let failed = worker.run(&planned.id).await.unwrap();
    assert_eq!((failed.status, failed.counts.failed), (Status::Failed, 6));
    assert!(forbidden(api.retry(&ann, &failed.id).await.unwrap_err()));
    let retried = api.retry(&pam, &failed.id).await.unwrap();
    assert_eq!(worker.run(&retried.id).await.unwrap().counts.succeeded, 6);
}
