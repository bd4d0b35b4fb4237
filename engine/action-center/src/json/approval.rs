//! Requests for votes, and the votes that were cast.

use std::time::Duration;

use clawback_model::{Approval, ApprovalRule, Decision, Digest, Role, Signed, Timestamp, Vote, VoteSignature};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request for votes on one plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApprovalJson {
    /// The approval ID.
    pub id: String,
    /// The rule of the approval.
    pub rule: ApprovalRuleJson,
    /// The plan that is voted on.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The requester.
    pub requester: String,
    /// If not decided by then, it expires.
    pub deadline: String,
    /// Votes so far.
    pub votes: Vec<CastVoteJson>,
}

/// The votes that are required before anything is acted on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApprovalRuleJson {
    /// How many different principals must approve.
    pub votes: u32,
    /// A vote counts if its principal has one of these roles.
    #[schema(value_type = Vec<String>)]
    pub from: Vec<Role>,
    /// Whether the requester's own vote never counts.
    pub two_step: bool,
    /// Seconds after which it expires without a decision.
    pub expires_seconds: u64,
    /// Seconds after which those who were notified are reminded.
    pub remind_after_seconds: Option<u64>,
    /// Seconds after which others are notified.
    pub escalate_after_seconds: Option<u64>,
}

/// A vote that was cast.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CastVoteJson {
    /// The voter.
    pub by: String,
    /// `approve` or `reject`.
    #[schema(value_type = String)]
    pub decision: Decision,
    /// The plan that the voter was shown.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The reason, in the voter's words.
    pub comment: Option<String>,
    /// When it was cast.
    pub at: String,
    /// The signature of the voter's key, if it is signed.
    pub signature: Option<VoteSignatureJson>,
}

/// The signature of a vote. The signed text has these lines, each with a line feed at its end: `clawback vote 1`,
/// `remediation ID`, `plan DIGEST`, `decision approve` or `decision reject`, `votes N` (of the rule), `requester NAME`,
/// `voter NAME`, `at TIME` (in UTC with whole seconds); names as JSON texts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum VoteSignatureJson {
    /// By an SSH key, as `ssh-keygen -Y sign -n clawback-vote` makes it.
    Ssh {
        /// The time in the text.
        at: String,
        /// Armoured.
        signature: String,
    },
    /// By a passkey, whose challenge is the SHA-256 of the text. In base64url.
    Passkey {
        /// The time in the text.
        at: String,
        /// The ID of the credential.
        credential: String,
        /// `authenticatorData`.
        authenticator_data: String,
        /// `clientDataJSON`.
        client_data: String,
        /// `signature`.
        signature: String,
    },
}

impl From<&VoteSignature> for VoteSignatureJson {
    fn from(signature: &VoteSignature) -> Self {
        let at = signature.at.to_string();
        match signature.made.clone() {
            Signed::Ssh { signature } => Self::Ssh { at, signature },
            Signed::Passkey { credential, authenticator_data, client_data, signature } => {
                Self::Passkey { at, credential, authenticator_data, client_data, signature }
            }
        }
    }
}

impl TryFrom<VoteSignatureJson> for VoteSignature {
    type Error = String;

    fn try_from(given: VoteSignatureJson) -> Result<Self, String> {
        let (at, made) = match given {
            VoteSignatureJson::Ssh { at, signature } => (at, Signed::Ssh { signature }),
            VoteSignatureJson::Passkey { at, credential, authenticator_data, client_data, signature } => {
                (at, Signed::Passkey { credential, authenticator_data, client_data, signature })
            }
        };
        let at = Timestamp::parse(&at).ok_or("signature.at is no time: write it as 2026-11-23T12:00:00Z")?;
        Ok(Self { at, made })
    }
}

impl From<&Approval> for ApprovalJson {
    fn from(approval: &Approval) -> Self {
        Self {
            id: approval.id.to_string(),
            rule: ApprovalRuleJson::from(&approval.rule),
            digest: approval.digest,
            requester: approval.requester.clone(),
            deadline: approval.deadline.to_string(),
            votes: approval.votes.iter().map(CastVoteJson::from).collect(),
        }
    }
}

impl From<&ApprovalRule> for ApprovalRuleJson {
    fn from(rule: &ApprovalRule) -> Self {
        Self {
            votes: rule.votes,
            from: rule.from.clone(),
            two_step: rule.two_step,
            expires_seconds: rule.expires.as_secs(),
            remind_after_seconds: rule.remind_after.as_ref().map(Duration::as_secs),
            escalate_after_seconds: rule.escalate_after.as_ref().map(Duration::as_secs),
        }
    }
}

impl From<&Vote> for CastVoteJson {
    fn from(vote: &Vote) -> Self {
        Self {
            by: vote.by.clone(),
            decision: vote.decision,
            digest: vote.digest,
            comment: vote.comment.clone(),
            at: vote.at.to_string(),
            signature: vote.signature.as_ref().map(VoteSignatureJson::from),
        }
    }
}
