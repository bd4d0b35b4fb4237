//! Front ends and options outside the main path: PostgreSQL as the history, webhooks, handpicked messages, exports, the
//! demo.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use clawback_tests::binary::write_secret;
use clawback_tests::binary::{Clawback, binary};
use clawback_tests::mail::{CAMPAIGN_SENDER, Kind};
use clawback_tests::maildirs;

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";

fn mailboxes(folder: &Path) -> maildirs::Truth {
    let options = maildirs::Options { empty: vec!["Recoverable Items".to_owned()], ..Default::default() };
    maildirs::write(&folder.join("mail"), &options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgresql() {
    let url = clawback_tests::postgres::database().await;
    let folder = tempfile::tempdir().unwrap();
    let truth = mailboxes(folder.path());
    let clawback = Clawback::init_on(folder.path(), MAILDIR, Some(&url));
    let ben = clawback.add("ben", "approver");
    let pending = clawback.json(&[
        "submit",
        "--name",
        "Invoice phish",
        "--severity",
        "high",
        "--action",
        "soft-delete",
        "--from",
        CAMPAIGN_SENDER,
        "--subject",
        "Invoice 48213 overdue",
    ]);
    assert_eq!(pending["status"], "pending-approval", "{pending}");
    let done = ben.json(&["approve", pending["approval_id"].as_str().unwrap()]);
    assert_eq!(done["status"], "completed", "{done}");
    truth
        .check_campaign_removed(&maildirs::snapshot(&folder.path().join("mail")).unwrap(), Some("Recoverable Items"))
        .unwrap();
    assert_eq!(clawback.json(&["history", "--decided-by", "ben"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(clawback.json(&["history", "--status", "rejected"])["items"].as_array().unwrap().len(), 0);
    clawback.ok(&["verify"]);
}

#[test]
fn only_handpicked_messages_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let truth = mailboxes(folder.path());
    let clawback = Clawback::init(folder.path(), MAILDIR);
    let holders = |wanted: &maildirs::Placed| {
        let same = |other: &&maildirs::Placed| {
            other.message_id == wanted.message_id && other.entry.mailbox == wanted.entry.mailbox
        };
        truth.messages.iter().filter(same).count()
    };
    let named = || truth.of(Kind::Ordinary).filter(|placed| placed.message_id.is_some());
    let picked: Vec<_> = named().filter(|placed| holders(placed) == 1).take(3).collect();
    let lines: String = picked
        .iter()
        .map(|placed| {
            let user = placed.entry.mailbox.split('@').next().unwrap();
            format!("{user}\t{}\n", placed.message_id.as_deref().unwrap())
        })
        .collect();
    let list = folder.path().join("picked.txt");
    std::fs::write(&list, lines).unwrap();
    let list = list.display().to_string();
    let done = clawback.json(&["submit", "--name", "Picked", "--action", "hard-delete", "--messages", &list]);
    // A hard delete always asks for a second person.
    assert_eq!(done["status"], "pending-approval", "{done}");
    let ben = clawback.add("ben", "approver");
    let approval = done["approval_id"].as_str().unwrap();
    let refused = ben.run(&["approve", approval]);
    let refused = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.contains("needs the role purger"), "{refused}");
    clawback.ok(&["principals", "roles", "ben", "--role", "approver", "--role", "purger"]);
    let done = ben.json(&["approve", approval]);
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &3.into()), "{done}");
    let before = truth.snapshot().count();
    assert_eq!(maildirs::snapshot(&folder.path().join("mail")).unwrap().count(), before - 3);
    let said = clawback.fails(1, &["undo", done["id"].as_str().unwrap()]);
    assert!(said.contains("cannot be undone"), "{said}");
    // A Message-ID that two messages share names neither of them.
    let shared = named().find(|placed| holders(placed) > 1).expect("the generator repeats some Message-IDs");
    let user = shared.entry.mailbox.split('@').next().unwrap();
    std::fs::write(&list, format!("{user}\t{}\n", shared.message_id.as_deref().unwrap())).unwrap();
    let output = clawback.run(&["submit", "--name", "Twice", "--action", "soft-delete", "--messages", &list]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("more than one message with Message-ID"), "{said}");
}

#[test]
fn a_webhook_is_signed_and_has_no_message_content() {
    let folder = tempfile::tempdir().unwrap();
    mailboxes(folder.path());
    let clawback = Clawback::init(folder.path(), MAILDIR);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let secret = folder.path().join("hook.secret");
    write_secret(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let config = folder.path().join("clawback.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    let notifier = format!(
        "\n[notifiers.hook]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/x\"\nsecret-file = \"{}\"\n",
        listener.local_addr().unwrap().port(),
        secret.display()
    );
    text.push_str(&notifier);
    std::fs::write(&config, text).unwrap();
    let playbook = "playbook: told\ndescription: Notifies.\nseverity: low\non: { manual: {} }\n\
        inputs: { sender: { type: address, required: true } }\nsteps:\n  - search: { where: { from: \"${inputs.sender}\" } }\n  \
        - remediate: { action: move-to-junk }\n  - notify: { to: [hook], on: [finished] }\n";
    std::fs::write(folder.path().join("workflows/told.yaml"), playbook).unwrap();
    let receiver = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    let sender = format!("sender={CAMPAIGN_SENDER}");
    let done = clawback.json(&["run", "told", "-i", &sender]);
    assert_eq!(done["status"], "completed", "{done}");
    let (head, body) = receiver.join().unwrap();
    assert!(head.contains("webhook-signature: v1,") && head.contains("webhook-id: R-"), "{head}");
    let payload: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&payload["type"], &payload["data"]["id"]), (&"remediation.completed".into(), &done["id"]));
    assert!(!body.contains(CAMPAIGN_SENDER), "nothing of a message leaves by a webhook: {body}");
}

