//! The site: the caller, nodes, the kill switch, the check of the history.

use clawback_model::{Halt, Role, Timestamp};
use clawback_runtime::ComparedNode;
use clawback_store::Verified;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The caller.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct MeJson {
    pub name: String,
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
}

/// A node that runs, or ran within the last day.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct NodeJson {
    /// Its name.
    pub name: String,
    /// Whether its lease is current.
    pub alive: bool,
    /// The parts of its configuration, playbooks, scripts and lists that differ from those of the node that answers.
    /// `null` if an earlier version of the program runs it.
    pub differs: Option<Vec<String>>,
}

impl From<ComparedNode> for NodeJson {
    fn from(node: ComparedNode) -> Self {
        let ComparedNode { name, alive, differs } = node;
        Self { name, alive, differs }
    }
}

/// Why the site is halted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HaltJson {
    /// The reason, in the words of the administrator.
    pub reason: String,
}

/// Whether the site is halted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HaltedJson {
    /// Whether it is.
    pub halted: bool,
    /// The administrator who halted the site. Also given, like the next two, for a halt that was just ended.
    pub by: Option<String>,
    /// The reason, in their words.
    pub reason: Option<String>,
    /// Since when.
    pub since: Option<String>,
}

impl HaltedJson {
    /// The answer after a halt was ended, with that halt if there was one.
    pub fn taken_back(halt: Option<Halt>) -> Self {
        Self { halted: false, ..halt.into() }
    }

    /// The halt in it, if there is one.
    pub fn halt(&self) -> Option<Halt> {
        let since = Timestamp::parse(self.since.as_deref()?)?;
        Some(Halt { by: self.by.clone()?, reason: self.reason.clone()?, since })
    }
}

impl From<Option<Halt>> for HaltedJson {
    fn from(halt: Option<Halt>) -> Self {
        let halted = halt.is_some();
        let (by, reason, since) =
            halt.map_or((None, None, None), |halt| (Some(halt.by), Some(halt.reason), Some(halt.since.to_string())));
        Self { halted, by, reason, since }
    }
}

/// Whether the history is consistent.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct VerifiedJson {
    /// Whether it is. If not, `broken` names the first fault, and the others are null.
    pub holds: bool,
    /// Events of the chain.
    pub events: Option<u64>,
    /// Remediations that match their events.
    pub remediations: Option<u64>,
    /// Messages of their plans.
    pub targets: Option<u64>,
    /// Outcomes of these.
    pub outcomes: Option<u64>,
    /// The end of the chain, as `SEQ:HASH`. Noted elsewhere, it proves later that nothing was cut off.
    pub head: Option<String>,
    /// The first fault.
    pub broken: Option<String>,
}

impl From<Result<Verified, String>> for VerifiedJson {
    fn from(result: Result<Verified, String>) -> Self {
        let (found, broken) = match result {
            Ok(found) => (Some(found), None),
            Err(broken) => (None, Some(broken)),
        };
        let found = found.as_ref();
        Self {
            holds: broken.is_none(),
            events: found.map(|found| found.events),
            remediations: found.map(|found| found.remediations),
            targets: found.map(|found| found.targets),
            outcomes: found.map(|found| found.outcomes),
            head: found.map(|found| found.head.to_string()),
            broken,
        }
    }
}
