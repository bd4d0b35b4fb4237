//! The step `verdict`: judges the plan by what was found.

use clawback_model::{PlanFacts, Verdict};
use clawback_scripting::{Context, Expression, Value, Vars, VerdictScript};

use crate::diagnostic::Report;
use crate::template::{self, Variables};
use crate::yaml::Node;

/// The step as written in the file.
#[derive(Debug)]
pub(crate) enum VerdictStep {
    /// By expressions: malicious, or suspicious if that one is given.
    Expressions(Expression, Option<Expression>),
    /// By a script.
    Script(Box<VerdictScript>),
}

impl VerdictStep {
    /// Reads the expressions of a step whose shape has been checked.
    pub(crate) fn expressions(body: &Node, variables: &Variables, report: &Report) -> Option<Self> {
        if body.get("malicious").is_none() {
            report
                .error("verdict", body.span.clone(), "`verdict` needs `malicious` or `script`", "here")
                .help("`malicious` is an expression, `script` a file with `fn verdict(plan)`");
        }
        let malicious = template::condition(body, "malicious", variables, report)?;
        let suspicious = template::condition(body, "suspicious", variables, report);
        Some(Self::Expressions(malicious, suspicious))
    }

    /// Returns the script, if the step has one.
    pub(crate) fn script(&self) -> Option<&VerdictScript> {
        match self {
            Self::Script(script) => Some(script),
            Self::Expressions(..) => None,
        }
    }

    /// Returns the verdict on a plan. An expression or a script that fails makes it suspicious, so that a person
    /// decides.
    pub(crate) fn of(&self, context: &Context, vars: &Vars, facts: &PlanFacts, is_empty: bool) -> Verdict {
        let (malicious, suspicious) = match self {
            Self::Expressions(malicious, suspicious) => (malicious, suspicious),
            Self::Script(script) => {
                return script.verdict(context, vars, &facts.clusters).unwrap_or(Verdict::Suspicious);
            }
        };
        let truth = |expression: &Expression| expression.eval(vars).map(|value| value == Value::Boolean(true));
        match (truth(malicious), suspicious.as_ref().map(truth)) {
            (Ok(true), _) => Verdict::Malicious,
            (Ok(false), Some(Ok(false))) => Verdict::NoThreatsFound,
            (Ok(false), None) if is_empty => Verdict::NoThreatsFound,
            _ => Verdict::Suspicious,
        }
    }
}
