//! Examinations: conditions on the content of messages, and copies of one message, over whole commands.

use std::fs;
use std::path::{Path, PathBuf};

use clawback_tests::binary::Clawback;
use serde_json::Value;

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail\"\n";
pub(crate) const TEXT: &str = "Dear colleague, the payroll office could not verify your salary account for this month. \
    Please confirm the number of your account and your date of birth before Friday noon, or the payment \
    of your salary will be delayed until the next month. This message was created automatically, and \
    answers to this address are not read by anybody.";

/// A mail in HTML that calls to `link`.
pub(crate) fn mail(id: &str, from: &str, subject: &str, text: &str, link: &str) -> String {
    format!(
        "Return-Path: <{from}>\r\nMessage-ID: <{id}>\r\nFrom: {from}\r\nTo: ann@corp.example\r\nSubject: {subject}\r\n\
         Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
         <html><body><p>{text}</p><p><a href=\"{link}\">www.corp.example/payroll</a></p></body></html>\r\n"
    )
}

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clawback: Clawback,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("mail")).unwrap();
        let clawback = Clawback::init(folder.path(), MAILDIR);
        Self { folder, clawback }
    }

    pub(crate) fn deliver(&self, mailbox: &str, number: u32, mail: &str) {
        deliver(&self.folder.path().join("mail").join(mailbox), number, mail);
    }

    pub(crate) fn file(&self, name: &str, mail: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        fs::write(&path, mail).unwrap();
        path.display().to_string()
    }

    fn dry_run(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["plan"];
        all.extend(arguments);
        all.push("--dry-run");
        self.clawback.json(&all)
    }
}

fn deliver(mailbox: &Path, number: u32, mail: &str) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(mailbox.join(part)).unwrap();
    }
    let name = format!("{}.M{number}P1.host:2,S", 1_795_000_000 + number);
    fs::write(mailbox.join("cur").join(name), mail).unwrap();
}

