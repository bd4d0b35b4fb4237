//! Tables of batches that grow and shrink, and of every rule that stops a plan or a run.

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::halt::Halt;
use crate::id::RemediationId;
use crate::limits::LimitExceeded;

#[test]
fn a_failed_ratio_stops_only_above_its_limit() {
    let rules = StopWhen { failed_ratio: Some(0.05), ..StopWhen::default() };
    let report = |failed, acted| {
        let counts = Counts {
            submitted: 100,
            remediable: 100,
            failed,
            succeeded: acted - failed,
            open: 100 - acted,
            ..Counts::default()
        };
        BatchReport { counts, throttled: 0 }
    };
    assert_eq!(rules.check_progress(&report(1, 20)), None);
    assert_eq!(
        rules.check_progress(&report(2, 20)).unwrap().to_string(),
        "failed-ratio: 2 of 20 failed, more than 5.0 %"
    );
}

fn report(succeeded: u64, failed: u64, throttled: u64) -> BatchReport {
    BatchReport { counts: Counts { succeeded, failed, ..Counts::default() }, throttled }
}

#[test]
fn batches_grow_while_all_goes_well() {
    let grows = Guards { batch: 50_000, grows_from: Some(5_000), ..Guards::default() };
    let fixed = Guards { batch: 1_000, ..Guards::default() };
    assert_eq!((grows.first_batch(), fixed.first_batch()), (5_000, 1_000));
    for (guards, size, met, next, why) in [
        (&grows, 5_000, report(5_000, 0, 0), 10_000, "all well"),
        (&grows, 40_000, report(40_000, 0, 0), 50_000, "not above the largest"),
        (&grows, 10_000, report(10_000, 0, 1_000), 20_000, "a tenth throttled is little"),
        (&grows, 10_000, report(10_000, 0, 1_001), 5_000, "more is not"),
        (&grows, 10_000, report(9_999, 1, 0), 10_000, "one failed"),
        (&grows, 10_000, report(9_900, 100, 0), 10_000, "a hundredth failed"),
        (&grows, 10_000, report(9_899, 101, 0), 5_000, "too many failed"),
        (&grows, 8_000, report(0, 8_000, 8_000), 5_000, "not below the first"),
        (&fixed, 1_000, report(1_000, 0, 0), 1_000, "as written"),
        (&fixed, 800, report(1_000, 0, 100), 1_000, "a tenth throttled"),
        (&fixed, 1_000, report(1_000, 0, 101), 500, "throttled"),
        (&fixed, 502, report(250, 250, 0), 627, "failures are the stop rules' business"),
        (&fixed, 60, report(60, 0, 60), 50, "not below the smallest"),
        (&fixed, 20, report(20, 0, 20), 20, "nor up to it"),
    ] {
        assert_eq!(guards.size_after(size, &met), next, "{why}");
    }
}

proptest! {
    #[test]
    fn a_batch_stays_between_the_first_and_the_largest(
        batch in 0..100_000_u32, first in 0..100_000_u32, reports in prop::collection::vec((0..2_000_u64, 0..50_u64, 0..500_u64), 0..30),
    ) {
        let guards = Guards { batch, grows_from: Some(first), ..Guards::default() };
        let mut size = guards.first_batch();
        for (succeeded, failed, throttled) in reports {
            size = guards.size_after(size, &report(succeeded, failed, throttled));
            prop_assert!((guards.first_batch()..=batch.max(1)).contains(&size));
        }
    }
}

