//! A playbook bound to its inputs: the queries and decisions that a planner needs.

use std::collections::BTreeMap;
use std::time::Duration;

use clawback_model::{
    Action, ApprovalRule, AskedTexts, Band, Clusters, Counts, Digest, FeatureCondition, Guards, Inputs, Message,
    PlanFacts, Predicate, Query, Root, Selection, SelectionMode, Severity, Sweep, Timestamp, Verdict,
};
use clawback_scripting::{Context, Expression, FilterScript, ScriptFault, Value, Vars};

use crate::condition;
use crate::input;
use crate::load::{Checked, Playbook};
use crate::step::{PLAN_FACTS, PLAN_IS_AUTOMATIC, Step, What};
use crate::template::Template;

/// The reasons why inputs do not fit a playbook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("playbook `{playbook}`: {}", .wrong.join("; "))]
pub struct BindError {
    /// The playbook.
    pub playbook: String,
    /// The errors, one sentence each.
    pub wrong: Vec<String>,
}

/// A playbook with its inputs. Shared by the tasks of one run.
#[derive(Debug)]
pub struct Bound {
    playbook: Playbook,
    pub(crate) context: Context,
    vars: Vars,
    pub(crate) selection: Predicate,
    pub(crate) clusters: Option<Clusters>,
    pub(crate) filters: Vec<Filter>,
    searches: bool,
    action: Action,
    delete_senders_copy: bool,
}

#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) matching: Predicate,
    /// The number of the step that has the script.
    step: usize,
}

impl Playbook {
    /// Returns the inputs as a request stores them: a list as the text of a JSON array, anything else as its value.
    pub fn stored_inputs(&self, inputs: &Inputs) -> BTreeMap<String, String> {
        input::to_stored(&self.0.inputs, inputs)
    }

    /// Returns the inputs that a request stores. In older histories the values of a list are separated by commas.
    pub fn inputs_of(&self, stored: &BTreeMap<String, String>) -> Inputs {
        input::from_stored(&self.0.inputs, stored)
    }

    /// Checks the inputs and evaluates everything that depends on them.
    pub fn bind(&self, inputs: &Inputs, now: Timestamp) -> Result<Bound, BindError> {
        let refuse = |wrong: Vec<String>| BindError { playbook: self.0.name.clone(), wrong };
        let inputs = input::bind(&self.0.inputs, inputs).map_err(refuse)?;
        let mut vars = condition::vars(now, &inputs);
        let context = Context { inputs, now };
        let mut wrong = Vec::new();
        let (mut selection, mut filters, mut searches, mut leading) = (Vec::new(), Vec::new(), true, true);
        let mut clusters = None;
        for (number, step) in self.0.steps.iter().enumerate() {
            if !step.what.is_planned_ahead() {
                break;
            }
            let runs = match &step.when {
                None => true,
                Some(when) => truth(when, &vars).unwrap_or_else(|fault| {
                    wrong.push(format!("`when`: {}", fault.text));
                    true
                }),
            };
            match &step.what {
                What::Search { conditions, .. } => {
                    searches = runs;
                    selection = conditions.bind(&vars, &mut wrong);
                    if selection.is_empty() && wrong.is_empty() {
                        wrong.push("no condition is left, and so the search would select every message; give at least one of the inputs that it uses".to_owned());
                    }
                }
                What::Cluster(step) if runs => clusters = step.bind(&vars, &mut wrong),
                What::Filter { conditions, script } if runs => {
                    let matching = conditions.bind(&vars, &mut wrong);
                    if leading {
                        selection.extend(matching.iter().cloned());
                    }
                    leading &= script.is_none();
                    filters.push(Filter { matching: Predicate::all(matching), step: number });
                }
                What::Script(script) if runs => match script.run(&context) {
                    Ok(values) => vars.extend(values),
                    Err(fault) => wrong.push(format!("{}: {fault}", script.name())),
                },
                _ => {}
            }
        }
        let (action, delete_senders_copy) = self.0.act(&vars, &mut wrong);
        match action {
            Some(action) if wrong.is_empty() => Ok(Bound {
                playbook: self.clone(),
                context,
                vars,
                selection: Predicate::all(selection),
                clusters,
                filters,
                searches,
                action,
                delete_senders_copy,
            }),
            _ => Err(refuse(wrong)),
        }
    }
}

