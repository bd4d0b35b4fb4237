//! What stops, holds and refuses a remediation, on a store that waits and fails on demand; and the binary's messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::MailStore;
use clawback_model::{
    Decision, Event, ManualClock, OutcomeKind, Principal, PrincipalKind, Remediation, Role, Status, StopReason,
    Timestamp,
};
use clawback_runtime::{Error, Site, Worker, silent};
use clawback_scripting::Lists;
use clawback_store::Store;
use clawback_tests::binary::Clawback;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::maildirs;
use clawback_tests::site::{NOON, api, known, noon, person, site, submission};
use clawback_tests::world;

const SENDER: &str = "eve@evil.example";
const PLAYBOOK: &str = "playbook: purge
description: Everything by one sender.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - approve: { when: plan.count > 100 }
  - remediate: { action: soft-delete, batch: 10, canary: 4, stop-when: { failed-ratio: 0.9, vips: 1, running-longer-than: 10s } }
";

struct World {
    store: Arc<FakeStore>,
    clock: Arc<ManualClock>,
    api: Api,
    ann: Principal,
    ben: Principal,
    root: Principal,
    site: world::World,
}

impl World {
    /// Ten mailboxes with five messages of each of two senders; a call takes two at most.
    async fn new(change: impl FnOnce(&mut Site)) -> Self {
        let site = world::World::new(&[("purge", PLAYBOOK)]).with_store(FakeStore::new("corp").with_largest_batch(2));
        let (store, clock) = (Arc::clone(&site.store), Arc::clone(&site.clock));
        for number in 0..10 {
            for letter in 0..5 {
                for sender in [SENDER, "mallory@evil.example"] {
                    store.deliver(&format!("user{number:02}@corp.example"), sender, &format!("Letter {letter}"), NOON);
                }
            }
        }
        let api = site.api(|site| Self::set(site, change)).await;
        let (ann, ben) = (person("ann", &[Role::Analyst, Role::Approver]), person("ben", &[Role::Approver]));
        Self { store, clock, api, ann, ben, root: person("root", &[Role::Admin]), site }
    }

    fn set(site: &mut Site, change: impl FnOnce(&mut Site)) {
        site.tuning.control = Duration::from_millis(5);
        change(site);
    }

    /// Another node on the same history.
    async fn node(&self, change: impl FnOnce(&mut Site)) -> Worker {
        let node = self.site.api(|site| {
            site.node = "another-node".into();
            Self::set(site, change);
        });
        world::worker(&node.await)
    }

    fn worker(&self) -> Worker {
        world::worker(&self.api)
    }

    async fn submit(&self, sender: &str) -> Remediation {
        self.api.submit(&self.ann, submission("purge", &[("sender", sender)])).await.unwrap()
    }

    /// Submits and works in a task; calls after the first `calls` wait in the store.
    async fn stuck(&self, calls: usize) -> (Remediation, tokio::task::JoinHandle<Result<Remediation, Error>>) {
        let submitted = self.submit(SENDER).await;
        self.worker().plan_only(&submitted.id).await.unwrap();
        self.store.close_gate(calls);
        let (worker, id) = (self.worker(), submitted.id.clone());
        let here = tokio::runtime::Handle::current();
        let task = tokio::task::spawn_blocking(move || here.block_on(worker.run(&id)));
        until(|| self.store.waiting() > 0).await;
        (submitted, task)
    }

    /// The remediation cannot be resumed by its requester, whatever their roles, by a colleague without the role, or by
    /// a service.
    async fn guard_stands(&self, paused: &Remediation) {
        let colleague = person("col", &[Role::Analyst, Role::Admin]);
        let service = Principal { kind: PrincipalKind::Service, ..person("bot", &[Role::Approver]) };
        for who in [&self.ann, &colleague, &service] {
            let refused = self.api.resume(who, &paused.id).await.unwrap_err();
            let rule = paused.stop.as_ref().unwrap().rule();
            assert!(matches!(&refused, Error::GuardNotLifted { rule: known, .. } if *known == rule), "{refused}");
            assert!(refused.to_string().contains("a person with the role approver who did not ask for it"));
        }
        assert_eq!(self.api.site().history.load(&paused.id).await.unwrap(), *paused);
    }

    async fn kinds(&self) -> Vec<String> {
        let chain = self.api.site().history.chain(0, 10_000).await.unwrap();
        chain.into_iter().map(|entry| entry.link.kind).collect()
    }
}

/// Waits for a condition that other tasks bring about.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen in ten seconds");
}

