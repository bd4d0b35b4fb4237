//! Reports of people, with the binary: enough of them file a remediation that waits for votes, and each reporter is
//! answered once it has ended.

use std::fs;
use std::path::Path;

use clawback_model::FeatureRequest;
use clawback_tests::binary::{Clawback, write_secret};
use clawback_tests::components;
use clawback_tests::smtp::{PASSWORD, Received, Smtp, USER};
use data_encoding::BASE64_MIME;
use serde_json::Value;

use self::sample::{Attached, Value as Property, msg};

#[path = "../../plugins/sdk/src/outlook/sample.rs"]
mod sample;

const TEXT: &str = "Dear colleague, the payroll office could not verify your salary account for this month. \
    Please confirm the number of your account and your date of birth before Friday noon, or the payment \
    of your salary will be delayed until the next month. This message was created automatically, and \
    answers to this address are not read by anybody.";
/// A subject that would be a field of a mail, and a link.
const HOSTILE: &str = "Salary =?utf-8?B?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?= https://evil.example/x";

fn phish(number: u32, sender: &str) -> String {
    format!(
        "Message-ID: <{number}@{sender}>\r\nFrom: hr@{sender}\r\nTo: staff@corp.example\r\nSubject: {HOSTILE}\r\n\
         Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
         <html><body><p>{TEXT}</p><p><a href=\"https://pay.bad-host.example/{number}\">pay</a></p></body></html>\r\n"
    )
}

/// The mail by which a person reports a message.
fn forward(message: &str) -> String {
    format!(
        "Message-ID: <r@corp.example>\r\nFrom: ann@corp.example\r\nSubject: Phish?\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nPlease look.\r\n--q\r\n\
         Content-Type: message/rfc822\r\n\r\n{message}\r\n--q--\r\n"
    )
}

/// A site with three copies of one message in two mailboxes, and one other message.
fn site(folder: &Path, config: &str) -> Clawback {
    let other = "Message-ID: <4@corp.example>\r\nFrom: dan@corp.example\r\nSubject: Minutes\r\n\r\nThe minutes.\r\n";
    for (mailbox, number, mail) in [
        ("ann", 1, phish(1, "one.example")),
        ("ben", 2, phish(2, "two.example")),
        ("ben", 3, phish(3, "three.example")),
        ("ben", 4, other.to_owned()),
    ] {
        let cur = folder.join("mail").join(mailbox).join("cur");
        fs::create_dir_all(&cur).unwrap();
        fs::write(cur.join(format!("{}.M{number}P1.host:2,S", 1_795_000_000 + number)), mail).unwrap();
    }
    let clawback = Clawback::init(folder, "connector = \"maildir\"\ndirectory = \"mail\"\n");
    write_secret(&folder.join("smtp.password"), PASSWORD).unwrap();
    let file = folder.join("clawback.toml");
    let written = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{written}\n{config}")).unwrap();
    clawback
}

fn report(clawback: &Clawback, folder: &Path, mail: &str, from: &str) -> Value {
    let file = folder.join("report.eml");
    fs::write(&file, mail).unwrap();
    clawback.json(&["report", &file.display().to_string(), "--from", from])
}

fn answers(smtp: &Smtp, count: usize) -> Vec<Received> {
    let mails = smtp.received(count).unwrap();
    assert_eq!(mails.len(), count, "{mails:#?}");
    mails
}

fn config(smtp: &Smtp) -> String {
    format!(
        "[notifiers.desk]\nkind = \"email\"\nserver = \"localhost\"\nport = {}\nca-file = \"{}\"\nuser = \"{USER}\"\n\
         password-file = \"smtp.password\"\nfrom = \"Clawback <clawback@corp.example>\"\nto = [\"soc@corp.example\"]\n\
         [reports]\nanswer-by = \"desk\"\n[reports.answers]\nno-threat = \"harmless.txt\"\n",
        smtp.port,
        smtp.authority().display()
    )
}

