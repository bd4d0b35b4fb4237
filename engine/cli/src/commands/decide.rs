//! `clawback approve` and `clawback reject`.

use clawback_action_center::json::{DetailJson, MeJson, VoteJson, VoteSignatureJson};
use clawback_app::Ballot;
use clawback_model::{Approval, Decision, Status, VoteStatement};
use clawback_runtime::Error;

use crate::args::{DecideArgs, Global};
use crate::commands::sign;
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores, remediation_id};
use crate::remote::Remote;

pub(crate) async fn run(global: &Global, args: DecideArgs, decision: Decision) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        return there(global, &remote, args, decision).await;
    }
    let approves = decision == Decision::Approve;
    let stores = if approves { Stores::unless(args.leave) } else { Stores::None };
    let session = Session::open(global, stores).await?;
    let remediation = session.find(&args.id).await?;
    let mut ballot = Ballot { decision, digest: args.digest, comment: args.comment, seen: None, signature: None };
    if let (Some(key), Some(approval)) = (&args.key, &remediation.approval) {
        let approval = Approval { digest: args.digest.unwrap_or(approval.digest), ..approval.clone() };
        let statement = approval.statement(&remediation.id, &session.who.name, decision, sign::now());
        ballot.signature = Some(sign::sign(key, &statement).await?);
        // What was signed is voted for, whatever the plan is by then.
        ballot.digest = Some(approval.digest);
    }
    let voted = session.api.vote(&session.who, &remediation.id, ballot).await?;
    if approves && voted.status == Status::Approved {
        return super::foreground::carry_on(global, &session, &voted.id, args.leave).await;
    }
    super::foreground::give_notice(&session, &voted.id).await;
    super::work::tell(global, &voted)
}

/// Votes on the plan as it was just looked at, so that it is refused if anything changes in between.
async fn there(global: &Global, remote: &Remote, args: DecideArgs, decision: Decision) -> Result<Exit, Failure> {
    let (found, seen) = remote.look(&args.id, 0).await?;
    let id = found.remediation.id.as_str();
    let Some(digest) = args.digest.or(found.approval.as_ref().map(|approval| approval.digest)) else {
        let id = remediation_id(id)?;
        return Err(Error::NotPending { id, status: found.remediation.status }.into());
    };
    let (verb, approves) = match decision {
        Decision::Approve => ("approve", true),
        Decision::Reject => ("reject", false),
    };
    let mut signature = None;
    if let (Some(key), Some(approval)) = (&args.key, &found.approval) {
        let me: MeJson = remote.get(&["me"], &[]).await?;
        let statement = VoteStatement {
            remediation: &remediation_id(id)?,
            plan: digest,
            decision,
            votes: approval.rule.votes,
            requester: &approval.requester,
            voter: &me.name,
            at: sign::now(),
        };
        signature = Some(VoteSignatureJson::from(&sign::sign(key, &statement).await?));
    }
    let vote = VoteJson { plan_digest: digest.to_string(), comment: args.comment, signature };
    let voted: DetailJson = remote.post(&["remediations", id, verb], &[], &vote, seen).await?;
    if approves && voted.remediation.status == Status::Approved {
        return super::follow::follow(global, remote, id, args.leave).await;
    }
    super::work::tell(global, voted)
}
