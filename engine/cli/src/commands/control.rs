//! `clawback pause`, `resume` and `cancel`. A running worker obeys between two calls; without one, the work is done here.

use clawback_action_center::json::DetailJson;

use super::foreground::{self, MOMENT, WILL_STOP};
use crate::args::{FollowUpArgs, Global, IdArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use crate::remote::Remote;

pub(crate) async fn pause(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        return stop(global, &remote, &args.id, "pause").await;
    }
    let session = Session::open(global, Stores::None).await?;
    let found = session.find(&args.id).await?;
    session.api.pause(&session.who, &found.id).await?;
    foreground::settle(global, &session, &found.id).await
}

pub(crate) async fn resume(global: &Global, args: FollowUpArgs) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        let resumed = ask(&remote, &args.id, "resume").await?;
        return super::follow::follow(global, &remote, &resumed.remediation.id, args.leave).await;
    }
    let session = Session::open(global, Stores::unless(args.leave)).await?;
    let found = session.find(&args.id).await?;
    session.api.resume(&session.who, &found.id).await?;
    foreground::carry_on(global, &session, &found.id, args.leave).await
}

pub(crate) async fn cancel(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        return stop(global, &remote, &args.id, "cancel").await;
    }
    let session = Session::open(global, Stores::All).await?;
    let found = session.find(&args.id).await?;
    session.api.cancel(&session.who, &found.id).await?;
    foreground::settle(global, &session, &found.id).await
}

async fn ask(remote: &Remote, id: &str, verb: &str) -> Result<DetailJson, Failure> {
    let (found, _) = remote.look(id, 0).await?;
    remote.act(&["remediations", &found.remediation.id, verb]).await
}

/// Asks the server's workers to stop, and gives them a moment for it.
async fn stop(global: &Global, remote: &Remote, id: &str, verb: &str) -> Result<Exit, Failure> {
    let asked = ask(remote, id, verb).await?;
    let (found, _) = remote.look(&asked.remediation.id, MOMENT.as_secs()).await?;
    if !found.settled {
        match remote.halted().await? {
            Some(halt) => {
                let remediation = &found.remediation;
                output::note(&super::halt::holds(&halt, &remediation.id, remediation.status));
            }
            None => output::note(WILL_STOP),
        }
    }
    super::work::tell(global, found)
}
