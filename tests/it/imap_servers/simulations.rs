//! Phishing simulations that people report: they cause nothing, their reporters are answered, and no investigation takes
//! one. A threat with a forged mark is no simulation.

use std::sync::Arc;

use clawback_model::{FeatureRequest, Simulations};
use clawback_runtime::{Outbox, Timers};
use clawback_tests::smtp::Smtp;

use super::abuse_mailbox::{TRUSTED, desk, maildirs, of_maildirs, report};
use super::campaigns::{TEXT, mail};

const VENDOR: &str = "147.160.167.9";
const STRANGER: &str = "198.51.100.7";

/// A mail with the mark of a vendor that came from this address.
fn marked(number: u32, ip: &str) -> Vec<u8> {
    let raw = mail(number, "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    let fields = format!(
        "Received: from out.one.example (out.one.example [{ip}]) by mx.acme.test; Mon, 23 Nov 2026 09:00:00 +0000\r\n\
         X-PHISHTEST: This is a phishing security test from KnowBe4\r\n"
    );
    [fields.into_bytes(), raw].concat()
}

#[tokio::test]
async fn a_simulation_is_no_alarm_and_a_threat_with_a_forged_mark_is_one() {
    let people = ["ann@acme.test", "ben@acme.test", "cy@acme.test"];
    let (simulated, forged) = (|number| marked(number, VENDOR), |number| marked(number, STRANGER));
    let mut mails = vec![("dan@acme.test", simulated(1)), ("dan@acme.test", forged(2)), ("eve@acme.test", forged(3))];
    for (number, from) in (10..).zip(people) {
        mails.push((from, simulated(1)));
        mails.push(("abuse@acme.test", report(number, from, TRUSTED, "message/rfc822", &simulated(1))));
    }
    for (number, from) in (20..).zip(people) {
        mails.push(("abuse@acme.test", report(number, from, TRUSTED, "message/rfc822", &forged(2))));
    }
    // The attached message is written by a stranger: nobody delivered it to the mailbox of this reporter.
    mails.push(("abuse@acme.test", report(30, "fay@acme.test", TRUSTED, "message/rfc822", &simulated(4))));
    let (folder, sink) = (maildirs(&mails), tempfile::tempdir().unwrap());
    let smtp = Smtp::start(sink.path()).unwrap();
    let world = of_maildirs(folder.path(), |site| {
        let vendors = vec!["knowbe4".to_owned()];
        let simulations =
            Simulations { vendors, networks: vec!["147.160.167.0/26".to_owned()], ..Simulations::default() };
        site.examination = FeatureRequest { headers: simulations.fields(), ..site.examination.clone() };
        site.investigations.simulations = simulations;
        site.notifiers.insert("desk".to_owned(), desk(folder.path(), &smtp));
        site.reports.answer_by = Some("desk".to_owned());
    })
    .await;
    let mut timers = Timers::new(Arc::clone(world.api.site()));
    world.looked(&mut timers).await;
    let mut groups = world.groups().await;
    groups.sort_by_key(|group| group.simulation.is_none());
    let counts: Vec<_> = groups.iter().map(|one| (one.simulation.as_deref(), one.reports, one.people)).collect();
    assert_eq!(counts, [(Some("KnowBe4"), 3, 3), (None, 4, 4)], "{:?}", world.not_counted().await);
    assert_eq!(groups[0].remediation, None, "a simulation is no alarm");
    // Its reporters are answered at once, and those of the threat once it is decided.
    let outbox = Outbox::new(Arc::clone(world.api.site()));
    outbox.send_due().await;
    outbox.send_due().await;
    let answers = smtp.received(3).unwrap();
    let mut answered: Vec<&str> = answers.iter().map(|mail| mail.recipients.as_str()).collect();
    answered.sort_unstable();
    assert_eq!(answered, people);
    assert!(answers.iter().all(|mail| mail.text.contains("training of your")), "{answers:?}");
    // The root of the threat is a copy of the simulation, which stays.
    let id = groups[1].remediation.clone().expect("a forged mark protects nothing");
    let planned = world.api.site().history.load(&id).await.unwrap();
    let planned = world.finish(&planned).await;
    let plan = planned.plan.as_ref().unwrap();
    let left_out: Vec<String> = plan.facts.left_out.iter().map(clawback_model::LeftOut::in_words).collect();
    let said = "4 messages by simulation: a phishing simulation of KnowBe4";
    assert!(left_out.iter().any(|one| one == said), "{left_out:?}");
    assert_eq!(planned.counts.remediable, 2, "{}", world.told(&planned).await);
    world.api.site().history.verify(None, |_| {}).await.unwrap();
}
