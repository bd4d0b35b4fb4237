//! The result of an investigation.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::words;

/// The result of an investigation, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The messages are a threat.
    Malicious,
    /// The messages can be a threat. The program acts on them only after a vote.
    Suspicious,
    /// No message is a threat.
    NoThreatsFound,
}

words!(Verdict, "verdict");
