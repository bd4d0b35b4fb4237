//! A month in seconds: schedules, approvals that are given or not, stores that are down, nodes that are off for days.
//! The test sets the time, and randomness is seeded, so the same seed gives the same month, hash for hash.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::CallError;
use clawback_model::{
    Clock as _, Decision, Misfire, Origin, Overlap, RemediationId, SlotReason, Status, Timestamp, Timetable,
};
use clawback_runtime::Timers;
use clawback_store::{Head, HistoryFilter};
use clawback_tests::site::submission;

use super::{World, ann, ben, node, turn};

/// 2026-10-10T00:00:00Z; the clocks of Europe and America go back within the month.
const START: Timestamp = Timestamp(1_791_590_400_000_000);
const MINUTE: u64 = 60;
const EVE: &str = "eve@evil.example";

/// Name, cron, zone, jitter in minutes, overlap, misfire, and the same as text of the playbook.
fn schedules() -> Vec<(&'static str, Timetable, &'static str)> {
    let table = |cron: &str, zone: &str, jitter: u64, overlap, misfire| Timetable {
        cron: cron.into(),
        time_zone: zone.into(),
        jitter: Duration::from_mins(jitter),
        overlap,
        misfire,
    };
    vec![
        ("hourly", table("0 5 * * * *", "UTC", 0, Overlap::Skip, Misfire::Skip), ""),
        (
            "quarterly",
            table("0 0 */6 * * *", "America/New_York", 9, Overlap::Queue, Misfire::RunOnce),
            ", time-zone: America/New_York, jitter: 9m, overlap: queue, misfire: run-once",
        ),
        (
            "nightly",
            table("0 30 2 * * *", "Europe/Berlin", 0, Overlap::Skip, Misfire::Backfill(2)),
            ", time-zone: Europe/Berlin, misfire: backfill, backfill: 2",
        ),
        (
            "weekdays",
            table("0 0 9,15 * * MON-FRI", "Asia/Kolkata", 0, Overlap::Replace, Misfire::Skip),
            ", time-zone: Asia/Kolkata, overlap: replace",
        ),
    ]
}

