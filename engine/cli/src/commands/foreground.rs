//! Work in the foreground: done by this process, or watched while another node does it. Either way it ends with the same summary and
//! exit code.

use std::sync::Arc;
use std::time::Duration;

use clawback_action_center::json::DetailJson;
use clawback_model::{Halt, Remediation, RemediationId, Status, StopReason};
use clawback_runtime::{Error, Observer, Outbox, Seen, Worker};
use clawback_store::StoreError;
use tokio::time::Instant;

use super::goal::{Goal, MOMENT, WILL_STOP};
use super::{halt, work};
use crate::args::{Format, Global, Leave};
use crate::failure::{Exit, Failure};
use crate::interrupt::{Interrupt, STOPPING};
use crate::open::Session;
use crate::{output, progress};

/// How often a watcher reads the remediation.
const LOOK: Duration = Duration::from_millis(500);

/// How the work ended.
enum End {
    Reached(Remediation),
    Halted(Halt, Remediation),
    /// This process was asked to stop; a node may work on it.
    Interrupted(Remediation, WorkedBy),
    /// The node that works on it has not carried out the pause or cancel yet.
    Unobeyed(Remediation),
}

/// Who held the lease.
enum WorkedBy {
    Own,
    Others,
}

/// Works until the goal is reached, unless the work is left to a worker; prints the remediation.
pub(super) async fn carry_on(
    global: &Global,
    session: &Session,
    id: &RemediationId,
    goal: Goal,
) -> Result<Exit, Failure> {
    session.api.may_work(&session.who)?;
    if let Goal::Settled(Leave { no_run: true, .. }) = goal {
        let left = session.site().history.load(id).await.map_err(Failure::from);
        give_notice(session, id).await;
        return print(global, session, &left?).await;
    }
    let end = {
        let (observer, cleared) = progress::bar(global.quiet || global.format != Format::Table);
        let interrupt = Interrupt::listen(cleared.clone())?;
        let worker = Worker::new(Arc::clone(session.site()), Arc::clone(&observer));
        let end = Foreground { session, id, goal, worker, observer, interrupt }.end().await;
        drop(cleared);
        end
    };
    give_notice(session, id).await;
    match end? {
        End::Reached(reached) => print(global, session, &reached).await,
        End::Halted(halt, held) => {
            output::note(&halt::holds(&halt, held.id.as_str(), held.status));
            print(global, session, &held).await
        }
        End::Unobeyed(asked) => {
            output::note(WILL_STOP);
            print(global, session, &asked).await
        }
        End::Interrupted(left, by) => {
            let left = DetailJson::load(session.site(), &left).await?;
            work::print_interrupted(global, &left, matches!(by, WorkedBy::Others))
        }
    }
}

/// Sends the notifications of a change, once each; a worker retries those that fail.
pub(super) async fn give_notice(session: &Session, id: &RemediationId) {
    Outbox::new(Arc::clone(session.site())).send_of(id).await;
}

async fn print(global: &Global, session: &Session, remediation: &Remediation) -> Result<Exit, Failure> {
    work::print(global, &DetailJson::load(session.site(), remediation).await?)
}

struct Foreground<'a> {
    session: &'a Session,
    id: &'a RemediationId,
    goal: Goal,
    worker: Worker,
    observer: Observer,
    interrupt: Interrupt,
}

