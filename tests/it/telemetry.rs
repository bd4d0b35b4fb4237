//! A node's telemetry: metrics, spans, logs; and that none of it contains the content of a message.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use clawback_model::{Outcome, OutcomeKind, Reason, Timestamp};
use clawback_runtime::Metrics;
use clawback_store::Queue;
use clawback_tests::binary::Clawback;
use clawback_tests::maildirs;

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";
const PLAYBOOK: &str = "playbook: purge
description: Everything by one sender, after one vote.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - filter: { match: { latest-delivery-location: [inbox, junk] } }
  - approve: { votes: 1 }
  - remediate: { action: soft-delete }
  - verify: {}
";
/// In subject, sender and file name of an attachment; nothing else contains it.
const MARKER: &str = "zqxmarkerzqx";

struct Site {
    folder: tempfile::TempDir,
    admin: Clawback,
    ben: Clawback,
}

/// A site with one message that has the marker in every place that a sender can set.
fn marked() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let options = maildirs::Options { empty: vec!["Recoverable Items".to_owned()], ..Default::default() };
    maildirs::write(&folder.path().join("mail"), &options).unwrap();
    let inbox = folder.path().join("mail/acme.test/u0001/Maildir/cur");
    let raw = format!(
        "From: \"{MARKER} display\" <{MARKER}@evil.example>\r\nTo: u0001@acme.test\r\nSubject: {MARKER} invoice\r\n\
         Message-ID: <{MARKER}.1@evil.example>\r\nDate: Mon, 23 Nov 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/pdf; name=\"{MARKER}.pdf\"\r\n\
         Content-Disposition: attachment; filename=\"{MARKER}.pdf\"\r\n\r\n{MARKER} body\r\n"
    );
    std::fs::write(inbox.join("1795420800.M1P1.host:2,"), raw).unwrap();
    let admin = Clawback::init(folder.path(), MAILDIR);
    let ben = admin.add("ben", "approver");
    std::fs::write(folder.path().join("workflows/purge.yaml"), PLAYBOOK).unwrap();
    Site { folder, admin, ben }
}