pub(crate) fn ids(found: &Value) -> Vec<String> {
    let sample = found["messages"].as_array().unwrap_or_else(|| panic!("{found}"));
    let mut ids: Vec<String> = sample.iter().map(|one| one["message_id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// Four copies with other senders and subjects, one that is similar only, and mails that have nothing to do with it.
fn campaign(site: &Site) -> String {
    let root = mail("root@one.example", "hr@one.example", "Your salary", TEXT, "https://pay.bad-host.example/a");
    site.deliver("ann", 1, &root);
    let spun = TEXT.replace("colleague", "employee").replace("Friday", "Monday");
    site.deliver("ben", 2, &mail("2@two.example", "x@two.example", "Konto", &spun, "https://q.bad-host.example/b"));
    let safe = "https://nam01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fpay.bad-host.example%2Fa&amp;data=1";
    site.deliver("ben", 3, &mail("3@three.example", "y@three.example", "Last warning", TEXT, safe));
    let long = format!("{TEXT} {}", "Some words that nobody has written before follow here in a long row. ".repeat(4));
    site.deliver(
        "cy",
        4,
        &mail("4@four.example", "z@four.example", "Re: lunch", &long, "http://pay.bad-host.example/c"),
    );
    site.deliver("cy", 5, &mail("5@five.example", "hr@five.example", "Your salary", TEXT, "https://other.example/"));
    let other = "The minutes of our meeting are attached, and the next one is on Tuesday in the large room.";
    site.deliver("cy", 6, &mail("6@corp.example", "dan@corp.example", "Minutes", other, "https://wiki.corp.example/"));
    site.file("root.eml", &root)
}

#[test]
fn every_copy_of_one_message_is_found_and_what_is_only_similar_is_shown() {
    let site = Site::new();
    let root = campaign(&site);
    let found = site.dry_run(&["purge-like", "--like", &root]);
    assert_eq!(
        ids(&found),
        ["<2@two.example>", "<3@three.example>", "<4@four.example>", "<root@one.example>"],
        "{found}"
    );
    let left_out = found["facts"]["left_out"].to_string();
    assert!(left_out.contains("perhaps a copy"), "{left_out}");
    assert!(found["selection"].as_str().unwrap().contains("like <root@one.example> from hr@one.example"), "{found}");

    // The same by a root that was printed, with a removal and its undo.
    let printed = site.clawback.ok(&["examine", &root, "--root"]);
    assert!(printed.starts_with("root1:"), "{printed}");
    let done = site.clawback.json(&["run", "purge-like", "--like", printed.trim()]);
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &4.into()), "{done}");
    let again = site.dry_run(&["purge-like", "--like", &root]);
    assert_eq!(ids(&again), [""; 0], "{again}");
    site.clawback.ok(&["verify"]);
}

#[test]
fn what_a_message_shows_of_itself_is_printed_without_its_text() {
    let site = Site::new();
    let root = campaign(&site);
    let shown = site.clawback.ok(&["examine", &root]);
    for part in ["hr@one.example", "pay.bad-host.example", "shown as www.corp.example", "clawback investigate FILE"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("colleague"), "{shown}");
    let report = format!(
        "From: ann@corp.example\r\nSubject: Phish?\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nPlease look.\r\n\
         --q\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n--q--\r\n",
        fs::read_to_string(&root).unwrap()
    );
    let report = site.file("report.eml", &report);
    assert_eq!(site.clawback.json(&["examine", &report])["from"], "ann@corp.example");
    let attached = site.clawback.json(&["examine", &report, "--attached"]);
    assert_eq!(
        (&attached["from"], &attached["links"][0]["host"]),
        (&"hr@one.example".into(), &"pay.bad-host.example".into())
    );
    let refused = site.clawback.fails(2, &["examine", &root, "--attached"]);
    assert!(refused.contains("no message is attached"), "{refused}");
    let refused = site.clawback.fails(2, &["run", "purge-like", "--like", "root1:AAAA"]);
    assert!(refused.contains("the root"), "{refused}");
}

#[test]
fn each_condition_on_content_selects_what_it_says() {
    let site = Site::new();
    campaign(&site);
    let attached = "Message-ID: <7@x.example>\r\nFrom: eve@x.example\r\nReply-To: Collect <gather@y.example>\r\nDelivered-To: desk@corp.example\r\nSubject: Scan\r\n\
        Received: from a (a.x.example [198.51.100.9]) by mx.corp.example; Mon, 23 Nov 2026 09:00:00 +0000\r\n\
        Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nhello\r\n--q\r\nContent-Type: application/pdf; name=a.pdf\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--q--\r\n";
    site.deliver("ann", 7, attached);
    let abc = "B5D4045C3F466FA91FE2CC6ABE79232A1A57CDF104F7A26E716E0A1E2789DF78";
    for (name, value, expected) in [
        (
            "url_host",
            "*.bad-host.example",
            &["<2@two.example>", "<3@three.example>", "<4@four.example>", "<root@one.example>"][..],
        ),
        ("url_host", "q.bad-host.example", &["<2@two.example>"]),
        ("url", "https://pay.bad-host.example/a", &["<3@three.example>", "<root@one.example>"]),
        ("body_contains", "MINUTES of our meeting", &["<6@corp.example>"]),
        ("attachment_sha256", abc, &["<7@x.example>"]),
        ("reply_to", "Gather@Y.example", &["<7@x.example>"]),
        ("sender_ip", "198.51.100.0/24", &["<7@x.example>"]),
        ("recipients", "Desk@corp.example", &["<7@x.example>"]),
        ("attachment_type", "application/*", &["<7@x.example>"]),
        ("has_attachment", "true", &["<7@x.example>"]),
        ("attachment_name_matches", r"^[a-z]\.pdf$", &["<7@x.example>"]),
        ("from_matches", "^eve@", &["<7@x.example>"]),
        ("subject_matches", "^sc.n$", &["<7@x.example>"]),
        ("url_host_matches", r"^q\..*-host\.", &["<2@two.example>"]),
    ] {
        let input = format!("{name}={value}");
        let found = site.dry_run(&["manual", "-i", "action=soft-delete", "-i", &input]);
        assert_eq!(ids(&found), expected, "{input}: {found}");
        assert_eq!(found["facts"]["unseen"].as_array().map_or(0, Vec::len), 0, "{found}");
    }
    let refused =
        site.clawback.run(&["plan", "manual", "-i", "action=soft-delete", "-i", "subject_matches=a(b", "--dry-run"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("`matches: subject`") && said.contains("unclosed group"), "{said}");
    let mut many = vec!["plan".to_owned(), "manual".to_owned(), "-i".to_owned(), "action=soft-delete".to_owned()];
    many.extend((0..21).flat_map(|number| ["-i".to_owned(), format!("subject_matches=invoice {number}")]));
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["--dry-run"]).collect();
    let refused = site.clawback.run(&many);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("write 20 at most"), "{refused:?}");
    let submitted = site.clawback.json(&[
        "submit",
        "--name",
        "Links",
        "--action",
        "soft-delete",
        "--url-host",
        "q.bad-host.example",
        "--url-host-matches",
        "bad-host",
        "--recipients",
        "ann@corp.example",
    ]);
    assert_eq!(submitted["counts"]["succeeded"], 1, "{submitted}");
}