impl Foreground<'_> {
    /// Works, and watches while another node holds the lease; works on once that node has released it.
    async fn end(&self) -> Result<End, Failure> {
        if let Goal::Settled(Leave { watch: true, .. }) = self.goal {
            return self.sit_out().await;
        }
        let mut is_printed = false;
        loop {
            match self.work().await {
                Ok(remediation) if self.is_reached(&remediation) => return Ok(End::Reached(remediation)),
                Ok(remediation) if self.interrupt.was_asked() => {
                    return Ok(End::Interrupted(remediation, WorkedBy::Own));
                }
                Ok(remediation) if remediation.is_held() => {
                    return Ok(match remediation.stop.clone() {
                        Some(StopReason::Halted { halt }) => End::Halted(halt, remediation),
                        _ => End::Reached(remediation),
                    });
                }
                Err(Error::Halted(halt)) => return Ok(End::Halted(halt, self.load().await?)),
                // Another node has the lease, or had it a moment ago.
                Ok(_) | Err(Error::Busy { .. } | Error::History(StoreError::LeaseLost { .. })) => {}
                Err(error) => return Err(error.into()),
            }
            if !std::mem::replace(&mut is_printed, true) && !matches!(self.goal, Goal::Obeyed) {
                output::note(&format!("another node works on {}; this command looks on", self.id));
            }
            if let Some(end) = self.watch().await? {
                return Ok(end);
            }
        }
    }

    async fn work(&self) -> Result<Remediation, Error> {
        let stop = async {
            self.interrupt.asked().await;
            output::note(STOPPING);
        };
        match self.goal {
            Goal::Planned => self.worker.plan_until(self.id, stop).await,
            Goal::Settled(_) | Goal::Obeyed => self.worker.run_until(self.id, stop).await,
        }
    }

    /// Watches while another node works; `None` once that node has released the lease.
    async fn watch(&self) -> Result<Option<End>, Failure> {
        let history = &self.session.site().history;
        let mut changes = history.watch().await?;
        let until = Instant::now() + MOMENT;
        loop {
            let remediation = self.look().await?;
            if self.is_reached(&remediation) {
                return Ok(Some(End::Reached(remediation)));
            }
            if let Some(halt) = history.halted().await? {
                return Ok(Some(End::Halted(halt, remediation)));
            }
            if self.worker.is_free(self.id).await? {
                return Ok(None);
            }
            if matches!(self.goal, Goal::Obeyed) && Instant::now() >= until {
                return Ok(Some(End::Unobeyed(remediation)));
            }
            tokio::select! {
                () = changes.changed(LOOK) => {}
                () = self.interrupt.asked() => return Ok(Some(End::Interrupted(remediation, WorkedBy::Others))),
            }
        }
    }

    /// Watches while workers work, also while the site is halted. Fails where no worker runs.
    async fn sit_out(&self) -> Result<End, Failure> {
        let site = self.session.site();
        let mut changes = site.history.watch().await?;
        let mut known = None;
        loop {
            let remediation = self.look().await?;
            if self.is_reached(&remediation) {
                return Ok(End::Reached(remediation));
            }
            known = halt::report(site, known).await?;
            let alive = site.history.nodes().await?.iter().any(|node| node.alive_until > site.now());
            if !alive && self.worker.is_free(self.id).await? {
                return Err(Failure::failed(format!("no worker runs, so {} waits", self.id))
                    .hint(format!("start `clawback worker`, or work on it here: clawback run {}", self.id)));
            }
            tokio::select! {
                () = changes.changed(LOOK) => {}
                () = self.interrupt.asked() => return Ok(End::Interrupted(remediation, WorkedBy::Others)),
            }
        }
    }

    async fn load(&self) -> Result<Remediation, Failure> {
        Ok(self.session.site().history.load(self.id).await?)
    }

    /// Reads it, and shows its progress.
    async fn look(&self) -> Result<Remediation, Failure> {
        let remediation = self.load().await?;
        (self.observer)(Seen::Status(remediation.status));
        if let Some((number, ..)) = remediation.progress.open_batch {
            let counted = self.session.site().history.with_open_batch(remediation.clone()).await?.counts;
            let done = counted.acted() + counted.not_remediable;
            (self.observer)(Seen::BatchStarted { number, done, submitted: counted.submitted });
        }
        Ok(remediation)
    }

    fn is_reached(&self, remediation: &Remediation) -> bool {
        match self.goal {
            Goal::Planned => !matches!(remediation.status, Status::Queued | Status::Planning),
            Goal::Settled(_) | Goal::Obeyed => remediation.next(self.session.site().now()).is_waiting(),
        }
    }
}
