//! The step `cluster`: keeps the messages that share a trait with a message that is known to be a threat.

use std::collections::BTreeSet;

use clawback_model::{ClusterBy, Clusters, Root};
use clawback_scripting::{Type, Value, Vars};

use crate::diagnostic::Report;
use crate::template::{Template, Variables};
use crate::yaml::Node;

/// The messages of one cluster above which the plan asks for a vote, unless the playbook sets a number. The reference
/// product leaves larger clusters to people.
const MOST: u64 = 10_000;

/// The step as written in the file.
#[derive(Debug)]
pub(crate) struct ClusterStep {
    of: Template,
    by: Vec<Template>,
    /// Messages of one cluster above which the plan asks for a vote.
    pub(crate) at_most: u64,
}

impl ClusterStep {
    /// Reads a step whose shape has been checked.
    pub(crate) fn read(body: &Node, variables: &Variables, report: &Report) -> Option<Self> {
        let of = Template::read(body.get("of")?, &Type::Text, false, variables, report)?;
        let items = body.get("by").map(Node::items).unwrap_or_default();
        let by = items.iter().map(|item| Template::read(item, &Type::Text, true, variables, report));
        let at_most = body.get("at-most").and_then(Node::integer).unwrap_or(MOST);
        Some(Self { of, by: by.collect::<Option<_>>()?, at_most })
    }

    /// Returns the step in one line.
    pub(crate) fn in_words(&self) -> String {
        let by: Vec<&str> = self.by.iter().filter_map(Template::literal).collect();
        if by.is_empty() { "cluster".to_owned() } else { format!("cluster by {}", by.join(", ")) }
    }

    /// Returns the clusters. Without the root nothing would narrow the selection, so its absence is an error.
    pub(crate) fn bind(&self, vars: &Vars, wrong: &mut Vec<String>) -> Option<Clusters> {
        if self.of.lacks_input(vars) {
            wrong.push("`of` of `cluster` is on an input that was not given; give it".to_owned());
            return None;
        }
        let root = match self.of.eval(vars) {
            Ok(text) => text.to_string().parse::<Root>().map_err(|error| wrong.push(format!("`of`: {error}"))).ok()?,
            Err(fault) => {
                wrong.push(format!("`of`: {}", fault.text));
                return None;
            }
        };
        let clusters = Clusters::of(root, &self.kinds(vars, wrong));
        if clusters.made().is_empty() && wrong.is_empty() {
            let why: BTreeSet<&str> = clusters.not_made().iter().map(|(_, why)| *why).collect();
            let why: Vec<&str> = why.into_iter().collect();
            wrong.push(format!("the message makes no cluster: {}", why.join("; ")));
        }
        Some(clusters)
    }

    /// Returns the kinds that are asked for; all if none is.
    fn kinds(&self, vars: &Vars, wrong: &mut Vec<String>) -> Vec<ClusterBy> {
        let mut kinds = Vec::new();
        for template in self.by.iter().filter(|template| !template.lacks_input(vars)) {
            let words = match template.eval(vars) {
                Ok(Value::List(words)) => words,
                Ok(word) => vec![word],
                Err(fault) => {
                    wrong.push(format!("`by`: {}", fault.text));
                    continue;
                }
            };
            for word in words {
                match word.to_string().trim().parse() {
                    Ok(kind) => kinds.push(kind),
                    Err(unknown) => wrong.push(format!("`by`: {unknown}")),
                }
            }
        }
        if kinds.is_empty() { ClusterBy::ALL.to_vec() } else { kinds }
    }
}
