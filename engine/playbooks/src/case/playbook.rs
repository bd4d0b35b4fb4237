//! A case of a playbook: inputs, messages, and the expected plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clawback_model::{Counts, Inputs, Message, PlanFacts, Query, Timestamp, visible};
use clawback_scripting::{Lists, show_duration};
use serde::Deserialize;

use super::error::{CaseError, compare};
use super::mail::Mail;
use super::script::{lists, time};
use crate::bind::Bound;
use crate::env::Env;
use crate::judge::Judgement;
use crate::load::Playbook;

/// The inputs, the messages, and the expected plan.
#[derive(Debug)]
pub struct PlaybookCase {
    expected: String,
    lists: Lists,
    inputs: Inputs,
    messages: Vec<Message>,
    now: Timestamp,
    automatic: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    expected: String,
    now: Option<String>,
    #[serde(default)]
    inputs: Inputs,
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    /// Whether the site lets the plan run without a vote: `plan.automatic`.
    #[serde(default)]
    automatic: bool,
    #[serde(default)]
    message: Vec<Mail>,
}

impl PlaybookCase {
    /// Parses the file of a case.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let written: Written = toml::from_str(text).map_err(|error| CaseError::Broken(error.to_string()))?;
        let messages: Result<_, _> = written.message.into_iter().map(Mail::message).collect();
        Ok(Self {
            expected: written.expected,
            lists: lists(written.lists)?,
            inputs: written.inputs,
            messages: messages.map_err(CaseError::Broken)?,
            now: time(written.now.as_deref())?,
            automatic: written.automatic,
        })
    }

    /// Runs the playbook of this path and text on the messages. Of `env` the scripts are used; the lists are the case's
    /// own.
    pub fn run(&self, path: &str, source: &str, env: &Env) -> Result<(), CaseError> {
        compare(&self.expected, self.found(path, source, env)?)
    }

    /// Returns the plan in words: the judgement on each message, and the action on those that are kept.
    pub(super) fn found(&self, path: &str, source: &str, env: &Env) -> Result<String, CaseError> {
        let playbook = self.playbook(path, source, env)?;
        Ok(match playbook.bind(&self.inputs, self.now) {
            Ok(bound) => self.plan(&bound),
            Err(error) => {
                let refusals: Vec<_> = error.wrong.iter().map(|wrong| format!("refused: {}", visible(wrong))).collect();
                refusals.join("\n")
            }
        })
    }

    /// Returns the judgement on each message; empty if the inputs are refused.
    pub(super) fn judgements(&self, path: &str, source: &str, env: &Env) -> Result<Vec<Judgement>, CaseError> {
        let bound = self.playbook(path, source, env)?.bind(&self.inputs, self.now);
        Ok(bound.map(|bound| bound.filter(&self.messages)).unwrap_or_default())
    }

    fn plan(&self, bound: &Bound) -> String {
        let judgements = bound.filter(&self.messages);
        let (mut facts, counts) = facts(bound, &self.messages, &judgements, &self.lists);
        facts.verdict = bound.verdict(&facts, &counts);
        facts.automatic = self.automatic;
        in_words(bound, &self.messages, &judgements, (&facts, &counts))
    }

    fn playbook(&self, path: &str, source: &str, env: &Env) -> Result<Playbook, CaseError> {
        let env = Env { lists: self.lists.clone(), ..env.clone() };
        let loaded = Playbook::load(path, source, &env);
        loaded.map_err(|wrong| CaseError::Broken(wrong.render(false).trim_end().to_owned()))
    }
}

fn in_words(
    bound: &Bound,
    messages: &[Message],
    judgements: &[Judgement],
    (facts, counts): (&PlanFacts, &Counts),
) -> String {
    let mut text = String::new();
    for (message, judgement) in messages.iter().zip(judgements) {
        let line = format!("{} {}{}", message.mailbox, message.reference.message_id, fate(judgement));
        let _ = writeln!(text, "{:5} {}", word(judgement), visible(&line));
    }
    let copy = if bound.delete_senders_copy() { ", and the sender's copy" } else { "" };
    let _ = writeln!(text, "action {}{copy}", bound.action());
    let _ = writeln!(text, "stores {}", bound.stores().map_or("all".to_owned(), |names| names.join(", ")));
    for line in searched(&bound.query()) {
        let _ = writeln!(text, "search {line}");
    }
    let _ = writeln!(text, "guards {}", guards(bound));
    if let Some(verdict) = facts.verdict {
        let _ = writeln!(text, "verdict {verdict}");
    }
    let _ = writeln!(text, "approval {}", approval(bound, facts, counts));
    let yes = |yes| if yes { "yes" } else { "no" };
    let _ = writeln!(text, "remediate {}", yes(bound.remediates(facts, counts)));
    let _ = writeln!(text, "verify {}", yes(bound.verifies(facts, counts)));
    if bound.sweep().is_some() {
        let _ = writeln!(text, "sweep {}", yes(bound.sweeps(facts, counts)));
    }
    for occasion in ["pending", "started", "paused", "finished", "failed"] {
        let names = bound.notifiers(occasion, facts, counts);
        if !names.is_empty() {
            let _ = writeln!(text, "notify {} when {occasion}", names.join(", "));
        }
    }
    text
}

