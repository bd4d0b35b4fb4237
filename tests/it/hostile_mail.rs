//! Mail is written by attackers: a terminal, a spreadsheet and a JSON reader get every subject in a harmless form.

use std::fmt::Write as _;

use clawback_tests::binary::Clawback;

const PAYLOADS: [&str; 12] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}red",
    "invoice\u{202e}fdp.exe",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "=cmd|'/C calc'!A0",
    "+1+1",
    "@SUM(1)",
    "-2+3",
    "a\r\nBcc: everyone@corp.example",
    "zero\u{200b}width\u{feff}",
    "\u{9b}31m c1 control",
    "\u{e0041}\u{e0042} tags",
];

fn encoded(subject: &str) -> String {
    let bytes = subject.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "={byte:02X}");
        text
    });
    format!("=?UTF-8?Q?{bytes}?=")
}

#[test]
fn hostile_subjects_are_neutralised_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let cur = folder.path().join("mail/u0001/cur");
    std::fs::create_dir_all(&cur).unwrap();
    let megabyte = "A".repeat(1_000_000);
    for (number, payload) in PAYLOADS.iter().copied().chain([megabyte.as_str()]).enumerate() {
        let subject = if payload.len() > 1_000 { payload.to_owned() } else { encoded(payload) };
        let text = format!(
            "Message-ID: <{number}@x.example>\r\nFrom: {} <eve@evil.example>\r\nTo: u0001@x.example\r\nSubject: {subject}\r\n\r\nx\r\n",
            encoded(payload.get(..20).unwrap_or(payload))
        );
        std::fs::write(cur.join(format!("17000000{number:02}.M{number}P1.host:2,S")), text).unwrap();
    }
    let clawback = Clawback::init(folder.path(), "connector = \"maildir\"\ndirectory = \"mail\"\n");
    let ben = clawback.add("ben", "approver");
    let run = clawback.json(&[
        "submit",
        "--name",
        "=cmd|x \u{1b}[31m",
        "--description",
        "<b>\u{202e}",
        "--action",
        "soft-delete",
        "--from",
        "eve@evil.example",
    ]);
    let id = run["id"].as_str().unwrap().to_owned();
    if run["status"] == "pending-approval" {
        ben.ok(&["approve", run["approval_id"].as_str().unwrap()]);
    }
    let shown = [
        clawback.ok(&["show", &id]),
        clawback.ok(&["show", &id, "--messages"]),
        clawback.ok(&["show", &id, "--messages", "--format", "csv"]),
        clawback.ok(&["show", &id, "--messages", "--format", "json"]),
        clawback.ok(&["history"]),
        clawback.ok(&["history", "--format", "csv"]),
        clawback.ok(&["export", &id]),
        clawback.ok(&["export", &id, "--format", "ocsf"]),
        clawback.ok(&["export", &id, "--format", "o365-air"]),
    ];
    for text in &shown {
        let deceptive = text.chars().find(|c| *c != '\n' && clawback_model::is_deceptive(*c));
        assert_eq!(deceptive, None, "{text:.2000}");
    }
    for line in shown[2].lines() {
        for cell in line.split(',') {
            let cell = cell.trim_start_matches('"');
            assert!(!cell.starts_with(['=', '+', '-', '@']), "a spreadsheet would run {cell}");
        }
    }
    let messages: serde_json::Value = serde_json::from_str(&shown[3]).unwrap();
    let subjects: Vec<&str> =
        messages["items"].as_array().unwrap().iter().map(|item| item["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects.len(), PAYLOADS.len() + 1);
    // Nothing is lost: the value itself is what was sent.
    for payload in [PAYLOADS[0], PAYLOADS[1], PAYLOADS[4]] {
        assert!(subjects.contains(&payload), "{payload:?} of {subjects:.400?}");
    }
    clawback.ok(&["verify"]);
}
