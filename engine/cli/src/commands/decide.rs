//! `clawback approve` and `clawback reject`.

use clawback_action_center::json::{ApprovalJson, DetailJson, MeJson, VoteJson, VoteSignatureJson};
use clawback_model::{Decision, PlanDigest, Status, VoteStatement};
use clawback_runtime::Error;

use super::goal::Goal;
use super::{proceed, sign};
use crate::args::{DecideArgs, Global};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, typed_id};

pub(crate) async fn run(global: &Global, args: DecideArgs, decision: Decision) -> Result<Exit, Failure> {
    let (verb, stores) = match decision {
        Decision::Approve => ("approve", Stores::unless(args.leave, None)),
        Decision::Reject => ("reject", Stores::None),
    };
    let client = Client::open(global, stores).await?;
    let found = client.look(&args.id, 0).await?;
    let id = found.remediation.id.as_str();
    // The vote names the plan, so it is refused if the plan changes before the vote is cast.
    let Some(digest) = args.digest.or(found.approval.as_ref().map(|approval| approval.digest)) else {
        let id = typed_id(id)?;
        return Err(Error::NotPending { id, status: found.remediation.status }.into());
    };
    let signature = match (&args.key, &found.approval) {
        (Some(key), Some(approval)) => Some(signed(&client, key, id, digest, decision, approval).await?),
        _ => None,
    };
    let vote = VoteJson { plan_digest: digest.to_string(), comment: args.comment, signature };
    let voted: DetailJson = client.post(&["remediations", id, verb], &[], &vote).await?;
    if decision == Decision::Approve && voted.remediation.status == Status::Approved {
        return proceed::proceed(global, &client, id, Goal::Settled(args.leave)).await;
    }
    proceed::finish(global, &client, &voted).await
}

/// The signature of the caller's vote by this key.
async fn signed(
    client: &Client,
    key: &std::path::Path,
    id: &str,
    plan: PlanDigest,
    decision: Decision,
    approval: &ApprovalJson,
) -> Result<VoteSignatureJson, Failure> {
    let me: MeJson = client.get(&["me"], &[]).await?;
    let statement = VoteStatement {
        remediation: &typed_id(id)?,
        plan,
        decision,
        votes: approval.rule.votes,
        requester: &approval.requester,
        voter: &me.name,
        at: sign::now(),
    };
    Ok(VoteSignatureJson::from(&sign::sign(key, &statement).await?))
}
