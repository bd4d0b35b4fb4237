//! The site's rules for signed votes: what a vote must carry when it is cast, what is checked before anything is acted
//! on, and what the history must prove afterwards.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clawback_model::{
    Approval, Decision, Remediation, RemediationId, SignedVotes, StopReason, Timestamp, Vote, VoteSignature,
};
use clawback_vote_signatures::{Approvers, ApproversError, SignatureError};

/// Largest difference between the time of a signature and the time of its vote.
const APART: Duration = Duration::from_mins(15);

/// Which votes must be signed, and whose keys count: `[signed-votes]` in the configuration.
#[derive(Debug, Clone, Default)]
pub struct VoteRules {
    /// Which votes must be signed.
    pub required: SignedVotes,
    /// Remediations that started before this time are not required by `verify` to have signatures.
    pub since: Option<Timestamp>,
    /// The file of keys. It is read at each use, so that a removed key counts no more.
    pub keys: Option<PathBuf>,
}

/// Why the signature of a vote is not accepted.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages document the variants")]
pub enum UnsignedVote {
    #[error(
        "this site asks for signed votes: `clawback approve {id} --key FILE` signs with an SSH key, the page of {id} with a passkey"
    )]
    Needed { id: RemediationId },
    #[error("the vote was signed at {signed} and came at {now}, more than 15 minutes apart; sign it again")]
    Apart { signed: Timestamp, now: Timestamp },
    #[error(
        "the vote is signed, but this site has no keys of approvers: set `keys` under [signed-votes] to their file"
    )]
    NoKeys,
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Keys(#[from] ApproversError),
}

impl VoteRules {
    /// The keys that count now; none if no file is configured.
    pub fn approvers(&self) -> Result<Approvers, ApproversError> {
        self.keys.as_deref().map_or_else(|| Ok(Approvers::default()), Approvers::read)
    }

    /// Checks a vote as it is cast, with the keys that count then.
    pub fn check_cast(
        &self,
        approvers: &Approvers,
        remediation: &Remediation,
        approval: &Approval,
        vote: &Vote,
    ) -> Result<(), UnsignedVote> {
        let Some(signature) = &vote.signature else {
            let needed = vote.decision == Decision::Approve && self.required.asks(remediation.request.action);
            return if needed { Err(UnsignedVote::Needed { id: remediation.id.clone() }) } else { Ok(()) };
        };
        if self.keys.is_none() {
            return Err(UnsignedVote::NoKeys);
        }
        let signed = signature.at;
        if vote.at.since(signed).max(signed.since(vote.at)) > APART {
            return Err(UnsignedVote::Apart { signed, now: vote.at });
        }
        Ok(check(approvers, &remediation.id, approval, vote, signature)?)
    }

    /// Whether there is nothing to check: no vote must be signed, and none can be.
    pub(crate) fn is_off(&self) -> bool {
        self.required == SignedVotes::Optional && self.keys.is_none()
    }

    /// Why a remediation must not be acted on: its votes are not signed, or not by the recorded voters.
    pub(crate) fn refuse(&self, remediation: &Remediation) -> Option<StopReason> {
        if self.is_off() {
            return None;
        }
        let fault = match self.approvers() {
            Ok(approvers) => self.fault(&approvers, remediation, true),
            Err(error) => Some(error.to_string()),
        };
        fault.map(|detail| StopReason::NotAsApproved { detail })
    }

    /// What is wrong with the approvals of a remediation. Their number is checked only for one that begins.
    pub(crate) fn fault(&self, approvers: &Approvers, remediation: &Remediation, begins: bool) -> Option<String> {
        let required = self.required.asks(remediation.request.action);
        let Some(approval) = &remediation.approval else {
            return (required && begins)
                .then(|| "nobody has voted on it, and this site asks for signed votes".to_owned());
        };
        let mut signers = BTreeSet::new();
        for vote in approval.votes.iter().filter(|vote| vote.decision == Decision::Approve) {
            let by = &vote.by;
            match &vote.signature {
                Some(signature) => {
                    if let Err(error) = check(approvers, &remediation.id, approval, vote, signature) {
                        return Some(error.to_string());
                    }
                    if !(approval.rule.two_step && *by == approval.requester) {
                        signers.insert(by);
                    }
                }
                None if required => {
                    return Some(format!("the vote of {by} is not signed, and this site asks for signed votes"));
                }
                None => {}
            }
        }
        let (signed, wanted) = (signers.len(), approval.rule.votes.max(1));
        (required && begins && signed < wanted as usize)
            .then(|| format!("{signed} of {wanted} votes are signed by principals other than the requester"))
    }
}

fn check(
    approvers: &Approvers,
    id: &RemediationId,
    approval: &Approval,
    vote: &Vote,
    signature: &VoteSignature,
) -> Result<(), SignatureError> {
    let statement = approval.statement(id, &vote.by, vote.decision, signature.at);
    approvers.check(&statement, &signature.made)
}
