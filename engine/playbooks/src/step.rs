//! Steps: read in order, each with the variables that are known at that point.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use clawback_model::{
    Action, ApprovalRule, Guards, Role, SelectionMode, StopWhen, Sweep, SweepApproval, show_duration, visible_line,
};
use clawback_scripting::{Expression, FilterScript, Type, VariableScript, VerdictScript, parse_duration};

use crate::cluster::ClusterStep;
use crate::condition::Conditions;
use crate::diagnostic::{Report, nearest};
use crate::env::Env;
use crate::input::{Input, parse_type};
use crate::template::{self, Template, Variables};
use crate::verdict::VerdictStep;
use crate::yaml::Node;

/// One step of a checked playbook.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) when: Option<Expression>,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Search { stores: Option<Vec<String>>, conditions: Conditions },
    Cluster(ClusterStep),
    Filter { conditions: Conditions, script: Option<Box<FilterScript>> },
    Script(Box<VariableScript>),
    Verdict(VerdictStep),
    Approve(ApprovalRule),
    Wait(Duration),
    Remediate { action: Template, delete_senders_copy: Option<Template>, guards: Guards },
    Verify,
    Notify { to: Vec<String>, on: Vec<String> },
    Sweep(Sweep),
}

impl What {
    /// Returns the step in one line.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Search { stores: None, .. } => "search all stores".to_owned(),
            Self::Search { stores: Some(stores), .. } => format!("search {}", stores.join(", ")),
            Self::Cluster(cluster) => cluster.in_words(),
            Self::Filter { script: None, .. } => "filter by conditions".to_owned(),
            Self::Filter { script: Some(script), .. } => format!("filter by {}", script.name()),
            Self::Script(script) => format!("set variables by {}", script.name()),
            Self::Verdict(verdict) => {
                verdict.script().map_or("verdict".to_owned(), |script| format!("verdict by {}", script.name()))
            }
            Self::Approve(rule) => {
                let roles: Vec<&str> = rule.from.iter().map(|role| role.as_str()).collect();
                format!("approve: {} from {}", rule.votes, roles.join(" or "))
            }
            Self::Wait(wait) => format!("wait {}", show_duration(*wait)),
            Self::Remediate { action, guards, .. } => {
                let action = action.literal().unwrap_or("the action that is asked for");
                format!("{action}: {} first, then batches", guards.canary)
            }
            Self::Verify => "verify".to_owned(),
            Self::Notify { to, .. } => format!("notify {}", to.join(", ")),
            Self::Sweep(sweep) => {
                format!("sweep every {} min for {} h", sweep.every.as_secs() / 60, sweep.lasts.as_secs() / 3_600)
            }
        }
    }
}

/// The longest time to decide on a request for votes.
const LONGEST_DEADLINE: Duration = Duration::from_hours(90 * 24);
/// How long `wait` may hold `remediate` back.
const WAIT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(7 * 24);
/// The shortest time between two looks of a sweep; [`RAREST_LOOK`] is the longest.
const CLOSEST_LOOK: Duration = Duration::from_mins(1);
const RAREST_LOOK: Duration = Duration::from_hours(7 * 24);
/// The longest duration of a sweep.
const LONGEST_SWEEP: Duration = Duration::from_hours(90 * 24);
/// The late copies that the first approval covers, unless the playbook sets a number.
const COVERED_COPIES: u64 = 100;

/// What expressions may read of a plan.
pub(crate) const PLAN_FACTS: [&str; 8] = [
    "plan.count",
    "plan.remediable",
    "plan.vips",
    "plan.vip_mailboxes",
    "plan.mailboxes",
    "plan.unsearched",
    "plan.answered",
    "plan.sure",
];

/// Whether the site lets the plan run without a vote, as an investigation that no person started.
pub(crate) const PLAN_IS_AUTOMATIC: &str = "plan.automatic";

/// Reads steps one after the other.
pub(crate) struct Reader<'a> {
    env: &'a Env,
    report: &'a Report,
    inputs: &'a [Input],
    variables: Variables,
    phase: Phase,
    seen: BTreeMap<&'static str, usize>,
}

