//! `clawback pause`, `resume` and `cancel`. A running worker obeys between two calls; without one, the work is done here.

use clawback_action_center::json::DetailJson;
use clawback_model::{Halt, Remediation, visible};
use clawback_runtime::Error;

use crate::args::{Global, IdArgs, Leave};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use crate::remote::Remote;

const WILL_STOP: &str = "a worker is on it and will stop before its next call";
/// Seconds that a server's workers are given to stop in.
const MOMENT: u64 = 5;

pub(crate) async fn pause(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        return stop(global, &remote, &args.id, "pause").await;
    }
    let session = Session::open(global, Stores::None).await?;
    let found = session.find(&args.id).await?;
    session.api.pause(&session.who, &found.id).await?;
    settle(global, &session, &found).await
}

pub(crate) async fn resume(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        let resumed = ask(&remote, &args.id, "resume").await?;
        return super::follow::follow(global, &remote, &resumed.remediation.id, Leave::default()).await;
    }
    let session = Session::open(global, Stores::All).await?;
    let found = session.find(&args.id).await?;
    session.api.resume(&session.who, &found.id).await?;
    super::work::carry_on(global, &session, &found.id, Leave::default()).await
}

pub(crate) async fn cancel(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        return stop(global, &remote, &args.id, "cancel").await;
    }
    let session = Session::open(global, Stores::All).await?;
    let found = session.find(&args.id).await?;
    session.api.cancel(&session.who, &found.id).await?;
    settle(global, &session, &found).await
}

/// Pausing and cancelling move nothing (a cancel looks for what an open batch had done), so they are carried out here unless a
/// worker holds the remediation.
async fn settle(global: &Global, session: &Session, found: &Remediation) -> Result<Exit, Failure> {
    let worker = clawback_runtime::Worker::new(std::sync::Arc::clone(session.site()), clawback_runtime::silent());
    let settled = worker.run(&found.id).await;
    super::work::give_notice(session, &found.id).await;
    match settled {
        Ok(remediation) => super::work::tell(global, &remediation),
        Err(Error::Busy { .. }) => {
            output::note(WILL_STOP);
            let asked = session.site().history.load(&found.id).await?;
            super::work::tell(global, &asked)
        }
        Err(Error::Halted(halt)) => {
            output::note(&once_it_goes_on(&halt));
            let asked = session.site().history.load(&found.id).await?;
            super::work::tell(global, &asked)
        }
        Err(error) => Err(error.into()),
    }
}

fn once_it_goes_on(halt: &Halt) -> String {
    format!("the site is {}; this is carried out once it goes on", visible(&halt.to_string()))
}

async fn ask(remote: &Remote, id: &str, verb: &str) -> Result<DetailJson, Failure> {
    let (found, _) = remote.look(id, 0).await?;
    remote.act(&["remediations", &found.remediation.id, verb]).await
}

/// Asks the server's workers to stop, and gives them a moment for it.
async fn stop(global: &Global, remote: &Remote, id: &str, verb: &str) -> Result<Exit, Failure> {
    let asked = ask(remote, id, verb).await?;
    let (found, _) = remote.look(&asked.remediation.id, MOMENT).await?;
    if !found.settled {
        match remote.halted().await? {
            Some(halt) => output::note(&once_it_goes_on(&halt)),
            None => output::note(WILL_STOP),
        }
    }
    super::work::tell(global, found)
}
