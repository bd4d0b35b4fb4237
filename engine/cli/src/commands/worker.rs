//! `clawback worker`: works on whatever is due, until stopped.

use std::sync::Arc;
use std::time::Duration;

use clawback_runtime::{Worker, silent};

use crate::args::{Global, WorkerArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;

/// Wait between two looks at an empty queue.
const IDLE: Duration = Duration::from_secs(1);
/// Wait after an error, so that a broken database is not hammered.
const AFTER_ERROR: Duration = Duration::from_secs(5);

pub(crate) async fn run(global: &Global, args: WorkerArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    session.api.may_work(&session.who)?;
    let worker = Worker::new(Arc::clone(session.site()), silent());
    let mut exit = Exit::Done;
    let _serving = match args.metrics {
        Some(address) => Some(crate::exposition::serve(address, Arc::clone(session.site())).await?),
        None => None,
    };
    let mut halted = super::halt::tell(session.site(), None).await?;
    let stop = stop_asked();
    tokio::pin!(stop);
    loop {
        let outcome = tokio::select! {
            // A remediation under way is left as it is: its lease runs out and the next worker goes on.
            () = &mut stop => return Ok(exit),
            outcome = worker.run_next() => outcome,
        };
        let wait = match outcome {
            Ok(Some(remediation)) => {
                output::note(&format!("{}  {}", remediation.id, remediation.status));
                if args.once && super::work::exit_of(&remediation) != Exit::Done {
                    exit = Exit::Partial;
                }
                continue;
            }
            Ok(None) if args.once => return Ok(exit),
            Ok(None) => {
                // Passing trouble of the database is the next look's to tell.
                halted = super::halt::tell(session.site(), halted.clone()).await.unwrap_or(halted);
                IDLE
            }
            Err(error) if args.once => return Err(error.into()),
            Err(error) => {
                tracing::error!(error = crate::failure::chain(&error), "Work failed; trying again.");
                AFTER_ERROR
            }
        };
        tokio::select! {
            () = &mut stop => return Ok(exit),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).expect("SIGTERM can be waited for");
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
