//! What was approved is what runs, whatever is written into the database or the configuration in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use clawback_app::Api;
use clawback_connectors::MailStore;
use clawback_model::{
    Decision, Event, LocationKind, Principal, Remediation, RemediationId, Role, Status, StopReason, Timestamp,
};
use clawback_runtime::{Error, Seen, Worker};
use clawback_store::{StoreError, UNTIL_CLOSED};
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::{NOON, api, noon, person, site, submission};
use clawback_tests::world;

use crate::store::columns;
use crate::store::harness::Database;

mod dice;
mod shown;
mod terms;
mod text;

use dice::Dice;

const PLAYBOOK: &str = "playbook: purge
description: Everything by one sender, once somebody has approved it.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - approve: { votes: 1 }
  - remediate: { action: soft-delete, batch: 3, canary: 2 }
";
const MAILBOXES: u32 = 3;
const EACH: u32 = 3;

/// A site on one database, with an analyst and an approver.
struct World {
    store: Arc<FakeStore>,
    api: Api,
    ann: Principal,
    ben: Principal,
}

impl World {
    async fn new(database: &Database) -> Self {
        let store = Arc::new(FakeStore::new("corp"));
        let stores: Vec<Arc<dyn MailStore>> = vec![Arc::clone(&store) as _];
        let api = api(site(database.store.clone(), stores, &[("purge", PLAYBOOK)], noon()));
        let (ann, ben) = (person("ann", &[Role::Analyst]), person("ben", &[Role::Approver]));
        for who in [&ann, &ben] {
            database.store.add_principal(who, "root", NOON).await.unwrap();
        }
        Self { store, api, ann, ben }
    }

    /// Delivers mail of a sender, and makes a plan of it that waits for a vote.
    async fn pending(&self, sender: &str) -> Remediation {
        for mailbox in 0..MAILBOXES {
            for letter in 0..EACH {
                let at = Timestamp(NOON.0 - i64::from(letter));
                self.store.deliver(&format!("user{mailbox}@corp.example"), sender, &format!("Letter {letter}"), at);
            }
        }
        let submitted = self.api.submit(&self.ann, submission("purge", &[("sender", sender)])).await.unwrap();
        let pending = self.worker().plan_only(&submitted.id).await.unwrap();
        assert_eq!(pending.status, Status::PendingApproval);
        pending
    }

    fn worker(&self) -> Worker {
        world::worker(&self.api)
    }

    async fn approve(&self, id: &RemediationId) -> Result<Remediation, Error> {
        self.api.decide(&self.ben, id, Decision::Approve, None, None).await
    }

    /// Runs it until its second batch has begun, and leaves it there.
    async fn half(&self, id: &RemediationId) {
        let (begun, stop) = tokio::sync::watch::channel(false);
        let observer = Arc::new(move |seen| {
            if matches!(seen, Seen::BatchStarted { number: 1, .. }) {
                begun.send_replace(true);
            }
        });
        let worker = Worker::new(Arc::clone(self.api.site()), observer);
        let mut stop = stop.clone();
        worker.run_until(id, async move { drop(stop.wait_for(|begun| *begun).await) }).await.unwrap();
    }

    /// The senders of all mail that was moved.
    fn moved(&self) -> BTreeSet<(String, usize)> {
        let mut moved = std::collections::BTreeMap::new();
        for mailbox in 0..MAILBOXES {
            let messages = self.store.messages(&format!("user{mailbox}@corp.example"));
            for message in messages.into_iter().filter(|message| message.location.kind != LocationKind::Inbox) {
                *moved.entry(message.from_address).or_insert(0) += 1;
            }
        }
        moved.into_iter().collect()
    }
}

fn is_altered(error: &Error) -> bool {
    matches!(error, Error::Refused(StoreError::Altered { .. } | StoreError::NotItsEvents { .. }))
}

/// Puts the mail of another sender into the rows of a plan that waits for approval.
const SWAP: &str = "UPDATE targets SET locator = (SELECT o.locator FROM targets o WHERE o.remediation = 2 AND o.seq = targets.seq), \
    message_id = (SELECT o.message_id FROM targets o WHERE o.remediation = 2 AND o.seq = targets.seq), \
    fingerprint = (SELECT o.fingerprint FROM targets o WHERE o.remediation = 2 AND o.seq = targets.seq) WHERE remediation = 1";

