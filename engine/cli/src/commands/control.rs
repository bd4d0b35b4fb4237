//! `clawback pause`, `resume` and `cancel`. A running worker obeys between two calls; without one, this process does the work.

use clawback_action_center::json::DetailJson;

use super::goal::Goal;
use super::proceed::proceed;
use crate::args::{FollowUpArgs, Global, IdArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, any_id};

pub(crate) async fn pause(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    control(global, &args.id, "pause", Stores::None, Goal::Obeyed).await
}

pub(crate) async fn resume(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    control(global, &args.id, "resume", Stores::unless(args.leave, None), Goal::Settled(args.leave)).await
}

pub(crate) async fn cancel(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    control(global, &args.id, "cancel", Stores::All, Goal::Obeyed).await
}

async fn control(global: &Global, id: &str, verb: &str, stores: Stores, goal: Goal) -> Result<Exit, Failure> {
    let client = Client::open(global, stores).await?;
    let asked: DetailJson = client.act(&["remediations", &any_id(id)?, verb]).await?;
    proceed(global, &client, &asked.remediation.id, goal).await
}
