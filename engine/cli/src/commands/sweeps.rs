//! `clawback sweeps`: remediations that keep looking for late copies.

use clawback_model::SweepApproval;

use crate::args::{Global, SweepsCommand};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use clawback_action_center::json::SweepJson;

/// Sweeps listed at most.
const MOST: u32 = 1_000;

pub(crate) async fn run(global: &Global, command: SweepsCommand) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
    match command {
        SweepsCommand::List => {
            let history = &session.site().history;
            let mut items = Vec::new();
            for sweep in history.sweeps(MOST).await? {
                let first = history.load(&sweep.first).await?;
                let follow_ups = history.follow_ups(&sweep.first).await?;
                items.push(SweepJson::new(&sweep, &first, &follow_ups));
            }
            if items.is_empty() {
                output::note("no sweep is under way");
            }
            let columns = ["of", "next look", "until", "looks", "late copies", "approval"];
            output::rows(global.format, &columns, &items, None, |item| {
                vec![
                    item.first.clone(),
                    item.next_at.clone().unwrap_or_default(),
                    item.until.clone().unwrap_or_default(),
                    item.looks.to_string(),
                    item.late_copies.to_string(),
                    under(item),
                ]
            })?;
        }
        SweepsCommand::Stop(args) => {
            let found = session.find(&args.id).await?;
            session.api.stop_sweep(&session.who, &found.id).await?;
            output::line(&format!("stopped the sweep of {}", found.id))?;
        }
    }
    Ok(Exit::Done)
}

/// Where a sweep stands.
pub(crate) fn in_words(sweep: &SweepJson) -> String {
    let stands = match (&sweep.ended, &sweep.next_at) {
        (Some(why), _) => format!("ended: {why}"),
        (None, Some(next)) => format!("next look {next}"),
        (None, None) => String::new(),
    };
    let looked = sweep.looked_at.as_deref().map(|at| format!(", last {at}")).unwrap_or_default();
    format!("of {}, {}; {} looks{looked}; {stands}", sweep.first, under(sweep), sweep.looks)
}

/// What it found so far.
pub(crate) fn late_copies(sweep: &SweepJson) -> String {
    match sweep.follow_ups.as_slice() {
        [] => "none".to_owned(),
        follow_ups => format!("{} in {}", sweep.late_copies, follow_ups.join(", ")),
    }
}

fn under(sweep: &SweepJson) -> String {
    match sweep.approval {
        SweepApproval::Same => format!("same approval for at most {}", sweep.at_most),
        SweepApproval::New => "new approval".to_owned(),
    }
}
