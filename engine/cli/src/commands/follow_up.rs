//! `clawback undo` and `clawback retry`: new remediations from the history of an old one.

use crate::args::{FollowUpArgs, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};

pub(crate) async fn undo(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::unless(args.leave)).await?;
    let found = session.find(&args.id).await?;
    let undo = session.api.undo(&session.who, &found.id).await?;
    super::work::carry_on(global, &session, &undo.id, args.leave).await
}

pub(crate) async fn retry(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::unless(args.leave)).await?;
    let found = session.find(&args.id).await?;
    let retry = session.api.retry(&session.who, &found.id).await?;
    super::work::carry_on(global, &session, &retry.id, args.leave).await
}