pub(super) fn word(judgement: &Judgement) -> &'static str {
    match judgement {
        Judgement::Keep { .. } => "keep",
        Judgement::Unmatched { .. } | Judgement::Drop { .. } => "drop",
        Judgement::Undecided { .. } => "open",
        Judgement::Fault { .. } => "fault",
    }
}

fn fate(judgement: &Judgement) -> String {
    let because = |reason: &Option<String>| reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    match judgement {
        Judgement::Keep { reason, tag, .. } => {
            format!("{}{}", because(reason), tag.as_ref().map_or(String::new(), |tag| format!(" [{tag}]")))
        }
        Judgement::Unmatched { by } | Judgement::Undecided { by } => format!(" by {by}"),
        Judgement::Drop { by, reason } => format!(" by {by}{}", because(reason)),
        Judgement::Fault { script, fault } => format!(" by {script}: {fault}"),
    }
}

/// Returns the facts of a plan of these messages, with every mailbox searched.
fn facts(bound: &Bound, messages: &[Message], judgements: &[Judgement], lists: &Lists) -> (PlanFacts, Counts) {
    let mut facts = PlanFacts::default();
    if let Some(clusters) = bound.clusters() {
        facts.begin_clusters(clusters);
    }
    let (mut mailboxes, mut vips, mut remediable, mut not_remediable) = (BTreeSet::new(), 0, 0, 0);
    for (message, judgement) in messages.iter().zip(judgements) {
        if let Judgement::Keep { clusters, .. } = judgement {
            facts.found(message, clusters);
        }
        match judgement {
            Judgement::Keep { .. } if message.location.kind.is_remediable() => remediable += 1,
            Judgement::Keep { .. } | Judgement::Fault { .. } => not_remediable += 1,
            Judgement::Unmatched { .. } | Judgement::Undecided { .. } | Judgement::Drop { .. } => continue,
        }
        mailboxes.insert(&message.mailbox);
        vips += u64::from(lists.get("vips").is_some_and(|vips| vips.contains(&message.mailbox)));
    }
    (facts.vips, facts.mailboxes) = (vips, mailboxes.len() as u64);
    (facts, Counts::planned(remediable, not_remediable))
}

fn approval(bound: &Bound, facts: &PlanFacts, counts: &Counts) -> String {
    // A person decides on a verdict that is not malicious and on a large cluster, whatever the playbook says.
    let rule = match bound.approval_rule() {
        Some(rule) if bound.approval_needed(facts, counts) => rule.clone(),
        rule if bound.asks_for_a_person(facts) => rule.cloned().unwrap_or_default(),
        Some(_) => return "not needed".to_owned(),
        None => return "not asked for".to_owned(),
    };
    let roles = rule.from.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ");
    let others = if rule.two_step { ", not the requester" } else { "" };
    format!("{} from {roles}{others}, within {}", rule.votes, show_duration(rule.expires))
}

/// Returns the batches and the stop rules that are set.
fn guards(bound: &Bound) -> String {
    let mut guards = serde_json::to_value(bound.guards()).expect("numbers serialize");
    if let Some(rules) = guards.get_mut("stop-when").and_then(serde_json::Value::as_object_mut) {
        rules.retain(|_, limit| !limit.is_null());
    }
    json(&guards)
}

/// Returns the query for stores, one line per condition.
fn searched(query: &Query) -> Vec<String> {
    let times = [("received-after", query.received_after), ("received-before", query.received_before)];
    let times = times.into_iter().filter_map(|(name, time)| Some(format!("{name} {}", time?)));
    let timeless = Query { received_after: None, received_before: None, ..query.clone() };
    let serde_json::Value::Object(rest) = serde_json::to_value(timeless).expect("texts and words serialize") else {
        unreachable!("a struct is an object")
    };
    let is_asked = |value: &serde_json::Value| match value {
        serde_json::Value::Array(any) => !any.is_empty(),
        serde_json::Value::Bool(yes) => *yes,
        _ => false,
    };
    let rest = rest.iter().filter(|(_, value)| is_asked(value)).map(|(name, value)| format!("{name} {}", json(value)));
    rest.chain(times).collect()
}

