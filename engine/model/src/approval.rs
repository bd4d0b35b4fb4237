//! Approvals: votes of principals on the digest of a frozen plan.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::clock::Timestamp;
use crate::id::ApprovalId;
use crate::principal::{Principal, PrincipalKind, Role};
use crate::sha256::PlanDigest;
use crate::vote::{Decision, Vote};
use crate::vote_refused::VoteRefused;

/// The votes that a playbook or the site requires before it acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ApprovalRule {
    /// The number of different principals who must approve. At least one.
    pub votes: u32,
    /// A vote counts if its principal has one of these roles.
    pub from: Vec<Role>,
    /// A request that is not decided within this time is rejected.
    pub expires: Duration,
    /// Two-step: the requester's own vote never counts, nor that of the owner of the service that asked.
    pub two_step: bool,
    /// The approvers who were notified first are reminded after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after: Option<Duration>,
    /// Others are notified after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_after: Option<Duration>,
}

impl Default for ApprovalRule {
    /// Requires one approver who is not the requester, within seven days.
    fn default() -> Self {
        Self {
            votes: 1,
            from: vec![Role::Approver],
            expires: Duration::from_hours(7 * 24),
            two_step: true,
            remind_after: None,
            escalate_after: None,
        }
    }
}

/// A request for votes on one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Approval {
    /// The ID, which the requester gets.
    pub id: ApprovalId,
    /// The rule in force.
    pub rule: ApprovalRule,
    /// The plan that is voted on.
    pub digest: PlanDigest,
    /// The requester.
    pub requester: String,
    /// The owner, at the time of the request, of the service that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The time at which an undecided request is rejected.
    pub deadline: Timestamp,
    /// The votes so far.
    pub votes: Vec<Vote>,
}

/// The state of a request after a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoteResult {
    /// More votes are needed.
    Open {
        /// The number of missing votes.
        missing: u32,
    },
    /// Enough voters approved.
    Approved,
    /// A voter rejected.
    Rejected,
}

impl Approval {
    /// Checks a vote against every rule and returns the resulting state. The caller appends a valid vote to `votes`.
    pub fn vote(&self, voter: &Principal, vote: &Vote) -> Result<VoteResult, VoteRefused> {
        if vote.at >= self.deadline {
            return Err(VoteRefused::Expired { deadline: self.deadline });
        }
        if vote.digest != self.digest {
            return Err(VoteRefused::StaleDigest { given: vote.digest, current: self.digest });
        }
        if voter.kind != PrincipalKind::Person {
            return Err(VoteRefused::Service { name: voter.name.clone() });
        }
        let own = voter.name == self.requester;
        // Requesters may always reject their own request; only an approval needs another principal.
        if own && self.rule.two_step && vote.decision == Decision::Approve {
            return Err(VoteRefused::RequesterExcluded { name: voter.name.clone() });
        }
        let owns = self.owner.as_ref() == Some(&voter.name);
        if owns && self.rule.two_step && vote.decision == Decision::Approve {
            return Err(VoteRefused::OwnerExcluded { name: voter.name.clone(), service: self.requester.clone() });
        }
        let withdraws = own && vote.decision == Decision::Reject;
        if !withdraws && !self.rule.from.iter().any(|role| voter.roles.contains(role)) {
            let wanted = self.rule.from.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
            return Err(VoteRefused::MissingRole { name: voter.name.clone(), wanted });
        }
        if self.votes.iter().any(|known| known.by == voter.name) {
            return Err(VoteRefused::VotedAlready { name: voter.name.clone() });
        }
        if vote.decision == Decision::Reject {
            return Ok(VoteResult::Rejected);
        }
        // This vote is not among those so far.
        let missing = self.missing().saturating_sub(1);
        Ok(if missing == 0 { VoteResult::Approved } else { VoteResult::Open { missing } })
    }