#[tokio::test]
async fn a_halt_stops_every_node_before_its_next_call_and_work_resumes_after_it() {
    let world = World::new(|_| {}).await;
    // The canary of four takes two calls, and then a batch of ten begins.
    let (running, task) = world.stuck(2).await;
    let refused = world.api.halt(&world.ann, "a drill").await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden { .. }), "{refused}");
    let halt = world.api.halt(&world.root, "a drill").await.unwrap();
    let in_flight = world.store.waiting();
    // Long enough for a read of the history, a tenth of the second that is promised.
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.store.open_gate();
    let held = tokio::time::timeout(Duration::from_secs(1), task).await.unwrap().unwrap().unwrap();
    assert_eq!((held.status, &held.stop), (Status::InProgress, &Some(StopReason::Halted { halt: halt.clone() })));
    let done = world.store.acts();
    assert!(done <= 4 + 2 * in_flight && done < 14, "{done} messages were moved, {in_flight} calls were under way");
    let kept = world.api.site().history.messages(&running.id, None, 100).await.unwrap();
    let recorded = kept.iter().filter(|(_, outcome)| outcome.is_some()).count() as u64;
    assert_eq!(recorded, done, "what the last calls did is kept");

    // Another node, started during the halt.
    let node = world.node(|_| {}).await;
    assert_eq!(node.run_next().await.unwrap(), None);
    let queued = world.submit("mallory@evil.example").await;
    assert!(matches!(node.run(&queued.id).await, Err(Error::Halted(known)) if known == halt));
    let dry = world.api.dry_run(&world.ann, submission("purge", &[("sender", SENDER)]), 1, &silent()).await;
    assert!(dry.is_ok(), "what changes nothing is not halted: {dry:?}");
    assert_eq!(world.store.acts(), done);

    world.api.unhalt(&world.root).await.unwrap();
    let mut ended = Vec::new();
    while let Some(next) = node.run_next().await.unwrap() {
        ended.push((next.status, next.counts.succeeded, next.stop));
    }
    assert_eq!(ended, [(Status::Completed, 50, None), (Status::Completed, 50, None)]);
    let kinds = world.kinds().await;
    let at = |kind: &str| kinds.iter().position(|known| known == kind).unwrap();
    let begun = |kind: &String| matches!(kind.as_str(), "planning-started" | "started" | "batch-started");
    assert!(!kinds[at("halted")..at("unhalted")].iter().any(begun), "{kinds:?}");
    assert!(at("held") > at("halted") && at("released") > at("unhalted"), "{kinds:?}");
    world.api.site().history.verify(None, |_| {}).await.unwrap();
}

#[tokio::test]
async fn a_cancel_during_a_halt_is_carried_out_after_it() {
    let world = World::new(|_| {}).await;
    let (running, task) = world.stuck(0).await;
    world.api.halt(&world.root, "a drill").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.store.open_gate();
    task.await.unwrap().unwrap();
    let touched = world.store.acts();
    world.api.cancel(&world.ann, &running.id).await.unwrap();
    assert!(matches!(world.worker().run(&running.id).await, Err(Error::Halted(_))));
    world.api.unhalt(&world.root).await.unwrap();
    let cancelled = world.worker().run_next().await.unwrap().unwrap();
    assert_eq!((cancelled.status, cancelled.stop), (Status::Cancelled, None));
    assert_eq!((cancelled.counts.succeeded, cancelled.counts.cancelled), (touched, 50 - touched));
    assert_eq!(world.store.acts(), touched);
}

#[tokio::test]
async fn one_more_than_allowed_waits_and_starts_when_there_is_capacity() {
    let world = World::new(|site| site.throttles.in_progress = 1).await;
    let (first, task) = world.stuck(0).await;
    let second = world.submit("mallory@evil.example").await;
    let held = world.worker().run(&second.id).await.unwrap();
    assert_eq!((held.status, &held.stop), (Status::Approved, &Some(StopReason::InProgress { limit: 1, running: 1 })));
    assert_eq!(world.worker().run_next().await.unwrap(), None, "it waits without repeated claims");
    world.store.open_gate();
    assert_eq!(task.await.unwrap().unwrap().status, Status::Completed);
    let done = world.worker().run_next().await.unwrap().unwrap();
    assert_eq!((&done.id, done.status, done.stop), (&second.id, Status::Completed, None));
    assert_ne!(first.id, second.id);
}

