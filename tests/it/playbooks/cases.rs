//! `tests/data/playbooks/CASE/`: a playbook (`playbook.yaml`, or `playbook` with the name of a shipped one), `inputs.toml`,
//! `messages.toml`, and the plan that must come of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clawback_model::{Counts, Inputs, Message, PlanFacts, Timestamp};
use clawback_playbooks::{Bound, Env, Judgement, Playbook};
use clawback_scripting::Lists;
use serde::Deserialize;

use super::message::Mail;
use super::{entries, expect, name, read, root, scripts};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Messages {
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    message: Vec<Mail>,
}

#[test]
fn every_case_gives_its_plan() {
    let mut wrong = Vec::new();
    for folder in entries("tests/data/playbooks") {
        let source = match std::fs::read_to_string(folder.join("playbook.yaml")) {
            Ok(own) => own,
            Err(_) => read(&root(&format!("workflows/{}.yaml", read(&folder.join("playbook")).trim()))),
        };
        let messages: Messages = toml::from_str(&read(&folder.join("messages.toml"))).unwrap();
        let mut known = scripts();
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|end| end == "rhai") {
                known.insert(name(&file), read(&file));
            }
        }
        let env = Env { scripts: known, lists: Lists::new(messages.lists).unwrap(), ..Env::default() };
        let inputs: Inputs = toml::from_str(&read(&folder.join("inputs.toml"))).unwrap();
        let now = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        let playbook = Playbook::load("playbook.yaml", &source, &env)
            .unwrap_or_else(|error| panic!("{}\n{}", folder.display(), error.render(false)));
        let plan = match playbook.bind(&inputs, now) {
            Ok(bound) => {
                let messages: Vec<_> = messages.message.into_iter().map(Message::from).collect();
                plan(&bound, &messages)
            }
            Err(error) => format!("{}\n", error.wrong.join("\n")),
        };
        wrong.extend(expect(&folder.join("expected"), &plan).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn plan(bound: &Bound, messages: &[Message]) -> String {
    let mut text = String::new();
    let judgements = bound.filter(messages);
    for (message, judgement) in messages.iter().zip(&judgements) {
        let id = &message.reference.message_id;
        let line = match judgement {
            Judgement::Keep { reason, tag } => format!("keep  {id} {reason:?} {tag:?}"),
            Judgement::Unmatched { by } => format!("drop  {id} by {by} None"),
            Judgement::Drop { by, reason } => format!("drop  {id} by {by} {reason:?}"),
            Judgement::Fault { script, fault } => format!("fault {id} {script}: {fault}"),
        };
        writeln!(text, "{line}").unwrap();
    }
    let kept = judgements.iter().filter(|one| matches!(one, Judgement::Keep { .. })).count() as u64;
    let (facts, counts) = (PlanFacts { mailboxes: kept, ..PlanFacts::default() }, Counts::planned(kept, 0));
    let query = bound.query();
    writeln!(text, "action {}, sender's copy {}", bound.action(), bound.delete_senders_copy()).unwrap();
    writeln!(text, "stores {:?}", bound.stores()).unwrap();
    writeln!(text, "query {query:#?}").unwrap();
    writeln!(text, "guards {:?}", bound.guards()).unwrap();
    writeln!(text, "approval {} {:?}", bound.approval_needed(&facts, &counts), bound.approval_rule()).unwrap();
    writeln!(text, "remediates {}, verifies {}", bound.remediates(&facts, &counts), bound.verifies(&facts, &counts))
        .unwrap();
    for occasion in ["pending", "finished"] {
        writeln!(text, "notify on {occasion} {:?}", bound.notifiers(occasion, &facts, &counts)).unwrap();
    }
    text
}