fn playbooks() -> Vec<(&'static str, String)> {
    let mut texts: Vec<_> = schedules()
        .into_iter()
        .map(|(name, table, words)| {
            let text = format!(
                "playbook: {name}
on: {{ schedule: {{ cron: \"{}\"{words} }} }}
steps:
  - search: {{ where: {{ from: {EVE}, subject-contains: {name}, received-after: \"${{now - days(2)}}\" }} }}
  - approve: {{ when: plan.count > 2, expires: 2d }}
  - remediate: {{ action: soft-delete, canary: 1 }}
",
                table.cron
            );
            (name, text)
        })
        .collect();
    let purge = format!(
        "playbook: purge
on: {{ manual: {{}} }}
steps:
  - search: {{ where: {{ from: {EVE}, subject-contains: campaign }} }}
  - approve: {{ when: plan.count > 4, expires: 1d }}
  - remediate: {{ action: soft-delete }}
  - sweep: {{ every: 6h, for: 5d, approval: same, at-most: 6 }}
"
    );
    texts.push(("purge", purge));
    texts
}

/// splitmix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.next().is_multiple_of(many)
    }
}

static IDS: AtomicU64 = AtomicU64::new(0);

/// Bits of identifiers: seeded months draw from here, one after the other.
fn counted() -> u64 {
    Chance(IDS.fetch_add(1, Ordering::SeqCst)).next()
}

/// Held by a month that draws from [`counted`].
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

struct Month {
    world: World,
    _alone: Option<tokio::sync::MutexGuard<'static, ()>>,
    nodes: [Timers; 2],
    chance: Chance,
    /// Whether the nodes tick at the same time; the seed then does not determine which one is first.
    race: bool,
    /// The votes of approvers; `None`: no vote.
    verdicts: HashMap<RemediationId, Option<Decision>>,
    /// The hour in which a person submitted something last.
    submitted: Option<u64>,
}

impl Month {
    async fn new(seed: u64, race: bool) -> Self {
        let alone = if race { None } else { Some(ALONE.lock().await) };
        let texts = playbooks();
        let texts: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let url = if race { clawback_tests::postgres::database().await } else { String::new() };
        let mut world = World::on(url, &texts, START).await;
        let random = if race { clawback_tests::site::random } else { counted };
        if !race {
            IDS.store(seed << 32, Ordering::SeqCst);
        }
        let folder = world.folder.path().to_owned();
        let timers =
            async || Timers::new(Arc::new(node(&world.url, &folder, &world.store, &world.clock, random).await));
        let nodes = [timers().await, timers().await];
        let site = node(&world.url, &folder, &world.store, &world.clock, random).await;
        world.api = Api::new(Arc::new(site));
        Self { world, _alone: alone, nodes, chance: Chance(seed), race, verdicts: HashMap::new(), submitted: None }
    }

    /// Every moment at which something may be due, and every half hour.
    fn moments(days: u64) -> BTreeSet<Timestamp> {
        let end = START.plus(Duration::from_hours(24 * days));
        let mut moments: BTreeSet<_> =
            (0..days * 48).map(|step| START.plus(Duration::from_secs(step * 30 * MINUTE))).collect();
        for (name, table, _) in schedules() {
            let cron = table.cron().unwrap();
            let due = cron.slots_after(START).map(|slot| table.due(name, slot));
            moments.extend(due.take_while(|at| *at < end));
        }
        moments
    }

    async fn live(&mut self, days: u64) {
        let (mut off_until, mut away_until) = (START, START);
        for moment in Self::moments(days) {
            self.world.clock.advance(moment.since(self.world.clock.now()));
            self.mail();
            if self.chance.one_in(500) {
                away_until = moment.plus(Duration::from_secs(self.chance.next() % (12 * 60) * MINUTE));
            }
            if self.chance.one_in(750) {
                off_until = moment.plus(Duration::from_secs(self.chance.next() % (60 * 60) * MINUTE));
            }
            if moment < off_until {
                continue;
            }
            self.world.store.forget_failures();
            if moment < away_until {
                let away = || CallError::Denied { store: "corp".into(), detail: "away".into() };
                self.world.store.fail_next((0..3).map(|_| away()));
            }
            self.tick().await;
            self.world.work().await;
            Box::pin(self.people()).await;
        }
        // Everything that is open ends with time: approvals expire, sweeps end.
        for _ in 0..35 {
            self.world.clock.advance(Duration::from_hours(6));
            let now = self.world.clock.now();
            for sweep in self.world.history().sweeps(100).await.unwrap() {
                if sweep.next_at.is_some_and(|next| next <= now) {
                    turn(&mut self.nodes[0]).await;
                }
            }
            self.world.work().await;
        }
    }

    async fn tick(&mut self) {
        let [one, two] = &mut self.nodes;
        if self.race {
            tokio::join!(turn(one), turn(two));
        } else if self.chance.one_in(2) {
            turn(one).await;
            turn(two).await;
        } else {
            turn(two).await;
            turn(one).await;
        }
    }

    fn mail(&mut self) {
        for subject in ["hourly", "quarterly", "nightly", "weekdays", "campaign"] {
            if self.chance.one_in(20) {
                for _ in 0..=self.chance.next() % 4 {
                    let mailbox = format!("user{}@corp.example", self.chance.next() % 3);
                    self.world.store.deliver(&mailbox, EVE, subject, self.world.clock.now());
                }
            }
        }
    }

    async fn people(&mut self) {
        let hours = self.world.clock.now().since(START).as_secs() / 3_600;
        if hours % 168 == 30 && self.submitted.replace(hours) != Some(hours) {
            self.world.api.submit(&ann(), submission("purge", &[])).await.unwrap();
            self.world.work().await;
        }
        let pending = HistoryFilter { pending_only: true, ..HistoryFilter::default() };
        for waiting in self.world.history().history(&pending, None, 100).await.unwrap().remediations {
            let verdict = match self.chance.next() % 9 {
                0..4 => Some(Decision::Approve),
                4..6 => Some(Decision::Reject),
                _ => None,
            };
            let verdict = *self.verdicts.entry(waiting.id.clone()).or_insert(verdict);
            if waiting.status == Status::Paused {
                self.world.api.resume(&ben(), &waiting.id).await.unwrap();
            } else if let (Some(decision), true) = (verdict, self.chance.one_in(8)) {
                self.world.api.decide(&ben(), &waiting.id, decision, None, None).await.unwrap();
            }
        }
    }

    /// Checks that every slot has one fate, every remediation of a schedule one slot, that every count sums, and that
    /// the history verifies.
    async fn check(&self) -> (Head, BTreeMap<String, u64>) {
        let mut told = BTreeMap::new();
        let all = self.world.all().await;
        let mut runs = BTreeMap::new();
        for remediation in &all {
            assert!(remediation.counts.is_consistent(), "{}: {:?}", remediation.id, remediation.counts);
            assert!(remediation.status.is_final(), "{} is {}", remediation.id, remediation.status);
            let untouched = matches!(remediation.status, Status::Rejected | Status::Expired | Status::Failed);
            assert!(untouched || remediation.counts.open == 0, "{}: {:?}", remediation.id, remediation.counts);
            *told.entry(remediation.status.to_string()).or_default() += 1;
            match &remediation.request.origin {
                Origin::Sweep { .. } => *told.entry("sweep".to_owned()).or_default() += 1,
                _ if remediation.request.playbook == "purge" => {}
                _ => _ = runs.insert(remediation.id.as_str(), remediation),
            }
        }
        for schedule in self.world.history().schedules().await.unwrap() {
            let cron = schedule.timetable.cron().unwrap();
            let mut expected = cron.slots_after(START).take_while(|slot| *slot <= schedule.decided_to);
            let mut slots = self.world.history().slots(&schedule.name, 10_000).await.unwrap();
            slots.reverse();
            for row in slots {
                for place in 0..row.slots {
                    let slot = expected.next().unwrap();
                    assert!(slot >= row.first && slot <= row.last, "{} {slot} is in no row", schedule.name);
                    assert!(place > 0 || slot == row.first);
                }
                match (&row.remediation, row.reason) {
                    (Some(id), None) => {
                        let run = runs.remove(id.as_str()).expect("a remediation has one slot");
                        assert_eq!((run.request.as_of, &run.request.playbook), (Some(row.first), &schedule.name));
                        assert_eq!(row.slots, 1);
                        *told.entry("ran".to_owned()).or_default() += 1;
                    }
                    (None, Some(SlotReason::Waiting)) => assert_eq!(schedule.waiting, Some(row.first)),
                    (None, Some(reason)) => *told.entry(reason.to_string()).or_default() += row.slots,
                    other => panic!("{} {}: {other:?}", schedule.name, row.first),
                }
            }
            assert_eq!(expected.next(), None, "{} has skipped a slot without a record", schedule.name);
        }
        assert!(runs.is_empty(), "no slot for {:?}", runs.keys());
        let succeeded: u64 = all.iter().map(|remediation| remediation.counts.succeeded).sum();
        assert_eq!(self.world.store.acts(), succeeded, "what was moved is what the history says");
        let verified = self.world.history().verify(None, |_| {}).await.unwrap();
        (verified.head, told)
    }
}

#[tokio::test]
async fn the_same_seed_is_the_same_month() {
    let mut heads = Vec::new();
    for _ in 0..2 {
        let mut month = Month::new(7, false).await;
        Box::pin(month.live(31)).await;
        let (head, told) = month.check().await;
        let needed =
            ["ran", "missed", "made-up", "overlapped", "completed", "nothing-to-do", "rejected", "expired", "sweep"];
        assert!(needed.iter().all(|needed| told.contains_key(*needed)), "not every case occurred: {told:?}");
        heads.push(head);
    }
    assert_eq!(heads[0], heads[1]);
}

#[tokio::test]
async fn other_seeds_are_other_weeks() {
    let mut heads = BTreeSet::new();
    for seed in [8, 9] {
        let mut week = Month::new(seed, false).await;
        Box::pin(week.live(7)).await;
        heads.insert(week.check().await.0.hash);
    }
    assert_eq!(heads.len(), 2);
}

#[tokio::test]
async fn two_nodes_race_through_two_days() {
    let mut month = Month::new(3, true).await;
    Box::pin(month.live(2)).await;
    let (_, told) = month.check().await;
    assert!(told["ran"] > 40, "{told:?}");
}