#[tokio::test]
async fn a_paused_remediation_resumes_only_with_capacity() {
    let world = World::new(|site| site.throttles.in_progress = 1).await;
    let (_, task) = world.stuck(0).await;
    let second = world.submit("mallory@evil.example").await;
    world.worker().plan_only(&second.id).await.unwrap();
    world.api.pause(&world.ann, &second.id).await.unwrap();
    let paused = world.worker().run(&second.id).await.unwrap();
    assert_eq!(paused.status, Status::Paused);
    let refused = world.api.resume(&world.ann, &second.id).await.unwrap_err();
    let said = refused.to_string();
    assert!(matches!(refused, Error::NoRoom(_)) && said.contains("1 remediations are in progress"), "{said}");
    world.store.open_gate();
    task.await.unwrap().unwrap();
    world.api.resume(&world.ann, &second.id).await.unwrap();
}

#[tokio::test]
async fn the_same_selection_within_an_hour_waits_for_a_person() {
    let world = World::new(|_| {}).await;
    let first = world.submit(SENDER).await;
    assert_eq!(world.worker().run(&first.id).await.unwrap().counts.succeeded, 50);
    world.store.deliver("user00@corp.example", SENDER, "A late copy", NOON);
    let second = world.submit(SENDER).await;
    let paused = world.worker().run(&second.id).await.unwrap();
    let said = paused.stop.as_ref().unwrap().to_string();
    assert_eq!(paused.status, Status::Paused);
    assert!(said.starts_with(&format!("same-selection: {} has the same playbook", first.id)), "{said}");
    assert_eq!(world.store.acts(), 50);
    // Other inputs are another selection.
    let other = world.submit("mallory@evil.example").await;
    assert_eq!(world.worker().run(&other.id).await.unwrap().status, Status::Completed);
    // Another person may decide otherwise.
    world.guard_stands(&paused).await;
    world.api.resume(&world.ben, &second.id).await.unwrap();
    assert_eq!(world.worker().run(&second.id).await.unwrap().counts.succeeded, 1);
    world.store.deliver("user01@corp.example", SENDER, "A later copy", NOON);
    world.clock.advance(Duration::from_mins(61));
    let third = world.submit(SENDER).await;
    assert_eq!(world.worker().run(&third.id).await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn a_retry_and_an_undo_are_never_the_same_selection() {
    let world = World::new(|_| {}).await;
    let submitted = world.submit(SENDER).await;
    world.worker().plan_only(&submitted.id).await.unwrap();
    let denied = || clawback_connectors::CallError::Denied { store: "corp".into(), detail: "no right".into() };
    world.store.fail_next([denied()]);
    let partly = world.worker().run(&submitted.id).await.unwrap();
    assert_eq!((partly.status, partly.counts.failed), (Status::PartiallyCompleted, 2));
    let retry = world.api.retry(&world.ann, &partly.id).await.unwrap();
    assert_eq!(world.worker().run(&retry.id).await.unwrap().counts.succeeded, 2);
    let undo = world.api.undo(&world.ann, &partly.id).await.unwrap();
    assert_eq!(world.worker().run(&undo.id).await.unwrap().counts.succeeded, 48);
    let again = world.submit(SENDER).await;
    assert_eq!(world.worker().run(&again.id).await.unwrap().counts.succeeded, 48, "it was undone");
}

fn vips(names: &[&str]) -> Lists {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Lists::new(BTreeMap::from([("vips".to_owned(), names)])).unwrap()
}

#[tokio::test]
async fn messages_of_a_vip_added_after_the_plan_need_a_decision() {
    let world = World::new(|_| {}).await;
    let submitted = world.submit(SENDER).await;
    let planned = world.worker().plan_only(&submitted.id).await.unwrap();
    assert_eq!(planned.plan.as_ref().unwrap().facts.vips, 0);
    let listed = vips(&["user02@corp.example"]);
    let node = world.node(|site| site.library.lists = listed).await;
    let paused = node.run(&submitted.id).await.unwrap();
    assert_eq!(
        (paused.status, paused.stop.clone()),
        (Status::Paused, Some(StopReason::VipsNow { limit: 1, planned: 5 }))
    );
    assert_eq!(paused.counts.succeeded, 0);
    let untouched = world.store.messages("user02@corp.example");
    assert!(untouched.iter().all(|message| message.location.path == "INBOX"));
    world.guard_stands(&paused).await;
    world.api.resume(&world.ben, &submitted.id).await.unwrap();
    assert_eq!(node.run(&submitted.id).await.unwrap().counts.succeeded, 50, "a person has seen it");
}

#[tokio::test]
async fn a_remediation_that_runs_too_long_is_stopped_in_the_middle_of_a_batch() {
    let world = World::new(|_| {}).await;
    let (_, task) = world.stuck(2).await;
    world.clock.advance(Duration::from_secs(11));
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.store.open_gate();
    let paused = task.await.unwrap().unwrap();
    let stop = Some(StopReason::RunningLongerThan { limit: Duration::from_secs(10) });
    assert_eq!((paused.status, &paused.stop), (Status::Paused, &stop));
    assert!(paused.progress.open_batch.is_some() && world.store.acts() < 14);
    world.guard_stands(&paused).await;
    world.api.resume(&world.ben, &paused.id).await.unwrap();
    assert_eq!(world.worker().run(&paused.id).await.unwrap().counts.succeeded, 50);
}

#[tokio::test]
async fn many_messages_to_few_recipients_are_refused_at_plan_time() {
    let world = World::new(|site| site.throttles.messages_to_one = 4).await;
    let submitted = world.submit(SENDER).await;
    let refused = world.worker().run(&submitted.id).await.unwrap();
    let said = refused.stop.unwrap().to_string();
    assert_eq!(refused.status, Status::Failed);
    assert!(said.starts_with("recipients-ratio: 10 recipients of 50 messages are less than 40.0 %"), "{said}");
    assert_eq!(world.store.acts(), 0);
}

#[tokio::test]
async fn a_retry_needs_an_approval_that_is_still_valid() {
    let world = World::new(|_| {}).await;
    let submitted = world.submit(SENDER).await;
    world.worker().plan_only(&submitted.id).await.unwrap();
    let denied = || clawback_connectors::CallError::Denied { store: "corp".into(), detail: "no right".into() };
    world.store.fail_next([denied()]);
    let partly = world.worker().run(&submitted.id).await.unwrap();
    world.clock.advance(Duration::from_hours(7 * 24 + 1));
    let refused = world.api.retry(&world.ann, &partly.id).await.unwrap_err();
    assert!(matches!(refused, Error::ApprovalTooOld { days: 7, .. }), "{refused}");
}

#[tokio::test]
async fn a_store_that_is_down_does_not_delay_the_other_store() {
    let folder = tempfile::tempdir().unwrap();
    let history = Store::open(&format!("sqlite:{}", folder.path().join("test.db").display())).await.unwrap();
    let names = ["east", "west"];
    let stores = names.map(|name| Arc::new(FakeStore::new(name)));
    for (name, store) in names.iter().zip(&stores) {
        for number in 0..8 {
            store.deliver(&format!("user{number}@{name}.example"), SENDER, "Letter", Timestamp(NOON.0));
        }
    }
    let playbook = PLAYBOOK.replace("canary: 4", "canary: 0").replace("batch: 10", "batch: 100");
    let all = stores.iter().map(|store| Arc::clone(store) as Arc<dyn MailStore>).collect();
    let api = api(site(history, all, &[("purge", &playbook)], noon()));
    let ann = person("ann", &[Role::Analyst]);
    let worker = world::worker(&api);
    let submitted = api.submit(&ann, submission("purge", &[("sender", SENDER)])).await.unwrap();
    worker.plan_only(&submitted.id).await.unwrap();
    stores[0].set_down(true);
    let partly = worker.run(&submitted.id).await.unwrap();
    assert_eq!((stores[0].acts(), stores[1].acts()), (0, 8));
    let messages = api.site().history.messages(&submitted.id, None, 100).await.unwrap();
    for (target, outcome) in &messages {
        let kind = outcome.as_ref().map(|outcome| outcome.kind);
        let expected = if target.store.as_ref() == "west" { OutcomeKind::Succeeded } else { OutcomeKind::Failed };
        assert_eq!(kind, Some(expected), "{}", target.mailbox);
    }
    stores[0].set_down(false);
    let retry = api.retry(&ann, &partly.id).await.unwrap();
    let retried = worker.run(&retry.id).await.unwrap();
    assert_eq!((retried.counts.submitted, retried.counts.succeeded), (8, 8), "what failed, and nothing else");
}

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";

#[test]
fn the_binary_says_loudly_that_the_site_is_halted() {
    let folder = tempfile::tempdir().unwrap();
    let options = maildirs::Options { empty: vec!["Recoverable Items".to_owned()], ..Default::default() };
    let truth = maildirs::write(&folder.path().join("mail"), &options).unwrap();
    let admin = Clawback::init(folder.path(), MAILDIR);
    let ann = admin.add("ann", "analyst");
    assert!(ann.fails(1, &["halt", "--reason", "drill"]).contains("needs the role admin"));
    assert!(admin.fails(2, &["halt"]).contains("--reason"));
    let halted = admin.json(&["halt", "--reason", "wrong \u{202e}campaign"]);
    assert_eq!(
        (&halted["halted"]["by"], &halted["halted"]["reason"]),
        (&"admin".into(), &"wrong \u{202e}campaign".into())
    );

    let sender = format!("sender={}", clawback_tests::mail::CAMPAIGN_SENDER);
    let kept = ann.run(&["run", "purge-phish-campaign", "-i", &sender]);
    let said = String::from_utf8_lossy(&kept.stderr).into_owned();
    assert!(said.contains("the site is halted since") && said.contains("clawback unhalt"), "{said}");
    assert_eq!(kept.status.code(), Some(0), "{said}");
    let loud = |arguments: &[&str]| {
        let output = ann.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("THE SITE IS HALTED") && said.contains("by admin: wrong"), "{arguments:?}: {said}");
        assert!(!said.contains('\u{202e}'), "a reason is no way to deceive");
    };
    let id = ann.json(&["history"])["items"][0]["id"].as_str().unwrap().to_owned();
    for arguments in [&["history"][..], &["pending"], &["worker", "--once"], &["show", &id]] {
        loud(arguments);
    }
    let doctor = admin.run(&["doctor"]);
    let report = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(report.contains("WRONG  kill switch") && report.contains("clawback unhalt"), "{report}");
    truth.snapshot().check(&maildirs::snapshot(&folder.path().join("mail")).unwrap()).unwrap();
    assert_eq!(ann.json(&["show", &id])["remediation"]["status"], "queued");

    assert!(ann.fails(1, &["unhalt"]).contains("needs the role admin"));
    assert!(admin.ok(&["unhalt"]).starts_with("the site goes on; it was halted since"));
    assert!(admin.ok(&["unhalt"]).contains("was not halted"));
    admin.ok(&["worker", "--once"]);
    assert_ne!(ann.json(&["show", &id])["remediation"]["status"], "queued");
    admin.ok(&["verify"]);
}

#[test]
fn the_throttles_are_settable_and_their_stop_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let options = maildirs::Options { empty: vec!["Recoverable Items".to_owned()], ..Default::default() };
    maildirs::write(&folder.path().join("mail"), &options).unwrap();
    let admin = Clawback::init(folder.path(), MAILDIR);
    let config = folder.path().join("clawback.toml");
    let written = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{written}\n[throttles]\nin-progress = 0\nexclusive-above = 5\n")).unwrap();
    let playbook = PLAYBOOK.replace("approve: { when: plan.count > 100 }", "verify: {}");
    let playbook = playbook.replacen("  - verify: {}\n", "", 1);
    std::fs::write(folder.path().join("workflows/purge.yaml"), playbook).unwrap();
    let sender = format!("sender={}", clawback_tests::mail::CAMPAIGN_SENDER);
    let held = admin.json(&["run", "purge", "-i", &sender]);
    assert_eq!((&held["status"], &held["stop_rule"]), (&"approved".into(), &"in-progress".into()));
    let table = admin.ok(&["history"]);
    assert!(table.contains("STOP REASON") && table.contains("in-progress: 0 remediations are in progress"), "{table}");
    std::fs::write(&config, format!("{written}\n[throttles]\nin-progres = 1\n")).unwrap();
    assert!(admin.fails(2, &["history"]).contains("in-progres"));
    std::fs::write(&config, format!("{written}\n[throttles]\nrecipients-ratio = 40.0\n")).unwrap();
    assert!(admin.fails(2, &["history"]).contains("between 0 and 1"));
}

#[tokio::test]
async fn a_vote_during_a_halt_counts_and_nothing_starts() {
    let world = World::new(|_| {}).await;
    for number in 0..60 {
        world.store.deliver("user00@corp.example", SENDER, &format!("More {number}"), NOON);
    }
    let submitted = world.submit(SENDER).await;
    assert_eq!(world.worker().run(&submitted.id).await.unwrap().status, Status::PendingApproval);
    world.api.halt(&world.root, "a drill").await.unwrap();
    let ben = known(&world.api.site().history, "ben", &[Role::Approver]).await;
    let voted = world.api.decide(&ben, &submitted.id, Decision::Approve, None, None).await.unwrap();
    assert_eq!(voted.status, Status::Approved);
    assert_eq!(world.worker().run_next().await.unwrap(), None);
    let history = &world.api.site().history;
    let begun = history.record(&submitted.id, None, "eve", &Event::Started, NOON).await.unwrap_err();
    assert!(matches!(begun, clawback_store::StoreError::Halted { .. }));
}
