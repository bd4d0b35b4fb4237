//! The binary is killed at seeded points of a run on the fake of Graph, whose ids stay when a message moves: one outcome
//! for each target, and an undo that brings every message home.

use std::time::Instant;

use clawback_tests::binary::{Clawback, copy_folder};
use clawback_tests::graph::{self, Graph, Options};
use clawback_tests::mail::Random;
use serde_json::Value;

use super::{ANN, BEN, MONDAY, invitation, mail};

/// Runs that are killed while they run.
const KILLED: usize = 50;
const MESSAGES: usize = 60;

const PLAYBOOK: &str = "playbook: crash
description: A campaign in many small batches.
severity: high
on: { manual: {} }
inputs:
  subject: { type: text, required: true }
steps:
  - search: { where: { subject-contains: \"${inputs.subject}\" } }
  - remediate: { action: soft-delete, batch: 5, canary: 1, stop-when: { failed-ratio: 0.05 } }
  - verify: {}
";

/// What an entry shows, in order: the id of one that was created again is another.
fn places(entries: &[Value]) -> Vec<String> {
    let place = |entry: &Value| format!("{}: {}", entry["subject"], entry["location"]["displayName"]);
    let mut places: Vec<String> = entries.iter().map(place).collect();
    places.sort();
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_anywhere_on_graph() {
    let graph = Graph::start(Options::default(), &[ANN, BEN]).await;
    for number in 0..MESSAGES {
        let mailbox = if number.is_multiple_of(2) { ANN } else { BEN };
        let subject = if number < 10 { "Hello" } else { "Your parcel waits" };
        let folder = if number.is_multiple_of(3) { "Projects/a" } else { "inbox" };
        let raw = match number % 4 {
            1 => invitation(number, subject, "boss@bulk.example", "boss@bulk.example", ""),
            _ => mail(number, subject),
        };
        graph.deliver(mailbox, folder, raw.as_bytes(), MONDAY);
    }
    let entries = |graph: &Graph| [ANN, BEN].map(|mailbox| places(&graph.entries(mailbox)));
    let in_calendar = entries(&graph);
    let invited: usize = in_calendar.iter().flatten().filter(|place| place.contains("parcel")).count();
    assert!(invited > 10, "{in_calendar:?}");
    let (before, home) = (graph.snapshot(), [ANN, BEN].map(|mailbox| graph.kept(mailbox)));
    let site = tempfile::tempdir().unwrap();
    let secret = super::secret(site.path(), graph::SECRET);
    let store = format!(
        "connector = \"graph\"\nendpoints.api = {{ url = {:?}, allow-private-network = true, auth = {{ \
         kind = \"client-credentials\", token-url = {:?}, client-id = {:?}, \
         scope = \"https://graph.microsoft.com/.default\", client-secret-file = {secret:?}, allow-private-network = true }} }}\n",
        graph.url(),
        graph.token_url(),
        graph::CLIENT,
    );
    let clawback = Clawback::init(site.path(), &store);
    std::fs::write(site.path().join("workflows/crash.yaml"), PLAYBOOK).unwrap();
    let planned = clawback.json(&["plan", "crash", "-i", "subject=Your parcel waits"]);
    assert_eq!((&planned["status"], &planned["counts"]["submitted"]), (&"approved".into(), &50.into()), "{planned}");
    let id = planned["id"].as_str().unwrap();
    let trial = tempfile::tempdir().unwrap();
    copy_folder(site.path(), trial.path());
    let began = Instant::now();
    Clawback::at(trial.path()).ok(&["run", id]);
    let takes = began.elapsed();

    let mut killed = 0;
    for seed in 0.. {
        graph.restore(&before);
        let copy = tempfile::tempdir().unwrap();
        copy_folder(site.path(), copy.path());
        let clawback = Clawback::at(copy.path());
        let mut random = Random::new(seed + 1);
        if !clawback.run_and_kill(&["run", id], &mut random, takes) {
            assert!(seed < 2 * KILLED as u64, "too many runs had ended before they were to be killed");
            continue;
        }
        let done = clawback.json(&["run", id]);
        let counts = &done["counts"];
        assert_eq!(done["status"], "completed", "seed {seed}: {done}");
        assert_eq!((&counts["succeeded"], &counts["open"]), (&50.into(), &0.into()), "seed {seed}: {done}");
        for mailbox in [ANN, BEN] {
            for kept in graph.kept(mailbox) {
                let is_moved = kept.folder == "Deletions";
                assert_eq!(is_moved, kept.subject.contains("parcel"), "seed {seed}: {kept:?}");
            }
        }
        let of_strangers = entries(&graph).concat().into_iter().filter(|place| place.contains("parcel")).count();
        assert_eq!(of_strangers, 0, "seed {seed}: an entry stayed without its invitation");
        let messages = clawback.json(&["show", id, "--messages"]);
        let removed =
            messages["items"].as_array().unwrap().iter().filter(|row| row["calendar_entry"] == "removed").count();
        assert_eq!(removed, invited, "seed {seed}: {messages}");
        // Each has a receipt, whenever the kill came.
        let undone = clawback.json(&["undo", id]);
        assert_eq!(
            (&undone["status"], &undone["counts"]["succeeded"]),
            (&"completed".into(), &50.into()),
            "seed {seed}: {undone}"
        );
        assert_eq!([ANN, BEN].map(|mailbox| graph.kept(mailbox)), home, "seed {seed}");
        assert_eq!(entries(&graph), in_calendar, "seed {seed}: each entry is back, once");
        clawback.ok(&["verify"]);
        killed += 1;
        if killed == KILLED {
            break;
        }
    }
    graph.check();
}