/// The phase that the list of steps has reached; it never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Start,
    Select,
    Judge,
    Approve,
    Hold,
    Act,
    After,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(env: &'a Env, report: &'a Report, inputs: &'a [Input]) -> Self {
        let mut variables: Variables =
            inputs.iter().map(|input| (format!("inputs.{}", input.name), input.kind.clone())).collect();
        variables.push(("now".to_owned(), Type::Timestamp));
        Self { env, report, inputs, variables, phase: Phase::Start, seen: BTreeMap::new() }
    }

    /// Reads all steps and checks their order.
    pub(crate) fn read(mut self, node: Option<&Node>) -> Vec<Step> {
        let Some(node) = node else { return Vec::new() };
        let mut steps = Vec::new();
        for item in node.items() {
            for (name, body) in item.entries() {
                steps.extend(self.step(name, body));
            }
        }
        for needed in ["search", "remediate"] {
            if !self.seen.contains_key(needed) {
                let message = format!("the playbook has no `{needed}` step");
                self.report
                    .error("steps", node.span.clone(), message, "these steps")
                    .help("a playbook searches once and remediates once");
            }
        }
        steps
    }

    fn step(&mut self, name: &Node, body: &Node) -> Option<Step> {
        let (word, phase) = match name.text()? {
            "search" => ("search", Phase::Start),
            "cluster" => ("cluster", Phase::Select),
            "filter" => ("filter", Phase::Select),
            "script" => ("script", Phase::Select),
            "verdict" => ("verdict", Phase::Judge),
            "approve" => ("approve", Phase::Approve),
            "wait" => ("wait", Phase::Hold),
            "remediate" => ("remediate", Phase::Act),
            "verify" => ("verify", Phase::After),
            "notify" => ("notify", Phase::After),
            "sweep" => ("sweep", Phase::After),
            _ => return None,
        };
        self.check_order(word, phase, name);
        // Known from the plan on.
        if phase >= Phase::Judge && !self.variables.iter().any(|(name, _)| name == "plan.count") {
            self.variables.extend(PLAN_FACTS.map(|fact| (fact.to_owned(), Type::Integer)));
        }
        // Judged after the verdict.
        if phase >= Phase::Approve && !self.variables.iter().any(|(name, _)| name == PLAN_IS_AUTOMATIC) {
            self.variables.push((PLAN_IS_AUTOMATIC.to_owned(), Type::Boolean));
        }
        let what = match word {
            "search" => self.search(body),
            "cluster" => ClusterStep::read(body, &self.variables, self.report).map(What::Cluster),
            "filter" => self.filter(body),
            "script" => self.script(body),
            "verdict" => self.verdict(body).map(What::Verdict),
            "approve" => self.approve(body),
            "wait" => self.period(body, "for", WAIT, "between 1s and 7d").map(|(_, wait)| What::Wait(wait)),
            "remediate" => self.remediate(body),
            "verify" => Some(What::Verify),
            "sweep" => self.sweep(body),
            _ => Some(self.notify(body)),
        };
        let variables = self.before(word);
        let condition = template::condition(body, "when", &variables, self.report);
        Some(Step { when: condition, what: what? })
    }

    /// Returns the variables that a step's own `when` may use: not those that the step itself sets.
    fn before(&self, word: &str) -> Variables {
        let mut variables = self.variables.clone();
        if word == "script" {
            variables.retain(|(name, _)| name == "now" || name.starts_with("inputs.") || name.starts_with("plan."));
        }
        // It is evaluated before the site judges the plan.
        if word == "remediate" {
            variables.retain(|(name, _)| name != PLAN_IS_AUTOMATIC);
        }
        variables
    }

    fn check_order(&mut self, word: &'static str, phase: Phase, name: &Node) {
        let at = name.span.clone();
        let times = self.seen.entry(word).or_default();
        *times += 1;
        if *times > 1 && !matches!(word, "filter" | "script" | "notify") {
            self.report
                .error("steps", at, format!("a second `{word}` step"), "again")
                .help("a playbook has one; split it into two playbooks");
            return;
        }
        // A script may set variables for the search.
        let is_early_script = word == "script" && self.phase == Phase::Start;
        if word == "search" && self.phase > Phase::Start {
            self.report
                .error("steps", at, "`search` comes after steps that need its messages", "too late")
                .help("make it the first step");
        } else if word != "search" && !is_early_script && !self.seen.contains_key("search") {
            let message = format!("`{word}` comes before `search`");
            self.report.error("steps", at, message, "no messages yet").help("make `search` the first step");
        } else if phase < self.phase {
            let message = format!("`{word}` comes too late: the plan is frozen and decided on by then");
            self.report.error("steps", at, message, "too late").help(
                "the order is search, cluster, filter and script, verdict, approve, wait, remediate, verify, notify, sweep",
            );
        } else if matches!(word, "verify" | "sweep") && !self.seen.contains_key("remediate") {
            let nothing = format!("nothing to {word} yet");
            self.report
                .error("steps", at, format!("`{word}` comes before `remediate`"), nothing)
                .help("put it after `remediate`");
        }
        // A notifier may be named anywhere after the search: its occasions determine when it is used.
        if word != "notify" && !is_early_script {
            self.phase = self.phase.max(if word == "search" { Phase::Select } else { phase });
        }
    }

    fn search(&self, body: &Node) -> Option<What> {
        let stores = body.get("stores").map(|node| {
            let names = node.items().iter();
            names
                .filter_map(|name| Some((name, name.text()?)))
                .map(|(node, name)| {
                    self.check_known("store", node, name, self.env.stores.as_deref(), "[stores] of the configuration");
                    name.to_owned()
                })
                .collect()
        });
        let conditions = Conditions::read(body.get("where"), &self.variables, self.report);
        let node = body.get("where")?;
        if conditions.is_empty() && node.entries().is_empty() {
            self.report
                .error(
                    "search",
                    node.span.clone(),
                    "`where` is empty, and so the search would select every message",
                    "no condition",
                )
                .help("give at least one condition, such as received-after");
        }
        Some(What::Search { stores, conditions })
    }

    fn filter(&self, body: &Node) -> Option<What> {
        let conditions = Conditions::read(body.get("match"), &self.variables, self.report);
        let file = body.get("script");
        if body.get("match").is_none() && file.is_none() {
            self.report.error("filter", body.span.clone(), "a `filter` needs `match`, `script` or both", "here");
        }
        let Some(file) = file else { return Some(What::Filter { conditions, script: None }) };
        let (name, source) = self.source(file)?;
        match FilterScript::compile(name, source, &self.env.lists) {
            Ok(script) => {
                self.check_script_inputs(script.name(), script.inputs(), source);
                Some(What::Filter { conditions, script: Some(Box::new(script)) })
            }
            Err(error) => {
                self.report.script_error(source, &error);
                None
            }
        }
    }

    fn check_script_inputs<'s>(
        &self,
        script: &str,
        inputs: impl Iterator<Item = (&'s str, usize, usize)>,
        source: &str,
    ) {
        for (input, line, column) in inputs {
            if !self.inputs.iter().any(|known| known.name == input) {
                let known = self.inputs.iter().map(|known| known.name.as_str());
                let hint = nearest(input, known).map_or_else(
                    || format!("declare it under `inputs:`: {input}: {{ type: text }}"),
                    |near| format!("did you mean `{near}`?"),
                );
                let error = clawback_scripting::ScriptError {
                    name: script.to_owned(),
                    line,
                    column,
                    message: format!("the script reads `inputs.{input}`, which the playbook does not declare"),
                    hint: Some(hint),
                };
                self.report.script_error(source, &error);
            }
        }
    }

    fn verdict(&self, body: &Node) -> Option<VerdictStep> {
        let Some(file) = body.get("script") else {
            return VerdictStep::expressions(body, &self.variables, self.report);
        };
        if let Some(other) = ["malicious", "suspicious"].into_iter().find_map(|key| body.get(key)) {
            let message = "`verdict` takes a script or expressions, not both";
            self.report.error("verdict", other.span.clone(), message, "here").help("leave one of them out");
        }
        let (name, source) = self.source(file)?;
        match VerdictScript::compile(name, source, &self.env.lists, &self.variables) {
            Ok(script) => {
                self.check_script_inputs(script.name(), script.inputs(), source);
                Some(VerdictStep::Script(Box::new(script)))
            }
            Err(error) => {
                self.report.script_error(source, &error);
                None
            }
        }
    }

    fn script(&mut self, body: &Node) -> Option<What> {
        let mut sets = BTreeMap::new();
        for (name, kind) in body.get("sets").map(Node::entries).unwrap_or_default() {
            let (Some(word), Some(kind)) = (name.text(), kind.text().and_then(parse_type)) else { continue };
            let taken = matches!(word, "now" | "inputs" | "plan" | "message")
                || self.variables.iter().any(|(known, _)| known == word);
            let is_word = word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if taken || !is_word {
                let message = format!("`{}` cannot name a variable", visible_line(word, 60));
                self.report
                    .error("script", name.span.clone(), message, "here")
                    .help("lower-case letters, digits and _, and no name that is taken");
                continue;
            }
            sets.insert(word.to_owned(), kind);
        }
        for (name, kind) in &sets {
            self.variables.push((name.clone(), kind.clone()));
        }
        let (name, source) = self.source(body.get("file")?)?;
        match VariableScript::compile(name, source, &self.env.lists, sets) {
            Ok(script) => Some(What::Script(Box::new(script))),
            Err(error) => {
                self.report.script_error(source, &error);
                None
            }
        }
    }

    fn source<'n>(&self, file: &'n Node) -> Option<(&'n str, &'a str)> {
        let name = file.text()?;
        if let Some(source) = self.env.scripts.get(name) {
            return Some((name, source));
        }
        if let Some(why) = self.env.unreadable.get(name) {
            let message = format!("script `{}` cannot be read: {}", visible_line(name, 60), visible_line(why, 200));
            self.report
                .error("unreadable-script", file.span.clone(), message, "unreadable")
                .help("save it as UTF-8 text");
            return None;
        }
        let known = self.env.scripts.keys().map(String::as_str);
        let hint = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.env.scripts.is_empty() => "there are no scripts".to_owned(),
            None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no script `{}`", visible_line(name, 60));
        self.report.error("unknown-script", file.span.clone(), message, "unknown").help(hint);
        None
    }

    fn approve(&self, body: &Node) -> Option<What> {
        let default = ApprovalRule::default();
        let expires = match body.get("expires") {
            None => default.expires,
            Some(node) => {
                let expires = parse_duration(node.text()?)?;
                if expires.is_zero() || expires > LONGEST_DEADLINE {
                    self.report.error(
                        "out-of-range",
                        node.span.clone(),
                        "`expires` must be between 1s and 90d",
                        "out of range",
                    );
                }
                expires
            }
        };
        let from: Vec<Role> = match body.get("from") {
            None => default.from,
            Some(node) => node.items().iter().filter_map(Node::text).filter_map(|word| word.parse().ok()).collect(),
        };
        let votes = body.get("votes").and_then(Node::integer).and_then(|votes| u32::try_from(votes).ok()).unwrap_or(1);
        let two_step = body.get("two-step").and_then(Node::boolean).unwrap_or(true);
        Some(What::Approve(ApprovalRule { votes, from, expires, two_step, ..default }))
    }

    fn remediate(&self, body: &Node) -> Option<What> {
        let action = Template::read(body.get("action")?, &Type::Text, false, &self.variables, self.report)?;
        let copy = body.get("delete-senders-copy");
        let literal: Option<Action> = action.literal().and_then(|word| word.parse().ok());
        if let (Some(copy), Some(action)) = (copy, literal)
            && copy.boolean() == Some(true)
            && action != Action::SoftDelete
        {
            let message = format!("`delete-senders-copy` goes with soft-delete only, and the action is {action}");
            self.report.error("remediate", copy.span.clone(), message, "here");
        }
        let delete_senders_copy = match copy {
            Some(copy) => Some(Template::read(copy, &Type::Boolean, false, &self.variables, self.report)?),
            None => None,
        };
        let number = |key: &str, default: u32| {
            body.get(key).and_then(Node::integer).map_or(default, |number| u32::try_from(number).unwrap_or(u32::MAX))
        };
        let limits = &self.env.limits;
        // A size that is given is used. Otherwise batches begin with the default size and grow.
        let usual = Guards::default().batch.min(limits.batch);
        let batch = number("batch", limits.batch);
        let grows_from = body.get("batch").is_none().then_some(usual);
        if let (Some(node), Err(exceeded)) = (body.get("batch"), limits.check_batch(batch)) {
            self.report
                .error("limit", node.span.clone(), exceeded.to_string(), "too large")
                .help(format!("at most {}", limits.batch));
        }
        let first = grows_from.unwrap_or(batch);
        let canary = number("canary", Guards::default().canary.min(first));
        if let (Some(node), true) = (body.get("canary"), canary > first) {
            self.report.error(
                "limit",
                node.span.clone(),
                format!("the canary of {canary} is larger than a batch of {first}"),
                "too large",
            );
        }
        let rules = body.get("stop-when");
        let ratio = |key: &str| rules.and_then(|rules| rules.get(key)).and_then(Node::number);
        let count = |key: &str| rules.and_then(|rules| rules.get(key)).and_then(Node::integer);
        let stop_when = StopWhen {
            failed_ratio: ratio("failed-ratio"),
            throttled_ratio: ratio("throttled-ratio"),
            targets: count("targets"),
            mailboxes: count("mailboxes"),
            vips: count("vips"),
            mailbox_share: ratio("mailbox-share"),
            running_longer_than: rules
                .and_then(|rules| rules.get("running-longer-than"))
                .and_then(|node| parse_duration(node.text()?)),
            unsearched: count("unsearched"),
        };
        let most = limits.messages(SelectionMode::Query);
        for key in ["targets", "mailboxes", "vips"] {
            if let (Some(node), Some(limit)) = (rules.and_then(|rules| rules.get(key)), count(key))
                && limit > most
            {
                let message =
                    format!("`{key}` of {limit} can never stop anything: a query is limited to {most} messages");
                self.report
                    .error("limit", node.span.clone(), message, "never reached")
                    .help("lower it, or leave it out");
            }
        }
        let keep_evidence = body.get("keep-evidence").and_then(Node::boolean);
        if let (Some(node), Some(true), Some(action)) = (body.get("keep-evidence"), keep_evidence, literal)
            && action != Action::HardDelete
        {
            let message = format!("`keep-evidence` goes with hard-delete only, and the action is {action}");
            let hint = "whatever else is done to a message, the message itself stays in the store";
            self.report.error("remediate", node.span.clone(), message, "here").help(hint);
        }
        let guards = Guards { batch, grows_from, canary, stop_when, keep_evidence };
        Some(What::Remediate { action, delete_senders_copy, guards })
    }

    fn notify(&self, body: &Node) -> What {
        let texts = |key: &str| -> Vec<(&Node, String)> {
            let items = body.get(key).map(Node::items).unwrap_or_default();
            items.iter().filter_map(|item| Some((item, item.text()?.to_owned()))).collect()
        };
        let to = texts("to");
        for (node, name) in &to {
            self.check_known("notifier", node, name, self.env.notifiers.as_deref(), "[notifiers] of the configuration");
        }
        let mut on: Vec<_> = texts("on").into_iter().map(|(_, word)| word).collect();
        if on.is_empty() {
            on.push("finished".to_owned());
        }
        What::Notify { to: to.into_iter().map(|(_, name)| name).collect(), on }
    }

    fn sweep(&self, body: &Node) -> Option<What> {
        let every = self.period(body, "every", CLOSEST_LOOK..=RAREST_LOOK, "between 1m and 7d");
        let lasts = self.period(body, "for", CLOSEST_LOOK..=LONGEST_SWEEP, "between 1m and 90d");
        let ((_, every), (node, lasts)) = (every?, lasts?);
        if lasts < every {
            self.report
                .error("out-of-range", node.span.clone(), "`for` is shorter than `every`", "no look in that time")
                .help("the first look is one `every` after the end");
        }
        let same = body.get("approval").and_then(Node::text) == Some("same");
        if let (Some(node), false) = (body.get("at-most"), same) {
            self.report
                .error("sweep", node.span.clone(), "`at-most` goes with `approval: same` only", "here")
                .help("without it the `approve` step is asked about each follow-up");
        }
        let approval = if same { SweepApproval::Same } else { SweepApproval::New };
        let at_most = body.get("at-most").and_then(Node::integer).unwrap_or(COVERED_COPIES);
        Some(What::Sweep(Sweep { every, lasts, approval, at_most }))
    }

    /// Returns a duration with its place.
    fn period<'n>(
        &self,
        body: &'n Node,
        key: &str,
        allowed: RangeInclusive<Duration>,
        range: &str,
    ) -> Option<(&'n Node, Duration)> {
        let node = body.get(key)?;
        let period = parse_duration(node.text()?)?;
        if !allowed.contains(&period) {
            let message = format!("`{key}` must be {range}");
            self.report.error("out-of-range", node.span.clone(), message, "out of range");
        }
        Some((node, period))
    }

    fn check_known(&self, noun: &'static str, node: &Node, name: &str, known: Option<&[String]>, place: &str) {
        let Some(known) = known else { return };
        if known.iter().any(|known| known == name) {
            return;
        }
        let names = known.iter().map(String::as_str);
        let hint = match nearest(name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("there is none in {place}"),
            None => format!("{place} has {}", names.collect::<Vec<_>>().join(", ")),
        };
        let code = if noun == "store" { "unknown-store" } else { "unknown-notifier" };
        let message = format!("there is no {noun} `{}`", visible_line(name, 60));
        self.report.error(code, node.span.clone(), message, "unknown").help(hint);
    }
}
