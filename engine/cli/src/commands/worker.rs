//! `clawback worker`: works on due remediations, until stopped.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::Halt;
use clawback_runtime::{Outbox, Site, Timers, Worker, silent};
use tokio::sync::watch;

use crate::args::{Global, WorkerArgs};
use crate::failure::{Exit, Failure, chain};
use crate::interrupt::STOPPING;
use crate::open::{Session, Stores};
use crate::output;

/// Interval of the timers.
const TICK: Duration = Duration::from_secs(1);
/// Time that searches of sweeps have to release their rows.
const HAND_BACK: Duration = Duration::from_secs(5);
/// Time that calls under way have to end after a stop was requested.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) async fn run(global: &Global, args: WorkerArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    session.api.may_work(&session.who)?;
    crate::descriptors::raise();
    work(&session, &args).await
}

/// Works on an open site.
pub(crate) async fn work(session: &Session, args: &WorkerArgs) -> Result<Exit, Failure> {
    if session.site().reports.mailbox.is_some() {
        // Without it, reports would be recorded and nothing would follow.
        clawback_runtime::intake::report_playbook(session.site())
            .map_err(|error| Failure::from(error).hint("[reports] playbook in clawback.toml names it"))?;
    }
    let worker = Worker::new(Arc::clone(session.site()), silent());
    let _serving = match args.metrics {
        Some(address) => Some(crate::exposition::serve(address, Arc::clone(session.site())).await?),
        None => None,
    };
    let halted = super::halt::report(session.site(), None).await?;
    let mut timers = Timers::new(Arc::clone(session.site()));
    if args.once {
        let outbox = Outbox::new(Arc::clone(session.site()));
        let sending = outbox.clone().spawn();
        Box::pin(timers.tick()).await?;
        timers.looked().await?;
        let exit = once(&worker).await;
        sending.end().await;
        outbox.send_due().await;
        return exit;
    }
    let (stopping, asked) = watch::channel(false);
    let stop = async {
        stop_asked().await;
        output::note(STOPPING);
        stopping.send_replace(true);
    };
    let report = |result: Result<clawback_model::Remediation, clawback_runtime::Error>| match result {
        Ok(remediation) => output::note(&format!("{}  {}", remediation.id, remediation.status)),
        Err(error) => tracing::error!(error = chain(&error), "Work failed; it is tried again."),
    };
    tokio::select! {
        ended = worker.serve(stop, report) => ended?,
        () = tick(&mut timers, asked.clone()) => {}
        () = report_halts(session.site(), halted) => {}
        // Other nodes take what is not released by then once the lease has expired.
        () = async { stop_requested(asked).await; deadline().await } => {}
    }
    // A database that does not answer does not delay the exit: the searches become due again.
    let _ = tokio::time::timeout(HAND_BACK, timers.stop()).await;
    Ok(Exit::Done)
}

/// Notes each time the site is halted, and each time the halt is lifted. Never completes.
async fn report_halts(site: &Site, mut halted: Option<Halt>) {
    loop {
        tokio::time::sleep(TICK).await;
        // After an error of the database the next tick reads the halt again.
        halted = super::halt::report(site, halted.clone()).await.unwrap_or(halted);
    }
}

/// Fires schedules and sweeps until a stop is requested. Never completes.
async fn tick(timers: &mut Timers, asked: watch::Receiver<bool>) {
    let ticking = Box::pin(async {
        loop {
            if let Err(error) = timers.tick().await {
                tracing::error!(error = chain(&error), "Timers failed; trying again.");
            }
            tokio::time::sleep(TICK).await;
        }
    });
    tokio::select! {
        () = stop_requested(asked) => {}
        () = ticking => {}
    }
    timers.stop().await;
    std::future::pending::<()>().await;
}

async fn stop_requested(mut asked: watch::Receiver<bool>) {
    drop(asked.wait_for(|stop| *stop).await);
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
