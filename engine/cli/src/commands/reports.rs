//! `clawback report` and `clawback reports`: messages that people found suspicious.

use std::io::Read as _;

use clawback_action_center::json::{NewReportJson, ReportGroupJson, ReportedJson};
use clawback_model::ReportSource;
use data_encoding::BASE64;

use crate::args::{Format, Global, ReportArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::table::{Column, Shape, Table, text, time, whole, word};
use crate::{input, output};

/// Reports a message.
pub(crate) async fn report(global: &Global, args: ReportArgs) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::All).await?;
    let mut raw = Vec::new();
    let read = input::open(&args.file).and_then(|mut input| input.read_to_end(&mut raw));
    read.map_err(|error| Failure::misuse(format!("{} cannot be read: {error}", args.file.display())))?;
    let report = NewReportJson {
        raw: BASE64.encode(&raw),
        reporter: args.from,
        is_original: args.original,
        source: Some(ReportSource::Command.to_string()),
    };
    let reported: ReportedJson = client.post(&["reports"], &[], &report).await?;
    if global.format == Format::Json {
        output::json(&reported)?;
    } else {
        output::line(&format!("{}: {}", reported.id, reported.said))?;
    }
    Ok(Exit::Done)
}

/// Lists the groups.
pub(crate) async fn list(global: &Global) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::None).await?;
    let groups: Vec<ReportGroupJson> = client.get(&["reports"], &[]).await?;
    if groups.is_empty() {
        output::note("no message has been reported");
    }
    Shape::<Groups>::default().print(global.format, &groups, None)?;
    Ok(Exit::Done)
}

struct Groups;

impl Table for Groups {
    type Row = ReportGroupJson;
    const COLUMNS: &'static [Column<ReportGroupJson>] = &[
        whole("group", |item| item.number.to_string()),
        time("last_report", |item| item.last_at.clone()),
        whole("reports", |item| item.reports.to_string()),
        whole("people", |item| item.people.to_string()),
        text("sender", |item| item.sender.clone()),
        text("subject", |item| item.subject.clone()),
        text("simulation", |item| item.simulation.clone().unwrap_or_default()),
        word("status", |item| item.state().to_owned()),
        whole("remediation", |item| item.remediation.clone().unwrap_or_default()),
    ];
}
