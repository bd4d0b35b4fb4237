//! `clawback sweeps`: repeated searches for late copies.

use clawback_action_center::json::{DetailJson, SweepJson};
use clawback_model::SweepApproval;

use crate::args::{Global, SweepsCommand};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, any_id};
use crate::output;
use crate::table::{Column, Shape, Table, text, time, whole};

pub(crate) async fn run(global: &Global, command: SweepsCommand) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::None).await?;
    match command {
        SweepsCommand::List => list(global, &client.get::<Vec<_>>(&["sweeps"], &[]).await?)?,
        SweepsCommand::Stop(args) => {
            let id = any_id(&args.id)?;
            let stopped: DetailJson = client.act(&["remediations", &id, "stop-sweep"]).await?;
            output::line(&format!("stopped the sweep of {}", stopped.remediation.id))?;
        }
    }
    Ok(Exit::Done)
}

fn list(global: &Global, items: &[SweepJson]) -> Result<(), Failure> {
    if items.is_empty() {
        output::note("no sweep is under way");
    }
    Shape::<Sweeps>::default().print(global.format, items, None)
}

pub(crate) struct Sweeps;

impl Table for Sweeps {
    type Row = SweepJson;
    const COLUMNS: &'static [Column<SweepJson>] = &[
        whole("of", |item| item.first.clone()),
        time("next_look", |item| item.next_at.clone().unwrap_or_default()),
        time("until", |item| item.until.clone().unwrap_or_default()),
        whole("looks", |item| item.looks.to_string()),
        whole("late_copies", |item| item.late_copies.to_string()),
        text("approval", under),
    ];
}

/// The state of a sweep, in words.
pub(crate) fn in_words(sweep: &SweepJson) -> String {
    let stands = match (&sweep.ended, &sweep.next_at) {
        (Some(why), _) => format!("ended: {why}"),
        (None, Some(next)) => format!("next look {next}"),
        (None, None) => String::new(),
    };
    let looked = sweep.looked_at.as_deref().map(|at| format!(", last {at}")).unwrap_or_default();
    format!("of {}, {}; {} looks{looked}; {stands}", sweep.first, under(sweep), sweep.looks)
}

/// The late copies that a sweep has found.
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
