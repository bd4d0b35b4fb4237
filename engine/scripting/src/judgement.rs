//! The script of a `verdict` step: `fn verdict(plan)`, which judges a plan.

use std::fmt;

use clawback_model::{ClusterBy, ClusterCount, Digest, Verdict};
use rhai::{Dynamic, EvalAltResult, Map, Position};

use crate::error::{ScriptError, ScriptFault};
use crate::expression::Vars;
use crate::filter::Context;
use crate::function::Function;
use crate::lists::Lists;
use crate::rehearsal::is_type_mistake;
use crate::value::Type;

/// The variables of a plan begin so; the script reads them as members of its argument.
const PLAN: &str = "plan.";

/// A compiled script with `fn verdict(plan)`, which returns a verdict.
pub struct VerdictScript(Function);

impl fmt::Debug for VerdictScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerdictScript")
            .field("name", &self.0.name)
            .field("digest", &self.0.digest)
            .finish_non_exhaustive()
    }
}

impl VerdictScript {
    /// Compiles the source, and runs it once on a sample of the variables to find mistakes that hold for every plan.
    pub fn compile(name: &str, source: &str, lists: &Lists, variables: &[(String, Type)]) -> Result<Self, ScriptError> {
        let hint = "write `fn verdict(plan) { if plan.sure > 0 { \"malicious\" } else { \"suspicious\" } }`";
        let missing = ("there is no function `verdict` with one argument", hint);
        let script = Self(Function::compile(name, source, lists, ("verdict", 1), missing)?);
        script.rehearse(variables)?;
        Ok(script)
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns its source text.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Returns the sha256 of its source text.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Returns the inputs that it reads, with line and column.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        self.0.uses.inputs()
    }

    /// Judges a plan by its variables and the counts of its clusters.
    pub fn verdict(&self, context: &Context, vars: &Vars, clusters: &[ClusterCount]) -> Result<Verdict, ScriptFault> {
        let answer = self.call(context, vars, clusters).map_err(|error| ScriptFault::of(&error))?;
        read(answer)
    }

    fn call(&self, context: &Context, vars: &Vars, clusters: &[ClusterCount]) -> Result<Dynamic, Box<EvalAltResult>> {
        let facts = vars.iter().filter_map(|(name, value)| Some((name.strip_prefix(PLAN)?, value)));
        let mut plan: Map = facts.map(|(name, value)| (name.into(), value.to_dynamic())).collect();
        plan.insert("clusters".into(), Dynamic::from(counts(clusters)));
        self.0.call(context, (plan,))
    }

    /// Refuses a script that fails on every plan, or that returns something else than a verdict.
    fn rehearse(&self, variables: &[(String, Type)]) -> Result<(), ScriptError> {
        let samples: Vars = variables.iter().map(|(name, kind)| (name.clone(), kind.sample())).collect();
        let fault = match self.call(&Context::default(), &samples, &[]) {
            Ok(answer) => read(answer).err(),
            Err(error) if self.is_mistake(&error) => Some(ScriptFault::of(&error)),
            Err(_) => None,
        };
        let Some(fault) = fault else { return Ok(()) };
        let place = |number: usize| u16::try_from(number.max(1)).unwrap_or(u16::MAX);
        let at = Position::new(place(fault.line), place(fault.column));
        let hint = "workflows/README.md lists what a plan has";
        Err(ScriptError::at(&self.0.name, at, fault.text, Some(hint.to_owned())))
    }

    /// Returns whether a fault on the sample is one on every plan. The sample has no inputs.
    fn is_mistake(&self, error: &EvalAltResult) -> bool {
        match error.unwrap_inner() {
            EvalAltResult::ErrorPropertyNotFound(name, _) => {
                !self.0.uses.inputs().any(|(input, ..)| name.contains(input))
            }
            inner => is_type_mistake(inner),
        }
    }
}

/// Returns the counts of every kind of cluster, by its name. One that was not made has no messages.
fn counts(clusters: &[ClusterCount]) -> Map {
    let number = |number: u64| Dynamic::from(i64::try_from(number).unwrap_or(i64::MAX));
    let of = |by: ClusterBy| {
        let found = clusters.iter().find(|cluster| cluster.by == by);
        let count = |get: fn(&ClusterCount) -> u64| number(found.map_or(0, get));
        let mut map = Map::new();
        map.insert("messages".into(), count(|cluster| cluster.messages));
        map.insert("alone".into(), count(|cluster| cluster.alone));
        map.insert("read".into(), count(|cluster| cluster.read));
        map.insert("answered".into(), count(|cluster| cluster.answered));
        map
    };
    ClusterBy::ALL.into_iter().map(|by| (by.as_str().into(), Dynamic::from(of(by)))).collect()
}

