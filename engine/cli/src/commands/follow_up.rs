//! `clawback undo` and `clawback retry`: new remediations from the history of an old one.

use clawback_model::RemediationId;

use crate::args::{FollowUpArgs, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};

pub(crate) async fn undo(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    let found = session.find(&args.id).await?;
    let undo = session.api.undo(&session.who, &found.id).await?;
    start(global, &session, &undo.id, args.no_run).await
}

pub(crate) async fn retry(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    let found = session.find(&args.id).await?;
    let retry = session.api.retry(&session.who, &found.id).await?;
    start(global, &session, &retry.id, args.no_run).await
}

/// Works on a remediation that was just filed.
pub(crate) async fn start(
    global: &Global,
    session: &Session,
    id: &RemediationId,
    no_run: bool,
) -> Result<Exit, Failure> {
    if no_run {
        return super::work::plan_only(global, session, id).await;
    }
    super::work::carry_on(global, session, id).await
}
