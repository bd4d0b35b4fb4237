//! The mailbox for reports: from the mails of three people to the removal, the answers, late copies, and back; and what
//! is recorded and not counted.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clawback_app::GivenReport;
use clawback_model::{Clock as _, ReportGroup, ReportSource, Role, Status, Timestamp};
use clawback_runtime::{AbuseMailboxConfig, Notifier, Outbox, Site, Timers};
use clawback_scripting::SECOPS_MAILBOXES;
use clawback_store::AbuseMailbox;
use clawback_tests::access::{Access, Login};
use clawback_tests::binary::write_secret;
use clawback_tests::dovecot::{self, Dovecot};
use clawback_tests::site::{NOON, person};
use clawback_tests::smtp::{PASSWORD, Smtp, USER};

use super::campaigns::{TEXT, mail};
use super::{World, assert_same, host};

/// A playbook that leaves nothing out.
pub(super) const PULL: &str = "playbook: pull
description: Every copy of one message.
severity: high
on: { manual: {}, report: {} }
inputs:
  like: { type: text, required: true }
steps:
  - search: { where: { like: \"${inputs.like}\" } }
  - remediate: { action: soft-delete, canary: 0 }
";
pub(super) const TRUSTED: &str = "Authentication-Results: mx.acme.test; dmarc=pass header.from=acme.test\r\n";

/// The mail by which a person reports a message.
pub(super) fn report(number: u32, from: &str, fields: &str, part: &str, phish: &[u8]) -> Vec<u8> {
    let phish = String::from_utf8_lossy(phish);
    format!(
        "{fields}Message-ID: <r{number}@acme.test>\r\nFrom: A Person <{from}>\r\nTo: abuse@acme.test\r\nSubject: Phish?\r\n\
         Date: Mon, 23 Nov 2026 11:50:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n\
         --q\r\n\r\nPlease look.\r\n--q\r\nContent-Type: {part}\r\n\r\n{phish}\r\n--q--\r\n"
    )
    .into_bytes()
}

/// The notifier that answers reporters.
pub(super) fn desk(folder: &Path, smtp: &Smtp) -> Notifier {
    write_secret(&folder.join("smtp.password"), PASSWORD).unwrap();
    let desk = format!(
        "kind = \"email\"\nserver = \"localhost\"\nport = {}\nca-file = \"{}\"\nuser = \"{USER}\"\n\
         password-file = \"smtp.password\"\nfrom = \"Clawback <clawback@acme.test>\"\nto = [\"soc@acme.test\"]\n",
        smtp.port,
        smtp.authority().display()
    );
    let _ = rustls::crypto::ring::default_provider().install_default();
    Notifier::open("desk", &toml::from_str(&desk).unwrap(), folder).unwrap()
}

/// Sets the site's mailbox for reports, as the program does by its configuration.
fn with_mailbox(site: &mut Site, mailbox: &str) {
    let config = format!("store = \"corp\"\nmailbox = \"{mailbox}\"");
    let config: AbuseMailboxConfig = toml::from_str(&config).unwrap();
    site.library.lists = std::mem::take(&mut site.library.lists).with(SECOPS_MAILBOXES, &config.mailbox);
    site.reports.mailbox = Some(config);
    site.examination.authentication_servers = vec!["mx.acme.test".into()];
}

impl World {
    pub(super) async fn looked(&self, timers: &mut Timers) -> u64 {
        Box::pin(timers.tick()).await.unwrap();
        timers.looked().await.unwrap()
    }

    pub(super) async fn groups(&self) -> Vec<ReportGroup> {
        let groups = self.api.site().history.report_groups(100).await.unwrap();
        groups.into_iter().map(|(group, _)| group).collect()
    }

    pub(super) async fn state(&self) -> AbuseMailbox {
        let config = self.api.site().reports.mailbox.clone().unwrap();
        self.api.site().history.abuse_mailbox(&config.store, &config.mailbox).await.unwrap()
    }

    pub(super) async fn not_counted(&self) -> Vec<(String, i64)> {
        self.api.site().history.mails_not_counted(Timestamp(0)).await.unwrap()
    }
}

#[tokio::test]
async fn three_reports_by_mail_remove_a_campaign_and_each_is_answered_once() {
    let (server, folder) =
        (Dovecot::start(&dovecot::Options { users: 4, ..Default::default() }), tempfile::tempdir().unwrap());
    let sink = tempfile::tempdir().unwrap();
    let smtp = Smtp::start(sink.path()).unwrap();
    let desk = desk(folder.path(), &smtp);
    let examiner = host().examiner().await.unwrap();
    let users: Vec<String> = (1..=4).map(dovecot::user).collect();
    let abuse = &users[3];
    let config = server.access().store(folder.path());
    let world = World::of_site(folder, server.access(), &config, |site| {
        with_mailbox(site, abuse);
        site.examiner = Some(examiner);
        site.notifiers.insert("desk".to_owned(), desk);
        site.reports.answer_by = Some("desk".to_owned());
    })
    .await;
    let phish = |number, sender: &str, subject: &str, link: &str| mail(number, sender, subject, TEXT, link);
    let sent = [
        (0, phish(1, "hr@one.example", "Your salary is on hold", "https://pay.bad.example/a")),
        (1, phish(2, "x@two.example", "Konto", "https://q.bad.example/b")),
        (2, phish(3, "y@three.example", "News", "https://pay.bad.example/c")),
        (2, mail(4, "dan@acme.test", "Minutes", "The minutes of our meeting are attached.", "https://wiki.acme.test/")),
    ];
    for (user, raw) in &sent {
        server.deliver(&users[*user], "INBOX", raw, &["\\Seen"]);
    }
    // The mailbox for reports gets a copy of its own, too.
    let at = NOON.0 / 1_000_000 - 600;
    let mut inbox = world.access.session(abuse);
    inbox.append("INBOX", &phish(5, "z@five.example", "Salary", "https://pay.bad.example/d"), &[], at);
    let parts = ["message/rfc822", "application/octet-stream; name=\"phish.eml\"", "message/rfc822"];
    for (number, (user, part)) in [0, 1, 2].into_iter().zip(parts).enumerate() {
        let number = u32::try_from(number).unwrap();
        inbox.append("INBOX", &report(number, &users[user], TRUSTED, part, &sent[user].1), &[], at);
    }
    let before = world.snapshot(&["Recoverable Items"]);
    let mut timers = Timers::new(Arc::clone(world.api.site()));
    world.looked(&mut timers).await;
    let groups = world.groups().await;
    let counts: Vec<_> = groups.iter().map(|group| (group.reports, group.people)).collect();
    assert_eq!(counts, [(3, 3)], "{groups:?} {:?} {:?}", world.not_counted().await, world.state().await);
    assert_eq!(world.not_counted().await, [("other-domain".to_owned(), 1)]);
    let id = groups[0].remediation.clone().expect("three reports are enough");
    // The same group by the API.
    let bringer = person("portal", &[Role::Suggester]);
    let given = GivenReport {
        reporter: "Dan@acme.test",
        source: ReportSource::Api,
        raw: &report(9, "dan@acme.test", "", "message/rfc822", &sent[1].1),
        is_original: false,
    };
    let said = world.api.report(&bringer, Some(host()), &given).await.unwrap();
    let group = said.group.unwrap();
    assert_eq!((group.number, group.reports, group.people), (groups[0].number, 4, 4));
    assert_eq!(group.remediation.as_ref(), Some(&id));
    // A repeated look finds nothing new.
    world.clock.advance(Duration::from_mins(2));
    world.looked(&mut timers).await;
    assert_eq!(world.groups().await[0].reports, 4);

    let submitted = world.api.site().history.load(&id).await.unwrap();
    assert_eq!(submitted.request.requested_by, "automation");
    assert_eq!(world.finish(&submitted).await.status, Status::PendingApproval);
    let done = world.approved(&submitted).await;
    let told = world.told(&done).await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 3), "{told}");
    let left_out = &done.plan.as_ref().unwrap().facts.left_out;
    assert!(left_out.iter().any(|left| left.reason.as_deref() == Some("SecOps mailbox")), "{left_out:?}");
    let outbox = Outbox::new(Arc::clone(world.api.site()));
    outbox.send_due().await;
    let mut answered: Vec<String> = smtp.received(4).unwrap().iter().map(|mail| mail.recipients.clone()).collect();
    answered.sort_unstable();
    assert_eq!(answered, ["dan@acme.test", &users[0], &users[1], &users[2]]);

    // A copy under another sender and subject arrives late.
    server.deliver(&users[0], "INBOX", &phish(6, "w@six.example", "Payment", "https://r.bad.example/z"), &[]);
    world.clock.advance(Duration::from_mins(16));
    assert_eq!(world.looked(&mut timers).await, 1, "one follow-up is filed");
    let late = world.api.site().history.follow_ups(&done.id).await.unwrap().remove(0);
    let late = world.approved(&late).await;
    assert_eq!((late.status, late.counts.succeeded), (Status::Completed, 1), "{}", world.told(&late).await);
    let left: Vec<usize> = users.iter().map(|user| world.access.session(user).messages("INBOX").len()).collect();
    assert_eq!(left, [0, 0, 1, 4], "the minutes and the mailbox for reports are left");

    for removed in [&late, &done] {
        let undone = world.api.undo(&world.ann, &removed.id).await.unwrap();
        let undone = world.approved(&undone).await;
        assert_eq!((undone.status, undone.counts.failed), (Status::Completed, 0), "{}", world.told(&undone).await);
    }
    let mut after = world.snapshot(&["Recoverable Items"]);
    after[0].retain(|kept, _| kept.start != "Subject: Payment");
    assert_same(&before, &after, "after the undo");
    world.looked(&mut timers).await;
    outbox.send_due().await;
    assert_eq!(smtp.received(4).unwrap().len(), 4, "nobody is answered twice");
    world.api.site().history.verify(None, |_| {}).await.unwrap();
}

