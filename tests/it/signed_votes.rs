//! Signed votes: who can vote on a site that requires signatures, and what a forged vote causes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clawback_app::{Api, Ballot};
use clawback_connectors::MailStore;
use clawback_model::{
    Approval, Clock as _, Decision, Event, LocationKind, Principal, Remediation, Role, Signed, SignedVotes, Status,
    StopReason, VOTE_NAMESPACE, Vote, VoteSignature,
};
use clawback_runtime::{Error, UnsignedVote, VoteRules, Worker, token_digest};
use clawback_store::TokenTerms;
use clawback_tests::binary::write_secret;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::{NOON, api, noon, person, site, submission};
use clawback_tests::ssh::SshKey;
use clawback_tests::world;

use crate::store::harness::Database;

mod browser;
mod command_line;

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
/// A playbook that needs no vote.
const ALONE: &str = "playbook: alone
description: Everything by one sender.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: soft-delete }
";

/// A site that requires signed votes, with the keys of ben and of cat.
struct World {
    store: Arc<FakeStore>,
    api: Api,
    clock: Arc<clawback_model::ManualClock>,
    ann: Principal,
    ben: Principal,
    ben_key: SshKey,
    cat_key: SshKey,
    keys: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(database: &Database, required: SignedVotes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ben_key, cat_key) =
            (SshKey::make(folder.path(), "ben", "ed25519"), SshKey::make(folder.path(), "cat", "ecdsa"));
        let keys = folder.path().join("approvers");
        write_secret(&keys, &format!("# who may sign\n{}{}", ben_key.line("ben"), cat_key.line("cat"))).unwrap();
        let store = Arc::new(FakeStore::new("corp"));
        let stores: Vec<Arc<dyn MailStore>> = vec![Arc::clone(&store) as _];
        let clock = noon();
        let mut site =
            site(database.store.clone(), stores, &[("purge", PLAYBOOK), ("alone", ALONE)], Arc::clone(&clock) as _);
        site.vote_rules = VoteRules { required, since: None, keys: Some(keys.clone()) };
        let (ann, ben) = (person("ann", &[Role::Analyst]), person("ben", &[Role::Approver]));
        for who in [&ann, &ben, &person("cat", &[Role::Approver])] {
            // Another world on the same history has added them.
            let _ = database.store.add_principal(who, "root", NOON).await;
        }
        for mailbox in 0..8 {
            store.deliver(&format!("user{mailbox}@corp.example"), "eve@evil.example", "Letter", NOON);
        }
        Self { store, api: api(site), clock, ann, ben, ben_key, cat_key, keys, _folder: folder }
    }

    async fn pending(&self, playbook: &str) -> Remediation {
        let submitted =
            self.api.submit(&self.ann, submission(playbook, &[("sender", "eve@evil.example")])).await.unwrap();
        self.worker().plan_only(&submitted.id).await.unwrap()
    }

    fn worker(&self) -> Worker {
        world::worker(&self.api)
    }

    /// The signature by `key` of a vote of `voter`, whose statement may be changed first.
    fn signed(
        &self,
        key: &SshKey,
        voter: &str,
        pending: &Remediation,
        otherwise: impl FnOnce(&mut Approval),
    ) -> VoteSignature {
        let mut approval = pending.approval.clone().unwrap();
        otherwise(&mut approval);
        let at = self.clock.now();
        let statement = approval.statement(&pending.id, voter, Decision::Approve, at);
        VoteSignature { at, made: Signed::Ssh { signature: key.sign(VOTE_NAMESPACE, &statement.to_string()) } }
    }

    async fn vote(&self, pending: &Remediation, signature: Option<VoteSignature>) -> Result<Remediation, Error> {
        let ballot = Ballot { decision: Decision::Approve, digest: None, comment: None, seen: None, signature };
        self.api.vote(&self.ben, &pending.id, ballot).await
    }

    fn moved(&self) -> usize {
        let of = |mailbox: u32| self.store.messages(&format!("user{mailbox}@corp.example"));
        let all = (0..8).flat_map(of);
        all.filter(|message| message.location.kind != LocationKind::Inbox).count()
    }

    /// Runs it and expects that nothing is acted on.
    async fn is_refused(&self, id: &clawback_model::RemediationId, with: &str) {
        let paused = self.worker().run(id).await.unwrap();
        assert_eq!(paused.status, Status::Paused);
        let Some(StopReason::NotAsApproved { detail }) = &paused.stop else { panic!("{:?}", paused.stop) };
        assert!(detail.contains(with), "{detail}");
        assert_eq!(self.moved(), 0);
        let named = self.api.site().verify(None).await.unwrap_err().to_string();
        assert!(named.contains(with) && named.contains(id.as_str()), "{named}");
    }
}