impl Checked {
    /// Returns the action, and whether the sender's copy is deleted, too.
    fn act(&self, vars: &Vars, wrong: &mut Vec<String>) -> (Option<Action>, bool) {
        let remediate = self.steps.iter().find_map(|step| match &step.what {
            What::Remediate { action, delete_senders_copy, .. } => Some((action, delete_senders_copy)),
            _ => None,
        });
        let (action, copy) = remediate.expect("a checked playbook has a remediate step");
        let mut text = |key: &str, template: &Template| {
            let value = template.eval(vars).map_err(|fault| wrong.push(format!("`{key}`: {}", fault.text)));
            value.ok().map(|value| value.to_string())
        };
        let copy = copy.as_ref().and_then(|copy| text("delete-senders-copy", copy)).as_deref() == Some("true");
        let action = text("action", action);
        let action =
            action.and_then(|word| word.parse().map_err(|unknown| wrong.push(format!("`action`: {unknown}"))).ok());
        if let (true, Some(action)) = (copy, action)
            && action != Action::SoftDelete
        {
            wrong.push(format!("`delete-senders-copy` goes with soft-delete only, and the action is {action}"));
        }
        (action, copy)
    }
}

impl What {
    /// Returns whether it is evaluated before there is a plan.
    fn is_planned_ahead(&self) -> bool {
        matches!(
            self,
            Self::Search { .. } | Self::Cluster(_) | Self::Filter { .. } | Self::Script(_) | Self::Notify { .. }
        )
    }
}

fn truth(expression: &Expression, vars: &Vars) -> Result<bool, ScriptFault> {
    Ok(expression.eval(vars)? == Value::Boolean(true))
}

impl Bound {
    /// Returns the playbook.
    pub fn playbook(&self) -> &Playbook {
        &self.playbook
    }

    /// Returns the inputs with their defaults, as text.
    pub fn inputs(&self) -> BTreeMap<String, String> {
        self.context.inputs.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
    }

    /// Returns the time at which it was bound.
    pub fn now(&self) -> Timestamp {
        self.context.now
    }

    /// Returns the stores to search; `None` means all.
    pub fn stores(&self) -> Option<&[String]> {
        self.find(|what| match what {
            What::Search { stores, .. } => Some(stores.as_deref()),
            _ => None,
        })
        .flatten()
    }

    /// Returns whether there is anything to search: false if the `when` of `search` is false.
    pub fn searches(&self) -> bool {
        self.searches
    }

    /// Returns the selection in words, with this many messages picked or excluded.
    pub fn in_words(&self, mode: SelectionMode, picked: usize) -> String {
        // The conditions before the first script are part of the predicate already.
        let first = self.filters.iter().position(|filter| self.script(filter).is_some());
        let further: Vec<&Predicate> =
            self.filters.iter().skip(first.map_or(self.filters.len(), |at| at + 1)).map(|one| &one.matching).collect();
        let scripts: Vec<&str> =
            self.filters.iter().filter_map(|filter| self.script(filter).map(FilterScript::name)).collect();
        let (predicate, stores) = (&self.selection, self.stores());
        let clusters = self.clusters.as_ref();
        Selection { mode, picked, predicate, clusters, further: &further, scripts: &scripts, stores }.in_words()
    }

    /// Returns the conditions of `where` and of the filters before the first script.
    pub fn predicate(&self) -> &Predicate {
        &self.selection
    }

    /// Returns whether a condition, or a script by a feature, reads this text of a message: `subject`, `from`, `to`,
    /// `attachments` or `header NAME`.
    pub fn reads(&self, text: &str) -> bool {
        let of_script = |filter| self.script(filter).is_some_and(|script| script.features().contains(&text));
        self.selection.reads(text) || self.filters.iter().any(|filter| filter.matching.reads(text) || of_script(filter))
    }

    /// Returns how like its root a message is that meets every other condition of `where`, and of the filters before the
    /// first script, if it is like the root but not surely a copy.
    pub fn nearly(&self, message: &Message) -> Option<Band> {
        match &self.clusters {
            Some(clusters) if self.selection.matches(message) => clusters.nearly(message),
            Some(_) => None,
            None => self.selection.nearly(message),
        }
    }

    /// Returns the clusters that a message must be in one of, if the playbook asks for clusters.
    pub fn clusters(&self) -> Option<&Clusters> {
        self.clusters.as_ref()
    }