#[test]
fn the_answer_of_a_colleague_is_shown_and_not_taken() {
    let site = Site::new();
    let config = site.folder.path().join("clawback.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n[examination]\nauthentication-servers = [\"mx.corp.example\"]\n")).unwrap();
    let link = "https://pay.bad-host.example/a";
    let root = mail("root@one.example", "hr@one.example", "Your salary", TEXT, link);
    site.deliver("ann@corp.example", 1, &root);
    let warning = |id: &str, from: &str, results: &str| {
        let text = format!("Do not click this. &gt; {TEXT}");
        let fields =
            format!("Authentication-Results: mx.corp.example; {results}\r\nReferences: <0@x> <root@one.example>\r\n");
        format!("{fields}{}", mail(id, from, "Re: Your salary", &text, link))
    };
    site.deliver("ben@corp.example", 2, &warning("2@corp.example", "ann@corp.example", "dmarc=pass"));
    site.deliver("ben@corp.example", 3, &warning("3@evil.example", "eve@evil.example", "dmarc=pass"));
    site.deliver("ben@corp.example", 4, &warning("4@corp.example", "ann@corp.example", "dmarc=fail"));
    let root = site.file("root.eml", &root);
    let found = site.dry_run(&["purge-like", "--like", &root]);
    assert_eq!(ids(&found), ["<3@evil.example>", "<4@corp.example>", "<root@one.example>"], "{found}");
    let left = found["facts"]["left_out"].to_string();
    assert!(left.contains("perhaps a copy") && left.contains("\"count\":1"), "{left}");
}

#[test]
fn a_message_that_cannot_be_examined_is_named_and_not_taken() {
    let site = Site::new();
    campaign(&site);
    // The first 64 KiB have no link, the whole has one; of the other nothing decides, as it is longer than what is read.
    let filler = "<p>word</p>".repeat(10_000);
    let long = mail("8@x.example", "a@x.example", "Long", &filler, "https://q.bad-host.example/z");
    site.deliver("ann", 8, &long);
    let found = site.dry_run(&["manual", "-i", "action=soft-delete", "-i", "url_host=q.bad-host.example"]);
    assert_eq!(ids(&found), ["<2@two.example>", "<8@x.example>"], "{found}");
    let huge =
        format!("{}{}", mail("9@x.example", "a@x.example", "Huge", "", "https://n.example/"), "A\r\n".repeat(6 << 20));
    site.deliver("ann", 9, &huge);
    let output = site.clawback.run(&[
        "plan",
        "manual",
        "-i",
        "action=soft-delete",
        "-i",
        "url_host=q.bad-host.example",
        "--dry-run",
        "--format",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(found["facts"]["unseen"].to_string().contains("<9@x.example>"), "{found}");
    assert_eq!(ids(&found), ["<2@two.example>", "<8@x.example>"], "{found}");
}

#[test]
fn results_of_authentication_count_only_from_a_trusted_server() {
    let site = Site::new();
    let with = |id: &str, results: &str| {
        format!("Authentication-Results: {results}\r\n{}", mail(id, "a@x.example", "S", TEXT, "https://x.example/"))
    };
    site.deliver("ann", 1, &with("1@x", "mx.corp.example; dmarc=fail header.from=x.example"));
    site.deliver("ann", 2, &with("2@x", "mx.evil.example; dmarc=fail header.from=x.example"));
    let playbook = "playbook: judged\non: { manual: {} }\nsteps:\n  - search: { where: { auth: dmarc=fail } }\n  - remediate: { action: soft-delete }\n";
    fs::write(site.folder.path().join("workflows/judged.yaml"), playbook).unwrap();
    let refused = site.clawback.run(&["plan", "judged", "--dry-run"]);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("authentication-servers"), "{said}");
    let config = site.folder.path().join("clawback.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n[examination]\nauthentication-servers = [\"MX.corp.example\"]\n")).unwrap();
    assert_eq!(ids(&site.dry_run(&["judged"])), ["<1@x>"]);
}

