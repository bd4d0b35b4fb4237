//! Signed votes: the statement that an approver's key signs, and the signature as recorded in the history.
//!
//! Anyone who can write to the database can insert a vote. The signature proves that the voter's key made it, for this
//! plan, this decision and this number of votes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::approval::Approval;
use crate::clock::Timestamp;
use crate::id::RemediationId;
use crate::sha256::PlanDigest;
use crate::vote::Decision;

/// The namespace of SSH signatures of votes (OpenSSH, `PROTOCOL.sshsig`, section 2).
pub const VOTE_NAMESPACE: &str = "clawback-vote";

/// The votes that must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignedVotes {
    /// None; a vote may still be signed.
    #[default]
    Optional,
    /// Approvals of hard deletes.
    HardDeletes,
    /// Approvals of every action.
    Always,
}

impl SignedVotes {
    /// Returns whether approvals of this action must be signed.
    pub fn asks(self, action: Action) -> bool {
        match self {
            Self::Optional => false,
            Self::HardDeletes => action == Action::HardDelete,
            Self::Always => true,
        }
    }
}

/// The statement that a voter signs: one fact per line, names as JSON strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteStatement<'a> {
    /// The remediation.
    pub remediation: &'a RemediationId,
    /// The digest of its plan.
    pub plan: PlanDigest,
    /// Yes or no.
    pub decision: Decision,
    /// The number of votes that was required, so that nobody can lower it afterwards.
    pub votes: u32,
    /// The requester.
    pub requester: &'a str,
    /// The voter.
    pub voter: &'a str,
    /// The time of signing, in whole seconds.
    pub at: Timestamp,
}

impl fmt::Display for VoteStatement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |name: &str| serde_json::Value::from(name).to_string();
        let decision = match self.decision {
            Decision::Approve => "approve",
            Decision::Reject => "reject",
        };
        writeln!(f, "clawback vote 1")?;
        writeln!(f, "remediation {}", self.remediation)?;
        writeln!(f, "plan {}", self.plan)?;
        writeln!(f, "decision {decision}")?;
        writeln!(f, "votes {}", self.votes)?;
        writeln!(f, "requester {}", quoted(self.requester))?;
        writeln!(f, "voter {}", quoted(self.voter))?;
        writeln!(f, "at {}", self.at)
    }
}

impl Approval {
    /// Returns what `voter` signs to decide on this request.
    pub fn statement<'a>(
        &'a self,
        remediation: &'a RemediationId,
        voter: &'a str,
        decision: Decision,
        at: Timestamp,
    ) -> VoteStatement<'a> {
        let Self { rule, digest, requester, .. } = self;
        VoteStatement { remediation, plan: *digest, decision, votes: rule.votes, requester, voter, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256::Digest;

    #[test]
    fn a_statement_is_one_fact_a_line_whatever_names_hold() {
        let remediation = RemediationId::from_random(4);
        let statement = VoteStatement {
            remediation: &remediation,
            plan: Digest([7; 32]),
            decision: Decision::Approve,
            votes: 2,
            requester: "ann\nvotes 1",
            voter: "b\u{e9}n \"x\"",
            at: Timestamp(1_700_000_000_000_000),
        };
        let expected = format!(
            "clawback vote 1\nremediation {remediation}\nplan {}\ndecision approve\nvotes 2\n\
             requester \"ann\\nvotes 1\"\nvoter \"b\u{e9}n \\\"x\\\"\"\nat 2023-11-14T22:13:20Z\n",
            Digest([7; 32])
        );
        assert_eq!(statement.to_string(), expected);
    }

    #[test]
    fn a_site_asks_for_signatures_by_action() {
        let asks = |rule: SignedVotes| [Action::HardDelete, Action::SoftDelete].map(|action| rule.asks(action));
        assert_eq!(asks(SignedVotes::Optional), [false, false]);
        assert_eq!(asks(SignedVotes::HardDeletes), [true, false]);
        assert_eq!(asks(SignedVotes::Always), [true, true]);
    }
}