#[test]
fn three_reports_of_two_people_search_for_the_copies_and_each_is_answered_once() {
    let (folder, server) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let smtp = Smtp::start(server.path()).unwrap();
    fs::write(folder.path().join("harmless.txt"), "No threat.\n").unwrap();
    let clawback = site(folder.path(), &config(&smtp));
    let bring = |mail: &str, from: &str| report(&clawback, folder.path(), mail, from);

    let inline = "From: ann@corp.example\r\nSubject: Fwd: Salary\r\n\r\n> Dear colleague\r\n";
    let said = bring(inline, "ann@corp.example");
    assert_eq!((&said["kind"], &said["group"]), (&"inline-forward".into(), &Value::Null), "{said}");
    assert!(said["said"].as_str().unwrap().contains("forward the message as an attachment"), "{said}");
    let first = forward(&phish(1, "one.example"));
    let refused = clawback.fails(2, &["report", "-", "--from", "Ann <ann@corp.example>"]);
    assert!(refused.contains("no mail address of a reporter"), "{refused}");
    for (from, people) in [("ann@corp.example", 1), ("Ann@corp.example", 1)] {
        let said = bring(&first, from);
        assert_eq!((&said["people"], &said["remediation"]), (&people.into(), &Value::Null), "{said}");
    }
    // A copy under another sender, as another person was sent it.
    let said = bring(&forward(&phish(2, "two.example")), "ben@corp.example");
    assert_eq!((&said["reports"], &said["people"]), (&3.into(), &2.into()), "{said}");
    let id = said["remediation"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned();
    // One more report files nothing more.
    assert_eq!(bring(&first, "cy@corp.example")["remediation"], id.as_str());
    let listed = clawback.ok(&["reports"]);
    assert!(listed.contains(&id) && !listed.contains('\u{202e}') && !listed.contains("\r\n"), "{listed}");

    clawback.ok(&["worker", "--once"]);
    let shown = &clawback.json(&["show", &id])["remediation"];
    assert_eq!((&shown["status"], &shown["action_source"]), (&"pending-approval".into(), &"air".into()), "{shown}");
    assert_eq!((&shown["counts"]["submitted"], &shown["counts"]["remediable"]), (&3.into(), &3.into()), "{shown}");
    assert!(shown["description"].as_str().unwrap().contains("3 reports of 2 people"), "{shown}");
    assert!(smtp.received(0).unwrap_or_default().is_empty(), "nobody is answered before the end");

    // Nobody alone reports a message and approves its removal.
    let refused = clawback.fails(1, &["approve", &id]);
    assert!(refused.contains("approve"), "{refused}");
    let done = clawback.add("eva", "approver").json(&["approve", &id]);
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &3.into()), "{done}");
    clawback.ok(&["worker", "--once"]);
    let mails = answers(&smtp, 3);
    let mut recipients: Vec<&str> = mails.iter().map(|mail| mail.recipients.as_str()).collect();
    recipients.sort_unstable();
    assert_eq!(recipients, ["ann@corp.example", "ben@corp.example", "cy@corp.example"]);
    for mail in &mails {
        assert_eq!(mail.fields("Subject"), ["Your report of a suspicious message"], "{}", mail.text);
        assert_eq!((mail.fields("Bcc").len(), mail.fields("Auto-Submitted").len()), (0, 1), "{}", mail.text);
        let body = mail.text.split_once("\n\n").unwrap().1.replace("=\n", "");
        assert!(body.contains("was malicious") && body.contains("https[:]//evil[.]example/x"), "{body}");
    }
    // A later reporter gets the answer at once, and nobody gets it twice.
    bring(&first, "dan@corp.example");
    bring(&first, "ann@corp.example");
    clawback.ok(&["worker", "--once"]);
    clawback.ok(&["worker", "--once"]);
    assert_eq!(answers(&smtp, 4)[3].recipients, "dan@corp.example");
    clawback.ok(&["verify"]);
}