#[test]
fn an_export_is_complete_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    mailboxes(folder.path());
    let clawback = Clawback::init(folder.path(), MAILDIR);
    let run = clawback.json(&["submit", "--name", "x", "--action", "move-to-junk", "--subject", "Lunch?"]);
    let text = clawback.ok(&["export", run["id"].as_str().unwrap()]);
    let records: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |kind: &str| records.iter().filter(|record| record["record"] == kind).count();
    assert_eq!([count("remediation"), count("alert"), count("investigation"), count("playbook")], [1; 4]);
    assert!(count("event") >= 3);
    assert_eq!(count("message") as u64, run["counts"]["submitted"].as_u64().unwrap());
}

#[test]
fn an_export_speaks_the_words_of_other_products() {
    let folder = tempfile::tempdir().unwrap();
    mailboxes(folder.path());
    let clawback = Clawback::init(folder.path(), MAILDIR);
    let file = folder.path().join("clawback.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("public-url = \"https://clawback.example/\"\n{config}")).unwrap();
    let ben = clawback.add("ben", "approver");
    let asked = clawback.json(&["submit", "--name", "x", "--action", "move-to-junk", "--subject", "Lunch?"]);
    let id = asked["id"].as_str().unwrap();
    let run = ben.json(&["approve", id]);
    let submitted = run["counts"]["submitted"].as_u64().unwrap();
    let export = |format: &str| -> Vec<serde_json::Value> {
        let text = clawback.ok(&["export", id, "--format", format]);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let events = export("ocsf");
    assert_eq!(events.len() as u64, submitted + 1);
    assert!(events.iter().all(|event| event["class_uid"] == 7001 && event["command_uid"] == id), "{events:#?}");
    let end = events.last().unwrap();
    assert_eq!((&end["status"], &end["unmapped"]["counts"]), (&"Success".into(), &run["counts"]));

    let records = export("o365-air");
    assert!(records.iter().all(|record| record["RecordType"] == 89));
    assert_eq!(records[0]["Status"], "Investigation Started");
    assert_eq!(records[0]["DeeplinkURL"], format!("https://clawback.example/remediations/{id}"));
    let last = records.last().unwrap();
    assert_eq!(last["Status"], "Remediated");
    let data: serde_json::Value = serde_json::from_str(last["Data"].as_str().unwrap()).unwrap();
    assert_eq!(data["Entities"].as_array().unwrap().len() as u64, submitted + 1);

    let refused = clawback.fails(2, &["history", "--format", "ocsf"]);
    assert!(refused.contains("clawback export"), "{refused}");
}

#[test]
fn the_demo_shows_a_whole_remediation() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("demo");
    let output = Command::new(binary()).arg("demo").arg("--folder").arg(&place).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("refused: rule two-step"), "{said}");
    assert!(said.contains("on disk: 0 of"), "{said}");
    Clawback::at(&place).ok(&["history"]);
}

#[test]
fn a_dry_run_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let truth = mailboxes(folder.path());
    let clawback = Clawback::init(folder.path(), MAILDIR);
    let sender = format!("sender={CAMPAIGN_SENDER}");
    let plan = clawback.json(&["plan", "purge-phish-campaign", "-i", &sender, "--dry-run"]);
    assert!(plan["plan_digest"].as_str().is_some_and(|digest| digest.len() == 64), "{plan}");
    assert!(!plan["messages"].as_array().unwrap().is_empty());
    assert_eq!(clawback.json(&["history"])["items"].as_array().unwrap().len(), 0);
    truth.snapshot().check(&maildirs::snapshot(&folder.path().join("mail")).unwrap()).unwrap();
    let again = clawback.json(&["plan", "purge-phish-campaign", "-i", &sender, "--dry-run"]);
    assert_eq!(plan["counts"], again["counts"]);
}