impl Site {
    /// Submits and approves it; the work is left to a worker.
    fn approved(&self) -> String {
        let sender = format!("sender={MARKER}@evil.example");
        let pending = self.admin.json(&["run", "purge", "-i", &sender]);
        assert_eq!((&pending["status"], &pending["counts"]["submitted"]), (&"pending-approval".into(), &1.into()));
        let id = pending["id"].as_str().unwrap().to_owned();
        self.ben.ok(&["approve", &id, "--no-run"]);
        id
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_worker_serves_its_metrics_and_its_health() {
    let site = marked();
    let id = site.approved();
    let mut worker =
        site.admin.command(&["worker", "--metrics", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(worker.stderr.take().unwrap()).lines();
    let told = lines.next().unwrap().unwrap();
    let address = told.strip_prefix("metrics at http://").unwrap().strip_suffix("/metrics").unwrap().to_owned();
    assert!(lines.any(|line| line.unwrap().contains(&format!("{id}  completed"))));
    site.admin.ok(&["halt", "--reason", "drill"]);
    let metrics = get(&address, "/metrics");
    let health = get(&address, "/healthz");
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert!(metrics.starts_with("HTTP/1.1 200 OK") && metrics.contains("application/openmetrics-text"), "{metrics}");
    for expected in [
        "clawback_outcomes_total{kind=\"succeeded\",reason=\"confirmed\"} 1",
        "clawback_batch_duration_seconds_count 1",
        "clawback_approval_wait_seconds_count 1",
        "clawback_remediations{status=\"in-progress\"} 0",
        "clawback_queue_age_seconds 0.0",
        "clawback_lanes_ready 0",
        "clawback_halted 1",
        "# EOF",
    ] {
        assert!(metrics.contains(expected), "{expected} is not in {metrics}");
    }
    assert!(!metrics.contains(MARKER));
    assert!(health.starts_with("HTTP/1.1 200 OK") && health.ends_with("ok, halted\n"), "{health}");
}

/// Every name for which the registry has samples.
fn sampled() -> BTreeSet<String> {
    let metrics = Metrics::default();
    let outcome = Outcome {
        seq: 0,
        kind: OutcomeKind::Succeeded,
        reason: Reason::Confirmed,
        detail: None,
        receipt: None,
        batch: Some(0),
        recorded_at: Timestamp(0),
    };
    metrics.recorded(&[outcome]);
    metrics.throttled("corp");
    metrics.stopped("halted");
    metrics.notice("soc", "sent");
    metrics.site(&Queue::default(), Timestamp(0));
    let text = metrics.exposition();
    let names = text.lines().filter(|line| !line.starts_with('#'));
    names.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

#[test]
fn every_query_of_the_dashboard_names_an_existing_metric() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/cli/assets/grafana-dashboard.json");
    let dashboard: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let known = sampled();
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let names: Vec<_> = words.filter(|word| word.starts_with("clawback_")).collect();
            assert!(!names.is_empty(), "{query}");
            for name in names {
                assert!(known.contains(name), "{}: {name} is none of {known:?}", panel["title"]);
                shown.insert(name.to_owned());
            }
        }
    }
    // And conversely: what is counted is shown, except the parts of a histogram.
    let family = |name: &String| {
        let ends = ["_bucket", "_count", "_sum"];
        ends.into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    assert_eq!(known.iter().map(family).collect::<BTreeSet<_>>(), shown.iter().map(family).collect::<BTreeSet<_>>());
}

#[test]
fn the_documentation_names_every_metric() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/cli/docs/telemetry.md");
    let text = std::fs::read_to_string(path).unwrap();
    for name in sampled() {
        let ends = ["_bucket", "_count", "_sum"];
        let family = ends.into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        assert!(text.contains(&format!("`{family}")), "{family} is not in engine/cli/docs/telemetry.md");
    }
}

#[test]
fn the_log_contains_no_message_content() {
    for format in ["text", "json"] {
        let site = marked();
        let id = site.approved();
        let logging = |arguments: &[&str]| {
            let mut command = site.admin.command(arguments);
            let output = command.env("CLAWBACK_LOG", "debug").env("CLAWBACK_LOG_FORMAT", format).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        let sender = format!("sender={MARKER}@evil.example");
        let runs = [&["worker", "--once"][..], &["plan", "purge", "--dry-run", "-i", &sender], &["undo", &id]];
        let log = runs.map(logging).concat();
        assert_eq!(site.admin.json(&["show", &id])["remediation"]["counts"]["succeeded"], 1);
        assert!(log.contains("remediation.advance") && log.lines().count() > 20, "it logs at all: {log}");
        assert!(!log.contains(MARKER), "{}", log.lines().find(|line| line.contains(MARKER)).unwrap_or_default());
        if format == "json" {
            let lines = log.lines().filter(|line| line.starts_with('{'));
            let spans = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            assert!(spans.filter(|line| line["span"]["remediation.id"] == id.as_str()).count() > 0);
        }
        drop(site.folder);
    }
}

/// Paths and bodies.
type Posts = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Receives what is posted, for as long as the test runs.
fn collector() -> (String, Posts) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let posts = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&posts);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            loop {
                let (mut path, mut length) = (String::new(), 0);
                for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
                    let line = line.to_ascii_lowercase();
                    if let Some(rest) = line.strip_prefix("post ") {
                        path = rest.split(' ').take(1).collect();
                    } else if let Some(text) = line.strip_prefix("content-length: ") {
                        length = text.parse().unwrap();
                    }
                }
                if path.is_empty() {
                    break;
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                kept.lock().unwrap().push((path, body));
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (url, posts)
}

/// The fields of a protobuf message that hold bytes, with their numbers. Others are skipped.
fn fields(mut message: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(message: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = message[0];
            *message = &message[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let skip = match key & 7 {
            0 => {
                varint(&mut message);
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)).unwrap(),
            5 => 4,
            other => panic!("wire type {other} is none of protobuf 3"),
        };
        let (value, rest) = message.split_at(skip);
        if key & 7 == 2 {
            found.push((key >> 3, value));
        }
        message = rest;
    }
    found
}

fn inner(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    fields(message).into_iter().filter(move |(known, _)| *known == number).map(|(_, value)| value)
}

#[test]
fn spans_go_to_the_collector_that_the_environment_names() {
    let site = marked();
    site.approved();
    let (url, posts) = collector();
    let mut command = site.admin.command(&["worker", "--once"]);
    let output = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &url).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let posts = posts.lock().unwrap();
    assert!(posts.iter().all(|(path, _)| path == "/v1/traces") && !posts.is_empty());
    let (mut names, mut scope_of_work) = (BTreeSet::new(), 0);
    for (_, body) in posts.iter() {
        assert!(
            !body.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()),
            "spans have no message content either"
        );
        // ExportTraceServiceRequest.resource_spans = 1; ResourceSpans.resource = 1, .scope_spans = 2;
        // ScopeSpans.spans = 2; Span.parent_span_id = 4, .name = 5.
        for resource_spans in inner(body, 1) {
            let resource = inner(resource_spans, 1).next().unwrap();
            let has = |wanted: &[u8]| resource.windows(wanted.len()).any(|window| window == wanted);
            assert!(has(b"service.name") && has(b"clawback") && has(b"service.version"));
            for span in inner(resource_spans, 2).flat_map(|scope| inner(scope, 2)) {
                let name = String::from_utf8(inner(span, 5).next().unwrap().to_vec()).unwrap();
                let is_root = inner(span, 4).next().is_none_or(<[u8]>::is_empty);
                let begins = matches!(name.as_str(), "remediation.advance" | "lanes.work");
                assert_eq!(is_root, begins, "{name}: nothing idle, nothing torn from its trace");
                scope_of_work += u32::from(name == "remediation.advance");
                names.insert(name);
            }
        }
    }
    assert_eq!(scope_of_work, 1);
    for expected in ["remediation.advance", "lanes.work", "plugin.call", "store.events.append"] {
        assert!(names.contains(expected), "{expected} is none of {names:?}");
    }
}

#[test]
fn an_unreachable_collector_stops_nothing() {
    let site = marked();
    let id = site.approved();
    let mut command = site.admin.command(&["worker", "--once"]);
    let output = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(site.admin.json(&["show", &id])["remediation"]["status"], "completed");
    let mut command = site.admin.command(&["history"]);
    let refused = command.env("CLAWBACK_LOG_FORMAT", "xml").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("write `json` or `text`"));
}
