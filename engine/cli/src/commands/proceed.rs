//! What follows a request to the API. The site of this machine is worked on in the foreground; the workers of a server are watched.

use clawback_action_center::json::{DetailJson, RemediationJson, SubmissionJson};
use clawback_runtime::Submission;

use super::goal::Goal;
use super::{follow, foreground, work};
use crate::args::Global;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::typed_id;

/// Works until the goal is reached, or waits until workers have reached it; prints the remediation.
pub(super) async fn proceed(global: &Global, client: &Client, id: &str, goal: Goal) -> Result<Exit, Failure> {
    match client.session() {
        Some(session) => Box::pin(foreground::carry_on(global, session, &typed_id(id)?, goal)).await,
        None => follow::watch(global, client, id, goal).await,
    }
}

/// Submits a remediation, and proceeds with it.
pub(super) async fn submit(
    global: &Global,
    client: &Client,
    submission: Submission,
    goal: Goal,
) -> Result<Exit, Failure> {
    let submitted: RemediationJson = client.post(&["remediations"], &[], &SubmissionJson::from(submission)).await?;
    proceed(global, client, &submitted.id, goal).await
}

/// Prints a remediation that nothing more is done with now. Notifications of its change are sent first, where no server does that.
pub(super) async fn finish(global: &Global, client: &Client, detail: &DetailJson) -> Result<Exit, Failure> {
    if let Some(session) = client.session() {
        foreground::give_notice(session, &typed_id(&detail.remediation.id)?).await;
    }
    work::print(global, detail)
}