#[tokio::test]
async fn a_vote_counts_that_a_key_of_its_voter_signed_for_this_plan() {
    for database in Database::all().await {
        let world = World::new(&database, SignedVotes::Always).await;
        let pending = world.pending("purge").await;
        let refused = world.vote(&pending, None).await.unwrap_err();
        assert!(matches!(refused, Error::Unsigned(UnsignedVote::Needed { .. })), "{refused}");
        assert!(refused.to_string().contains("--key FILE"), "{refused}");
        let cat = &world.cat_key;
        let ben = &world.ben_key;
        for (signature, why) in [
            (world.signed(cat, "ben", &pending, |_| ()), "the key of somebody else"),
            (world.signed(ben, "cat", &pending, |_| ()), "the name of somebody else"),
            (world.signed(ben, "ben", &pending, |it| it.digest.0[0] ^= 1), "another plan"),
            (world.signed(ben, "ben", &pending, |it| it.rule.votes += 1), "as one of more votes"),
            (world.signed(ben, "ben", &pending, |it| it.requester = "zoe".into()), "for another requester"),
        ] {
            let refused = world.vote(&pending, Some(signature)).await.unwrap_err();
            assert!(matches!(refused, Error::Unsigned(UnsignedVote::Signature(_))), "{why}: {refused}");
        }
        let good = world.signed(ben, "ben", &pending, |_| ());
        let approval = pending.approval.as_ref().unwrap();
        let other = approval.statement(&pending.id, "ben", Decision::Approve, good.at).to_string();
        let made = Signed::Ssh { signature: ben.sign("git", &other) };
        let refused = world.vote(&pending, Some(VoteSignature { made, ..good.clone() })).await.unwrap_err();
        assert!(matches!(refused, Error::Unsigned(UnsignedVote::Signature(_))), "another namespace: {refused}");
        world.clock.advance(Duration::from_mins(16));
        let refused = world.vote(&pending, Some(good)).await.unwrap_err();
        assert!(matches!(refused, Error::Unsigned(UnsignedVote::Apart { .. })), "{refused}");
        let good = world.signed(ben, "ben", &pending, |_| ());
        assert_eq!(world.vote(&pending, Some(good)).await.unwrap().status, Status::Approved);
        let done = world.worker().run(&pending.id).await.unwrap();
        assert_eq!((done.status, world.moved()), (Status::Completed, 8));
        world.api.site().verify(None).await.unwrap();
    }
}

#[tokio::test]
async fn a_vote_that_was_written_into_the_history_is_not_acted_on() {
    for database in Database::all().await {
        let world = World::new(&database, SignedVotes::Always).await;
        let pending = world.pending("purge").await;
        let digest = pending.approval.as_ref().unwrap().digest;
        // With write access to the database one can append an event and set the state.
        let by = "ben".to_owned();
        let vote = Vote { by, decision: Decision::Approve, digest, comment: None, at: NOON, signature: None };
        database.store.record(&pending.id, None, "ben", &Event::Voted { vote }, NOON).await.unwrap();
        world.is_refused(&pending.id, "the vote of ben is not signed").await;
    }
}

#[tokio::test]
async fn a_token_that_was_written_into_the_database_votes_for_nobody() {
    for database in Database::all().await {
        let world = World::new(&database, SignedVotes::Always).await;
        let pending = world.pending("purge").await;
        let terms = TokenTerms { label: "planted", expires: None, scope: None };
        database.store.add_token("ben", &token_digest("cbk_planted"), terms, "ben", NOON).await.unwrap();
        let planted = world.api.authenticate("cbk_planted").await.unwrap();
        let refused = world.api.decide(&planted, &pending.id, Decision::Approve, None, None).await.unwrap_err();
        assert!(matches!(refused, Error::Unsigned(UnsignedVote::Needed { .. })), "{refused}");
        assert_eq!(world.worker().run(&pending.id).await.unwrap().status, Status::PendingApproval);
        assert_eq!(world.moved(), 0);
    }
}

#[tokio::test]
async fn a_signature_of_somebody_else_or_of_a_key_that_is_gone_is_not_acted_on() {
    for database in Database::all().await {
        let world = World::new(&database, SignedVotes::HardDeletes).await;
        let pending = world.pending("purge").await;
        let digest = pending.approval.as_ref().unwrap().digest;
        let signature = world.signed(&world.cat_key, "cat", &pending, |_| ());
        let vote = Vote {
            by: "ben".into(),
            decision: Decision::Approve,
            digest,
            comment: None,
            at: NOON,
            signature: Some(signature),
        };
        // A soft delete needs no signature here, but one that is given must be valid.
        database.store.record(&pending.id, None, "ben", &Event::Voted { vote }, NOON).await.unwrap();
        world.is_refused(&pending.id, "the signature of ben is not of this vote").await;
        write_secret(&world.keys, &world.cat_key.line("cat")).unwrap();
        let named = world.api.site().verify(None).await.unwrap_err().to_string();
        assert!(named.contains("ben has no key of this kind"), "{named}");
    }
}

#[tokio::test]
async fn nothing_runs_without_votes_of_its_own_where_all_must_be_signed() {
    for database in Database::all().await {
        let world = World::new(&database, SignedVotes::Always).await;
        let pending = world.pending("alone").await;
        assert_eq!(pending.status, Status::PendingApproval, "the site asks where the playbook does not");
        let good = world.signed(&world.ben_key, "ben", &pending, |_| ());
        world.vote(&pending, Some(good)).await.unwrap();
        let done = world.worker().run(&pending.id).await.unwrap();
        assert_eq!(done.status, Status::Completed);
        // An undo needs them as well.
        let undo = world.api.undo(&world.ann, &done.id).await.unwrap();
        let undo = world.worker().plan_only(&undo.id).await.unwrap();
        assert_eq!(undo.status, Status::PendingApproval);
    }
    for database in Database::all().await {
        // A plan that was made as if no vote were needed.
        let lax = World::new(&database, SignedVotes::Optional).await.pending("alone").await;
        assert_eq!(lax.status, Status::Approved);
        let world = World::new(&database, SignedVotes::Always).await;
        let paused = world.worker().run(&lax.id).await.unwrap();
        let said = paused.stop.unwrap().to_string();
        assert!(said.contains("nobody has voted on it"), "{said}");
        assert_eq!(world.moved(), 0);
    }
}
