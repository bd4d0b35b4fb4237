//! Tests of reports and their groups.

use super::*;
use crate::action::Action;
use crate::counts::Counts;
use crate::example;
use crate::sketch::Sketch;

const DAY: Duration = Duration::from_hours(24);

/// A message with these word pairs that links to `host`.
fn root(pairs: std::ops::Range<u64>, host: &str, key: u64) -> Root {
    let hashes: Vec<u64> = pairs.collect();
    let count = u32::try_from(hashes.len()).unwrap();
    let features = crate::Features {
        sketch: Sketch::new(hashes, count),
        key_id: crate::FeatureRequest { key: (key, 0), ..crate::FeatureRequest::default() }.key_id(),
        links: vec![crate::Hyperlink {
            kind: crate::LinkKind::Web,
            host: host.into(),
            address: String::new(),
            path_hash: 0,
            shown_host: String::new(),
            is_rewritten: false,
        }],
        ..crate::Features::default()
    };
    Root::of(&features)
}

fn report(reporter: &str, day: u32, root: Option<Root>) -> Report {
    Report {
        id: ReportId::from_random(day.into()),
        reporter: reporter.into(),
        reported_at: Timestamp(0).plus(DAY * day),
        source: ReportSource::Api,
        kind: if root.is_some() { ReportKind::Attached } else { ReportKind::InlineForward },
        message_id: String::new(),
        sender: "eve@evil.example".into(),
        subject: "Your account".into(),
        root,
        not_counted: None,
        simulation: None,
    }
}

fn copy() -> Root {
    root(0..60, "evil.example", 1)
}

/// Reports one after the other, as a history keeps them; the groups at the end.
fn groups(reports: &[Report]) -> Vec<(u32, u32, bool)> {
    let mut all: Vec<(ReportGroup, Vec<String>, bool)> = Vec::new();
    for report in reports {
        let open = all.iter().map(|(group, people, _)| OpenGroup {
            group: group.clone(),
            has_reporter: people.contains(&report.reporter),
        });
        let open = OpenGroups { groups: open.collect(), last: i64::try_from(all.len()).unwrap() };
        let Some(placed) = Placed::of(report, open, ReportThreshold::default()) else { continue };
        let Placed { mut group, before, is_due } = placed;
        if before == 0 {
            all.push((group, vec![report.reporter.clone()], is_due));
            continue;
        }
        let known = all.iter_mut().find(|(one, ..)| one.number == group.number).unwrap();
        known.1.push(report.reporter.clone());
        if is_due {
            assert!(!known.2, "a group is due once");
            group.remediation = Some(RemediationId::from_random(1));
        }
        (known.0, known.2) = (group, known.2 || is_due);
    }
    all.into_iter().map(|(group, _, is_due)| (group.reports, group.people, is_due)).collect()
}

#[test]
fn enough_reports_of_enough_people_are_due_once() {
    let of = |names: &[&str]| names.iter().map(|name| report(name, 0, Some(copy()))).collect::<Vec<_>>();
    for (names, expected) in [
        (&["ann"][..], (1, 1, false)),
        (&["ann", "ann", "ann", "ann"], (4, 1, false)),
        (&["ann", "ben"], (2, 2, false)),
        (&["ann", "ann", "ben"], (3, 2, true)),
        (&["ann", "ben", "cy", "dan", "ben"], (5, 4, true)),
    ] {
        assert_eq!(groups(&of(names)), [expected], "{names:?}");
    }
}

#[test]
fn a_campaign_is_a_group() {
    let of = |roots: &[Option<Root>]| {
        let reports: Vec<_> = roots.iter().map(|root| report("ann", 0, root.clone())).collect();
        groups(&reports).iter().map(|(reports, ..)| *reports).collect::<Vec<_>>()
    };
    assert_eq!(of(&[Some(copy()), Some(root(0..60, "evil.example", 1))]), [2]);
    assert_eq!(of(&[Some(copy()), Some(root(0..120, "evil.example", 1))]), [2], "a longer copy");
    assert_eq!(
        of(&[Some(root(0..120, "evil.example", 1)), Some(copy())]),
        [2],
        "a shorter one, in the other direction"
    );
    assert_eq!(of(&[Some(copy()), Some(root(0..60, "other.example", 1))]), [1, 1], "the text alone joins nothing");
    assert_eq!(of(&[Some(copy()), Some(root(100..160, "evil.example", 1))]), [1, 1], "another text");
    assert_eq!(of(&[Some(copy()), Some(root(0..60, "evil.example", 2))]), [1, 1], "hashes of another key");
    assert_eq!(of(&[Some(copy()), None]), [1], "an inline forward is not counted");
    let forged = Report { not_counted: Some(NotCounted::Unauthenticated), ..report("ann", 0, Some(copy())) };
    assert_eq!(groups(&[forged]).len(), 0, "a forged From begins no group");
}