fn read(answer: Dynamic) -> Result<Verdict, ScriptFault> {
    let kind = answer.type_name();
    let known = Verdict::ALL.map(Verdict::as_str).join(", ");
    let text = answer
        .into_immutable_string()
        .map_err(|_| ScriptFault::plain(format!("`verdict` returned a {kind}; it must return one of {known}")))?;
    text.parse().map_err(|_| {
        let text = clawback_model::visible_line(&text, 60);
        ScriptFault::plain(format!("`verdict` returned `{text}`; it must return one of {known}"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::value::Value;

    fn variables() -> Vec<(String, Type)> {
        ["plan.count", "plan.sure"].map(|name| (name.to_owned(), Type::Integer)).into()
    }

    fn compile(body: &str) -> Result<VerdictScript, ScriptError> {
        let source = format!("fn verdict(plan) {{ {body} }}");
        VerdictScript::compile("judge.rhai", &source, &Lists::default(), &variables())
    }

    fn judged(body: &str, inputs: &[(&str, i64)], clusters: &[ClusterCount]) -> Result<Verdict, ScriptFault> {
        let script = compile(body).unwrap_or_else(|error| panic!("{body}: {error}"));
        let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), Value::Integer(*value))).collect();
        let vars: Vars = BTreeMap::from([("plan.count", 3), ("plan.sure", 2)])
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::Integer(value)))
            .collect();
        script.verdict(&Context { inputs, ..Context::default() }, &vars, clusters)
    }

    #[test]
    fn a_plan_is_judged_by_its_counts_its_clusters_and_the_inputs() {
        let clusters = [ClusterCount { messages: 2, alone: 1, ..empty(ClusterBy::Body) }];
        let by_counts = "if plan.sure * 2 > plan.count { \"malicious\" } else { \"suspicious\" }";
        assert_eq!(judged(by_counts, &[], &[]), Ok(Verdict::Malicious));
        let by_cluster = "if plan.clusters[\"body\"].messages > 1 && plan.clusters.url.messages == 0 { \"malicious\" } \
                          else { \"no-threats-found\" }";
        assert_eq!(judged(by_cluster, &[], &clusters), Ok(Verdict::Malicious));
        assert_eq!(judged(by_cluster, &[], &[]), Ok(Verdict::NoThreatsFound));
        let by_input = "if plan.count > inputs.most { \"suspicious\" } else { \"no-threats-found\" }";
        assert_eq!(judged(by_input, &[("most", 2)], &[]), Ok(Verdict::Suspicious));
        assert!(judged(by_input, &[], &[]).unwrap_err().text.contains("most"));
    }

    #[test]
    fn mistakes_are_found_when_the_playbook_is_loaded() {
        for (body, said) in [
            ("plan.cuont > 1", "cuont"),
            ("true", "`verdict` returned a bool; it must return one of malicious, suspicious, no-threats-found"),
            ("\"bad\"", "`verdict` returned `bad`"),
            ("if plan.count > \"3\" { \"malicious\" } else { \"suspicious\" }", "cannot compare"),
            ("if plan.clusters.text.messages > 1 { \"malicious\" } else { \"suspicious\" }", "text"),
            ("misspelt(plan.count)", "unknown function `misspelt`"),
            ("if nothing > 1 { \"malicious\" }", "nothing"),
        ] {
            let error = compile(body).unwrap_err().to_string();
            assert!(error.contains(said), "{body}: {error}");
        }
        let without = VerdictScript::compile("judge.rhai", "fn keep(x) { true }", &Lists::default(), &[]).unwrap_err();
        assert!(without.message.contains("no function `verdict`"), "{without}");
    }

    #[test]
    fn a_script_that_does_not_end_is_stopped() {
        let endless = "if plan.count == 3 { loop { } } \"malicious\"";
        let fault = judged(endless, &[], &[]).unwrap_err();
        assert!(fault.text.contains("operations"), "{fault}");
    }

    fn empty(by: ClusterBy) -> ClusterCount {
        ClusterCount {
            by,
            value: String::new(),
            messages: 0,
            alone: 0,
            read: 0,
            answered: 0,
            locations: Vec::new(),
            first_at: None,
            last_at: None,
        }
    }
}
