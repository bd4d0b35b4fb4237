//! The site itself: who calls, nodes, the kill switch, the proof of the history.

use clawback_model::{Halt, Role, Timestamp};
use clawback_store::Verified;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whoever calls.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MeJson {
    pub name: String,
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
}

/// A node that works, or worked until lately.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct NodeJson {
    /// Its name.
    pub name: String,
    /// Whether it said so within its lease.
    pub alive: bool,
}

/// Why the site is halted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HaltJson {
    /// In the words of whoever throws the switch.
    pub reason: String,
}

/// Whether the site stands still.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HaltedJson {
    /// It does.
    pub halted: bool,
    /// Who threw the switch. Of a halt that was just taken back too, as are the next two.
    pub by: Option<String>,
    /// In their words.
    pub reason: Option<String>,
    /// When.
    pub since: Option<String>,
}

impl HaltedJson {
    /// A halt that was just taken back, if there was one.
    pub fn taken_back(halt: Option<Halt>) -> Self {
        Self { halted: false, ..halt.into() }
    }

    /// The halt that it tells of.
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

/// Whether the history holds together.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct VerifiedJson {
    /// It does. If not, `broken` says where it does not, and the others are null.
    pub holds: bool,
    /// Events of the chain.
    pub events: Option<u64>,
    /// Remediations that are as the events say.
    pub remediations: Option<u64>,
    /// Messages of their plans.
    pub targets: Option<u64>,
    /// Outcomes of these.
    pub outcomes: Option<u64>,
    /// Where the chain ends, as `SEQ:HASH`. Noted down elsewhere, it proves later that nothing was cut off.
    pub head: Option<String>,
    /// The first link that is broken.
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