#[test]
fn a_message_that_is_rejected_is_no_threat_in_the_words_of_the_site() {
    let (folder, server) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let smtp = Smtp::start(server.path()).unwrap();
    fs::write(folder.path().join("harmless.txt"), "We looked at {subject}: no threat.\n").unwrap();
    let config = config(&smtp).replace("[reports]\n", "[reports]\nleast-reports = 1\nleast-people = 1\n");
    let clawback = site(folder.path(), &config);
    let file = folder.path().join("phish.eml");
    fs::write(&file, phish(1, "one.example")).unwrap();
    let file = file.display().to_string();
    let said = clawback.json(&["report", &file, "--from", "ann@corp.example", "--original"]);
    assert_eq!(said["kind"], "original", "{said}");
    let id = said["remediation"].as_str().unwrap().to_owned();
    clawback.ok(&["worker", "--once"]);
    clawback.add("eva", "approver").ok(&["reject", &id, "--comment", "a drill"]);
    clawback.ok(&["worker", "--once"]);
    let text = answers(&smtp, 1)[0].text.replace("=\n", "");
    assert!(text.contains("We looked at Salary") && text.contains(": no threat."), "{text}");
}

#[test]
fn a_playbook_that_reports_do_not_start_files_nothing_and_loses_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path(), "[reports]\nleast-reports = 1\nleast-people = 1\nplaybook = \"purge\"\n");
    let playbook = "playbook: purge\non: { manual: {} }\nsteps:\n  - search: { where: { from: eve@evil.example } }\n  \
        - remediate: { action: soft-delete }\n";
    fs::write(folder.path().join("workflows/purge.yaml"), playbook).unwrap();
    let mail = forward(&phish(1, "one.example"));
    let said = report(&clawback, folder.path(), &mail, "ann@corp.example");
    assert_eq!((&said["reports"], &said["remediation"]), (&1.into(), &Value::Null), "{said}");
    assert!(said["said"].as_str().unwrap().contains("no remediation could be filed"), "{said}");
    // Once the site is set right, the next report files it.
    let file = folder.path().join("clawback.toml");
    let written = fs::read_to_string(&file).unwrap().replace("playbook = \"purge\"", "playbook = \"purge-like\"");
    fs::write(&file, written).unwrap();
    let said = report(&clawback, folder.path(), &mail, "ann@corp.example");
    assert!(said["remediation"].is_string(), "{said}");
    let refused = clawback.fails(2, &["report", "/nothing", "--from", "ann@corp.example"]);
    assert!(refused.contains("cannot be read"), "{refused}");
}

/// Writes the mailbox for reports into the configuration, in place of what was written last.
fn set_mailbox(folder: &Path, config: &str) {
    let file = folder.join("clawback.toml");
    let written = fs::read_to_string(&file).unwrap();
    let before = written.split("[reports]").next().unwrap();
    let reports = "[reports]\nleast-reports = 1\nleast-people = 1\n";
    fs::write(&file, format!("{before}{reports}{config}")).unwrap();
}

#[test]
fn reports_come_by_mail_to_a_mailbox_that_is_configured_completely() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path(), "");
    let mailbox = "[reports.mailbox]\nstore = \"corp\"\nmailbox = \"abuse\"\n";
    let domains = "reporter-domains = [\"corp.example\"]\n";
    for (config, said) in [
        (mailbox.replace("corp", "lab"), "there is no [stores.lab]"),
        (mailbox.to_owned(), "reporter-domains"),
        (format!("{mailbox}{domains}"), "authentication-servers"),
        (format!("playbook = \"nowhere\"\n{mailbox}{domains}trust-from = true\n"), "nowhere"),
        (
            format!("playbook = \"purge-phish-campaign\"\n{mailbox}{domains}trust-from = true\n"),
            "not started by reports",
        ),
    ] {
        set_mailbox(folder.path(), &config);
        let refused = clawback.fails(2, &["worker", "--once"]);
        assert!(refused.contains(said), "{refused}");
    }
    set_mailbox(folder.path(), &format!("{mailbox}{domains}trust-from = true\n"));
    let doctor = || String::from_utf8(clawback.run(&["doctor"]).stdout).unwrap();
    assert!(doctor().contains("ok     mailbox for reports: abuse of store corp, last read not yet"), "{}", doctor());
    clawback.ok(&["worker", "--once"]);
    assert!(doctor().contains("WRONG  mailbox for reports\n"), "{}", doctor());

    let cur = folder.path().join("mail/abuse/cur");
    fs::create_dir_all(&cur).unwrap();
    let now = std::process::Command::new("date").arg("+%s").output().unwrap();
    let now = String::from_utf8(now.stdout).unwrap();
    fs::write(cur.join(format!("{}.M1P1.host:2,", now.trim())), forward(&phish(1, "one.example"))).unwrap();
    let inline = "Message-ID: <i@x>\r\nFrom: ann@corp.example\r\nSubject: Fwd: Salary\r\n\r\n> Dear colleague\r\n";
    fs::write(cur.join(format!("{}.M2P1.host:2,", now.trim())), inline).unwrap();
    // A look that failed is repeated later; another mailbox is looked into at once.
    fs::rename(folder.path().join("mail/abuse"), folder.path().join("mail/phish")).unwrap();
    set_mailbox(folder.path(), &format!("{}{domains}trust-from = true\n", mailbox.replace("abuse", "phish")));
    clawback.ok(&["worker", "--once"]);
    let listed = clawback.ok(&["reports"]);
    assert!(listed.contains("hr@one.example") && listed.contains("R-"), "{listed}");
    let said = doctor();
    assert!(said.contains("ok     mailbox for reports: phish of store corp, last read at"), "{said}");
    assert!(said.contains("NOTE   mailbox for reports: not counted in the last 7 days: 1 inline-forward"), "{said}");
    assert_eq!(fs::read_dir(folder.path().join("mail/phish/cur")).unwrap().count(), 2);
}