#[tokio::test]
async fn targets_that_were_changed_before_the_vote_are_not_voted_on() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let phish = world.pending("eve@evil.example").await;
        world.pending("hr@corp.example").await;
        assert!(database.force(SWAP).await);
        let refused = world.approve(&phish.id).await.unwrap_err();
        assert!(is_altered(&refused), "{refused}");
        let said = refused.to_string();
        assert!(said.contains("messages 0 to 63 of its plan are not those that were planned"), "{said}");
        assert!(said.contains("clawback verify"), "{said}");
        // A rejection needs no proof, so that the plan can always be ended.
        world.api.decide(&world.ben, &phish.id, Decision::Reject, None, None).await.unwrap();
    }
}

#[tokio::test]
async fn targets_that_were_changed_after_the_vote_are_not_acted_on() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let phish = world.pending("eve@evil.example").await;
        world.pending("hr@corp.example").await;
        world.approve(&phish.id).await.unwrap();
        assert!(database.force(SWAP).await);
        let paused = world.worker().run(&phish.id).await.unwrap();
        assert_eq!(paused.status, Status::Paused);
        assert!(matches!(paused.stop, Some(StopReason::NotAsApproved { .. })), "{:?}", paused.stop);
        assert_eq!(world.moved(), BTreeSet::new());
        // Resuming does not change that.
        world.api.resume(&world.ann, &phish.id).await.unwrap();
        assert_eq!(world.worker().run(&phish.id).await.unwrap().status, Status::Paused);
        assert_eq!(world.moved(), BTreeSet::new());
    }
}

#[tokio::test]
async fn targets_that_were_changed_between_two_batches_are_not_acted_on() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let phish = world.pending("eve@evil.example").await;
        world.pending("hr@corp.example").await;
        world.approve(&phish.id).await.unwrap();
        world.half(&phish.id).await;
        assert!(database.force(SWAP).await);
        let before = world.moved();
        let paused = world.worker().run(&phish.id).await.unwrap();
        assert!(matches!(paused.stop, Some(StopReason::NotAsApproved { .. })), "{:?}", paused.stop);
        assert_eq!(world.moved(), before);
    }
}

#[tokio::test]
async fn a_state_of_another_remediation_gets_no_lease() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let phish = world.pending("eve@evil.example").await;
        world.approve(&phish.id).await.unwrap();
        world.half(&phish.id).await;
        let other = RemediationId::from_random(1);
        let swap = |from: &RemediationId, to: &RemediationId| {
            format!("UPDATE remediations SET state = REPLACE(state, '{from}', '{to}') WHERE number = 1")
        };
        assert!(database.force(&swap(&phish.id, &other)).await);
        let refused = world.worker().run(&phish.id).await.unwrap_err();
        assert!(is_altered(&refused), "{refused}");
        assert!(database.force(&swap(&other, &phish.id)).await);
        assert_eq!(world.worker().run(&phish.id).await.unwrap().status, Status::Completed);
    }
}