#[test]
fn reports_of_a_simulation_are_a_group_of_their_own_that_is_never_due() {
    let of = |name: &str, simulation: Option<&str>| Report {
        simulation: simulation.map(str::to_owned),
        ..report(name, 0, Some(copy()))
    };
    let names = ["ann", "ben", "cy", "dan"];
    let simulated: Vec<Report> = names.iter().map(|name| of(name, Some("KnowBe4"))).collect();
    assert_eq!(groups(&simulated), [(4, 4, false)]);
    let copied = names.iter().map(|name| of(name, None));
    let all: Vec<Report> = simulated.iter().cloned().chain(copied).collect();
    assert_eq!(groups(&all), [(4, 4, false), (4, 4, true)], "a threat that copies the simulation");
}

#[test]
fn one_message_is_one_group_though_its_text_is_too_short_to_be_compared() {
    let short = |id: &str, sender: &str| Report {
        message_id: id.into(),
        sender: sender.into(),
        ..report("ann", 0, Some(root(0..3, "evil.example", 1)))
    };
    let counts = |reports: &[Report]| groups(reports).len();
    assert_eq!(counts(&[short("<1@x>", "a@x.example"), short("<1@x>", "a@x.example")]), 1);
    assert_eq!(counts(&[short("<1@x>", "a@x.example"), short("<2@x>", "a@x.example")]), 2);
    assert_eq!(counts(&[short("<1@x>", "a@x.example"), short("<1@x>", "b@x.example")]), 2, "anybody can copy an ID");
    assert_eq!(counts(&[short("", "a@x.example"), short("", "a@x.example")]), 2, "no ID is no name");
}

#[test]
fn a_group_that_was_idle_for_three_days_is_closed() {
    let of = |days: &[u32]| groups(&days.iter().map(|day| report("ann", *day, Some(copy()))).collect::<Vec<_>>()).len();
    assert_eq!(of(&[0, 2, 4, 6]), 1, "each report keeps it open");
    assert_eq!(of(&[0, 3]), 2);
}

#[test]
fn every_end_is_a_verdict() {
    let one = example::fold(&example::events(Action::SoftDelete));
    let ended = |status, succeeded| {
        let counts = Counts { submitted: 2, remediable: 2, succeeded, ..Counts::default() };
        ReportVerdict::of(&Remediation { status, counts, ..one.clone() })
    };
    for status in Status::ALL {
        assert_eq!(ended(status, 0).is_some(), status.is_final(), "{status}");
    }
    for (status, succeeded, expected) in [
        (Status::Completed, 2, ReportVerdict::Malicious),
        (Status::Completed, 0, ReportVerdict::Undecided),
        (Status::PartiallyCompleted, 0, ReportVerdict::Undecided),
        (Status::Cancelled, 1, ReportVerdict::Malicious),
        (Status::Rejected, 0, ReportVerdict::NoThreat),
    ] {
        assert_eq!(ended(status, succeeded), Some(expected), "{status} with {succeeded}");
    }
}

#[test]
fn an_answer_has_no_link_of_the_attacker() {
    let subject = "a\r\nBcc: x@y.example\u{202e} https://evil.example/x {date}. End";
    let said = ReportVerdict::fill("{date}: {subject}", subject, Timestamp(0));
    assert_eq!(said, "1970-01-01: a\\u{d}\\u{a}Bcc: x[@]y[.]example\\u{202e} https[:]//evil[.]example/x {date}. End");
    for verdict in ReportVerdict::ALL {
        assert!(verdict.text().contains("{subject}") && verdict.text().contains("{date}"), "{verdict}");
    }
}

#[test]
fn a_reporter_is_one_address() {
    assert_eq!(check_reporter(" Ann.B+x@Corp.example "), Ok("ann.b+x@corp.example".into()));
    for wrong in [
        "",
        "ann",
        "ann@",
        "@corp.example",
        "a@b@c",
        "Ann <ann@corp.example>",
        "ann@corp.example, ben@corp.example",
        "ann@corp.example\r\nBcc: x@y",
        "ann..b@corp.example",
        "änn@corp.example",
        "\"a b\"@corp.example",
    ] {
        assert!(check_reporter(wrong).is_err(), "{wrong}");
    }
    assert!(check_reporter(&format!("{}@corp.example", "a".repeat(400))).is_err());
}
