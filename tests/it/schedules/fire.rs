//! Schedules, on both databases: once over all nodes, paused, edited, overlapping, and never left out without a record.

use clawback_model::{ActionSource, SlotReason, Status, Timestamp};
use clawback_runtime::Error;
use clawback_store::{Found, VerifyError};
use clawback_tests::site::{NOON, person};

use super::{World, ann, ben, statuses};

/// A playbook with a schedule of every ten minutes and these further settings.
fn playbook(words: &str, approve: &str) -> String {
    format!(
        "playbook: tidy
on: {{ schedule: {{ cron: \"0 */10 * * * *\"{words} }} }}
steps:
  - search: {{ where: {{ from: eve@evil.example, received-after: \"${{now - minutes(10)}}\" }} }}
{approve}  - remediate: {{ action: move-to-junk }}
"
    )
}

const ASK: &str = "  - approve: { expires: 2d }\n";

async fn worlds(settings: &str, approve: &str) -> [World; 2] {
    let mut worlds = World::both(&[("tidy", &playbook(settings, approve))]).await;
    for world in &mut worlds {
        assert_eq!(world.timers.tick().await.unwrap(), 0, "noon was before the schedule existed");
    }
    worlds
}

#[tokio::test]
async fn a_slot_becomes_a_remediation_of_the_service() {
    for mut world in worlds("", "").await {
        world.store.deliver(
            "ann@corp.example",
            "eve@evil.example",
            "Old",
            NOON.minus(std::time::Duration::from_secs(1)),
        );
        world.store.deliver("ann@corp.example", "eve@evil.example", "New", NOON);
        assert_eq!(world.tick_after(9).await, 0);
        assert_eq!(world.tick_after(1).await, 1);
        assert_eq!(world.timers.tick().await.unwrap(), 0, "once");
        // It is late, but `now` in the playbook is still the slot.
        world.pass(5);
        let done = world.work().await.remove(0);
        assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 1), "the old one is out of the window");
        let request = &done.request;
        assert_eq!((request.source, request.requested_by.as_str()), (ActionSource::Schedule, "automation"));
        assert_eq!(request.as_of, Some(Timestamp(NOON.0 + 600_000_000)));
        assert_eq!(done.decided_by.as_deref(), Some("automation"));
        let slots = world.history().slots("tidy", 10).await.unwrap();
        assert_eq!((slots.len(), &slots[0].remediation), (1, &Some(done.id)));
        world.verify().await;
    }
}

#[tokio::test]
async fn nodes_that_tick_at_the_same_time_fire_a_slot_once() {
    for mut world in worlds("", "").await {
        let (mut two, mut three) = (world.another().await, world.another().await);
        for slot in 1..=12 {
            world.pass(10);
            let began = tokio::join!(world.timers.tick(), two.tick(), three.tick());
            let began = began.0.unwrap() + began.1.unwrap() + began.2.unwrap();
            assert_eq!(began, 1, "slot {slot}");
            world.work().await;
        }
        assert_eq!(world.all().await.len(), 12);
        assert_eq!(world.history().slots("tidy", 100).await.unwrap().len(), 12);
        world.verify().await;
    }
}

#[tokio::test]
async fn an_outage_is_one_row_and_handled_by_the_misfire_rule() {
    for (words, expected) in [
        ("", vec!["10-110 missed", "120 ran"]),
        (", misfire: run-once", vec!["10-110 made-up", "120 ran"]),
        (", misfire: backfill, backfill: 2", vec!["10-90 missed", "100 ran", "110 ran", "120 ran"]),
    ] {
        let [mut world, _] = worlds(words, "").await;
        world.tick_after(120).await;
        assert_eq!(world.slots("tidy").await, expected, "{words}");
    }
    let [mut world, _] = worlds(", misfire: run-once", "").await;
    world.tick_after(125).await;
    assert_eq!(world.slots("tidy").await, ["10-110 made-up", "120 ran"], "nothing is in time: the last slot runs once");
}

#[tokio::test]
async fn a_run_that_has_not_ended_is_handled_by_the_overlap_rule() {
    for mut world in worlds("", ASK).await {
        world.store.deliver("ann@corp.example", "eve@evil.example", "New", NOON);
        world.tick_after(10).await;
        assert_eq!(statuses(&world.work().await), [Status::PendingApproval]);
        world.tick_after(10).await;
        assert_eq!(world.slots("tidy").await, ["10 ran", "20 overlapped"]);
    }
    for mut world in worlds(", overlap: queue", ASK).await {
        world.store.deliver("ann@corp.example", "eve@evil.example", "New", NOON);
        world.tick_after(10).await;
        let pending = world.work().await.remove(0);
        world.tick_after(10).await;
        world.tick_after(10).await;
        assert_eq!(world.slots("tidy").await, ["10 ran", "20 waiting", "30 overlapped"]);
        world.api.decide(&ben(), &pending.id, clawback_model::Decision::Reject, None, None).await.unwrap();
        assert_eq!(world.tick_after(3).await, 1);
        assert_eq!(world.slots("tidy").await, ["10 ran", "20 ran", "30 overlapped"]);
        let second = world.all().await.pop().unwrap();
        assert_eq!(second.request.as_of, Some(Timestamp(NOON.0 + 1_200_000_000)), "the slot that waited");
        world.verify().await;
    }
    for mut world in worlds(", overlap: replace", ASK).await {
        world.store.deliver("ann@corp.example", "eve@evil.example", "New", NOON);
        world.tick_after(10).await;
        world.work().await;
        world.store.deliver("ann@corp.example", "eve@evil.example", "Newer", Timestamp(NOON.0 + 900_000_000));
        world.tick_after(10).await;
        world.work().await;
        let all = world.all().await;
        assert_eq!(statuses(&all), [Status::Cancelled, Status::PendingApproval]);
        world.verify().await;
    }
}

#[tokio::test]
async fn a_pause_is_in_the_history_and_its_slots_are_left_out() {
    for mut world in worlds(", misfire: backfill, backfill: 100", "").await {
        let viewer = person("vic", &[clawback_model::Role::Viewer]);
        let refused = world.api.pause_schedule(&viewer, "tidy").await.unwrap_err();
        assert!(matches!(refused, Error::Forbidden { .. }), "{refused}");
        let unknown = world.api.pause_schedule(&ann(), "tdy").await.unwrap_err().to_string();
        assert_eq!(unknown, "no playbook `tdy` has a schedule; known are tidy");
        world.api.pause_schedule(&ann(), "tidy").await.unwrap();
        world.api.pause_schedule(&ann(), "tidy").await.unwrap();
        assert_eq!(world.tick_after(35).await, 0);
        world.api.resume_schedule(&ann(), "tidy").await.unwrap();
        assert_eq!(world.tick_after(5).await, 1);
        assert_eq!(world.slots("tidy").await, ["10-30 paused", "40 ran"]);
        let chain = world.history().chain(0, 100).await.unwrap();
        let told: Vec<_> = chain.iter().map(|entry| (entry.link.kind.as_str(), entry.link.actor.as_str())).collect();
        let expected = [("schedule-set", "automation"), ("schedule-paused", "ann"), ("schedule-resumed", "ann")];
        let told: Vec<_> = told.into_iter().filter(|(kind, _)| kind.starts_with("schedule-")).collect();
        assert_eq!(told[..3], expected);
        world.verify().await;
    }
}

#[tokio::test]
async fn the_table_follows_the_playbooks_and_keeps_a_pause() {
    for mut world in worlds("", "").await {
        world.api.pause_schedule(&ann(), "tidy").await.unwrap();
        world.write("tidy", &playbook(", time-zone: Europe/Berlin", ""));
        world.tick_after(2).await;
        let schedule = world.api.schedules(&ann()).await.unwrap().remove(0);
        assert_eq!((schedule.paused, schedule.timetable.time_zone.as_str()), (true, "Europe/Berlin"));
        world.api.resume_schedule(&ann(), "tidy").await.unwrap();

        // Half saved: the schedule is kept, and its slots record why they do not run.
        world.write("tidy", "playbook: tidy\non: { schedule: ");
        assert_eq!(world.tick_after(8).await, 0);
        let slot = world.history().slots("tidy", 1).await.unwrap().remove(0);
        assert_eq!(slot.reason, Some(SlotReason::Refused));
        assert!(slot.detail.is_some_and(|detail| detail.contains("tidy.yaml")), "it names the file");

        std::fs::remove_file(world.playbook("tidy")).unwrap();
        assert_eq!(world.tick_after(20).await, 0);
        let schedule = world.api.schedules(&ann()).await.unwrap().remove(0);
        assert_eq!((schedule.removed, schedule.next_at), (true, None));
        world.write("tidy", &playbook(", time-zone: Europe/Berlin", ""));
        world.tick_after(5).await;
        assert_eq!(world.tick_after(5).await, 1);
        assert_eq!(world.slots("tidy").await, ["10 refused", "20-30 paused", "40 ran"]);
        world.verify().await;
    }
}

#[tokio::test]
async fn a_shipped_schedule_is_paused_until_it_is_resumed() {
    let mut world = World::new(&[]).await;
    let text = playbook("", "");
    let mut site = super::node(
        &world.url,
        &world.folder.path().to_owned(),
        &world.store,
        &world.clock,
        clawback_tests::site::random,
    )
    .await;
    site.library.shipped_workflows.insert("tidy".into(), text);
    world.api = clawback_app::Api::new(std::sync::Arc::new(site));
    world.timers = clawback_runtime::Timers::new(std::sync::Arc::clone(world.api.site()));
    world.timers.tick().await.unwrap();
    assert_eq!(world.tick_after(10).await, 0);
    assert!(world.api.schedules(&ann()).await.unwrap()[0].paused);
    world.verify().await;
    world.api.resume_schedule(&ann(), "tidy").await.unwrap();
    world.tick_after(1).await;
    assert_eq!(world.tick_after(9).await, 1);
}

#[tokio::test]
async fn a_run_by_hand_is_submitted_by_the_person_and_takes_no_slot() {
    let mut world = worlds("", "").await.into_iter().next().unwrap();
    let by_hand = world.api.run_schedule(&ann(), "tidy").await.unwrap();
    assert_eq!((by_hand.request.source, by_hand.request.requested_by.as_str()), (ActionSource::Manual, "ann"));
    assert_eq!(world.tick_after(10).await, 1, "the overlap rule does not count it");
    assert_eq!(world.slots("tidy").await, ["10 ran"]);
}

#[tokio::test]
async fn a_schedule_that_is_resumed_past_the_history_is_found() {
    for mut world in worlds("", "").await {
        world.api.pause_schedule(&ann(), "tidy").await.unwrap();
        world.sql("UPDATE schedules SET paused = 0, next_at = 0").await;
        let found = world.history().verify(None, |_| {}).await.unwrap_err();
        assert!(matches!(found, VerifyError::Broken(Found::Schedule { ref name }) if name == "tidy"), "{found}");
        world.timers.tick().await.unwrap();
    }
}