/// Maildirs with these mails, each in a file of its own.
pub(super) fn maildirs(mails: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, (mailbox, raw)) in mails.iter().enumerate() {
        deliver(folder.path(), mailbox, number, raw);
    }
    folder
}

fn deliver(folder: &Path, mailbox: &str, number: usize, raw: &[u8]) {
    let cur = folder.join("mail").join(mailbox).join("cur");
    fs::create_dir_all(&cur).unwrap();
    let at = NOON.0 / 1_000_000 - 60;
    let file = cur.join(format!("{at}.M{number}P1.host:2,"));
    fs::write(&file, raw).unwrap();
    let modified = std::time::UNIX_EPOCH + Duration::from_secs(at.unsigned_abs());
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
}

pub(super) async fn of_maildirs(folder: &Path, change: impl FnOnce(&mut Site)) -> World {
    let nowhere = Access::new(([127, 0, 0, 1], 1).into(), Login::Own { password: String::new() }, Vec::new());
    let config = format!("connector = \"maildir\"\ndirectory = \"{}\"", folder.join("mail").display());
    let examiner = host().examiner().await.unwrap();
    World::of_site(tempfile::tempdir().unwrap(), nowhere, &config, |site| {
        with_mailbox(site, "abuse@acme.test");
        site.examiner = Some(examiner);
        change(site);
    })
    .await
}

