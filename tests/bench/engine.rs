//! `cargo xtask bench engine`: the engine alone, against a store without cost: plan, approve, run, history.
//!
//! Each measurement is a process of its own, so that its peak memory is its own. The baseline writes the same targets
//! and outcomes through the history's bulk functions, without the engine.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failed measurement panics; its result is its output")]

mod peers;

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use clawback_model::{
    Counts, Decision, Digest, Event, Location, LocationKind, Outcome, OutcomeKind, PlanHeader, PlanSummary, Reason,
    Receipt, RestorePoint, Role, Status, Timestamp,
};
use clawback_runtime::{Worker, silent};
use clawback_store::{ClaimScope, Lane, LaneEnd, LaneReport, Store};
use clawback_tests::site::{api, known, noon, person, site, submission};
use clawback_tests::synthetic::{SENDER, Synthetic};

const MAILBOXES: u32 = 20_000;
const GOAL: f64 = 60_000.0;
const PLAYBOOK: &str = "playbook: bench
description: Everything by one sender.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - approve: { votes: 1, from: [approver], expires: 7d }
  - remediate: { action: soft-delete, canary: 20, stop-when: { failed-ratio: 0.05 } }
";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let [child, way, url, targets] = arguments.as_slice()
        && child == "--child"
    {
        runtime.block_on(measure(way, url, targets.parse().unwrap()));
        return;
    }
    let rounds: usize = value(&arguments, "--rounds").unwrap_or(3);
    if let Some(peers) = peers(&arguments) {
        runtime.block_on(peers.report(rounds));
        return;
    }
    let large: u32 = value(&arguments, "--large").unwrap_or(2_000_000);
    runtime.block_on(report(rounds, large));
}

/// The peers that `cargo xtask bench peers` names.
fn peers(arguments: &[String]) -> Option<peers::Peers> {
    let (program, python) = (value(arguments, "--peers")?, value(arguments, "--python")?);
    let (script, items, few) =
        (value(arguments, "--script")?, value(arguments, "--items")?, value(arguments, "--few")?);
    Some(peers::Peers { program, python, script, items, few })
}

fn value<T: std::str::FromStr>(arguments: &[String], name: &str) -> Option<T> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1)?.parse().ok()
}

async fn report(rounds: usize, large: u32) {
    println!("targets over {MAILBOXES} mailboxes; medians of {rounds} rounds, ways in turn; goal {GOAL:.0} targets/s");
    println!(
        "{:<10} {:<8} {:>9} {:>9} {:>11} {:>8} {:>9}",
        "database", "way", "targets", "seconds", "targets/s", "x floor", "peak MB"
    );
    for database in ["sqlite", "postgres"] {
        for (targets, rounds) in [(200_000, rounds), (large, 1)] {
            let mut seen: Vec<(f64, f64)> = Vec::new();
            let mut floors = Vec::new();
            for _ in 0..rounds {
                for way in ["engine", "floor"] {
                    let folder = tempfile::tempdir().unwrap();
                    let url = match database {
                        "sqlite" => format!("sqlite:{}", folder.path().join("bench.db").display()),
                        _ => clawback_tests::postgres::database().await,
                    };
                    let (seconds, peak) = child(way, &url, targets);
                    if way == "engine" { seen.push((seconds, peak)) } else { floors.push(seconds) }
                }
            }
            let seconds = median(seen.iter().map(|(seconds, _)| *seconds).collect());
            let peak = median(seen.iter().map(|(_, peak)| *peak).collect());
            let floor = median(floors);
            row(database, "engine", targets, seconds, seconds / floor, peak);
            row(database, "floor", targets, floor, 1.0, f64::NAN);
        }
    }
}

fn row(database: &str, way: &str, targets: u32, seconds: f64, ratio: f64, peak: f64) {
    let rate = f64::from(targets) / seconds;
    let peak = if peak.is_nan() { String::new() } else { format!("{peak:.0}") };
    println!("{database:<10} {way:<8} {targets:>9} {seconds:>9.2} {rate:>11.0} {ratio:>8.2} {peak:>9}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn child(way: &str, url: &str, targets: u32) -> (f64, f64) {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--child", way, url, &targets.to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(seconds)), Some(Ok(peak))) if output.status.success() => (seconds, peak),
        _ => panic!("{way} failed: {text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

async fn measure(way: &str, url: &str, targets: u32) {
    let history = Store::open(url).await.unwrap();
    let began = Instant::now();
    if way == "engine" {
        engine(history, targets).await;
    } else {
        floor(history, targets).await;
    }
    println!("{} {}", began.elapsed().as_secs_f64(), peak_megabytes());
}

async fn engine(history: Store, targets: u32) {
    let store = Arc::new(Synthetic::new(MAILBOXES, targets / MAILBOXES));
    let mut site = site(history, vec![store], &[("bench", PLAYBOOK)], noon());
    site.limits.query = 10_000_000;
    let api = api(site);
    let ann = person("ann", &[Role::Analyst]);
    let ben = known(&api.site().history, "ben", &[Role::Approver]).await;
    let worker = Worker::new(Arc::clone(api.site()), silent());
    let submitted = api.submit(&ann, submission("bench", &[("sender", SENDER)])).await.unwrap();
    let planned = worker.run(&submitted.id).await.unwrap();
    assert_eq!(planned.counts.submitted, u64::from(targets));
    api.decide(&ben, &planned.id, Decision::Approve, None, None).await.unwrap();
    let done = worker.run(&planned.id).await.unwrap();
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, u64::from(targets)));
}