    /// Returns what an examination must look for; `None` if no condition is on a feature, and no script reads one.
    pub fn asked_texts(&self) -> Option<AskedTexts> {
        let of_clusters = self.clusters.as_ref().map(|_| AskedTexts::default());
        let reads = self.filters.iter().any(|filter| self.script(filter).is_some_and(|one| !one.features().is_empty()));
        let of_scripts = reads.then(AskedTexts::default);
        self.predicates()
            .filter_map(Predicate::asked_texts)
            .chain(of_clusters)
            .chain(of_scripts)
            .reduce(AskedTexts::with)
    }

    /// Returns the playbook with other roots.
    #[must_use]
    pub fn with_roots(&self, other: &dyn Fn(&Root) -> Root) -> Self {
        let filter = |filter: &Filter| Filter { matching: filter.matching.with_roots(other), step: filter.step };
        Self {
            playbook: self.playbook.clone(),
            context: self.context.clone(),
            vars: self.vars.clone(),
            selection: self.selection.with_roots(other),
            clusters: self.clusters.as_ref().map(|clusters| clusters.with_root(other)),
            filters: self.filters.iter().map(filter).collect(),
            searches: self.searches,
            action: self.action,
            delete_senders_copy: self.delete_senders_copy,
        }
    }

    /// Returns every message of which copies are searched for.
    pub fn roots(&self) -> impl Iterator<Item = &Root> {
        let of_clusters = self.clusters.iter().map(Clusters::root);
        self.on_features().filter_map(FeatureCondition::root).chain(of_clusters)
    }

    /// Returns every condition on a feature.
    pub fn on_features(&self) -> impl Iterator<Item = &FeatureCondition> {
        self.predicates().flat_map(Predicate::on_features)
    }

    fn predicates(&self) -> impl Iterator<Item = &Predicate> {
        std::iter::once(&self.selection).chain(self.filters.iter().map(|filter| &filter.matching))
    }

    /// Returns the query for stores: the predicate pushed down, with the header fields and attachment names that any
    /// condition or script reads.
    pub fn query(&self) -> Query {
        let mut query = self.selection.push_down();
        for filter in &self.filters {
            let wanted = filter.matching.push_down();
            let script = self.script(filter);
            let of_script = script.map(FilterScript::headers).unwrap_or_default();
            for name in wanted.want_headers.iter().chain(of_script) {
                if !query.want_headers.contains(name) {
                    query.want_headers.push(name.clone());
                }
            }
            query.want_attachments |= wanted.want_attachments || script.is_some_and(FilterScript::reads_attachments);
        }
        query
    }

    /// Returns the action on each message.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Returns whether the sender's copy is deleted, too.
    pub fn delete_senders_copy(&self) -> bool {
        self.delete_senders_copy
    }

    /// Returns the severity that the playbook declares.
    pub fn severity(&self) -> Severity {
        self.playbook.0.severity
    }

    /// Returns the batches and stop rules.
    pub fn guards(&self) -> &Guards {
        self.find(|what| match what {
            What::Remediate { guards, .. } => Some(guards),
            _ => None,
        })
        .expect("a checked playbook has a remediate step")
    }

    /// Returns the votes that the playbook requires; `None` if it has no `approve` step.
    pub fn approval_rule(&self) -> Option<&ApprovalRule> {
        self.find(|what| match what {
            What::Approve(rule) => Some(rule),
            _ => None,
        })
    }

    /// Returns whether this plan needs votes. It does if the expression fails.
    pub fn approval_needed(&self, facts: &PlanFacts, counts: &Counts) -> bool {
        self.step(|what| matches!(what, What::Approve(_))).is_some_and(|step| self.runs(step, facts, counts, true))
    }

    /// Returns whether the plan needs a vote whatever the playbook says of what was found: not everything was searched,
    /// a cluster is larger than `at-most`, or the verdict is not malicious.
    pub fn asks_for_a_person(&self, facts: &PlanFacts) -> bool {
        let at_most = self.find(|what| match what {
            What::Cluster(step) => Some(step.at_most),
            _ => None,
        });
        let is_large = at_most.is_some_and(|most| facts.clusters.iter().any(|cluster| cluster.messages > most));
        let is_unsure = facts.verdict.is_some_and(|verdict| verdict != Verdict::Malicious);
        is_large || is_unsure || self.guards().stop_when.asks_for_a_person(facts)
    }

