//! Watches a remediation that the workers of a server work on.

use clawback_action_center::json::{DetailJson, NodeJson};
use clawback_model::{Halt, Status, visible};
use clawback_runtime::{Observer, Seen};

use super::goal::{Goal, MOMENT, WILL_STOP};
use super::{halt, work};
use crate::args::{Format, Global, Leave};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::{output, progress};

/// Seconds that one request waits for an end: short enough for a progress bar.
const LOOK: u64 = 2;

/// Waits until the goal is reached, and prints the remediation.
pub(super) async fn watch(global: &Global, client: &Client, id: &str, goal: Goal) -> Result<Exit, Failure> {
    match goal {
        Goal::Obeyed => obeyed(global, client, id).await,
        // A server does not stop at a plan.
        Goal::Planned => settled(global, client, id, Leave::default()).await,
        Goal::Settled(leave) => settled(global, client, id, leave).await,
    }
}

/// Gives the workers a moment to carry out a pause or a cancel.
async fn obeyed(global: &Global, client: &Client, id: &str) -> Result<Exit, Failure> {
    let found = client.look(id, MOMENT.as_secs()).await?;
    if !found.settled {
        match client.halted().await? {
            Some(halt) => note_held(&halt, &found),
            None => output::note(WILL_STOP),
        }
    }
    work::print(global, &found)
}

/// Waits until the remediation waits for a person or has ended, unless the caller does not wait.
async fn settled(global: &Global, client: &Client, id: &str, leave: Leave) -> Result<Exit, Failure> {
    if leave.no_run {
        return work::print(global, &client.look(id, 0).await?);
    }
    let (observer, cleared) = progress::bar(global.quiet || global.format != Format::Table);
    let interrupt = Interrupt::listen(cleared.clone())?;
    let ended = wait(client, id, leave, &observer, &interrupt).await;
    drop(cleared);
    match ended? {
        End::Reached(detail) => work::print(global, &detail),
        End::Halted(halt, detail) => {
            note_held(&halt, &detail);
            work::print(global, &detail)
        }
        End::Interrupted => work::print_interrupted(global, &client.look(id, 0).await?, true),
    }
}

fn note_held(halt: &Halt, held: &DetailJson) {
    output::note(&halt::holds(halt, &held.remediation.id, held.remediation.status));
}

/// How the wait ended.
enum End {
    Reached(DetailJson),
    Halted(Halt, DetailJson),
    Interrupted,
}

async fn wait(
    client: &Client,
    id: &str,
    leave: Leave,
    observer: &Observer,
    interrupt: &Interrupt,
) -> Result<End, Failure> {
    let mut looked = false;
    loop {
        let looking = client.look(id, LOOK);
        let detail = tokio::select! {
            looked = looking => looked?,
            () = interrupt.asked() => return Ok(End::Interrupted),
        };
        if detail.settled {
            return Ok(End::Reached(detail));
        }
        show(&detail, observer);
        // As in the foreground: only `--watch` waits for the end of a halt, or for capacity.
        if !leave.watch {
            if let Some(halt) = client.halted().await? {
                return Ok(End::Halted(halt, detail));
            }
            if detail.remediation.held {
                return Ok(End::Reached(detail));
            }
        }
        if !looked {
            anybody_works(client, id).await?;
            looked = true;
        }
    }
}

/// Fails where no worker runs. It is called after a first look: a node that has just started is not registered yet.
async fn anybody_works(client: &Client, id: &str) -> Result<(), Failure> {
    let nodes: Vec<NodeJson> = client.get(&["nodes"], &[]).await?;
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