fn json(value: &impl serde::Serialize) -> String {
    clawback_model::ascii_where_deceptive(&serde_json::to_string(value).expect("texts and numbers serialize"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAYBOOK: &str = "playbook: p\non: { manual: {} }\ninputs:\n  sender: { type: address }\nsteps:\n  - search: { where: { from: \"${inputs.sender}\" } }\n  - approve: { when: plan.count > 1 || plan.vips > 0 }\n  - remediate: { action: soft-delete }\n";

    fn found(case: &str) -> String {
        match PlaybookCase::parse(case).and_then(|case| case.found("p.yaml", PLAYBOOK, &Env::default())) {
            Ok(found) => found,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_plan_tells_of_each_message_and_of_what_is_done() {
        let case = "[inputs]\nsender = \"eve@evil.example\"\n[[message]]\nfrom = \"eve@evil.example\"\n[[message]]\nmessage-id = \"<2@x>\"\n";
        let plan = found(case);
        let lines: Vec<_> = plan.lines().collect();
        assert_eq!(
            lines[..5],
            [
                "keep  ann@corp.example <1@evil.example>",
                "drop  ann@corp.example <2@x> by where",
                "action soft-delete",
                "stores all",
                "search from-address [\"eve@evil.example\"]"
            ]
        );
        assert!(plan.contains("approval not needed\nremediate yes\nverify no\n"), "{plan}");
        let vip = found(&format!("{case}[lists]\nvips = [\"ann@corp.example\"]\n"));
        assert!(vip.contains("approval 1 from approver, not the requester, within 7d\n"), "{vip}");
        assert_eq!(
            found("").lines().next().unwrap(),
            "refused: no condition is left, and so the search would select every message; give at least one of the inputs that it uses"
        );
    }

    #[test]
    fn a_script_gives_the_verdict_of_a_plan() {
        let playbook = PLAYBOOK.replace("  - approve", "  - verdict: { script: judge.rhai }\n  - approve");
        let playbook = playbook.replace("when: plan.count", "when: \"!plan.automatic && plan.count");
        let playbook = playbook.replace("vips > 0 }", "vips > 0\" }");
        let script = "fn verdict(plan) { if plan.answered > 0 { \"suspicious\" } else if plan.count > 0 { \"malicious\" } else { \"no-threats-found\" } }";
        let found = |case: &str, script: &str| {
            let scripts = BTreeMap::from([("judge.rhai".to_owned(), script.to_owned())]);
            let case = format!("{case}\n[inputs]\nsender = \"billing@evil.example\"\n[[message]]\n");
            PlaybookCase::parse(&case).unwrap().found("p.yaml", &playbook, &Env { scripts, ..Env::default() })
        };
        let two = |rest: &str| found(rest, script).unwrap();
        assert!(two("").contains("verdict malicious\napproval not needed\n"), "{}", two(""));
        let broken = found("", "fn verdict(plan) { throw \"x\" }").unwrap();
        assert!(broken.contains("verdict suspicious\napproval 1 from approver"), "{broken}");
        let wrong = found("", "fn verdict(plan) { plan.cuont }").unwrap_err().to_string();
        assert!(wrong.contains("cuont") && wrong.contains("judge.rhai"), "{wrong}");
        let undeclared = found("", "fn verdict(plan) { inputs.most }").unwrap_err().to_string();
        assert!(undeclared.contains("inputs.most"), "{undeclared}");
    }

    #[test]
    fn a_case_can_be_automatic() {
        let playbook = PLAYBOOK.replace("when: plan.count > 1 || plan.vips > 0", "when: \"!plan.automatic\"");
        for (automatic, said) in [(true, "approval not needed"), (false, "approval 1 from approver")] {
            let case = format!("automatic = {automatic}\n[inputs]\nsender = \"billing@evil.example\"\n[[message]]\n");
            let found = PlaybookCase::parse(&case).unwrap().found("p.yaml", &playbook, &Env::default()).unwrap();
            assert!(found.contains(said), "{found}");
        }
    }

    #[test]
    fn a_case_without_a_plan_fails_and_shows_what_came_of_it() {
        let case = PlaybookCase::parse("[inputs]\nsender = \"eve@evil.example\"\n").unwrap();
        let failed = case.run("p.yaml", PLAYBOOK, &Env::default()).unwrap_err().to_string();
        assert!(failed.starts_with("+ action soft-delete\n") && failed.lines().all(|line| line.starts_with('+')));
        let broken = case.run("p.yaml", "playbook: p\n", &Env::default()).unwrap_err();
        assert!(matches!(&broken, CaseError::Broken(why) if why.contains("p.yaml")), "{broken}");
    }
}