#[tokio::test]
async fn a_vote_counts_if_its_voter_may_decide_when_it_starts() {
    for database in Database::all().await {
        let world = World::new(&database).await;
        let pending = world.pending("eve@evil.example").await;
        assert_eq!(world.approve(&pending.id).await.unwrap().status, Status::Approved);
        database.store.change_roles("ben", &[Role::Viewer], "root", NOON).await.unwrap();
        let again = world.worker().run(&pending.id).await.unwrap();
        assert_eq!((again.status, again.decided_by), (Status::PendingApproval, None));
        assert_eq!(world.moved(), BTreeSet::new());
        let told = database.store.events(&pending.id).await.unwrap();
        let last = told.last().unwrap().event().unwrap().unwrap();
        assert_eq!(last, Event::VotesVoided { voters: vec!["ben".to_owned()] });
        // With the role given back, the vote is cast again.
        database.store.change_roles("ben", &[Role::Approver], "root", NOON).await.unwrap();
        world.approve(&pending.id).await.unwrap();
        assert_eq!(world.worker().run(&pending.id).await.unwrap().status, Status::Completed);
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_pause_before_the_start_does_not_evade_the_votes() {
    let database = Database::sqlite().await;
    let world = World::new(&database).await;
    let pending = world.pending("eve@evil.example").await;
    world.approve(&pending.id).await.unwrap();
    world.api.pause(&world.ann, &pending.id).await.unwrap();
    assert_eq!(world.worker().run(&pending.id).await.unwrap().status, Status::Paused);
    database.store.change_roles("ben", &[Role::Viewer], "root", NOON).await.unwrap();
    assert_eq!(world.api.resume(&world.ann, &pending.id).await.unwrap().status, Status::PendingApproval);
    world.worker().run(&pending.id).await.unwrap();
    assert_eq!(world.moved(), BTreeSet::new());
}

/// Whether `verify` may ignore a change: what it leaves out has no effect, and outcomes are compared once their batch
/// is closed.
fn is_without_effect(change: &dice::Change) -> bool {
    columns::is_listed(change.table, change.column)
        || change.table == "outcomes" && UNTIL_CLOSED.contains(&change.column)
}

/// The seeds of one history. It is verified after each change, so a long one would take long.
fn seeds(history: u64) -> std::ops::Range<u64> {
    history * 25..(history + 1) * 25
}

/// When a row is changed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    BeforeTheVote,
    BeforeTheStart,
    BetweenBatches,
}

/// Changes one column of one row of a remediation's data, at a random moment; nothing is ever moved that was not
/// approved. Once the row is restored, the remediation is carried out.
async fn changed_rows_move_nothing(database: &Database, seeds: std::ops::Range<u64>) {
    let world = World::new(database).await;
    let decoy = world.pending("hr@corp.example").await;
    for seed in seeds {
        let mut dice = Dice::new(seed);
        let sender = format!("eve{seed}@evil.example");
        let pending = world.pending(&sender).await;
        let moment = dice.one_of(&[Moment::BeforeTheVote, Moment::BeforeTheStart, Moment::BetweenBatches]);
        if !matches!(moment, Moment::BeforeTheVote) {
            world.approve(&pending.id).await.unwrap();
        }
        if matches!(moment, Moment::BetweenBatches) {
            world.half(&pending.id).await;
        }
        let change = dice::change(database, &mut dice, &pending).await;
        let what = format!("{} seed {seed}, {moment:?}: {change:?}", database.name);
        if !is_without_effect(&change) {
            let verified = database.store.verify(None, |_| {}).await;
            assert!(verified.is_err(), "{what}: `verify` names nothing");
        }
        let before = world.moved();
        let may_run = match moment {
            Moment::BeforeTheVote => world.approve(&pending.id).await.is_ok(),
            Moment::BeforeTheStart | Moment::BetweenBatches => true,
        };
        if may_run {
            // Completed, paused or refused: only what was moved counts.
            let _ = world.worker().run(&pending.id).await;
        } else {
            assert_eq!(world.moved(), before, "{what}");
        }
        let others = |(from, number): &(String, usize)| {
            let known = before.iter().find(|(known, _)| known == from).map_or(0, |(_, number)| *number);
            from != &sender && *number != known
        };
        assert_eq!(world.moved().iter().find(|moved| others(moved)), None, "{what}: other mail was moved");

        assert!(database.force(&change.back).await, "{what}");
        let mut state = database.store.load(&pending.id).await.unwrap();
        if state.status == Status::PendingApproval {
            state = world.approve(&pending.id).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        if state.status == Status::Paused {
            world.api.resume(&world.ann, &pending.id).await.unwrap();
        }
        let mut done = world.worker().run(&pending.id).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        if done.status == Status::Paused {
            // A batch that began meanwhile has its lanes from the changed rows: it can only be cancelled.
            assert!(matches!(done.stop, Some(StopReason::NotAsApproved { .. })), "{what}: {:?}", done.stop);
            world.api.cancel(&world.ann, &pending.id).await.unwrap();
            done = world.worker().run(&pending.id).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        if done.status == Status::Completed {
            assert!(world.moved().contains(&(sender, (MAILBOXES * EACH) as usize)), "{what}");
        } else {
            // The change ended it: a deadline in the past, a cancel. A final status stays.
            assert!(done.status.is_final(), "{what}: {:?} {:?}", done.status, done.stop);
        }
    }
    assert_eq!(database.store.load(&decoy.id).await.unwrap().status, Status::PendingApproval);
}

#[tokio::test]
async fn whatever_row_is_changed_nothing_is_moved_that_was_not_approved_sqlite() {
    for first in 0..10 {
        Box::pin(changed_rows_move_nothing(&Database::sqlite().await, seeds(first))).await;
    }
}

#[tokio::test]
async fn whatever_row_is_changed_nothing_is_moved_that_was_not_approved_postgres() {
    for first in 10..20 {
        Box::pin(changed_rows_move_nothing(&Database::postgres().await, seeds(first))).await;
    }
}
