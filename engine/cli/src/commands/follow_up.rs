//! `clawback undo` and `clawback retry`: new remediations from the history of an old one.

use clawback_action_center::json::RemediationJson;

use crate::args::{FollowUpArgs, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::remote::Remote;

pub(crate) async fn undo(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        return there(global, &remote, args, "undo").await;
    }
    let session = Session::open(global, Stores::unless(args.leave)).await?;
    let found = session.find(&args.id).await?;
    let undo = session.api.undo(&session.who, &found.id).await?;
    super::foreground::carry_on(global, &session, &undo.id, args.leave).await
}

pub(crate) async fn retry(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        return there(global, &remote, args, "retry").await;
    }
    let session = Session::open(global, Stores::unless(args.leave)).await?;
    let found = session.find(&args.id).await?;
    let retry = session.api.retry(&session.who, &found.id).await?;
    super::foreground::carry_on(global, &session, &retry.id, args.leave).await
}

async fn there(global: &Global, remote: &Remote, args: FollowUpArgs, verb: &str) -> Result<Exit, Failure> {
    let (found, _) = remote.look(&args.id, 0).await?;
    let new: RemediationJson = remote.act(&["remediations", &found.remediation.id, verb]).await?;
    super::follow::follow(global, remote, &new.id, args.leave).await
}