#[test]
fn guards_of_old_events_have_one_size() {
    let old: Guards = serde_json::from_str(r#"{"batch":700,"canary":20,"stop-when":{}}"#).unwrap();
    assert_eq!((old.first_batch(), old.grows_from), (700, None));
    assert!(!serde_json::to_string(&old).unwrap().contains("grows-from"), "its digest would be another");
}

#[test]
fn what_was_not_looked_at_is_never_complete() {
    let mut facts = PlanFacts { searched: Some(3), ..PlanFacts::default() };
    assert!(facts.is_complete() && facts.not_looked_at().is_empty());
    let rules = StopWhen::default();
    for kind in [
        PlanGapKind::Store,
        PlanGapKind::Part,
        PlanGapKind::ScriptFault,
        PlanGapKind::CutText,
        PlanGapKind::Pick,
        PlanGapKind::Exclusion,
    ] {
        let mut with = facts.clone();
        with.unseen(kind, 2, "x".into(), "y".into());
        assert!(!with.is_complete(), "{kind:?}");
        assert_eq!(rules.asks_for_a_person(&with), kind == PlanGapKind::Exclusion);
        assert!(with.not_looked_at()[0].ends_with(", such as x: y"), "{:?}", with.not_looked_at());
    }
    facts.unsearched("ann@corp.example", "no right".into());
    assert!(!facts.is_complete() && rules.asks_for_a_person(&facts));
    assert!(!StopWhen { unsearched: Some(1), ..rules }.asks_for_a_person(&facts));
    assert_eq!(facts.not_looked_at(), ["1 mailbox could not be searched, such as ann@corp.example: no right"]);
    facts.searched = None;
    assert!(facts.is_complete(), "a plan of before 0.2 ends as it ended then");
}

#[test]
fn a_plan_is_stopped_by_vips_and_share() {
    let rules = StopWhen { vips: Some(0), mailbox_share: Some(0.5), ..StopWhen::default() };
    let counts = Counts::planned(100, 0);
    let facts =
        |vips, most| PlanFacts { vips, mailboxes: 2, largest: Some(("a@x".into(), most)), ..PlanFacts::default() };
    assert_eq!(rules.check_plan(&counts, &facts(0, 50)), None);
    assert!(matches!(rules.check_plan(&counts, &facts(1, 50)), Some(StopReason::Vips { .. })));
    assert!(matches!(rules.check_plan(&counts, &facts(0, 51)), Some(StopReason::MailboxShare { .. })));
}

/// One reason of each kind.
fn reasons() -> Vec<StopReason> {
    let halt = Halt { by: "ann".into(), reason: "wrong campaign".into(), since: Timestamp(0) };
    let other = RemediationId::from_random(0);
    let exceeded = LimitExceeded { key: "query".into(), limit: 1, count: 2, stopped: false };
    vec![
        StopReason::FailedRatio { limit: 0.05, failed: 2, acted: 20 },
        StopReason::ThrottledRatio { limit: 0.5, throttled: 11, acted: 20 },
        StopReason::Targets { limit: 1, planned: 2 },
        StopReason::Mailboxes { limit: 1, planned: 2 },
        StopReason::Vips { limit: 0, planned: 2 },
        StopReason::VipsNow { limit: 0, planned: 2 },
        StopReason::MailboxShare { limit: 0.5, mailbox: "a@x".into(), messages: 51, planned: 100 },
        StopReason::RecipientsRatio {
            share: 0.4,
            limit: 1_000,
            recipients: 3,
            planned: 9_000,
            mailbox: "a@x".into(),
            messages: 1_001,
        },
        StopReason::RunningLongerThan { limit: Duration::from_millis(1_500) },
        StopReason::InProgress { limit: 50, running: 50 },
        StopReason::ExclusiveAbove { limit: 10, remediation: other.clone(), messages: 11 },
        StopReason::SameSelection { other, approved_at: Timestamp(0), minutes: 60 },
        StopReason::Halted { halt },
        StopReason::Limit { exceeded },
        StopReason::Person { by: "ann".into() },
        StopReason::StoreUnavailable { store: "corp".into(), detail: "no answer".into() },
        StopReason::PlanFailed { detail: "no answer".into() },
    ]
}

#[test]
fn each_reason_names_its_rule_and_what_it_met() {
    for reason in reasons() {
        assert_eq!(serde_json::to_value(&reason).unwrap()["rule"], reason.rule());
        let passes = matches!(reason.rule(), "in-progress" | "exclusive-above" | "halted");
        assert_eq!(reason.passes(), passes, "{reason}");
    }
    let said: Vec<_> = reasons().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn each_rule_of_a_plan_stops_only_above_its_limit() {
    let none = StopWhen::default();
    for (rules, rule) in [
        (StopWhen { targets: Some(100), ..none.clone() }, "targets"),
        (StopWhen { mailboxes: Some(7), ..none.clone() }, "mailboxes"),
        (StopWhen { vips: Some(3), ..none.clone() }, "vips"),
        (StopWhen { mailbox_share: Some(0.5), ..none.clone() }, "mailbox-share"),
    ] {
        let check = |planned: u64, mailboxes, vips, most| {
            let facts = PlanFacts { vips, mailboxes, largest: Some(("a@x".into(), most)), ..PlanFacts::default() };
            let stopped = rules.check_plan(&Counts::planned(planned - 10, 10), &facts);
            assert_eq!(none.check_plan(&Counts::planned(planned - 10, 10), &facts), None, "no rule, no stop");
            stopped.map(|reason| reason.rule())
        };
        assert_eq!(check(100, 7, 3, 50), None, "{rule}");
        assert_eq!(check(20, 1, 0, 1), None, "{rule}");
        assert_eq!(check(102, 8, 4, 52), Some(rule), "{rule}");
    }
}

#[test]
fn the_share_of_a_mailbox_is_asked_of_plans_of_a_hundred_and_more() {
    let rules = StopWhen { mailbox_share: Some(0.5), ..StopWhen::default() };
    let check = |planned| {
        let facts = PlanFacts { largest: Some(("a@x".into(), planned)), ..PlanFacts::default() };
        rules.check_plan(&Counts::planned(planned, 0), &facts)
    };
    assert_eq!(check(99), None);
    let (mailbox, messages) = ("a@x".to_owned(), 100);
    assert_eq!(check(100), Some(StopReason::MailboxShare { limit: 0.5, mailbox, messages, planned: 100 }));
}

#[test]
fn a_throttled_ratio_stops_only_above_its_limit() {
    let rules = StopWhen { throttled_ratio: Some(0.5), ..StopWhen::default() };
    assert_eq!(rules.check_progress(&report(20, 0, 10)), None);
    assert_eq!(rules.check_progress(&report(0, 0, 0)), None, "nothing is no share of nothing");
    let stopped = rules.check_progress(&report(15, 5, 11));
    assert_eq!(stopped, Some(StopReason::ThrottledRatio { limit: 0.5, throttled: 11, acted: 20 }));
    assert_eq!(StopWhen::default().check_progress(&report(0, 20, 20)), None);
}

#[test]
fn what_searches_could_not_look_at_is_added_up() {
    let mut facts = PlanFacts { searched: Some(1), ..PlanFacts::default() };
    let mut other = PlanFacts { searched: Some(2), searched_in_part: 2, ..PlanFacts::default() };
    for mailbox in ["ann", "ben", "eve"] {
        other.unsearched(mailbox, "no right".into());
    }
    other.unseen(PlanGapKind::Part, 5, "x".into(), "y".into());
    other.unseen(PlanGapKind::Pick, 1, "x".into(), "y".into());
    other.left_out("keep.rhai", Some("newsletter".into()));
    facts.absorb(other.clone());
    facts.absorb(other);
    assert_eq!((facts.searched, facts.unsearched, facts.searched_in_part), (Some(3 + 2), 6, 4));
    assert_eq!((facts.count_unseen(PlanGapKind::Part), facts.count_unseen(PlanGapKind::Store)), (10, 0));
    assert_eq!(
        facts.left_out.iter().map(LeftOut::in_words).collect::<Vec<_>>(),
        ["2 messages by keep.rhai: newsletter"]
    );
    // Mailboxes that were searched in part are described by what could not be read in them.
    assert_eq!(facts.not_looked_at()[0], "2 mailboxes could not be searched, such as ann: no right");
    assert_eq!(facts.not_looked_at().len(), 3);
    let limit = |unsearched| StopWhen { unsearched: Some(unsearched), ..StopWhen::default() };
    assert!(limit(1).asks_for_a_person(&facts) && !limit(2).asks_for_a_person(&facts));
}

#[test]
fn facts_of_plans_of_before_are_written_as_they_were() {
    let old = r#"{"vips":0,"mailboxes":1,"largest":null,"unsearched":0,"unsearched-sample":[]}"#;
    let read: PlanFacts = serde_json::from_str(old).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), old);
    let part = PlanFacts { searched_in_part: 1, ..read };
    assert!(serde_json::to_string(&part).unwrap().contains(r#""searched-in-part":1"#));
}