#[test]
fn a_simulation_is_named_wherever_a_message_is_shown_and_doctor_says_if_none_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path(), "[investigations.simulations]\nvendors = [\"knowbe4\"]\n");
    let doctor = || String::from_utf8(clawback.command(&["doctor"]).output().unwrap().stdout).unwrap();
    let said = doctor();
    assert!(said.contains("WRONG  simulations") && said.contains("anybody can write a header"), "{said}");
    let config = folder.path().join("clawback.toml");
    let written = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{written}networks = [\"147.160.167.0/26\"]\n")).unwrap();
    assert!(doctor().contains("ok     simulations: recognised: knowbe4"), "{}", doctor());

    let from = |ip: &str| {
        let fields = format!("Received: from a (a [{ip}]) by mx.corp.example; Mon, 23 Nov 2026 09:00:00 +0000\r\n");
        format!("{fields}X-PHISHTEST: This is a phishing security test from KnowBe4\r\n{}", phish(7, "one.example"))
    };
    let file = folder.path().join("simulation.eml");
    fs::write(&file, from("147.160.167.9")).unwrap();
    let examined = clawback.ok(&["examine", &file.display().to_string()]);
    assert!(examined.contains("a phishing simulation of KnowBe4"), "{examined}");
    let delivered = |person: &str, mail: &str| {
        let cur = folder.path().join("mail").join(person).join("cur");
        fs::create_dir_all(&cur).unwrap();
        fs::write(cur.join("1795000009.M9P1.host:2,S"), mail).unwrap();
    };
    let decoy = report(&clawback, folder.path(), &forward(&from("147.160.167.9")), "person9@corp.example");
    assert_eq!((&decoy["simulation"], &decoy["reports"]), (&Value::Null, &1.into()), "nobody got it: {decoy}");
    for (number, ip) in [(1, "147.160.167.9"), (2, "147.160.167.9"), (3, "147.160.167.9"), (4, "192.0.2.1")] {
        let person = format!("person{number}@corp.example");
        delivered(&person, &from(ip));
        let said = report(&clawback, folder.path(), &forward(&from(ip)), &person);
        let sender = if number < 4 { "KnowBe4".into() } else { Value::Null };
        assert_eq!((&said["simulation"], &said["remediation"]), (&sender, &Value::Null), "{said}");
        let counts = if number < 4 { number } else { 2 };
        assert_eq!(said["reports"], counts, "a forged mark is in another group: {said}");
        let is_named = said["said"].as_str().unwrap().contains("a phishing simulation of KnowBe4");
        assert_eq!(is_named, number < 4, "{said}");
    }
    let groups = clawback.json(&["reports"]);
    let groups: Vec<_> =
        groups["items"].as_array().unwrap().iter().map(|one| (&one["simulation"], &one["reports"])).collect();
    assert!(groups.contains(&(&"KnowBe4".into(), &3.into())) && groups.len() == 2, "{groups:?}");
    let listed = clawback.ok(&["reports"]);
    assert!(listed.contains("KnowBe4") && listed.contains("simulation"), "{listed}");
    assert!(!doctor().contains("groups with enough reports"), "{}", doctor());
}

