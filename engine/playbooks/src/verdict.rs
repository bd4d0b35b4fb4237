//! The step `verdict`: judges the plan by what was found.

use clawback_model::Verdict;
use clawback_scripting::{Expression, Value, Vars};

use crate::diagnostic::Report;
use crate::template::{self, Variables};
use crate::yaml::Node;

/// The step as written in the file.
#[derive(Debug)]
pub(crate) struct VerdictStep {
    malicious: Expression,
    suspicious: Option<Expression>,
}

impl VerdictStep {
    /// Reads a step whose shape has been checked.
    pub(crate) fn read(body: &Node, variables: &Variables, report: &Report) -> Option<Self> {
        let malicious = template::condition(body, "malicious", variables, report)?;
        let suspicious = template::condition(body, "suspicious", variables, report);
        Some(Self { malicious, suspicious })
    }

    /// Returns the verdict on a plan. An expression that fails makes it suspicious, so that a person decides.
    pub(crate) fn of(&self, vars: &Vars, is_empty: bool) -> Verdict {
        let truth = |expression: &Expression| expression.eval(vars).map(|value| value == Value::Boolean(true));
        match (truth(&self.malicious), self.suspicious.as_ref().map(truth)) {
            (Ok(true), _) => Verdict::Malicious,
            (Ok(false), Some(Ok(false))) => Verdict::NoThreatsFound,
            (Ok(false), None) if is_empty => Verdict::NoThreatsFound,
            _ => Verdict::Suspicious,
        }
    }
}
