//! Looks on while a server works, until a remediation waits for a person or has ended.

use clawback_action_center::json::{DetailJson, NodeJson};
use clawback_model::{Halt, Status, visible};
use clawback_runtime::{Observer, Seen};

use crate::args::{Format, Global, Leave};
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::remote::Remote;
use crate::{output, progress};

/// Seconds that one look waits for an end: short enough for a progress bar.
const LOOK: u64 = 2;

/// Prints where a remediation stands once it has settled, or at once if the caller does not care to wait.
pub(crate) async fn follow(global: &Global, remote: &Remote, id: &str, leave: Leave) -> Result<Exit, Failure> {
    let detail = if leave.no_run {
        remote.look(id, 0).await?.0
    } else {
        let (observer, cleared) = progress::bar(global.quiet || global.format != Format::Table);
        let interrupt = Interrupt::listen(cleared.clone())?;
        let ended = wait(remote, id, leave, &observer, &interrupt).await;
        drop(cleared);
        match ended? {
            End::Reached(detail) => detail,
            End::Halted(halt, detail) => {
                let held = &detail.remediation;
                output::note(&super::halt::holds(&halt, &held.id, held.status));
                detail
            }
            End::Interrupted => return super::work::tell_interrupted(global, remote.look(id, 0).await?.0, true),
        }
    };
    super::work::tell(global, detail)
}

/// How it came out.
enum End {
    Reached(DetailJson),
    Halted(Halt, DetailJson),
    Interrupted,
}

async fn wait(
    remote: &Remote,
    id: &str,
    leave: Leave,
    observer: &Observer,
    interrupt: &Interrupt,
) -> Result<End, Failure> {
    let mut looked = false;
    loop {
        let looking = remote.look(id, LOOK);
        let (detail, _) = tokio::select! {
            looked = looking => looked?,
            () = interrupt.asked() => return Ok(End::Interrupted),
        };
        if detail.settled {
            return Ok(End::Reached(detail));
        }
        show(&detail, observer);
        // As on the machine of the site: only `--watch` sits out a halt, or waits for room.
        if !leave.watch {
            if let Some(halt) = remote.halted().await? {
                return Ok(End::Halted(halt, detail));
            }
            if detail.remediation.held {
                return Ok(End::Reached(detail));
            }
        }
        if !looked {
            anybody_works(remote, id).await?;
            looked = true;
        }
    }
}

/// Asked after a first look: a node that has just started has not said yet that it works.
async fn anybody_works(remote: &Remote, id: &str) -> Result<(), Failure> {
    let nodes: Vec<NodeJson> = remote.get(&["nodes"], &[]).await?;
    if nodes.iter().any(|node| node.alive) {
        return Ok(());
    }
    Err(Failure::failed(format!("no worker runs, so {} waits", visible(id)))
        .hint("start `clawback worker` on the site's machine, or `clawback serve` without --no-worker"))
}

fn show(detail: &DetailJson, observer: &Observer) {
    let remediation = &detail.remediation;
    observer(Seen::Status(remediation.status));
    if let (Status::InProgress, Some(number)) = (remediation.status, remediation.batch) {
        let counts = &remediation.counts;
        let done = counts.acted() + counts.not_remediable;
        observer(Seen::BatchStarted { number, done, submitted: counts.submitted });
    }
}
