//! `clawback alerts` and `clawback investigations`: the records of each remediation.

use clawback_action_center::json::{AlertJson, HandlingJson, IncidentJson, InvestigationJson};
use clawback_model::{AlertId, Determination, InvestigationId};
use serde::de::DeserializeOwned;

use super::history::{cursor, filter, query};
use crate::args::{AlertsCommand, Format, Global, HandleArgs, HistoryFilterArgs, InvestigationsCommand, OrNone};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, typed_id};
use crate::output;
use crate::table::{Shape, Table};
use crate::tables::{Alerts, Investigations};

pub(crate) async fn alerts(global: &Global, command: AlertsCommand) -> Result<Exit, Failure> {
    match command {
        AlertsCommand::List { filter, shape } => list(global, &shape, *filter, "alerts").await,
        AlertsCommand::Show { id } => alert(global, &id).await,
        AlertsCommand::Handle(args) => handle(global, args).await,
    }
}

pub(crate) async fn investigations(global: &Global, command: InvestigationsCommand) -> Result<Exit, Failure> {
    match command {
        InvestigationsCommand::List { filter, shape } => list(global, &shape, *filter, "investigations").await,
        InvestigationsCommand::Show { id } => investigation(global, &id).await,
        InvestigationsCommand::Link { id, incident } => link(global, &id, incident).await,
    }
}

/// Prints the records of the newest remediations that match the filter; `what` is the path of the records in the API.
async fn list<T: Table<Row: DeserializeOwned>>(
    global: &Global,
    shape: &Shape<T>,
    args: HistoryFilterArgs,
    what: &str,
) -> Result<Exit, Failure> {
    let (after, limit) = (cursor(args.after.as_deref())?, args.limit);
    let query = query(&filter(args)?);
    let client = Client::open(global, Stores::None).await?;
    let page = client.pages(&[what], &query, after, limit).await?;
    if page.items.is_empty() {
        output::note(&format!("no {what} match"));
    }
    shape.print(global.format, &page.items, page.next.as_deref())?;
    Ok(Exit::Done)
}

async fn alert(global: &Global, id: &str) -> Result<Exit, Failure> {
    let id: AlertId = typed_id(id)?;
    let client = Client::open(global, Stores::None).await?;
    show_alert(global, client.get(&["alerts", id.as_str()], &[]).await?)
}

/// Changes what is given, and nothing that somebody else changes at the same moment.
async fn handle(global: &Global, args: HandleArgs) -> Result<Exit, Failure> {
    let id: AlertId = typed_id(&args.id)?;
    let client = Client::open(global, Stores::None).await?;
    let known: AlertJson = client.get(&["alerts", id.as_str()], &[]).await?;
    let HandleArgs { state, owner, classification, determination, comment, .. } = args;
    // Another classification has determinations of its own.
    let kept = known
        .determination
        .filter(|one| classification.is_none_or(|OrNone(classification)| classification == Some(one.classification())));
    let determination = determination.map_or(kept, |OrNone(determination)| determination);
    let implied = determination.map(Determination::classification).or(known.classification);
    let handling = HandlingJson {
        state: state.unwrap_or(known.state),
        owner: owner.or(known.owner),
        classification: classification.map_or(implied, |OrNone(classification)| classification),
        determination,
        comment: comment.or(known.comment),
        handling_version: Some(known.handling_version).filter(|version| !version.is_empty()),
    };
    show_alert(global, client.put(&["alerts", id.as_str(), "handling"], &handling).await?)
}

fn show_alert(global: &Global, found: AlertJson) -> Result<Exit, Failure> {
    if global.format != Format::Table {
        return one::<Alerts>(global, &found);
    }
    output::fields(&[
        ("alert", format!("{}  {}", found.id, found.name)),
        ("severity", found.severity.to_string()),
        ("actor", found.actor),
        ("action", found.action.to_string()),
        ("created", found.created_at),
        ("remediation", found.remediation_id),
        ("investigation", found.investigation_id),
        ("state", found.state.to_string()),
        ("owner", found.owner.unwrap_or_default()),
        ("classification", found.classification.map(|word| word.to_string()).unwrap_or_default()),
        ("determination", found.determination.map(|word| word.to_string()).unwrap_or_default()),
        ("comment", found.comment.unwrap_or_default()),
        ("status", found.investigation_status.to_string()),
        ("page", found.url.unwrap_or_default()),
    ])?;
    Ok(Exit::Done)
}

async fn investigation(global: &Global, id: &str) -> Result<Exit, Failure> {
    let id: InvestigationId = typed_id(id)?;
    let client = Client::open(global, Stores::None).await?;
    show_investigation(global, client.get(&["investigations", id.as_str()], &[]).await?)
}

async fn link(global: &Global, id: &str, incident: Option<String>) -> Result<Exit, Failure> {
    let id: InvestigationId = typed_id(id)?;
    let client = Client::open(global, Stores::None).await?;
    show_investigation(
        global,
        client.put(&["investigations", id.as_str(), "incident"], &IncidentJson { incident }).await?,
    )
}

fn show_investigation(global: &Global, found: InvestigationJson) -> Result<Exit, Failure> {
    if global.format != Format::Table {
        return one::<Investigations>(global, &found);
    }
    output::fields(&[
        ("investigation", found.id),
        ("kind", found.kind.as_str().to_owned()),
        ("state", found.status.to_string()),
        ("entity", found.entity),
        ("action", found.action.to_string()),
        ("messages", found.messages.to_string()),
        ("alert", found.alert_id),
        ("remediation", found.remediation_id),
        ("status", found.remediation_status.to_string()),
        ("approval ID", found.approval_id),
        ("decided by", found.decided_by.unwrap_or_default()),
        ("created", found.created_at),
        ("updated", found.updated_at),
        ("incident", found.incident.unwrap_or_default()),
        ("page", found.url.unwrap_or_default()),
    ])?;
    Ok(Exit::Done)
}

/// Prints one record for a program: the record itself in JSON, a line of the list in CSV.
fn one<T: Table>(global: &Global, found: &T::Row) -> Result<Exit, Failure> {
    match global.format {
        Format::Json => output::json(found)?,
        _ => Shape::<T>::default().print(global.format, std::slice::from_ref(found), None)?,
    }
    Ok(Exit::Done)
}