/// Checks that every field with the ending of a time is RFC 3339, and that every name is in snake case.
fn check_shape(value: &serde_json::Value, path: &str) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{path}");
                let is_time = name == "at" || name == "deadline" || name.ends_with("_at");
                assert!(
                    !is_time || value.is_null() || value.as_str().is_some_and(|time| time.ends_with('Z')),
                    "{path}"
                );
                check_shape(value, &path);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| check_shape(item, path)),
        _ => {}
    }
}

#[test]
fn every_front_end_shows_where_a_message_was_and_links_to_its_page() {
    let folder = tempfile::tempdir().unwrap();
    mailboxes(folder.path());
    let clawback = Clawback::init(folder.path(), MAILDIR);
    let file = folder.path().join("clawback.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("public-url = \"https://clawback.example\"\n{config}")).unwrap();
    let ben = clawback.add("ben", "approver");
    let words = ["submit", "--name", "Invoice", "--action", "soft-delete", "--from", CAMPAIGN_SENDER];
    let pending = clawback.json(&[&words[..], &["--subject", "Invoice 48213 overdue"]].concat());
    let (id, page) = (
        pending["id"].as_str().unwrap(),
        format!("https://clawback.example/remediations/{}", pending["id"].as_str().unwrap()),
    );
    assert_eq!((&pending["url"], &pending["status"]), (&page.as_str().into(), &"pending-approval".into()));
    let waiting = &clawback.json(&["pending"])["items"][0];
    assert!(waiting["deadline"].is_string() && waiting["plan_digest"] == pending["plan_digest"], "{waiting}");
    assert!(clawback.ok(&["pending", "--wide"]).contains(pending["plan_digest"].as_str().unwrap()));
    ben.json(&["approve", id]);
    assert!(clawback.ok(&["show", id]).contains(&page));

    let shown = clawback.json(&["show", id]);
    check_shape(&shown, "show");
    let (alert, investigation) =
        (shown["alert"]["id"].as_str().unwrap(), shown["investigation"]["id"].as_str().unwrap());
    assert_eq!(shown["investigation"]["url"], format!("https://clawback.example/investigations/{investigation}"));
    assert_eq!(clawback.json(&["show", alert])["remediation"]["id"], *id);
    assert_eq!(clawback.json(&["show", investigation]), shown);
    assert_eq!(clawback.json(&["alerts", "show", alert]), shown["alert"]);
    assert_eq!(clawback.json(&["investigations", "show", investigation]), shown["investigation"]);
    assert_eq!(clawback.json(&["alerts", "list", "--since", "1h"])["items"][0], shown["alert"]);
    assert_eq!(
        clawback.json(&["investigations", "list", "--status", "completed"])["items"][0]["action"],
        "soft-delete"
    );
    assert_eq!(clawback.json(&["alerts", "list", "--until", "1h"])["items"], serde_json::json!([]));

    let all = clawback.json(&["show", id, "--messages"]);
    check_shape(&all, "messages");
    let (messages, first) = (all["items"].as_array().unwrap(), &all["items"][0]);
    for one in messages {
        let before = one["location_before"].as_str().unwrap();
        assert!(one["store"].is_string() && !before.starts_with("recoverable-items"), "{one}");
        assert_eq!(one["location_after"], "recoverable-items:Recoverable Items", "{one}");
        assert_eq!(one["latest_delivery_location"], one["location_after"]);
    }
    let mailbox = first["mailbox"].as_str().unwrap();
    let some = clawback.json(&["show", id, "--messages", "--outcome", "succeeded,open", "--mailbox", mailbox]);
    assert!(some["items"].as_array().unwrap().iter().all(|one| one["mailbox"] == *mailbox), "{some}");
    assert_eq!(clawback.json(&["show", id, "--messages", "--outcome", "failed"])["items"], serde_json::json!([]));
    assert_eq!(clawback.json(&["show", id, "--messages", "--reason", "denied"])["items"], serde_json::json!([]));
    let csv = clawback.ok(&["show", id, "--messages", "--format", "csv", "--columns", "store,location_before"]);
    assert!(csv.starts_with("store,location_before\n"), "{csv}");
    for (filter, found) in [
        (vec!["--mailbox", mailbox], 1),
        (vec!["--message-id", first["message_id"].as_str().unwrap()], 1),
        (vec!["--mailbox", "nobody"], 0),
        (vec!["--requested-by", "admin", "--playbook", "manual", "--status", "failed,completed"], 1),
        (vec!["--requested-by", "ben"], 0),
        (vec!["--since", "2d"], 1),
    ] {
        let listed = clawback.json(&[vec!["history"], filter.clone()].concat());
        assert_eq!(listed["items"].as_array().unwrap().len(), found, "{filter:?}");
    }

    for format in ["json", "o365-air", "ocsf"] {
        let text = clawback.ok(&["export", id, "--format", format]);

        let (before, after) = if format == "o365-air" {
            ("LocationBefore", "LocationAfter")
        } else {
            ("location_before", "location_after")
        };
        assert!(text.contains(before) && text.contains(after), "{format}: {text}");
        if format == "json" {
            let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            // The source of a playbook and the header of a plan are in the form that is hashed.
            for line in lines.filter(|line| !matches!(line["record"].as_str(), Some("playbook" | "plan"))) {
                check_shape(&line, "export");
            }
        }
    }
}

