//! `clawback pause`, `resume` and `cancel`. A running worker obeys between two calls; without one, the work is done here.

use clawback_model::Remediation;
use clawback_runtime::Error;

use crate::args::{Global, IdArgs, Leave};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;

pub(crate) async fn pause(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
    let found = session.find(&args.id).await?;
    session.api.pause(&session.who, &found.id).await?;
    settle(global, &session, &found).await
}

pub(crate) async fn resume(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    let found = session.find(&args.id).await?;
    session.api.resume(&session.who, &found.id).await?;
    super::work::carry_on(global, &session, &found.id, Leave::default()).await
}

pub(crate) async fn cancel(global: &Global, args: IdArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    let found = session.find(&args.id).await?;
    session.api.cancel(&session.who, &found.id).await?;
    settle(global, &session, &found).await
}

/// Pausing and cancelling move nothing (a cancel looks for what an open batch had done), so they are carried out here unless a
/// worker holds the remediation.
async fn settle(global: &Global, session: &Session, found: &Remediation) -> Result<Exit, Failure> {
    let worker = clawback_runtime::Worker::new(std::sync::Arc::clone(session.site()), clawback_runtime::silent());
    match worker.run(&found.id).await {
        Ok(remediation) => super::work::tell(global, &remediation),
        Err(Error::Busy { .. }) => {
            output::note("a worker is on it and will stop before its next call");
            let asked = session.site().history.load(&found.id).await?;
            super::work::tell(global, &asked)
        }
        Err(Error::Halted(halt)) => {
            output::note(&format!(
                "the site is {}; this is carried out once it goes on",
                clawback_model::visible(&halt.to_string())
            ));
            let asked = session.site().history.load(&found.id).await?;
            super::work::tell(global, &asked)
        }
        Err(error) => Err(error.into()),
    }
}
