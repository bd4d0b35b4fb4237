//! `clawback undo` and `clawback retry`: new remediations from the history of an old one.

use clawback_action_center::json::RemediationJson;

use super::goal::Goal;
use super::proceed::proceed;
use crate::args::{FollowUpArgs, Global};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, any_id};

pub(crate) async fn undo(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    follow_up(global, args, "undo").await
}

pub(crate) async fn retry(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    follow_up(global, args, "retry").await
}

async fn follow_up(global: &Global, args: FollowUpArgs, verb: &str) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::unless(args.leave, None)).await?;
    let new: RemediationJson = client.act(&["remediations", &any_id(&args.id)?, verb]).await?;
    proceed(global, &client, &new.id, Goal::Settled(args.leave)).await
}