#[test]
fn a_connector_without_an_examination_is_helped_by_a_built_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/connectors/maildir-without-examiner.wasm");
    let bytes = fs::read(&old).unwrap();
    let manifest = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist/maildir.toml")).unwrap();
    fs::write(folder.path().join("old.wasm"), &bytes).unwrap();
    fs::write(folder.path().join("old.toml"), manifest).unwrap();
    fs::create_dir_all(folder.path().join("mail")).unwrap();
    let digest = clawback_model::Digest::of(&bytes);
    let store = format!("connector = {{ path = \"old.wasm\", sha256 = \"{digest}\" }}\ndirectory = \"mail\"\n");
    let site = Site { clawback: Clawback::init(folder.path(), &store), folder };
    let root = campaign(&site);
    let found = site.dry_run(&["purge-like", "--like", &root]);
    assert_eq!(ids(&found).len(), 4, "{found}");
    // The link is beyond the first 64 KiB.
    let long =
        mail("8@x.example", "a@x.example", "Long", &"<p>word</p>".repeat(10_000), "https://q.bad-host.example/z");
    site.deliver("ann", 8, &long);
    let found = site.dry_run(&["manual", "-i", "action=soft-delete", "-i", "url_host=q.bad-host.example"]);
    assert_eq!(ids(&found), ["<2@two.example>", "<8@x.example>"], "{found}");
}

#[test]
fn the_root_of_another_site_is_refused() {
    let (one, other) = (Site::new(), Site::new());
    let root = campaign(&one);
    campaign(&other);
    let printed = one.clawback.ok(&["examine", &root, "--root"]);
    let refused = other.clawback.run(&["plan", "purge-like", "--like", printed.trim(), "--dry-run"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("was made under another site key"), "{said}");
}

#[test]
fn a_script_that_reads_a_feature_makes_the_search_examine() {
    let site = Site::new();
    campaign(&site);
    let playbook = "playbook: hosts\non: { manual: {} }\nsteps:\n  - search: { where: { larger-than: 1 } }\n  \
        - filter: { script: hosts.rhai }\n  - remediate: { action: soft-delete }\n";
    fs::write(site.folder.path().join("workflows/hosts.yaml"), playbook).unwrap();
    let script =
        "fn keep(message) { #{ keep: \"other.example\" in message.url_hosts, reason: message.envelope_from } }";
    fs::write(site.folder.path().join("scripts/hosts.rhai"), script).unwrap();
    let found = site.dry_run(&["hosts"]);
    assert_eq!(ids(&found), ["<5@five.example>"], "{found}");
    assert!(found.to_string().contains("hr@five.example"), "the reason has the feature: {found}");
    // More links than an examination returns, so that no script knows all of them.
    let links: String = (0..3_000).map(|n| format!("<a href=\"https://h{n}.many.example/\">x</a>")).collect();
    let many = format!(
        "Message-ID: <9@nine.example>\r\nFrom: n@nine.example\r\nSubject: Many\r\nContent-Type: text/html\r\n\r\n{links}\r\n"
    );
    site.deliver("ann", 9, &many);
    let cut = site.clawback.run(&["plan", "hosts", "--dry-run", "--format", "json"]);
    let cut: Value = serde_json::from_slice(&cut.stdout).unwrap();
    assert_eq!(cut["facts"]["unseen"][0]["kind"], "cut-text", "{cut}");
    assert!(cut["facts"]["unseen"][0]["examples"].to_string().contains("only part of its links"), "{cut}");
}
