//! Work in the foreground: done by this process, or watched where another node is on it already. Either way it ends with the
//! same summary and exit code.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{Halt, Next, Remediation, RemediationId, Status, StopReason};
use clawback_runtime::{Error, Observer, Outbox, Seen, Worker};
use clawback_store::StoreError;
use tokio::time::Instant;

use super::work::Standing;
use super::{halt, work};
use crate::args::{Format, Global, Leave};
use crate::failure::{Exit, Failure};
use crate::interrupt::{Interrupt, STOPPING};
use crate::open::Session;
use crate::{output, progress};

/// How often a watcher looks.
const LOOK: Duration = Duration::from_millis(500);
/// How long whoever works on a remediation is given to obey a pause or a cancel.
pub(crate) const MOMENT: Duration = Duration::from_secs(5);
/// What is said where a node works on what was paused or cancelled.
pub(crate) const WILL_STOP: &str = "a worker is on it and will stop before its next call";

/// What the command asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// A plan, and no more.
    Planned,
    /// That it waits for a person, or has ended.
    Settled,
    /// That a pause or a cancel is carried out, within a moment.
    Obeyed,
}

/// How it came out.
enum End {
    Reached(Remediation),
    Halted(Halt, Remediation),
    /// This process was told to stop; a node may be on it.
    Interrupted(Remediation, WorkedBy),
    /// Whoever works on it has not obeyed yet.
    Unobeyed(Remediation),
}

/// Who had the work in hand.
enum WorkedBy {
    Own,
    Others,
}

/// Works until it waits for a person or has ended, or leaves that to a worker; prints where it stands then.
pub(crate) async fn carry_on(
    global: &Global,
    session: &Session,
    id: &RemediationId,
    leave: Leave,
) -> Result<Exit, Failure> {
    if leave.no_run {
        let left = session.site().history.load(id).await.map_err(Failure::from);
        give_notice(session, id).await;
        return work::tell(global, Standing::at(session, &left?));
    }
    Box::pin(see(global, session, id, Goal::Settled, leave.watch)).await
}

/// Makes the plan and no more.
pub(crate) async fn plan_only(global: &Global, session: &Session, id: &RemediationId) -> Result<Exit, Failure> {
    Box::pin(see(global, session, id, Goal::Planned, false)).await
}

/// Carries out a pause or a cancel, which move nothing (a cancel looks for what an open batch had done); whoever holds the
/// remediation does it otherwise.
pub(crate) async fn settle(global: &Global, session: &Session, id: &RemediationId) -> Result<Exit, Failure> {
    Box::pin(see(global, session, id, Goal::Obeyed, false)).await
}

/// Tells whoever wants to know of what has changed, once each: what fails is a worker's to try again.
pub(crate) async fn give_notice(session: &Session, id: &RemediationId) {
    Outbox::new(Arc::clone(session.site())).tell_of(id).await;
}

async fn see(global: &Global, session: &Session, id: &RemediationId, goal: Goal, left: bool) -> Result<Exit, Failure> {
    let end = {
        let (observer, cleared) = progress::bar(global.quiet || global.format != Format::Table);
        let interrupt = Interrupt::listen(cleared.clone())?;
        let worker = Worker::new(Arc::clone(session.site()), Arc::clone(&observer));
        let end = Foreground { session, id, goal, worker, observer, interrupt }.end(left).await;
        drop(cleared);
        end
    };
    give_notice(session, id).await;
    match end? {
        End::Reached(reached) => work::tell(global, Standing::at(session, &reached)),
        End::Halted(halt, held) => {
            output::note(&halt::holds(&halt, held.id.as_str(), held.status));
            work::tell(global, Standing::at(session, &held))
        }
        End::Unobeyed(asked) => {
            output::note(WILL_STOP);
            work::tell(global, Standing::at(session, &asked))
        }
        End::Interrupted(left, by) => {
            let left = session.site().history.with_open_batch(left).await?;
            work::tell_interrupted(global, Standing::at(session, &left), matches!(by, WorkedBy::Others))
        }
    }
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
    /// Works, and watches where another is faster; what that one lets go of is worked on again. `left`: only watches.
    async fn end(&self, left: bool) -> Result<End, Failure> {
        if left {
            return self.sit_out().await;
        }
        let mut told = false;
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
                // Another node was faster, or it was held a moment ago.
                Ok(_) | Err(Error::Busy { .. } | Error::History(StoreError::LeaseLost { .. })) => {}
                Err(error) => return Err(error.into()),
            }
            if !std::mem::replace(&mut told, true) && self.goal != Goal::Obeyed {
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
            Goal::Settled | Goal::Obeyed => self.worker.run_until(self.id, stop).await,
        }
    }

    /// Looks on while another node works; none once that one has let it go.
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
            if self.goal == Goal::Obeyed && Instant::now() >= until {
                return Ok(Some(End::Unobeyed(remediation)));
            }
            tokio::select! {
                () = changes.changed(LOOK) => {}
                () = self.interrupt.asked() => return Ok(Some(End::Interrupted(remediation, WorkedBy::Others))),
            }
        }
    }

    /// Looks on while workers work, through halts too; an error where there is no worker.
    async fn sit_out(&self) -> Result<End, Failure> {
        let site = self.session.site();
        let mut changes = site.history.watch().await?;
        let mut known = None;
        loop {
            let remediation = self.look().await?;
            if self.is_reached(&remediation) {
                return Ok(End::Reached(remediation));
            }
            known = halt::tell(site, known).await?;
            let alive = site.history.nodes().await?.iter().any(|(_, until)| *until > site.now());
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

    /// Reads it, and shows how far it is.
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
            Goal::Settled | Goal::Obeyed => {
                let next = remediation.next(self.session.site().now());
                matches!(next, Next::AwaitApproval { .. } | Next::AwaitPerson | Next::Nothing)
            }
        }
    }
}
