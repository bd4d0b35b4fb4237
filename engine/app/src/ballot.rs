//! Votes as they are cast.

use crate::boxed::boxed;
use clawback_model::{
    Decision, Event, LONGEST_TEXT, PlanDigest, Principal, Remediation, RemediationId, Status, Timestamp, Vote,
    VoteSignature, check_length,
};
use clawback_runtime::{Error, planning};

use crate::api::Api;
use crate::authorization::allow_action;

/// Limit of a signature with its data, in bytes: those of large RSA keys take some 2,000.
const LONGEST_SIGNATURE: usize = 16_000;

/// A vote as it is cast.
#[derive(Debug, Clone)]
pub struct Ballot {
    /// Approve or reject.
    pub decision: Decision,
    /// The plan that the voter was shown; without it the vote is for the plan at the time of the vote.
    pub digest: Option<PlanDigest>,
    /// The reason, in the voter's words.
    pub comment: Option<String>,
    /// When the state that the voter was shown was last changed: the vote is refused if it changed since.
    pub seen: Option<Timestamp>,
    /// The signature of the voter's key.
    pub signature: Option<VoteSignature>,
}

impl Api {
    /// Votes on a pending plan: the current one, unless a digest is given.
    #[boxed]
    pub async fn decide(
        &self,
        who: &Principal,
        id: &RemediationId,
        decision: Decision,
        digest: Option<PlanDigest>,
        comment: Option<String>,
    ) -> Result<Remediation, Error> {
        self.vote(who, id, Ballot { decision, digest, comment, seen: None, signature: None }).await
    }

    /// Votes on a pending plan.
    #[boxed]
    pub async fn vote(&self, who: &Principal, id: &RemediationId, ballot: Ballot) -> Result<Remediation, Error> {
        let now = self.site().now();
        let Ballot { decision, digest, comment, seen, signature } = ballot;
        check_length("the comment", LONGEST_TEXT, comment.as_deref().unwrap_or_default())?;
        let given = serde_json::to_string(&signature).unwrap_or_default();
        check_length("the signature", LONGEST_SIGNATURE, &given)?;
        if decision == Decision::Approve && self.site().history.load(id).await?.status == Status::PendingApproval {
            let proven = self.site().history.prove_plan(id).await?;
            // A session without stores cannot act on it either.
            let otherwise = planning::configuration_difference(self.site(), &proven.header)
                .filter(|_| !self.site().stores.is_empty());
            if let Some(reason) = otherwise {
                return Err(Error::NotAsPlanned { id: id.clone(), reason });
            }
        }
        let approvers = self.site().vote_rules.approvers()?;
        self.site()
            .history
            .record_if(id, None, who, now, |current| {
                let pending = current.approval.as_ref().filter(|_| current.status == Status::PendingApproval);
                let Some(approval) = pending else {
                    return Err(Error::NotPending { id: id.clone(), status: current.status });
                };
                if seen.is_some_and(|seen| seen != current.updated_at) {
                    return Err(Error::Changed { id: id.clone() });
                }
                if decision == Decision::Approve {
                    allow_action(who, current.request.action)?;
                }
                let digest = digest.unwrap_or(approval.digest);
                let (by, comment, signature) = (who.name.clone(), comment.clone(), signature.clone());
                let vote = Vote { by, decision, digest, comment, at: now, signature };
                approval.vote(who, &vote)?;
                who.own_credential("vote")?;
                self.site().vote_rules.check_cast(&approvers, current, approval, &vote)?;
                Ok(Event::Voted { vote })
            })
            .await
    }
}
