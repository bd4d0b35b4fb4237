//! `clawback show`: one remediation, its alert and investigation, its batches, and on request every message and event.

use clawback_action_center::json::{BatchJson, DetailJson, EventJson, MessageJson, Page};

use super::work::Standing;
use crate::args::{Format, Global, ShowArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use crate::remote::{LARGEST_PAGE, Remote};

/// Rows read at once.
const PAGE: u32 = 5_000;

pub(crate) async fn run(global: &Global, args: ShowArgs) -> Result<Exit, Failure> {
    match Remote::of(global)? {
        Some(remote) => there(global, &remote, args).await,
        None => here(global, args).await,
    }
}

async fn here(global: &Global, args: ShowArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
    let remediation = session.find(&args.id).await?;
    super::halt::tell(session.site(), None).await?;
    let history = &session.site().history;
    if args.messages {
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let page = history.messages(&remediation.id, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.seq);
            items.extend(page.iter().map(|(target, outcome)| MessageJson::new(&remediation, target, outcome.as_ref())));
        }
        return messages(global, &items);
    }
    if args.events {
        let items = history.events(&remediation.id).await?;
        return events(global, &items.into_iter().map(EventJson::from).collect::<Vec<_>>());
    }
    let detail = DetailJson::load(history, &remediation, session.site().now()).await?;
    if global.format == Format::Json {
        output::json(&detail)?;
        return Ok(Exit::Done);
    }
    let batches = history.batches(&remediation.id).await?;
    everything(detail, &batches.into_iter().map(BatchJson::from).collect::<Vec<_>>())
}

async fn there(global: &Global, remote: &Remote, args: ShowArgs) -> Result<Exit, Failure> {
    let (detail, _) = remote.look(&args.id, 0).await?;
    let id = detail.remediation.id.as_str();
    super::halt::say(remote.halted().await?.as_ref(), None);
    if args.messages {
        let mut items: Vec<MessageJson> = Vec::new();
        let mut after = None;
        loop {
            let mut query = vec![("limit", LARGEST_PAGE.to_string())];
            query.extend(after.map(|after| ("after", after)));
            let page: Page<MessageJson> = remote.get(&["remediations", id, "messages"], &query).await?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                return messages(global, &items);
            }
        }
    }
    if args.events {
        let items: Vec<EventJson> = remote.get(&["remediations", id, "events"], &[]).await?;
        return events(global, &items);
    }
    if global.format == Format::Json {
        output::json(&detail)?;
        return Ok(Exit::Done);
    }
    let batches: Vec<BatchJson> = remote.get(&["remediations", id, "batches"], &[]).await?;
    everything(detail, &batches)
}

fn everything(detail: DetailJson, batches: &[BatchJson]) -> Result<Exit, Failure> {
    let DetailJson {
        remediation, approval, alert, investigation, investigation_status, sweep, undone_by, to_undo, ..
    } = detail;
    let standing = Standing { remediation, approval, undone_by, to_undo };
    super::work::summary(&standing)?;
    let Standing { remediation, approval, .. } = standing;
    output::fields(&[
        ("created", remediation.created_at),
        ("updated", remediation.updated_at),
        ("playbook", remediation.playbook),
        ("description", remediation.description),
        ("alert", format!("{}  {}", alert.id, alert.name)),
        ("entity", investigation.entity),
        ("state", investigation_status.to_string()),
        ("as of", remediation.as_of.unwrap_or_default()),
        ("sweep", sweep.as_ref().map(super::sweeps::in_words).unwrap_or_default()),
        ("late copies", sweep.map(|sweep| super::sweeps::late_copies(&sweep)).unwrap_or_default()),
    ])?;
    for vote in approval.iter().flat_map(|approval| &approval.votes) {
        let comment = vote.comment.as_deref().map_or(String::new(), |comment| format!(": {comment}"));
        let decision = if vote.decision == clawback_model::Decision::Approve { "approved" } else { "rejected" };
        output::fields(&[("vote", format!("{} {decision} at {}{comment}", vote.by, vote.at))])?;
    }
    if !batches.is_empty() {
        let columns = ["batch", "messages", "outcome", "throttled"];
        let rows = batches.iter().map(|batch| {
            let outcome = batch.counts.as_ref().map_or("under way".to_owned(), super::work::counts);
            let throttled = batch.throttled.map(|throttled| throttled.to_string()).unwrap_or_default();
            vec![batch.number.to_string(), batch.messages.to_string(), outcome, throttled]
        });
        output::line(&output::table(&columns, rows))?;
    }
    Ok(Exit::Done)
}

fn messages(global: &Global, items: &[MessageJson]) -> Result<Exit, Failure> {
    let columns = ["mailbox", "outcome", "reason", "latest delivery location", "from", "subject", "message id"];
    output::rows(global.format, &columns, items, None, |row| {
        let reason = row.reason.as_deref().unwrap_or_default();
        vec![
            row.mailbox.clone(),
            row.outcome.as_deref().unwrap_or("open").to_owned(),
            [
                Some(reason.to_owned()),
                row.detail.clone(),
                super::work::script_words(row.script_reason.as_deref(), row.script_tag.as_deref()),
            ]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(": "),
            row.latest_delivery_location.clone().unwrap_or_else(|| "gone".to_owned()),
            row.from.clone(),
            row.subject.clone(),
            row.message_id.clone(),
        ]
    })?;
    Ok(Exit::Done)
}

fn events(global: &Global, items: &[EventJson]) -> Result<Exit, Failure> {
    output::rows(global.format, &["seq", "at", "actor", "event", "detail", "hash"], items, None, |row| {
        vec![
            row.seq.to_string(),
            row.at.clone(),
            row.actor.clone(),
            row.event.clone(),
            row.detail.clone(),
            row.hash.chars().take(16).collect(),
        ]
    })?;
    Ok(Exit::Done)
}
