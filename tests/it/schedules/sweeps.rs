//! Sweeps, on both databases: late copies under the earlier approval as far as it covers them, under a new one beyond;
//! nothing twice; ended by time, by people, and by an undo.

use clawback_connectors::CallError;
use clawback_model::{
    ActionSource, Decision, Location, LocationKind, Origin, Remediation, Status, SweepEnd, Timestamp,
};
use clawback_tests::site::submission;

use super::{World, ann, ben, statuses, turn};

const EVE: &str = "eve@evil.example";

fn playbook(action: &str, sweep: &str) -> String {
    format!(
        "playbook: purge
on: {{ manual: {{}} }}
steps:
  - search:
      where: {{ from: {EVE}, received-after: \"${{now - hours(1)}}\", latest-delivery-location: [inbox, junk, folder] }}
  - approve: {{ when: plan.count > 2, expires: 1d }}
  - remediate: {{ action: {action} }}
  - verify: {{}}
  - sweep: {{ every: 1h, for: 1d, {sweep} }}
"
    )
}

impl World {
    fn arrives(&self, mailbox: u32, subject: &str) {
        let now = clawback_model::Clock::now(&*self.clock);
        self.store.deliver(&format!("user{mailbox}@corp.example"), EVE, subject, now);
    }

    /// Submits, and votes if a vote is needed.
    async fn first(&self) -> Remediation {
        let submitted = self.api.submit(&ann(), submission("purge", &[])).await.unwrap();
        let mut done = self.work().await.remove(0);
        if done.status == Status::PendingApproval {
            self.api.decide(&ben(), &submitted.id, Decision::Approve, None, None).await.unwrap();
            done = self.work().await.remove(0);
        }
        done
    }

    async fn ended(&self, first: &Remediation) -> Option<SweepEnd> {
        self.history().sweep(&first.id).await.unwrap().unwrap().ended
    }
}

/// A first remediation of three messages, approved by ben.
async fn worlds(action: &str, sweep: &str) -> Vec<(World, Remediation)> {
    let mut ready = Vec::new();
    for world in World::both(&[("purge", &playbook(action, sweep))]).await {
        (0..3).for_each(|mailbox| world.arrives(mailbox, "Invoice"));
        let first = world.first().await;
        assert_eq!((first.status, first.decided_by.as_deref()), (Status::Completed, Some("ben")));
        ready.push((world, first));
    }
    ready
}

#[tokio::test]
async fn late_copies_are_covered_by_the_same_approval_up_to_its_limit() {
    for (mut world, first) in worlds("soft-delete", "approval: same, at-most: 3").await {
        assert_eq!(world.tick_after(60).await, 0, "a look that finds nothing leaves no trace but its time");
        assert_eq!(world.history().sweep(&first.id).await.unwrap().unwrap().looks, 1);
        world.arrives(1, "Invoice again");
        world.arrives(2, "Invoice again");
        assert_eq!(world.tick_after(60).await, 1);
        let late = world.work().await.remove(0);
        assert_eq!((late.status, late.counts.succeeded), (Status::Completed, 2));
        assert_eq!((&late.approval, late.decided_by.as_deref()), (&None, Some("ben")), "that of the first");
        assert_eq!(late.request.origin, Origin::Sweep { of: first.id.clone() });
        assert_eq!((late.request.source, late.request.requested_by.as_str()), (ActionSource::Schedule, "ann"));
        assert_eq!(late.progress.verified, Some((2, 0)), "an ordinary remediation");

        // Two more would be four.
        world.arrives(0, "Third wave");
        world.arrives(1, "Third wave");
        assert_eq!(world.tick_after(60).await, 1);
        assert_eq!(statuses(&world.work().await), [Status::PendingApproval]);
        world.arrives(2, "Fourth wave");
        assert_eq!(world.tick_after(60).await, 0, "one follow-up at a time");
        let pending = world.all().await.pop().unwrap();
        let own = world.api.decide(&ann(), &pending.id, Decision::Approve, None, None).await.unwrap_err();
        assert!(own.to_string().contains("ann"), "the requester of the first may not: {own}");
        world.api.decide(&ben(), &pending.id, Decision::Approve, None, None).await.unwrap();
        world.work().await;
        assert_eq!(world.tick_after(60).await, 1);
        let fourth = world.work().await.remove(0);
        assert_eq!((fourth.status, fourth.counts.submitted), (Status::Completed, 1), "2 + 1 are covered still");
        assert_eq!(world.history().follow_ups(&first.id).await.unwrap().len(), 3);
        world.verify().await;
    }
}

#[tokio::test]
async fn a_new_approval_is_evaluated_on_the_whole_family() {
    for world in World::both(&[("purge", &playbook("soft-delete", "approval: new"))]).await {
        let mut world = world;
        (0..2).for_each(|mailbox| world.arrives(mailbox, "Invoice"));
        let first = world.first().await;
        assert_eq!((first.status, &first.approval), (Status::Completed, &None), "two need no vote");
        world.arrives(0, "One more");
        assert_eq!(world.tick_after(60).await, 1);
        let asked = world.work().await.remove(0);
        assert_eq!(
            (asked.status, asked.counts.submitted),
            (Status::PendingApproval, 1),
            "the third of the family does"
        );
        world.api.decide(&ben(), &asked.id, Decision::Reject, None, None).await.unwrap();
        world.arrives(1, "And more");
        assert_eq!(world.tick_after(60).await, 0);
        let why = SweepEnd::FollowUpEnded { id: asked.id, status: Status::Rejected };
        assert_eq!(world.ended(&first).await, Some(why));
        world.verify().await;
    }
}

#[tokio::test]
async fn messages_left_in_place_are_no_news() {
    for (mut world, first) in worlds("move-to-junk", "approval: same, at-most: 50").await {
        // The selection covers junk, where they were put.
        assert_eq!(world.tick_after(60).await, 0);
        // The owner moves one back: it is a threat in the inbox again.
        let moved = world.store.messages("user0@corp.example").remove(0);
        let back = Location::new(LocationKind::Inbox, "INBOX");
        world.store.move_by_owner("user0@corp.example", &moved.reference.fingerprint, back);
        assert_eq!(world.tick_after(60).await, 1);
        let again = world.work().await.remove(0);
        assert_eq!((again.counts.submitted, again.counts.succeeded), (1, 1));
        assert_eq!(world.tick_after(60).await, 0);

        // The owner moves one between plan and act: it is not acted on, then or later.
        world.arrives(1, "Late");
        turn(&mut world.timers).await;
        assert_eq!(world.tick_after(60).await, 1);
        let late = world.all().await.pop().unwrap();
        clawback_runtime::Worker::new(std::sync::Arc::clone(world.api.site()), clawback_runtime::silent())
            .plan_only(&late.id)
            .await
            .unwrap();
        let kept = world.store.messages("user1@corp.example").pop().unwrap();
        let keep = Location::new(LocationKind::Folder, "Keep");
        world.store.move_by_owner("user1@corp.example", &kept.reference.fingerprint, keep);
        assert_eq!(world.work().await[0].counts.moved_since, 1);
        assert_eq!(world.tick_after(60).await, 0);
        assert_eq!(world.ended(&first).await, None);
        world.verify().await;
    }
}

#[tokio::test]
async fn a_sweep_ends_with_its_time_after_one_last_look() {
    for (mut world, first) in worlds("soft-delete", "approval: same").await {
        let end = first.updated_at.plus(std::time::Duration::from_hours(24));
        world.tick_after(23 * 60 + 30).await;
        let next = world.history().sweep(&first.id).await.unwrap().unwrap().next_at;
        assert_eq!(next, Some(end), "the last look is at the end");
        world.arrives(0, "Just in time");
        assert_eq!(world.tick_after(30).await, 1);
        assert_eq!(world.work().await[0].counts.succeeded, 1);
        assert_eq!(world.ended(&first).await, Some(SweepEnd::Over));
        world.arrives(0, "Too late");
        assert_eq!(world.tick_after(120).await, 0);
        world.verify().await;
    }
}

#[tokio::test]
async fn people_end_a_sweep_and_an_undo_is_not_reverted() {
    for (mut world, first) in worlds("soft-delete", "approval: same").await {
        let undo = world.api.undo(&ann(), &first.id).await.unwrap();
        assert_eq!(statuses(&world.work().await), [Status::PendingApproval], "the votes of the first");
        assert_eq!(world.ended(&first).await, None, "requesting an undo puts nothing back");
        world.api.decide(&ben(), &undo.id, Decision::Approve, None, None).await.unwrap();
        assert_eq!(world.ended(&first).await, None, "nor does a vote");
        assert_eq!(statuses(&world.work().await), [Status::Completed]);
        assert_eq!(world.ended(&first).await, Some(SweepEnd::PutBack { undo: undo.id }));
        assert_eq!(world.tick_after(60).await, 0);
        world.verify().await;
    }
    for (mut world, first) in worlds("soft-delete", "approval: same").await {
        world.arrives(0, "Late");
        world.tick_after(60).await;
        let late = world.work().await.remove(0);
        // The approval of the first covers a follow-up, and its undo.
        let undo = world.api.undo(&ann(), &late.id).await.unwrap();
        assert_eq!(statuses(&world.work().await), [Status::PendingApproval]);
        world.api.decide(&ben(), &undo.id, Decision::Approve, None, None).await.unwrap();
        // Paused before it began, it begins when it is resumed.
        world.api.pause(&ann(), &undo.id).await.unwrap();
        assert_eq!(statuses(&world.work().await), [Status::Paused]);
        assert_eq!(world.ended(&first).await, None);
        world.api.resume(&ann(), &undo.id).await.unwrap();
        assert_eq!(world.ended(&first).await, Some(SweepEnd::PutBack { undo: undo.id }));
        assert!(world.api.stop_sweep(&ann(), &first.id).await.is_err(), "it has ended with the undo");
        world.verify().await;
    }
    for (mut world, first) in worlds("soft-delete", "approval: same").await {
        let undo = world.api.undo(&ann(), &first.id).await.unwrap();
        world.work().await;
        world.api.decide(&ben(), &undo.id, Decision::Reject, None, None).await.unwrap();
        let other = world.api.undo(&ann(), &first.id).await.unwrap();
        world.api.cancel(&ann(), &other.id).await.unwrap();
        world.work().await;
        assert_eq!(world.ended(&first).await, None, "a cancelled undo leaves the sweep as it was");
        world.arrives(1, "Late");
        assert_eq!(world.tick_after(60).await, 1);
        assert_eq!(world.work().await[0].counts.succeeded, 1);
        world.verify().await;
    }
    for (mut world, first) in worlds("soft-delete", "approval: same").await {
        world.api.stop_sweep(&ann(), &first.id).await.unwrap();
        world.arrives(0, "Late");
        assert_eq!(world.tick_after(60).await, 0);
        world.sql("UPDATE sweeps SET ended = NULL, next_at = 0").await;
        let found = world.history().verify(None, |_| {}).await.unwrap_err().to_string();
        assert!(found.contains("revived"), "{found}");
        assert_eq!(first.status, Status::Completed);
    }
}

#[tokio::test]
async fn it_survives_restarts_outages_and_other_nodes() {
    for (world, first) in worlds("soft-delete", "approval: same").await {
        world.arrives(0, "Late");
        // A new process knows what the old one knew, as everything is in rows.
        let (mut one, mut two) = (world.another().await, world.another().await);
        world.pass(60);
        let away = || CallError::Denied { store: "corp".into(), detail: "no right".into() };
        world.store.fail_next([away(), away(), away()]);
        let began = tokio::join!(turn(&mut one), turn(&mut two));
        assert_eq!(began.0 + began.1, 0, "nothing could be searched");
        assert_eq!(world.ended(&first).await, None);
        world.pass(60);
        let began = tokio::join!(turn(&mut one), turn(&mut two));
        assert_eq!(began.0 + began.1, 1);
        assert_eq!(world.work().await[0].counts.succeeded, 1);
        world.verify().await;
    }
}

#[tokio::test]
async fn nothing_follows_from_what_was_rejected() {
    let mut world = World::new(&[("purge", &playbook("soft-delete", "approval: same"))]).await;
    (0..3).for_each(|mailbox| world.arrives(mailbox, "Invoice"));
    let submitted = world.api.submit(&ann(), submission("purge", &[])).await.unwrap();
    world.work().await;
    assert_eq!(world.tick_after(60).await, 0, "it waits for the votes");
    assert_eq!(world.ended(&submitted).await, None);
    world.api.decide(&ben(), &submitted.id, Decision::Reject, None, None).await.unwrap();
    assert_eq!(world.tick_after(60).await, 0);
    assert_eq!(world.ended(&submitted).await, Some(SweepEnd::FirstEnded { status: Status::Rejected }));
    assert_eq!(submitted.created_at, Timestamp(clawback_tests::site::NOON.0));
}

#[tokio::test]
async fn an_empty_plan_starts_no_sweep_unless_the_playbook_says_so() {
    for (when, goes_on) in [("", false), (", when: plan.count == 0", true)] {
        let text = playbook("soft-delete", &format!("approval: same{when}"));
        for mut world in World::both(&[("purge", &text)]).await {
            let now = clawback_model::Clock::now(&*world.clock);
            world.store.deliver("user0@corp.example", "ann@corp.example", "Lunch", now);
            let first = world.first().await;
            assert_eq!(first.status, Status::NothingToDo);
            assert_eq!(world.tick_after(60).await, 0);
            let why = SweepEnd::FirstEnded { status: Status::NothingToDo };
            assert_eq!(world.ended(&first).await, (!goes_on).then_some(why), "{when}");
            world.arrives(0, "Invoice");
            assert_eq!(world.tick_after(60).await, u64::from(goes_on), "{when}");
        }
    }
}

#[tokio::test]
async fn a_changed_script_needs_a_vote() {
    let text = playbook("soft-delete", "approval: same, at-most: 50")
        .replace("  - approve", "  - filter: { script: keep.rhai }\n  - approve");
    for mut world in World::both(&[("purge", &text)]).await {
        std::fs::write(world.script("keep.rhai"), "fn keep(message) { true }").unwrap();
        (0..3).for_each(|mailbox| world.arrives(mailbox, "Invoice"));
        let first = world.first().await;
        assert_eq!((first.status, first.decided_by.as_deref()), (Status::Completed, Some("ben")));
        world.arrives(0, "Late");
        assert_eq!(world.tick_after(60).await, 1);
        assert_eq!(statuses(&world.work().await), [Status::Completed], "an unchanged script keeps the approval");

        std::fs::write(world.script("keep.rhai"), "fn keep(message) { message.subject != \"x\" }").unwrap();
        world.arrives(1, "Later");
        assert_eq!(world.tick_after(60).await, 1);
        assert_eq!(
            statuses(&world.work().await),
            [Status::PendingApproval],
            "the messages of this one were not approved"
        );

        std::fs::write(world.script("keep.rhai"), "fn keep(message) { true }").unwrap();
        world.verify().await;
    }
}