#[test]
fn init_names_the_roles_that_it_gives() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(clawback_tests::binary::binary()).arg("init").arg(folder.path()).output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    let named = said.split("admin (roles ").nth(1).unwrap().split(')').next().unwrap();
    let site = Clawback::at(folder.path());
    let given = site.json(&["principals", "list"])["items"][0]["roles"].clone();
    let named: std::collections::BTreeSet<&str> = named.split(", ").collect();
    assert_eq!(named, given.as_array().unwrap().iter().map(|role| role.as_str().unwrap()).collect());
    assert!(named.contains("purger"), "{said}");
}

#[test]
fn a_saved_search_is_used_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    mailboxes(folder.path());
    let clawback = Clawback::init(folder.path(), MAILDIR);
    let ben = clawback.add("ben", "analyst");
    let save = |name: &str, more: &[&str]| {
        clawback.json(&[&["saved-searches", "save", name, "--from", CAMPAIGN_SENDER], more].concat())
    };
    let saved = save("Invoice phish", &["--since", "3650d", "--shared"]);
    assert_eq!((&saved["is_shared"], &saved["version"]), (&true.into(), &1.into()), "{saved}");
    assert_eq!(saved["conditions"]["since"], "3650d", "it stays relative");
    let said = clawback.fails(1, &["saved-searches", "save", "INVOICE phish", "--from", "x@y.example"]);
    assert!(said.contains("has a saved search `INVOICE phish` already"), "{said}");
    let replaced = save("Invoice phish", &["--replace"]);
    assert_eq!((&replaced["version"], &replaced["is_shared"]), (&2.into(), &true.into()), "{replaced}");
    assert_eq!(replaced["conditions"].as_object().unwrap().len(), 1, "{replaced}");
    let said = clawback.fails(2, &["saved-searches", "save", "Nothing"]);
    assert!(said.contains("conditions: there is none"), "{said}");

    // Another person uses it.
    let listed = ben.json(&["saved-searches", "list"]);
    assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["owner"]), (&"Invoice phish".into(), &"admin".into()));
    assert!(ben.ok(&["saved-searches", "show", "invoice PHISH"]).contains(CAMPAIGN_SENDER));
    let submit = ["submit", "--name", "x", "--action", "soft-delete", "--dry-run", "--saved-search"];
    let counts = |more: &[&str]| ben.json(&[&submit[..], more].concat())["counts"]["submitted"].as_u64().unwrap();
    let all = ben.json(&["submit", "--name", "x", "--action", "soft-delete", "--dry-run", "--from", CAMPAIGN_SENDER]);
    let all = all["counts"]["submitted"].as_u64().unwrap();
    assert!(all > 0);
    assert_eq!(counts(&["Invoice phish"]), all);
    assert_eq!(counts(&[saved["id"].as_str().unwrap()]), all, "by its ID");
    assert_eq!(counts(&["Invoice phish", "--subject", "no such subject"]), 0, "further conditions must hold, too");
    let said = ben.fails(2, &[&submit[..], &["Invoice phish", "--from", "x@y.example"]].concat());
    assert!(said.contains("has the condition `from` already"), "{said}");
    let said = ben.fails(2, &[&submit[..], &["Invoice fish"]].concat());
    assert!(
        said.contains("no saved search `Invoice fish`") && said.contains("did you mean `Invoice phish`?"),
        "{said}"
    );
    let said = ben.fails(1, &["saved-searches", "remove", "Invoice phish"]);
    assert!(said.contains("is of admin, who alone may change it"), "{said}");
    assert!(clawback.ok(&["saved-searches", "remove", "Invoice phish"]).contains("removed S-"));
    let said = clawback.fails(2, &["saved-searches", "show", "Invoice phish"]);
    assert!(said.contains("there is no saved search"), "{said}");
    clawback.ok(&["verify"]);
}