    /// Returns the verdict on a plan; `None` if the playbook gives none.
    pub fn verdict(&self, facts: &PlanFacts, counts: &Counts) -> Option<Verdict> {
        let step =
            self.step(|what| matches!(what, What::Verdict(_))).filter(|step| self.runs(step, facts, counts, true))?;
        let What::Verdict(verdict) = &step.what else { return None };
        Some(verdict.of(&self.context, &self.vars_of(facts, counts), facts, counts.submitted == 0))
    }

    /// Returns whether this plan is acted on: false if the `when` of `remediate` is false or fails.
    pub fn remediates(&self, facts: &PlanFacts, counts: &Counts) -> bool {
        self.step(|what| matches!(what, What::Remediate { .. }))
            .is_some_and(|step| self.runs(step, facts, counts, false))
    }

    /// Returns the time between the decision on this plan and its first batch. It waits if the `when` fails.
    pub fn wait(&self, facts: &PlanFacts, counts: &Counts) -> Option<Duration> {
        let step =
            self.step(|what| matches!(what, What::Wait(_))).filter(|step| self.runs(step, facts, counts, true))?;
        let What::Wait(wait) = &step.what else { return None };
        Some(*wait)
    }

    /// Returns whether this plan is verified.
    pub fn verifies(&self, facts: &PlanFacts, counts: &Counts) -> bool {
        self.step(|what| matches!(what, What::Verify)).is_some_and(|step| self.runs(step, facts, counts, true))
    }

    /// Returns the sweep settings; `None` if the playbook has no `sweep` step.
    pub fn sweep(&self) -> Option<&Sweep> {
        self.find(|what| match what {
            What::Sweep(sweep) => Some(sweep),
            _ => None,
        })
    }

    /// Returns whether a sweep follows this plan: false if the `when` of `sweep` is false or fails.
    pub fn sweeps(&self, facts: &PlanFacts, counts: &Counts) -> bool {
        self.step(|what| matches!(what, What::Sweep(_))).is_some_and(|step| self.runs(step, facts, counts, false))
    }

    /// Returns whether `sweep` has a `when`. If it has none, no sweep follows a plan without messages.
    pub fn says_when_to_sweep(&self) -> bool {
        self.step(|what| matches!(what, What::Sweep(_))).is_some_and(|step| step.when.is_some())
    }

