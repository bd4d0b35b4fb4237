//! Plans that wait for votes are looked at again, on both databases: counts are fresh, a plan with nothing left is
//! cancelled, and a doubt or a vote cancels nothing.

use clawback_connectors::CallError;
use clawback_model::{
    Decision, InvestigationStatus, Location, LocationKind, LookedAgain, Remediation, Status, StopReason,
};
use clawback_tests::site::submission;

use super::{World, ann, ben, turn};

const PLAYBOOK: &str = "playbook: purge
on: { manual: {} }
steps:
  - search: { where: { from: eve@evil.example } }
  - approve: { votes: 1, expires: 1d }
  - remediate: { action: soft-delete }
";
const MAILBOXES: [&str; 3] = ["user0@corp.example", "user1@corp.example", "user2@corp.example"];

impl World {
    /// A plan of three messages that waits for a vote.
    async fn waiting(&self) -> Remediation {
        let now = clawback_model::Clock::now(&*self.clock);
        for mailbox in MAILBOXES {
            self.store.deliver(mailbox, "eve@evil.example", "Invoice", now);
        }
        self.api.submit(&ann(), submission("purge", &[])).await.unwrap();
        let pending = self.work().await.pop().unwrap();
        assert_eq!(pending.status, Status::PendingApproval);
        pending
    }

    fn owner_moves(&self, mailbox: &str, to: LocationKind) {
        let message = self.store.messages(mailbox).remove(0);
        self.store.move_by_owner(mailbox, &message.reference.fingerprint, Location::new(to, "Elsewhere"));
    }

    async fn counted(&self, pending: &Remediation) -> Option<[u64; 4]> {
        let looked = self.history().looked_again(pending).await.unwrap();
        looked.map(|LookedAgain { still_there, moved, gone, unknown, .. }| [still_there, moved, gone, unknown])
    }

    async fn now(&self, pending: &Remediation) -> Remediation {
        self.history().load(&pending.id).await.unwrap()
    }
}

async fn worlds() -> Vec<(World, Remediation)> {
    let mut worlds = Vec::new();
    for world in World::both(&[("purge", PLAYBOOK)]).await {
        let pending = world.waiting().await;
        worlds.push((world, pending));
    }
    worlds
}

#[tokio::test]
async fn counts_are_refreshed_and_the_plan_stays() {
    for (mut world, pending) in worlds().await {
        world.tick_after(14).await;
        assert_eq!(world.counted(&pending).await, None, "not due yet");
        world.owner_moves(MAILBOXES[0], LocationKind::Folder);
        world.owner_moves(MAILBOXES[1], LocationKind::RecoverableItems);
        world.tick_after(1).await;
        assert_eq!(world.counted(&pending).await, Some([1, 1, 1, 0]));
        assert_eq!(world.now(&pending).await, pending, "neither plan nor digest change");
        world.store.set_down(true);
        world.tick_after(15).await;
        assert_eq!(world.counted(&pending).await, Some([0, 0, 0, 3]));
        world.verify().await;
    }
}

#[tokio::test]
async fn a_plan_with_nothing_left_is_cancelled() {
    for (mut world, pending) in worlds().await {
        for mailbox in &MAILBOXES {
            world.owner_moves(mailbox, LocationKind::RecoverableItems);
        }
        world.tick_after(15).await;
        world.work().await;
        let ended = world.now(&pending).await;
        assert_eq!((ended.status, &ended.stop), (Status::Cancelled, &Some(StopReason::NothingLeft { gone: 3 })));
        assert_eq!(InvestigationStatus::of(&ended), InvestigationStatus::Remediated);
        world.verify().await;
    }
}

#[tokio::test]
async fn a_doubt_cancels_nothing() {
    for (mut world, pending) in worlds().await {
        for mailbox in &MAILBOXES {
            world.owner_moves(mailbox, LocationKind::RecoverableItems);
        }
        world.store.deny(MAILBOXES[2]);
        world.tick_after(15).await;
        assert_eq!(world.counted(&pending).await, Some([0, 0, 2, 1]));
        let silent = || CallError::Transient { store: "corp".into(), detail: "silent".into() };
        world.store.fail_next((0..50).map(|_| silent()));
        world.tick_after(15).await;
        world.store.forget_failures();
        assert_eq!(world.now(&pending).await, pending);
        world.tick_after(24 * 60).await;
        world.work().await;
        let ended = world.now(&pending).await;
        assert_eq!(ended.status, Status::Expired, "after its deadline");
        assert_eq!(InvestigationStatus::of(&ended), InvestigationStatus::TerminatedBySystem);
    }
}

#[tokio::test]
async fn two_nodes_look_once_and_a_halted_site_calls_no_store() {
    for (mut world, pending) in worlds().await {
        let mut other = world.another().await;
        let before = world.store.calls();
        world.pass(15);
        tokio::join!(turn(&mut world.timers), turn(&mut other));
        assert_eq!(world.store.calls(), before + 3, "one call for each mailbox");
        assert_eq!(world.counted(&pending).await, Some([3, 0, 0, 0]));
        world.history().halt("a drill", "ann", clawback_model::Clock::now(&*world.clock)).await.unwrap();
        world.tick_after(15).await;
        assert_eq!(world.store.calls(), before + 3);
    }
}

#[tokio::test]
async fn a_vote_that_is_cast_during_the_look_comes_first() {
    for (world, pending) in worlds().await {
        for mailbox in &MAILBOXES {
            world.owner_moves(mailbox, LocationKind::RecoverableItems);
        }
        world.pass(15);
        let (now, history) = (clawback_model::Clock::now(&*world.clock), world.history());
        let every = std::time::Duration::from_mins(15);
        let due = history.due_looks_again(now, every).await.unwrap().remove(0);
        let taken = history.take_look_again(&due, now.plus(every)).await.unwrap().unwrap();
        assert_eq!(history.take_look_again(&due, now.plus(every)).await.unwrap(), None, "one node takes it");
        world.api.decide(&ben(), &pending.id, Decision::Approve, None, None).await.unwrap();
        let looked = LookedAgain { gone: 3, ..LookedAgain::new(now) };
        assert!(!history.finish_look_again(&taken, &looked, now).await.unwrap());
        assert_eq!(world.now(&pending).await.status, Status::Approved);
    }
}
