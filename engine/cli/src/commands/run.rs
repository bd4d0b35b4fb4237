//! `clawback run`: a playbook from its start to where it must wait, or a remediation from its present state on.

use clawback_model::RemediationId;

use super::goal::Goal;
use super::proceed;
use crate::args::{Global, RunArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;

pub(crate) async fn run(global: &Global, args: RunArgs) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::unless(args.leave, args.with.like.as_deref())).await?;
    let goal = Goal::Settled(args.leave);
    if let Ok(id) = args.playbook.parse::<RemediationId>() {
        return proceed::proceed(global, &client, id.as_str(), goal).await;
    }
    proceed::submit(global, &client, super::plan::submission(&client, &args.playbook, args.with).await?, goal).await
}
