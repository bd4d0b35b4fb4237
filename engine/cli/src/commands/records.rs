//! `clawback alerts` and `clawback investigations`: the records that stand beside each remediation.

use clawback_action_center::json::{AlertJson, InvestigationJson, Page};
use clawback_model::{AlertId, InvalidId, InvestigationId, Remediation};
use clawback_runtime::Site;
use serde::de::DeserializeOwned;

use super::history::{cursor, filter, pages};
use crate::args::{AlertsCommand, Format, Global, HistoryFilterArgs, InvestigationsCommand};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use crate::remote::Remote;
use crate::table::{Shape, Table};
use crate::tables::{Alerts, Investigations};

pub(crate) async fn alerts(global: &Global, command: AlertsCommand) -> Result<Exit, Failure> {
    match command {
        AlertsCommand::List { filter, shape } => {
            let here = async |site: &Site, of: &[Remediation]| -> Result<Vec<AlertJson>, Failure> {
                let records = site.history.alerts_of(of).await?;
                let pairs = records.iter().zip(of);
                Ok(pairs.map(|(record, of)| AlertJson::new(record, of, site.public_url.as_ref())).collect())
            };
            list(global, &shape, *filter, "alerts", here).await
        }
        AlertsCommand::Show { id } => alert(global, &id).await,
    }
}

pub(crate) async fn investigations(global: &Global, command: InvestigationsCommand) -> Result<Exit, Failure> {
    match command {
        InvestigationsCommand::List { filter, shape } => {
            let here = async |site: &Site, of: &[Remediation]| -> Result<Vec<InvestigationJson>, Failure> {
                let records = site.history.investigations_of(of).await?;
                let pairs = records.iter().zip(of);
                Ok(pairs.map(|(record, of)| InvestigationJson::new(record, of, site.public_url.as_ref())).collect())
            };
            list(global, &shape, *filter, "investigations", here).await
        }
        InvestigationsCommand::Show { id } => investigation(global, &id).await,
    }
}

/// The records of the newest remediations that the filter lets through; `what` is their address in the API.
async fn list<T: Table<Row: DeserializeOwned>>(
    global: &Global,
    shape: &Shape<T>,
    args: HistoryFilterArgs,
    what: &str,
    here: impl AsyncFn(&Site, &[Remediation]) -> Result<Vec<T::Row>, Failure>,
) -> Result<Exit, Failure> {
    let (after, limit) = (args.after.clone(), args.limit);
    let filter = filter(args)?;
    let page = if let Some(remote) = Remote::of(global)? {
        pages(&remote, what, &filter, after, limit).await?
    } else {
        let session = Session::open(global, Stores::None).await?;
        let site = session.site();
        let found = site.history.history(&filter, cursor(after.as_deref())?, limit).await?;
        Page { items: here(site, &found.remediations).await?, next: found.next.map(|next| next.to_string()) }
    };
    if page.items.is_empty() {
        output::note(&format!("no {what} match"));
    }
    shape.print(global.format, &page.items, page.next.as_deref())?;
    Ok(Exit::Done)
}

async fn alert(global: &Global, id: &str) -> Result<Exit, Failure> {
    let id: AlertId = id.parse().map_err(|error: InvalidId| Failure::misuse(error.to_string()))?;
    let found: AlertJson = if let Some(remote) = Remote::of(global)? {
        remote.get(&["alerts", id.as_str()], &[]).await?
    } else {
        let session = Session::open(global, Stores::None).await?;
        let site = session.site();
        let record = site.history.alert(&id).await?;
        let remediation = site.history.load(&record.remediation_id).await?;
        AlertJson::new(&record, &remediation, site.public_url.as_ref())
    };
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
        ("state", found.investigation_status.to_string()),
        ("page", found.url.unwrap_or_default()),
    ])?;
    Ok(Exit::Done)
}

async fn investigation(global: &Global, id: &str) -> Result<Exit, Failure> {
    let id: InvestigationId = id.parse().map_err(|error: InvalidId| Failure::misuse(error.to_string()))?;
    let found: InvestigationJson = if let Some(remote) = Remote::of(global)? {
        remote.get(&["investigations", id.as_str()], &[]).await?
    } else {
        let session = Session::open(global, Stores::None).await?;
        let site = session.site();
        let record = site.history.investigation(&id).await?;
        let remediation = site.history.load(&record.remediation_id).await?;
        InvestigationJson::new(&record, &remediation, site.public_url.as_ref())
    };
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
        ("page", found.url.unwrap_or_default()),
    ])?;
    Ok(Exit::Done)
}

/// One record for a program: the record itself in JSON, a line of the list in CSV.
fn one<T: Table>(global: &Global, found: &T::Row) -> Result<Exit, Failure> {
    match global.format {
        Format::Json => output::json(found)?,
        _ => Shape::<T>::default().print(global.format, std::slice::from_ref(found), None)?,
    }
    Ok(Exit::Done)
}
