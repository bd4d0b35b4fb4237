//! Why a vote does not count, by the rule that refuses it.

use crate::clock::Timestamp;
use crate::sha256::PlanDigest;

/// Why a vote does not count. Each names its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum VoteRefused {
    #[error("rule two-step: {name} requested this remediation, so another principal must approve it")]
    RequesterExcluded { name: String },
    #[error(
        "rule two-step: {service} requested this remediation, and {name} owns it, so another principal must approve it"
    )]
    OwnerExcluded { name: String, service: String },
    #[error("rule people-decide: {name} is a service, and only people decide on approvals")]
    Service { name: String },
    #[error("rule approver-role: {name} needs one of the roles {wanted} to decide on this approval")]
    MissingRole { name: String, wanted: String },
    #[error("rule one-principal-one-vote: {name} has voted on this approval already")]
    VotedAlready { name: String },
    #[error(
        "rule current-digest: the vote is for plan {given}, but the plan to decide on is {current}; look at that plan, then vote again"
    )]
    StaleDigest { given: PlanDigest, current: PlanDigest },
    #[error("rule deadline: this approval expired at {deadline}; submit the remediation again")]
    Expired { deadline: Timestamp },
}
