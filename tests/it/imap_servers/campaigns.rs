//! A whole campaign on a real server: from one message to its clusters, a vote, the removal, late copies, and back.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{AutomaticRule, ClusterBy, Decision, Remediation, Role, Root, Status, Verdict};
use clawback_runtime::Timers;
use clawback_tests::dovecot::{self, Dovecot};
use clawback_tests::site::{known, submission};

use super::{World, assert_same, host};

pub(super) const TEXT: &str = "Dear colleague, the payroll office could not verify your salary account for this month. Please \
    confirm the number of your account and your date of birth before Friday noon, or the payment of your salary will \
    be delayed until the next month. This message was created automatically, and nobody reads answers to it.";
const OTHER: &str = "The minutes of our meeting are attached, and the next one is on Tuesday in the large room of the \
    second floor, where we will talk about the new schedule of the cleaning and about the plants near the entrance.";

pub(super) fn mail(number: u32, from: &str, subject: &str, text: &str, link: &str) -> Vec<u8> {
    format!(
        "Message-ID: <{number}@{from}>\r\nFrom: {from}\r\nTo: staff@acme.test\r\nSubject: {subject}\r\n\
         Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
         <html><body><p>{text}</p><p><a href=\"{link}\">open</a></p></body></html>\r\n"
    )
    .into_bytes()
}

impl World {
    /// Finishes a remediation, with the vote of another person if it waits for one.
    pub(super) async fn approved(&self, submitted: &Remediation) -> Remediation {
        let planned = self.finish(submitted).await;
        if planned.status != Status::PendingApproval {
            return planned;
        }
        let ben = known(&self.api.site().history, "ben", &[Role::Approver]).await;
        self.api.decide(&ben, &submitted.id, Decision::Approve, None, None).await.unwrap();
        self.finish(submitted).await
    }
}

#[tokio::test]
async fn a_campaign_is_removed_with_its_late_copies_and_comes_back() {
    let server = Dovecot::start(&dovecot::Options { users: 3, ..Default::default() });
    let world = World::new(server.access()).await;
    let phish = mail(1, "hr@one.example", "Your salary is on hold", TEXT, "https://pay.bad.example/a");
    let users: Vec<String> = (1..=3).map(dovecot::user).collect();
    for (user, raw) in [
        (0, phish.clone()),
        (1, mail(2, "x@two.example", "Konto", TEXT, "https://q.bad.example/b")),
        (1, mail(3, "y@three.example", "News", OTHER, "https://pay.bad.example/a")),
        (2, mail(4, "it@one.example", "Re: Your salary is on hold", OTHER, "https://x.example/")),
        (2, mail(5, "dan@acme.test", "Minutes", OTHER, "https://wiki.acme.test/")),
    ] {
        server.deliver(&users[user], "INBOX", &raw, &["\\Seen"]);
    }
    let before = world.snapshot(&["Recoverable Items"]);
    let features = world.api.examine_raw(&world.ann, Some(host()), &phish).await.unwrap();
    let root = Root::of(&features[0]).to_string();
    let asked = submission("investigate", &[("like", &root)]);
    let submitted = world.api.submit(&world.ann, asked).await.unwrap();
    let done = world.approved(&submitted).await;
    let told = world.told(&done).await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 4), "{told}");
    let facts = done.plan.as_ref().map(|plan| plan.facts.clone()).unwrap();
    let counted = |by| facts.clusters.iter().find(|cluster| cluster.by == by).map(|cluster| cluster.messages);
    assert_eq!((facts.verdict, facts.sure), (Some(Verdict::Malicious), 2), "{facts:?}");
    assert_eq!((counted(ClusterBy::Body), counted(ClusterBy::Url)), (Some(2), Some(2)), "{facts:?}");
    assert_eq!(counted(ClusterBy::SubjectSenderDomain), Some(2), "{facts:?}");

    // A copy under another sender and subject arrives late, and one of a stranger.
    server.deliver(&users[0], "INBOX", &mail(6, "z@six.example", "Payment", TEXT, "https://r.bad.example/z"), &[]);
    server.deliver(&users[0], "INBOX", &mail(7, "s@seven.example", "Minutes", OTHER, "https://seven.example/"), &[]);
    let mut timers = Timers::new(Arc::clone(world.api.site()));
    world.clock.advance(Duration::from_mins(16));
    Box::pin(timers.tick()).await.unwrap();
    assert_eq!(timers.looked().await.unwrap(), 1, "one follow-up is filed");
    let late = world.api.site().history.follow_ups(&done.id).await.unwrap().remove(0);
    let late = world.approved(&late).await;
    assert_eq!((late.status, late.counts.succeeded), (Status::Completed, 1), "{}", world.told(&late).await);
    let reasons = &late.plan.as_ref().unwrap().facts.not_automatic;
    let rules: Vec<AutomaticRule> = reasons.iter().map(|reason| reason.rule).collect();
    assert_eq!(rules, [AutomaticRule::SwitchedOn, AutomaticRule::Sure], "no person started the follow-up: {reasons:?}");
    let left: Vec<usize> = users.iter().map(|user| world.access.session(user).messages("INBOX").len()).collect();
    assert_eq!(left, [1, 0, 1], "the strangers' mail is left");

    for removed in [&late, &done] {
        let undone = world.api.undo(&world.ann, &removed.id).await.unwrap();
        let undone = world.approved(&undone).await;
        assert_eq!((undone.status, undone.counts.failed), (Status::Completed, 0), "{}", world.told(&undone).await);
    }
    let mut after = world.snapshot(&["Recoverable Items"]);
    after[0].retain(|kept, _| !["Subject: Payment", "Subject: Minutes"].contains(&kept.start.as_str()));
    assert_same(&before, &after, "after the undo");
    world.api.site().history.verify(None, |_| {}).await.unwrap();
}