    /// Returns the notifiers for an occasion: `pending`, `started`, `paused`, `finished` or `failed`.
    pub fn notifiers(&self, occasion: &str, facts: &PlanFacts, counts: &Counts) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for step in &self.playbook.0.steps {
            if let What::Notify { to, on } = &step.what
                && on.iter().any(|known| known == occasion)
                && self.runs(step, facts, counts, true)
            {
                names.extend(to.iter().map(String::as_str));
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns the sha256 of each script, by file name.
    pub fn script_digests(&self) -> BTreeMap<String, Digest> {
        self.playbook.script_digests()
    }

    /// Returns the text of the playbook, and of each script.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.playbook.source()).chain(self.playbook.script_sources())
    }

    /// Returns the sha256 of the playbook's text.
    pub fn digest(&self) -> Digest {
        self.playbook.0.digest
    }

    pub(crate) fn script(&self, filter: &Filter) -> Option<&FilterScript> {
        match self.playbook.0.steps.get(filter.step).map(|step| &step.what) {
            Some(What::Filter { script, .. }) => script.as_deref(),
            _ => None,
        }
    }

    fn step(&self, is: impl Fn(&What) -> bool) -> Option<&Step> {
        self.playbook.0.steps.iter().find(|step| is(&step.what))
    }

    fn find<'a, T>(&'a self, get: impl Fn(&'a What) -> Option<T>) -> Option<T> {
        self.playbook.0.steps.iter().find_map(|step| get(&step.what))
    }

    fn runs(&self, step: &Step, facts: &PlanFacts, counts: &Counts, if_it_fails: bool) -> bool {
        let Some(when) = &step.when else { return true };
        truth(when, &self.vars_of(facts, counts)).unwrap_or(if_it_fails)
    }

    /// Returns the variables of the playbook with what is known of a plan.
    fn vars_of(&self, facts: &PlanFacts, counts: &Counts) -> Vars {
        let mut vars = self.vars.clone();
        let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        // Without clusters a message is in the plan because a person's conditions hold.
        let sure = if self.clusters.is_some() { facts.sure } else { counts.submitted };
        let known = [
            counts.submitted,
            counts.remediable,
            facts.vips,
            facts.vip_mailboxes,
            facts.mailboxes,
            facts.unsearched,
            facts.answered,
            sure,
        ];
        vars.extend(PLAN_FACTS.map(str::to_owned).into_iter().zip(known.map(number)));
        vars.insert(PLAN_IS_AUTOMATIC.to_owned(), Value::Boolean(facts.automatic));
        vars
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clawback_model::{Calls, Identity, LONGEST_ROOT, Sketch};

    use super::*;
    use crate::env::Env;

    #[test]
    fn tasks_share_it() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Playbook>();
        shared::<Bound>();
    }

    #[test]
    fn the_selection_is_told_in_words() {
        let source = "playbook: p\non: { manual: {} }\ninputs:\n  subject: { type: list of text }\n  hint: { type: text }\nsteps:\n  - search: { stores: [corp], where: { subject-contains: \"${inputs.subject}\", header: { x-hint: \"${inputs.hint}\" } } }\n  - filter: { match: { latest-delivery-location: inbox }, script: keep.rhai }\n  - filter: { match: { larger-than: 5 } }\n  - remediate: { action: soft-delete }\n";
        let scripts = BTreeMap::from([("keep.rhai".to_owned(), "fn keep(message) { true }".to_owned())]);
        let env = Env { scripts, ..Env::default() };
        let playbook = Playbook::load("p.yaml", source, &env).map_err(|wrong| wrong.render(false)).unwrap();
        let given = Inputs::from([("subject", "Dear customer, your account"), ("subject", "B")]);
        let bound = playbook.bind(&given, Timestamp(0)).unwrap();
        assert_eq!(
            bound.in_words(SelectionMode::Query, 0),
            "in the inbox; subject contains \"Dear customer, your account\" or \"B\"; larger than 5 bytes; in store corp; kept by script keep.rhai"
        );
        let kept = playbook.inputs_of(&playbook.stored_inputs(&given));
        assert_eq!(kept, given);
        let invisible = playbook.bind(&Inputs::from([("hint", "\u{200b}")]), Timestamp(0)).unwrap_err();
        assert!(invisible.to_string().contains("`header` `x-hint` is empty"), "{invisible}");
    }

    #[test]
    fn the_longest_root_is_an_input() {
        let source = "playbook: p\non: { manual: {} }\ninputs:\n  like: { type: text, required: true }\nsteps:\n  - search: { where: { larger-than: 0 } }\n  - cluster: { of: \"${inputs.like}\" }\n  - remediate: { action: soft-delete }\n";
        let playbook = Playbook::load("p.yaml", source, &Env::default()).map_err(|wrong| wrong.render(false)).unwrap();
        let names: BTreeSet<String> = (100..132).map(|n| format!("{n}{}", "a".repeat(300))).collect();
        let identity = Identity { reply_to: names.clone(), dkim: names.clone(), ..Identity::default() };
        let calls = Calls { web: names.clone(), mail: names.clone(), phone: names };
        let line = "\"\\".repeat(499);
        let sketch = Sketch::new((0..256).collect(), 9_000);
        let root = Root::new(sketch, identity, calls, &line, &line);
        let text = root.to_string();
        assert!((65_536 + 1..=LONGEST_ROOT).contains(&text.len()), "{}", text.len());
        let bound = playbook.bind(&Inputs::from([("like", text.as_str())]), Timestamp(0)).unwrap();
        assert_eq!(bound.roots().collect::<Vec<_>>(), [&root]);
    }

    #[test]
    fn every_wrong_input_is_named() {
        let source = "playbook: p\non: { manual: {} }\ninputs:\n  sender: { type: address, required: true }\n  since: { type: duration, default: 7d }\nsteps:\n  - search: { where: { from: \"${inputs.sender}\", received-after: \"${now - inputs.since}\" } }\n  - remediate: { action: soft-delete }\n";
        let playbook = Playbook::load("p.yaml", source, &Env::default()).map_err(|wrong| wrong.render(false)).unwrap();
        let given = Inputs::from([("since", "x"), ("sendr", "y")]);
        let error = playbook.bind(&given, Timestamp(0)).unwrap_err();
        assert_eq!(error.wrong.len(), 3, "{error}");
        let given = Inputs::from([("sender", "A@b.example")]);
        let bound = playbook.bind(&given, Timestamp(604_800_000_000)).unwrap();
        assert_eq!(bound.query().from_address, ["a@b.example"]);
        assert_eq!(bound.query().received_after, Some(Timestamp(0)));
        assert!(!bound.approval_needed(&PlanFacts::default(), &Counts::default()));
    }
}
