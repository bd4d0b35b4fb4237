//! `clawback worker`: works on whatever is due, until stopped.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::Halt;
use clawback_runtime::{Outbox, Site, Timers, Worker, silent};

use crate::args::{Global, WorkerArgs};
use crate::failure::{Exit, Failure, chain};
use crate::open::{Session, Stores};
use crate::output;

/// Between two looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// How long calls under way may take to end after a stop was asked for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) async fn run(global: &Global, args: WorkerArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    session.api.may_work(&session.who)?;
    work(&session, &args).await
}

/// Works on an open site.
pub(crate) async fn work(session: &Session, args: &WorkerArgs) -> Result<Exit, Failure> {
    let worker = Worker::new(Arc::clone(session.site()), silent());
    let _serving = match args.metrics {
        Some(address) => Some(crate::exposition::serve(address, Arc::clone(session.site())).await?),
        None => None,
    };
    let halted = super::halt::tell(session.site(), None).await?;
    let mut timers = Timers::new(session.api.clone());
    if args.once {
        let outbox = Outbox::new(Arc::clone(session.site()));
        let telling = outbox.clone().beside();
        timers.tick().await?;
        let exit = once(&worker).await;
        telling.end().await;
        outbox.tell_due().await;
        return exit;
    }
    let (stopping, asked) = tokio::sync::oneshot::channel();
    let stop = async {
        stop_asked().await;
        output::note("stopping: calls under way are ended and recorded; once more to leave at once");
        let _ = stopping.send(());
    };
    let told = |result: Result<clawback_model::Remediation, clawback_runtime::Error>| match result {
        Ok(remediation) => output::note(&format!("{}  {}", remediation.id, remediation.status)),
        Err(error) => tracing::error!(error = chain(&error), "Work failed; it is tried again."),
    };
    tokio::select! {
        ended = worker.serve(stop, told) => ended?,
        () = tick(&mut timers) => {}
        () = tell(session.site(), halted) => {}
        // What is not handed back by then is others' once the lease has run out.
        () = async { let _ = asked.await; deadline().await } => {}
    }
    Ok(Exit::Done)
}

/// Says when the site is halted and when it goes on, for ever.
async fn tell(site: &Site, mut halted: Option<Halt>) {
    loop {
        tokio::time::sleep(TICK).await;
        // Passing trouble of the database is the next look's to tell.
        halted = super::halt::tell(site, halted.clone()).await.unwrap_or(halted);
    }
}

/// Fires schedules and sweeps, for ever.
async fn tick(timers: &mut Timers) {
    loop {
        if let Err(error) = timers.tick().await {
            tracing::error!(error = chain(&error), "Timers failed; trying again.");
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Works until nothing is due.
async fn once(worker: &Worker) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    while let Some(remediation) = worker.run_next().await? {
        output::note(&format!("{}  {}", remediation.id, remediation.status));
        if super::work::exit_of(remediation.status, remediation.plan.as_ref().map(|plan| &plan.facts)) != Exit::Done {
            exit = Exit::Partial;
        }
    }
    Ok(exit)
}

async fn deadline() {
    tokio::select! {
        () = stop_asked() => {}
        () = tokio::time::sleep(DEADLINE) => {}
    }
}

pub(crate) async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).expect("SIGTERM can be waited for");
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
