//! `clawback approve` and `clawback reject`.

use clawback_action_center::json::{DetailJson, VoteJson};
use clawback_model::{Decision, Status};
use clawback_runtime::Error;

use crate::args::{DecideArgs, Global};
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
    let voted = session.api.decide(&session.who, &remediation.id, decision, args.digest, args.comment).await?;
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
    let vote = VoteJson { plan_digest: digest.to_string(), comment: args.comment };
    let voted: DetailJson = remote.post(&["remediations", id, verb], &[], &vote, seen).await?;
    if approves && voted.remediation.status == Status::Approved {
        return super::follow::follow(global, remote, id, args.leave).await;
    }
    super::work::tell(global, voted)
}