#[tokio::test]
async fn a_mail_that_nobody_confirms_is_recorded_and_not_counted_and_holds_up_nothing() {
    let phish = mail(1, "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    let of = |number, from: &str, fields: &str| report(number, from, fields, "message/rfc822", &phish);
    let automatic = format!("{TRUSTED}Auto-Submitted: auto-replied\r\n");
    let inline =
        b"Authentication-Results: mx.acme.test; dmarc=pass\r\nFrom: ann@acme.test\r\nMessage-ID: <i@acme.test>\r\n\
        Subject: Fwd: Salary\r\n\r\n> Dear colleague\r\n";
    let forged = "Authentication-Results: mx.evil.example; dmarc=pass header.from=acme.test\r\n";
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(20_000);
    let folder = maildirs(&[
        ("abuse@acme.test", of(1, "ann@acme.test", forged)),
        ("abuse@acme.test", of(2, "ben@acme.test", "Authentication-Results: mx.acme.test; dmarc=fail\r\n")),
        ("abuse@acme.test", of(3, "eve@evil.example", TRUSTED)),
        ("abuse@acme.test", of(4, "ann@acme.test", &automatic)),
        ("abuse@acme.test", inline.to_vec()),
        ("abuse@acme.test", b"\xff\xfe\0\0".to_vec()),
        ("abuse@acme.test", [TRUSTED.as_bytes(), nested.as_bytes()].concat()),
        ("abuse@acme.test", [b"Message-ID: <big@acme.test>\r\n\r\n".as_slice(), &vec![b'x'; 16 << 20]].concat()),
        ("abuse@acme.test", of(5, "ann@acme.test", TRUSTED)),
    ]);
    let world = of_maildirs(folder.path(), |_| {}).await;
    let mut timers = Timers::new(Arc::clone(world.api.site()));
    world.looked(&mut timers).await;
    let state = world.state().await;
    assert_eq!((state.failures, state.trouble.as_deref()), (0, None));
    let counts: Vec<_> = world.groups().await.iter().map(|group| (group.reports, group.people)).collect();
    assert_eq!(counts, [(1, 1)], "the last one is counted: {:?}", world.not_counted().await);
    let expected = [
        ("automatic", 1),
        ("inline-forward", 1),
        ("no-reporter", 2),
        ("other-domain", 1),
        ("too-large", 1),
        ("unauthenticated", 2),
    ];
    assert_eq!(world.not_counted().await, expected.map(|(reason, mails)| (reason.to_owned(), mails)));
    assert_eq!(fs::read_dir(folder.path().join("mail/abuse@acme.test/cur")).unwrap().count(), 9, "all are still there");
}

#[tokio::test]
async fn a_look_that_is_repeated_or_taken_by_a_node_that_died_records_nothing_twice() {
    let phish = mail(1, "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    let of = |number, from: &str| report(number, from, TRUSTED, "message/rfc822", &phish);
    let folder = maildirs(&[("abuse@acme.test", of(1, "ann@acme.test")), ("abuse@acme.test", of(2, "ben@acme.test"))]);
    let world = of_maildirs(folder.path(), |_| {}).await;
    let history = &world.api.site().history;
    // Another node took the look and died.
    let due = world.state().await;
    history.take_abuse_mailbox(&due, world.clock.now().plus(Duration::from_mins(1))).await.unwrap().unwrap();
    let (mut one, mut two) = (Timers::new(Arc::clone(world.api.site())), Timers::new(Arc::clone(world.api.site())));
    world.looked(&mut one).await;
    assert!(world.groups().await.is_empty(), "the look is not due");
    world.clock.advance(Duration::from_secs(61));
    tokio::join!(world.looked(&mut one), world.looked(&mut two));
    let reports = async || world.groups().await.iter().map(|group| (group.reports, group.people)).collect::<Vec<_>>();
    assert_eq!(reports().await, [(2, 2)]);
    // The node died after it had recorded the mails and before it had recorded the look.
    let state = world.state().await;
    history.take_abuse_mailbox(&state, NOON).await.unwrap().unwrap();
    deliver(folder.path(), "abuse@acme.test", 3, &of(3, "ann@acme.test"));
    // A mail that is delivered twice is one report.
    deliver(folder.path(), "abuse@acme.test", 4, &of(3, "ann@acme.test"));
    world.clock.advance(Duration::from_secs(10));
    world.looked(&mut two).await;
    assert_eq!(reports().await, [(3, 2)]);
    assert!(world.groups().await[0].remediation.is_some());
    assert!(world.not_counted().await.is_empty());
    assert_eq!(world.state().await.next_at, world.clock.now().plus(Duration::from_mins(1)));
}

#[tokio::test]
async fn the_mailbox_for_reports_is_left_out_whatever_the_playbook_says() {
    let phish = mail(1, "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    let folder = maildirs(&[
        ("ann@acme.test", phish.clone()),
        ("Abuse@acme.test", phish.clone()),
        ("Abuse@acme.test", report(1, "ann@acme.test", TRUSTED, "message/rfc822", &phish)),
    ]);
    let world = of_maildirs(folder.path(), |site| {
        site.library.shipped_workflows.insert("pull".to_owned(), PULL.to_owned());
        (site.reports.least_reports, site.reports.least_people) = (1, 1);
        site.reports.playbook = "pull".to_owned();
        if let Some(config) = &mut site.reports.mailbox {
            config.mailbox = "Abuse@acme.test".to_owned();
        }
    })
    .await;
    let mut timers = Timers::new(Arc::clone(world.api.site()));
    world.looked(&mut timers).await;
    let id = world.groups().await[0].remediation.clone().unwrap();
    let submitted = world.api.site().history.load(&id).await.unwrap();
    let done = world.approved(&submitted).await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 1), "{}", world.told(&done).await);
    let left_out = &done.plan.as_ref().unwrap().facts.left_out;
    let said: Vec<String> = left_out.iter().map(clawback_model::LeftOut::in_words).collect();
    assert_eq!(said, ["1 message by the list secops_mailboxes: SecOps mailbox"]);
    assert_eq!(fs::read_dir(folder.path().join("mail/Abuse@acme.test/cur")).unwrap().count(), 2);
}

