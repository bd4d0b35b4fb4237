//! What becomes of single mails of the mailbox for reports: redirected ones, ones that are not examined in time, and ones
//! whose remediation cannot be filed or planned.

use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::{Host, HostOptions, SandboxLimits};
use clawback_model::Status;
use clawback_runtime::Timers;
use clawback_tests::components;
use clawback_tests::site::NOON;

use super::abuse_mailbox::{PULL, TRUSTED, maildirs, of_maildirs, report};
use super::campaigns::{TEXT, mail};

#[tokio::test]
async fn three_people_who_redirect_one_message_are_three_reporters() {
    let phish = mail(1, "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    let by = |from: &str| [format!("Resent-From: {from}\r\n").as_bytes(), &phish].concat();
    let mut mails = vec![("abuse@acme.test", phish.clone())];
    mails.extend(["ann@acme.test", "ben@acme.test", "cy@acme.test"].map(|from| ("abuse@acme.test", by(from))));
    // A mail that is delivered twice is one report.
    mails.push(("abuse@acme.test", by("cy@acme.test")));
    let folder = maildirs(&mails);
    let world = of_maildirs(folder.path(), |site| {
        let config = site.reports.mailbox.as_mut().unwrap();
        (config.trust_from, config.originals) = (true, true);
    })
    .await;
    let mut timers = Timers::new(Arc::clone(world.api.site()));
    world.looked(&mut timers).await;
    let counts: Vec<_> = world.groups().await.iter().map(|group| (group.reports, group.people)).collect();
    assert_eq!(counts, [(3, 3)], "{:?}", world.not_counted().await);
    assert_eq!(world.not_counted().await.len(), 1, "the copy that the attacker sent to this mailbox");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_that_the_examiner_has_no_time_for_are_read_again_and_hold_up_no_others() {
    let limits = SandboxLimits { call_timeout: Duration::from_millis(1), ..SandboxLimits::default() };
    let hasty = Host::new(HostOptions { limits, ..components::options() }).unwrap().examiner().await.unwrap();
    let text = "Dear <b>colleague</b>, <a href=\"https://pay.bad.example/a\">pay</a> now. ".repeat(40_000);
    let long = |number| report(number, "ben@acme.test", TRUSTED, "text/html", text.as_bytes());
    let mut mails: Vec<_> = (0..12).map(|number| ("abuse@acme.test", long(number))).collect();
    mails
        .push(("abuse@acme.test", report(99, "eve@evil.example", TRUSTED, "message/rfc822", b"From: x@y.example\r\n")));
    let folder = maildirs(&mails);
    let world = of_maildirs(folder.path(), |site| site.examiner = Some(hasty)).await;
    let mut timers = Timers::new(Arc::clone(world.api.site()));
    world.looked(&mut timers).await;
    let (state, other) = (world.state().await, ("other-domain".to_owned(), 1));
    assert_eq!(world.not_counted().await, std::slice::from_ref(&other), "the last one is read: {state:?}");
    assert!(state.trouble.as_deref().unwrap().starts_with("12 mails could not be read"), "{state:?}");
    // After a day, a person has to look.
    world.clock.advance(Duration::from_hours(25));
    world.looked(&mut timers).await;
    assert_eq!(world.not_counted().await, [other, ("unreadable".to_owned(), 12)]);
    assert_eq!(world.state().await.trouble, None);
}

#[tokio::test]
async fn a_remediation_that_cannot_be_filed_is_a_trouble_of_the_look() {
    let phish = mail(1, "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    let folder = maildirs(&[("abuse@acme.test", report(1, "ann@acme.test", TRUSTED, "message/rfc822", &phish))]);
    let world = of_maildirs(folder.path(), |site| {
        (site.reports.least_reports, site.reports.least_people) = (1, 1);
        site.reports.playbook = "nowhere".to_owned();
    })
    .await;
    world.looked(&mut Timers::new(Arc::clone(world.api.site()))).await;
    let state = world.state().await;
    let trouble = state.trouble.unwrap();
    assert!(trouble.contains("no remediation was filed") && trouble.contains("nowhere"), "{trouble}");
    assert_eq!((state.failures, state.whole_at), (0, Some(NOON)), "the mail is recorded");
}

#[tokio::test]
async fn a_script_that_fails_is_judged_by_what_was_left_out_too() {
    let phish = mail(1, "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    let reported = report(1, "ann@acme.test", TRUSTED, "message/rfc822", &phish);
    let folder = maildirs(&[
        ("ann@acme.test", phish.clone()),
        ("abuse@acme.test", phish.clone()),
        ("abuse@acme.test", reported),
    ]);
    let playbook = PULL.replace("  - remediate", "  - filter: { script: fails.rhai }\n  - remediate");
    for (fails, status) in
        [("true", Status::Failed), ("message.mailbox == \"ann@acme.test\"", Status::PartiallyCompleted)]
    {
        let world = of_maildirs(folder.path(), |site| {
            site.library.shipped_workflows.insert("pull".to_owned(), playbook.clone());
            let script = format!("fn keep(message) {{ if {fails} {{ throw \"no\" }} else {{ true }} }}");
            site.library.shipped_scripts.insert("fails.rhai".to_owned(), script);
            (site.reports.least_reports, site.reports.least_people) = (1, 1);
            site.reports.playbook = "pull".to_owned();
        })
        .await;
        world.looked(&mut Timers::new(Arc::clone(world.api.site()))).await;
        let id = world.groups().await[0].remediation.clone().unwrap();
        let submitted = world.api.site().history.load(&id).await.unwrap();
        let done = world.finish(&submitted).await;
        let stop = done.stop.as_ref().map_or(String::new(), ToString::to_string);
        assert_eq!(stop.contains("failed on 2 of 2 messages"), status == Status::Failed, "{stop}");
        assert_eq!(done.status, status, "{stop}");
    }
}
