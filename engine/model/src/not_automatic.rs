//! The reasons why the site asks for a vote on an investigation that no person started.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::words;

/// A rule of automatic remediation that a plan does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum AutomaticRule {
    /// The site remediates automatically.
    SwitchedOn,
    /// No report of people asked for it.
    Reports,
    /// No AI agent asked for it.
    Agent,
    /// No suggestion asked for it, or suggestions may run without a vote.
    Suggestion,
    /// The verdict is malicious.
    Verdict,
    /// The action is soft delete.
    Action,
    /// No more messages than the site allows.
    AtMost,
    /// A canary runs first.
    Canary,
    /// No message is in a mailbox of a VIP.
    Vips,
    /// No message was answered by its owner.
    Answered,
    /// Each message is in a sure cluster.
    Sure,
    /// Everything was searched and examined.
    Gaps,
}

words!(AutomaticRule, "rule of automatic remediation");

/// Why the site asks for a vote on an investigation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NotAutomatic {
    /// The rule that the plan does not meet.
    pub rule: AutomaticRule,
    /// The reason in words. It contains no text from mail.
    pub detail: String,
}