    /// Returns those who can still approve at this time, by the rule that each vote is checked by. Whether a credential
    /// is the voter's own is known only when they sign in.
    pub fn can_approve<'a>(&self, action: Action, of: &'a [Principal], at: Timestamp) -> Vec<&'a Principal> {
        of.iter().filter(|voter| self.trial(voter, at).is_ok() && voter.may_order(action)).collect()
    }

    /// Returns what the approval of this voter at this time would lead to, or why it would be refused. Nothing changes.
    pub fn trial(&self, voter: &Principal, at: Timestamp) -> Result<VoteResult, VoteRefused> {
        let vote = Vote {
            by: voter.name.clone(),
            decision: Decision::Approve,
            digest: self.digest,
            comment: None,
            at,
            signature: None,
        };
        self.vote(voter, &vote)
    }

    /// Returns the number of approvals so far.
    pub fn given(&self) -> u32 {
        let given = self.votes.iter().filter(|vote| vote.decision == Decision::Approve).count();
        u32::try_from(given).unwrap_or(u32::MAX)
    }

    /// Returns the number of approvals that are still missing.
    pub fn missing(&self) -> u32 {
        self.rule.votes.saturating_sub(self.given())
    }

    /// Returns the voters who approved but are no longer allowed to: their votes do not count at the start. `now` holds
    /// the voters as they are now, without those that were removed.
    pub fn lapsed(&self, action: Action, now: &[Principal]) -> Vec<String> {
        let stands = |vote: &Vote| {
            let voter = now.iter().find(|known| known.name == vote.by);
            vote.digest == self.digest
                && voter.is_some_and(|voter| {
                    voter.kind == PrincipalKind::Person
                        && self.rule.from.iter().any(|role| voter.roles.contains(role))
                        && voter.may_order(action)
                })
        };
        let approving = self.votes.iter().filter(|vote| vote.decision == Decision::Approve);
        approving.filter(|vote| !stands(vote)).map(|vote| vote.by.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256::Digest;

    fn principal(name: &str, role: Role) -> Principal {
        Principal::new(name, PrincipalKind::Person, vec![role])
    }

    fn approval(votes: u32) -> Approval {
        Approval {
            id: ApprovalId::from_random(1),
            rule: ApprovalRule { votes, ..ApprovalRule::default() },
            digest: Digest([1; 32]),
            requester: "ann".into(),
            owner: None,
            deadline: Timestamp(1_000),
            votes: vec![],
        }
    }

    fn vote(by: &str, decision: Decision) -> Vote {
        Vote { by: by.into(), decision, digest: Digest([1; 32]), comment: None, at: Timestamp(10), signature: None }
    }

    #[test]
    fn each_refusal_names_its_rule() {
        let open = approval(1);
        let refuse = |who: &Principal, cast: &Vote| open.vote(who, cast).unwrap_err().to_string();
        let ann = principal("ann", Role::Approver);
        assert!(refuse(&ann, &vote("ann", Decision::Approve)).starts_with("rule two-step:"));
        let bob = principal("bob", Role::Analyst);
        assert!(refuse(&bob, &vote("bob", Decision::Approve)).starts_with("rule approver-role:"));
        let eve = principal("eve", Role::Approver);
        let stale = Vote { digest: Digest([2; 32]), ..vote("eve", Decision::Approve) };
        assert!(refuse(&eve, &stale).starts_with("rule current-digest:"));
        let late = Vote { at: Timestamp(1_000), ..vote("eve", Decision::Approve) };
        assert!(refuse(&eve, &late).starts_with("rule deadline:"));
    }

    #[test]
    fn a_service_decides_on_nothing() {
        let mut open = approval(1);
        open.rule.two_step = false;
        for name in ["bot", "ann"] {
            let bot = Principal::service(name, vec![Role::Approver], "eve");
            for decision in [Decision::Approve, Decision::Reject] {
                let said = open.vote(&bot, &vote(name, decision)).unwrap_err().to_string();
                assert_eq!(
                    said,
                    format!("rule people-decide: {name} is a service, and only people decide on approvals")
                );
            }
        }
        // As in an older history.
        open.votes = vec![vote("bot", Decision::Approve)];
        let bot = Principal::service("bot", vec![Role::Approver], "eve");
        assert_eq!(open.lapsed(Action::SoftDelete, &[bot]), ["bot"]);
    }

    #[test]
    fn whoever_owns_a_service_is_no_second_person_to_it() {
        let mut open = Approval { requester: "bot".into(), owner: Some("eve".into()), ..approval(1) };
        let eve = principal("eve", Role::Approver);
        let said = open.vote(&eve, &vote("eve", Decision::Approve)).unwrap_err().to_string();
        assert_eq!(
            said,
            "rule two-step: bot requested this remediation, and eve owns it, so another principal must approve it"
        );
        assert_eq!(open.vote(&eve, &vote("eve", Decision::Reject)), Ok(VoteResult::Rejected));
        let dan = principal("dan", Role::Approver);
        assert_eq!(open.vote(&dan, &vote("dan", Decision::Approve)), Ok(VoteResult::Approved));
        open.rule.two_step = false;
        assert_eq!(open.vote(&eve, &vote("eve", Decision::Approve)), Ok(VoteResult::Approved));
    }

    #[test]
    fn n_votes_of_different_people() {
        let mut open = approval(2);
        let eve = principal("eve", Role::Approver);
        assert_eq!(open.vote(&eve, &vote("eve", Decision::Approve)), Ok(VoteResult::Open { missing: 1 }));
        open.votes.push(vote("eve", Decision::Approve));
        assert!(matches!(open.vote(&eve, &vote("eve", Decision::Approve)), Err(VoteRefused::VotedAlready { .. })));
        let dan = principal("dan", Role::Approver);
        assert_eq!(open.vote(&dan, &vote("dan", Decision::Approve)), Ok(VoteResult::Approved));
        assert_eq!(open.vote(&dan, &vote("dan", Decision::Reject)), Ok(VoteResult::Rejected));
        let ann = principal("ann", Role::Analyst);
        assert_eq!(
            open.vote(&ann, &vote("ann", Decision::Reject)),
            Ok(VoteResult::Rejected),
            "the requester may withdraw"
        );
    }

    #[test]
    fn without_two_steps_the_requester_decides_too() {
        let mut open = approval(1);
        open.rule.two_step = false;
        let ann = principal("ann", Role::Approver);
        assert_eq!(open.vote(&ann, &vote("ann", Decision::Approve)), Ok(VoteResult::Approved));
        let ann = principal("ann", Role::Analyst);
        let refused = open.vote(&ann, &vote("ann", Decision::Approve));
        assert!(
            matches!(refused, Err(VoteRefused::MissingRole { .. })),
            "the role is asked for all the same: {refused:?}"
        );
    }

    #[test]
    fn who_has_no_role_rejects_nothing_of_others() {
        let bob = principal("bob", Role::Analyst);
        let refused = approval(1).vote(&bob, &vote("bob", Decision::Reject)).unwrap_err().to_string();
        assert_eq!(refused, "rule approver-role: bob needs one of the roles approver to decide on this approval");
    }

    #[test]
    fn a_vote_counts_while_its_voter_may_decide() {
        let mut open = approval(2);
        open.votes = vec![vote("eve", Decision::Approve), vote("dan", Decision::Approve)];
        let lapsed = |action, now: &[Principal]| open.lapsed(action, now);
        let (eve, dan) = (principal("eve", Role::Approver), principal("dan", Role::Approver));
        assert!(lapsed(Action::SoftDelete, &[eve.clone(), dan.clone()]).is_empty());
        assert_eq!(lapsed(Action::SoftDelete, &[principal("eve", Role::Viewer), dan.clone()]), ["eve"]);
        assert_eq!(lapsed(Action::SoftDelete, std::slice::from_ref(&dan)), ["eve"], "she is gone");
        let purger = Principal { roles: vec![Role::Approver, Role::Purger], ..eve.clone() };
        assert_eq!(lapsed(Action::HardDelete, &[purger, dan.clone()]), ["dan"]);
        let other = Approval { digest: Digest([2; 32]), ..open.clone() };
        assert_eq!(other.lapsed(Action::SoftDelete, &[eve, dan]), ["eve", "dan"], "votes for another plan");
    }

    #[test]
    fn a_vote_counts_until_the_deadline() {
        let eve = principal("eve", Role::Approver);
        let at = |at| approval(1).vote(&eve, &Vote { at: Timestamp(at), ..vote("eve", Decision::Approve) });
        assert_eq!(at(999), Ok(VoteResult::Approved));
        assert_eq!(at(1_000), Err(VoteRefused::Expired { deadline: Timestamp(1_000) }));
    }

    #[test]
    fn those_who_can_approve_have_the_roles_and_have_not_voted() {
        let mut open = approval(2);
        let mut purger = principal("pia", Role::Approver);
        purger.roles.push(Role::Purger);
        let service = Principal::new("bot", PrincipalKind::Service, vec![Role::Approver]);
        let all = [
            principal("ann", Role::Approver),
            principal("bob", Role::Analyst),
            principal("eve", Role::Approver),
            purger,
            service,
        ];
        let names = |open: &Approval, action: Action, at: i64| {
            open.can_approve(action, &all, Timestamp(at)).into_iter().map(|who| who.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&open, Action::SoftDelete, 10), ["eve", "pia"]);
        assert_eq!(names(&open, Action::HardDelete, 10), ["pia"]);
        assert_eq!(names(&open, Action::SoftDelete, 1_000), [""; 0], "the deadline has passed");
        assert_eq!(open.missing(), 2);
        open.votes.push(vote("eve", Decision::Approve));
        assert_eq!((open.missing(), names(&open, Action::SoftDelete, 10)), (1, vec!["pia".to_owned()]));
    }
}
