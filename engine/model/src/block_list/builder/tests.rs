//! What is on a block list, and what is not.

use super::*;
use crate::example::{events, fold, matched};

fn remediation(at: i64) -> Remediation {
    let mut one = fold(&events(Action::SoftDelete));
    one.updated_at = Timestamp(at);
    one
}

fn values(list: &BlockList) -> Vec<&str> {
    list.entries.iter().map(|entry| entry.indicator.value.as_str()).collect()
}

/// Indicators that a remediation names.
fn named(values: &[&str]) -> BTreeSet<Indicator> {
    values.iter().map(|value| Indicator::read(None, value, true).unwrap()).collect()
}

const DAY: i64 = 24 * 3_600 * 1_000_000;

#[test]
fn an_entry_is_listed_until_it_expires_and_names_the_last_cause() {
    let rules = BlockListRules::default();
    let mut list = BlockListBuilder::new(IndicatorKind::Domain, &rules, Timestamp(40 * DAY));
    let reason = "matched from-domain evil.example, url http://evil.example/";
    let named = named(&["evil.example", "old.example", "gmail.com"]);
    let causes = Causes { named: &named, roots: &[] };
    list.removed(&remediation(20 * DAY), &causes, &matched(0, "ann@corp.example", Timestamp(0), reason));
    list.removed(&remediation(39 * DAY), &causes, &matched(1, "ben@corp.example", Timestamp(0), reason));
    list.removed(
        &remediation(9 * DAY),
        &causes,
        &matched(2, "ben@corp.example", Timestamp(0), "matched from-domain old.example"),
    );
    list.removed(
        &remediation(39 * DAY),
        &causes,
        &matched(3, "ben@corp.example", Timestamp(0), "matched url-host gmail.com"),
    );
    let list = list.finish();
    assert_eq!(values(&list), ["evil.example"]);
    let BlockEntry { messages, expires_at, .. } = &list.entries[0];
    assert_eq!((*messages, *expires_at), (2, Timestamp(69 * DAY)));
    assert_eq!(list.left_off, [LeftOffList { value: "gmail.com".into(), reason: "strangers share gmail.com".into() }]);
}

#[test]
fn nothing_of_a_message_that_was_put_back_is_listed() {
    let rules = BlockListRules::default();
    let mut list = BlockListBuilder::new(IndicatorKind::Domain, &rules, Timestamp(DAY));
    let target = |seq, domain: &str| matched(seq, "ann", Timestamp(0), &format!("matched from-domain {domain}"));
    list.put_back(&target(1, "harmless.example"));
    let named = named(&["harmless.example", "evil.example", "undone.example"]);
    let causes = Causes { named: &named, roots: &[] };
    for (seq, domain) in [
        (0, "harmless.example"),
        (1, "harmless.example"),
        (2, "evil.example"),
        (3, "said.example"),
        (4, "undone.example"),
    ] {
        list.removed(&remediation(DAY), &causes, &target(seq, domain));
    }
    // A late copy of the removal that was undone.
    list.undone(&causes, &target(5, "undone.example"));
    let list = list.finish();
    assert_eq!(values(&list), ["evil.example"], "no value that only the reason of a message has");
    assert_eq!(list.left_off.len(), 2);
    assert!(list.left_off[0].reason.contains("put back"));
}

#[test]
fn the_domain_of_the_sites_own_mailboxes_is_never_listed() {
    let rules = BlockListRules::default();
    let mut list = BlockListBuilder::new(IndicatorKind::Sender, &rules, Timestamp(DAY));
    let reason = "matched from ceo@corp.example, from eve@evil.example";
    let named = named(&["ceo@corp.example", "eve@evil.example"]);
    let causes = Causes { named: &named, roots: &[] };
    list.removed(&remediation(DAY), &causes, &matched(0, "ann@mail.corp.example", Timestamp(0), reason));
    let list = list.finish();
    assert_eq!(values(&list), ["eve@evil.example"]);
    assert!(list.left_off[0].reason.contains("this site's mailboxes"));
}

#[test]
fn a_root_proves_an_authenticated_sender_of_free_mail_and_its_only_file() {
    use crate::likeness::{Calls, Entities, Identity};
    use crate::sketch::Sketch;
    let root_of = |address: &str, is_authenticated, files: &[&str]| {
        let identity = Identity { address: address.into(), is_authenticated, ..Identity::default() };
        let calls = Calls { web: BTreeSet::from(["bank.example".to_owned()]), ..Calls::default() };
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        Root::new(Sketch::new((0..60).collect(), 60), identity, calls, "<7@evil.example>", "Hello")
            .with_entities(Entities { files, ..Entities::default() })
    };
    let root = |is_authenticated, files: &[&str]| root_of("eve@gmail.com", is_authenticated, files);
    let rules = BlockListRules::default();
    let listed = |kind, root: Root, reason: &str| {
        let mut list = BlockListBuilder::new(kind, &rules, Timestamp(DAY));
        let from_address = root.identity().address.clone();
        let target = Target { from_address, ..matched(7, "ann", Timestamp(0), reason) };
        list.removed(&remediation(DAY), &Causes { named: &BTreeSet::new(), roots: &[root] }, &target);
        list.finish().entries.len()
    };
    let (one, other) = ("ab".repeat(32), "cd".repeat(32));
    assert_eq!(listed(IndicatorKind::Sender, root(true, &[]), "cluster body"), 1);
    assert_eq!(listed(IndicatorKind::Sender, root(false, &[]), "cluster body"), 0, "anybody can write a From");
    let of_a_partner = root_of("ann@partner.example", true, &[]);
    assert_eq!(listed(IndicatorKind::Sender, of_a_partner, "cluster body"), 0, "an account can be stolen");
    assert_eq!(listed(IndicatorKind::Domain, root(true, &[]), "cluster url"), 0, "it links to whom it imitates");
    assert_eq!(listed(IndicatorKind::Sha256, root(false, &[&one]), "cluster file; kept"), 1);
    assert_eq!(listed(IndicatorKind::Sha256, root(false, &[&one]), "cluster url, file"), 0, "perhaps the link is bad");
    assert_eq!(listed(IndicatorKind::Sha256, root(false, &[&one]), "cluster body"), 0);
    assert_eq!(listed(IndicatorKind::Sha256, root(false, &[&one, &other]), "cluster file"), 0, "which of both?");
}

#[test]
fn only_what_removed_messages_after_a_vote_or_a_verdict_counts() {
    let approved = remediation(DAY);
    assert!(is_removal(&approved), "{approved:?}");
    assert!(!is_undone(&[]) && !is_undone(&[Status::Rejected, Status::Cancelled]));
    assert!(is_undone(&[Status::Rejected, Status::PendingApproval]), "an undo is under way");
    assert!(is_undone(&[Status::Completed]));
    let with = |change: &dyn Fn(&mut Remediation)| {
        let mut one = approved.clone();
        change(&mut one);
        is_removal(&one)
    };
    assert!(!with(&|one| one.status = Status::Rejected));
    assert!(!with(&|one| one.request.action = Action::MoveToJunk));
    assert!(!with(&|one| one.request.action = Action::Restore));
    assert!(!with(&|one| one.approval = None), "nobody decided");
    assert!(with(&|one| {
        one.approval = None;
        one.plan.as_mut().unwrap().facts.verdict = Some(Verdict::Malicious);
    }));
}