#[tokio::test]
async fn a_mailbox_that_cannot_be_read_is_tried_again_later() {
    let folder = maildirs(&[("ann@acme.test", b"From: ann@acme.test\r\n\r\n".to_vec())]);
    let world = of_maildirs(folder.path(), |_| {}).await;
    let mut timers = Timers::new(Arc::clone(world.api.site()));
    for (failures, wait) in [(1, 2), (2, 4)] {
        world.looked(&mut timers).await;
        let state = world.state().await;
        assert_eq!((state.failures, state.whole_at), (failures, Some(NOON)), "the first look began then");
        assert!(state.trouble.unwrap().contains("abuse@acme.test"));
        assert_eq!(state.next_at, world.clock.now().plus(Duration::from_mins(wait)));
        world.clock.advance(Duration::from_mins(wait));
    }
    // A mail that came before the first look is read, however long the store fails.
    world.clock.advance(Duration::from_hours(48));
    let phish = mail(1, "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    deliver(folder.path(), "abuse@acme.test", 7, &report(1, "ann@acme.test", TRUSTED, "message/rfc822", &phish));
    world.looked(&mut timers).await;
    let state = world.state().await;
    assert_eq!((state.failures, state.trouble, state.whole_at), (0, None, Some(world.clock.now())));
    assert_eq!(world.groups().await.len(), 1);
}