/// The baseline: the same rows, by the same bulk functions, and nothing else.
async fn floor(history: Store, targets: u32) {
    use clawback_connectors::MailStore as _;
    let each = targets / MAILBOXES;
    let store = Synthetic::new(MAILBOXES, each);
    let site = site(history, vec![Arc::new(Synthetic::new(1, 1))], &[("bench", PLAYBOOK)], noon());
    let api = api(site);
    let history = &api.site().history;
    let ann = person("ann", &[Role::Analyst]);
    let submitted = api.submit(&ann, submission("bench", &[("sender", SENDER)])).await.unwrap();
    let now = api.site().clock.now();
    let (_, lease) =
        history.claim(&submitted.id, "floor", now, std::time::Duration::from_hours(1)).await.unwrap().unwrap();
    history.record(&submitted.id, Some(&lease), "floor", &Event::PlanningStarted, now).await.unwrap();
    history.begin_plan(&submitted.id, &lease).await.unwrap();
    let mut page = Vec::new();
    let mut seq = 0;
    for number in 0..MAILBOXES {
        let mailbox: Arc<str> = format!("user{number:06}@corp.example").into();
        for message in store.search(&mailbox, &clawback_model::Query::default(), None, each).await.unwrap().items {
            page.push(clawback_model::Target {
                seq,
                store: message.store,
                mailbox: message.mailbox,
                reference: message.reference,
                location: message.location,
                original_location: None,
                subject: message.subject,
                from_address: message.from_address,
                received_at: message.received_at,
                former: None,
                not_remediable: None,
                script_reason: None,
                script_tag: None,
            });
            seq += 1;
        }
        if page.len() >= 4_000 || number + 1 == MAILBOXES {
            history.append_targets(&submitted.id, &lease, &page).await.unwrap();
            page.clear();
        }
    }
    let plan = PlanSummary {
        digest: Digest::default(),
        counts: Counts::planned(u64::from(targets), 0),
        facts: clawback_model::PlanFacts::default(),
    };
    let header = PlanHeader {
        action: clawback_model::Action::SoftDelete,
        playbook: "bench".to_owned(),
        playbook_digest: Digest::default(),
        inputs: [].into(),
        scripts: [].into(),
        connectors: [].into(),
        terms: None,
    };
    let decided_by = Some("floor".to_owned());
    let planned = Event::Planned {
        plan,
        guards: clawback_model::Guards::default(),
        verify: false,
        approval: None,
        decided_by,
        under: None,
        wait: None,
    };
    history.freeze_plan(&submitted.id, &lease, (&header, None), "floor", &planned, now).await.unwrap();
    history.record(&submitted.id, Some(&lease), "floor", &Event::Started, now).await.unwrap();
    let batch = 50_000;
    for (number, first) in (0..).zip((0..targets).step_by(batch as usize)) {
        let event = Event::BatchStarted { number, first, targets: batch.min(targets - first) };
        history.record(&submitted.id, Some(&lease), "floor", &event, now).await.unwrap();
        while let Some(claimed) = history.claim_lanes("floor", "corp", ClaimScope::AllBut(&[]), 200, now).await.unwrap()
        {
            let done = |lane: &Lane| lane.targets.iter().map(|target| outcome(target.seq, number, now)).collect();
            let outcomes: Vec<Vec<Outcome>> = claimed.lanes.iter().map(done).collect();
            let report = |(lane, outcomes): (&Lane, _)| LaneReport {
                claim: lane.claim,
                outcomes,
                throttled: 0,
                end: LaneEnd::Done,
            };
            let reports: Vec<_> = claimed.lanes.iter().zip(outcomes.iter().map(Vec::as_slice)).map(report).collect();
            history.record_lanes("floor", &reports).await.unwrap();
        }
        history.finish_batch(&submitted.id, &lease, "floor", number, &[], now).await.unwrap();
    }
}

fn outcome(seq: u32, batch: u32, now: Timestamp) -> Outcome {
    let receipt = Receipt {
        former: RestorePoint {
            location: Location::new(LocationKind::Inbox, "INBOX"),
            flags: vec!["\\Seen".to_owned()],
        },
        now: Some(clawback_model::MessageRef {
            locator: format!("1700000000:{seq}:Recoverable Items"),
            message_id: format!("<{seq}.user000000@corp.example.evil.example>"),
            fingerprint: format!("{seq:032x}"),
        }),
        location: Some(Location::new(LocationKind::RecoverableItems, "Recoverable Items")),
        evidence: None,
        calendar_entry: None,
    };
    Outcome {
        seq,
        kind: OutcomeKind::Succeeded,
        reason: Reason::Confirmed,
        detail: None,
        receipt: Some(receipt),
        batch: Some(batch),
        recorded_at: now,
    }
}

/// Peak resident set of this process, in megabytes (`VmHWM` of proc(5)).
fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).unwrap_or(0.0) / 1_024.0
}
