//! The judgement of a playbook on messages: conditions, clusters, and scripts.

use clawback_model::{ClusterBy, Message};
use clawback_scripting::{FilterScript, ScriptFault, Session};

use crate::bind::Bound;

/// The judgement of a playbook on one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// The message goes into the plan.
    Keep {
        /// The values of `any` that it has, and then the reasons of the scripts that kept it, if they gave any.
        reason: Option<String>,
        /// The last tag that a script gave.
        tag: Option<String>,
        /// The clusters that it is in, if the playbook asks for clusters.
        clusters: Vec<ClusterBy>,
    },
    /// A condition cannot be decided: it is on a feature of a message that was not examined, or on a text of which only
    /// a part is known. So it is with a script that reads such a feature.
    Undecided {
        /// The key of the condition: `where` (which includes each `match` before the first script), `cluster`, `match`
        /// or `script`.
        by: &'static str,
    },
    /// The message does not meet the conditions.
    Unmatched {
        /// The failed key: `where` (which includes each `match` before the first script), `cluster` or `match`.
        by: &'static str,
    },
    /// A script left the message out.
    Drop {
        /// The script.
        by: String,
        /// The reason, in the script's words.
        reason: Option<String>,
    },
    /// A script failed on the message: it must not be acted on, and the failure must be reported.
    Fault {
        /// The script.
        script: String,
        /// The place and the fault.
        fault: ScriptFault,
    },
}

impl Bound {
    /// Returns a judge of messages, for one thread.
    pub fn judge(&self) -> Judge<'_> {
        let session = |filter| {
            let script = self.script(filter)?;
            Some((script.name(), script.session(&self.context)))
        };
        Judge { bound: self, sessions: self.filters.iter().map(session).collect() }
    }

    /// Judges each message against every condition and script.
    pub fn filter(&self, messages: &[Message]) -> Vec<Judgement> {
        let mut judge = self.judge();
        messages.iter().map(|message| judge.message(message)).collect()
    }
}

/// Judges messages of one run on one thread.
#[derive(Debug)]
pub struct Judge<'bound> {
    bound: &'bound Bound,
    sessions: Vec<Option<(&'bound str, Session<'bound>)>>,
}

impl Judge<'_> {
    /// Judges one message.
    pub fn message(&mut self, message: &Message) -> Judgement {
        match self.bound.selection.decide(message) {
            Some(true) => {}
            Some(false) => return Judgement::Unmatched { by: "where" },
            None => return Judgement::Undecided { by: "where" },
        }
        let clusters = match self.bound.clusters.as_ref().map(|clusters| clusters.with(message)) {
            None => Vec::new(),
            Some(None) => return Judgement::Undecided { by: "cluster" },
            Some(Some(found)) if found.is_empty() => return Judgement::Unmatched { by: "cluster" },
            Some(Some(found)) => found,
        };
        let (mut of_scripts, mut last_tag) = (Vec::new(), None);
        for (filter, session) in self.bound.filters.iter().zip(&mut self.sessions) {
            match filter.matching.decide(message) {
                Some(true) => {}
                Some(false) => return Judgement::Unmatched { by: "match" },
                None => return Judgement::Undecided { by: "match" },
            }
            let Some((name, session)) = session else { continue };
            if !is_known_to(self.bound.script(filter), message) {
                return Judgement::Undecided { by: "script" };
            }
            match session.keep(message) {
                Ok(verdict) if verdict.keep => {
                    of_scripts.extend(verdict.reason);
                    last_tag = verdict.tag.or(last_tag);
                }
                Ok(verdict) => return Judgement::Drop { by: (*name).to_owned(), reason: verdict.reason },
                Err(fault) => return Judgement::Fault { script: (*name).to_owned(), fault },
            }
        }
        let reasons: Vec<String> = self.bound.selection.matched(message).into_iter().chain(of_scripts).collect();
        let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        Judgement::Keep { reason, tag: last_tag, clusters }
    }
}

/// Returns whether everything that a script reads of the content of a message is known.
fn is_known_to(script: Option<&FilterScript>, message: &Message) -> bool {
    let features = script.map(FilterScript::features).unwrap_or_default();
    features.is_empty() || (message.features.is_some() && !features.iter().any(|feature| message.is_cut(feature)))
}