/// The same message as Outlook saves it.
fn of_outlook(message: &str) -> Vec<u8> {
    let (header, html) = message.split_once("\r\n\r\n").unwrap();
    let values = [
        Property::Text(0x007d, header),
        Property::Ansi(0x0c1a, b"HR"),
        Property::Bytes(0x1013, html.trim_end().as_bytes()),
        Property::Text(0x1000, "The payroll office <https://generated.example/>"),
    ];
    msg(65_001, &values, &[])
}

/// The mail of a person with this file attached.
fn with_file(name: &str, kind: &str, content: &[u8]) -> String {
    format!(
        "Message-ID: <r@corp.example>\r\nFrom: ann@corp.example\r\nSubject: Phish?\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nPlease look.\r\n--q\r\n\
         Content-Type: {kind}; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--q--\r\n",
        BASE64_MIME.encode(content)
    )
}

#[test]
fn a_file_of_outlook_is_the_message_that_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path(), "");
    let saved = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file.display().to_string()
    };
    let (eml, file) = (phish(1, "one.example"), of_outlook(&phish(1, "one.example")));
    let (eml, outlook) = (saved("phish.eml", eml.as_bytes()), saved("phish.msg", &file));
    let root = |file: &str| clawback.ok(&["examine", file, "--root"]);
    assert_eq!(root(&outlook), root(&eml));
    let planned = |file: &str| clawback.json(&["investigate", file, "--dry-run"])["counts"].clone();
    assert_eq!(planned(&outlook), planned(&eml));
    assert_eq!(planned(&outlook)["remediable"], 3);
    // A saved report has the message as its attachment.
    let inner = [Property::Text(0x007d, "From: in@side.example\r\nSubject: Inner\r\n"), Property::Text(0x1000, "x")];
    let attached = [Attached::File("a.txt", "text/plain", b"x"), Attached::Message(&inner)];
    let wrapped = saved("report.msg", &msg(1252, &[Property::Text(0x0037, "Phish?")], &attached));
    assert_eq!(clawback.json(&["examine", &wrapped, "--attached"])["subject"], "Inner");
    // Three people report it, each in another form.
    let reports = [
        forward(&phish(1, "one.example")),
        with_file("phish.msg", "application/vnd.ms-outlook", &file),
        with_file("Salary.MSG", "application/octet-stream", &file),
    ];
    for (number, mail) in (1..).zip(&reports) {
        let said = report(&clawback, folder.path(), mail, &format!("person{number}@corp.example"));
        assert_eq!((&said["kind"], &said["reports"]), (&"attached".into(), &number.into()), "{said}");
        assert_eq!(said["remediation"].is_string(), number == 3, "{said}");
    }
}

#[tokio::test]
async fn the_largest_file_of_outlook_that_a_mail_can_have_fits_into_the_memory_of_a_call() {
    let examiner = components::host().examiner().await.unwrap();
    let large = vec![7; 10 << 20];
    let large = msg(1252, &[Property::Text(0x0037, "Large")], &[Attached::File("a.bin", "image/png", &large)]);
    let mail = with_file("large.msg", "application/vnd.ms-outlook", &large);
    let request = FeatureRequest { most: mail.len() as u64 + 1, ..FeatureRequest::default() };
    let found = examiner.examine_raw(mail.as_bytes(), &request).await.unwrap();
    assert_eq!((found.len(), found[1].subject.as_str()), (2, "Large"));
    assert!(found[0].cut.is_empty() && found[1].attachments[0].size == 10 << 20, "{:?}", found[0].cut);
}

#[test]
fn a_file_of_outlook_without_a_message_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path(), "");
    let file = folder.path().join("phish.msg");
    fs::write(&file, [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), &[0; 512]].concat()).unwrap();
    let file = file.display().to_string();
    for command in [&["report", &file, "--from", "ann@corp.example"][..], &["examine", &file], &["investigate", &file]]
    {
        let refused = clawback.fails(2, command);
        assert!(refused.contains("save or download the message as .eml"), "{refused}");
    }
}
