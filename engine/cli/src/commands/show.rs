//! `clawback show`: one remediation, its alert and investigation, its batches, and on request every message and event.

use clawback_model::{InvestigationStatus, Remediation};
use serde::Serialize;

use crate::args::{Format, Global, ShowArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use clawback_action_center::json::{MessageJson, RemediationJson};

/// Rows read at once.
const PAGE: u32 = 5_000;

#[derive(Serialize)]
struct EventJson {
    seq: i64,
    at: String,
    actor: String,
    kind: String,
    hash: String,
}

pub(crate) async fn run(global: &Global, args: ShowArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
    let remediation = session.find(&args.id).await?;
    super::halt::tell(session.site(), None).await?;
    if args.messages {
        return messages(global, &session, &remediation).await;
    }
    if args.events {
        return events(global, &session, &remediation).await;
    }
    let history = &session.site().history;
    let alert = history.alert(&remediation.request.alert_id).await?;
    let investigation = history.investigation(&remediation.request.investigation_id).await?;
    let sweep = super::sweeps::of(&session, &remediation).await?;
    if global.format == Format::Json {
        output::json(&serde_json::json!({
            "sweep": sweep,
            "remediation": RemediationJson::from(&remediation),
            "alert": alert,
            "investigation": investigation,
            "investigation_status": InvestigationStatus::of(&remediation),
            "approval": remediation.approval,
        }))?;
        return Ok(Exit::Done);
    }
    super::work::summary(&remediation)?;
    output::fields(&[
        ("created", remediation.created_at.to_string()),
        ("updated", remediation.updated_at.to_string()),
        ("playbook", remediation.request.playbook.clone()),
        ("description", remediation.request.description.clone()),
        ("alert", format!("{}  {}", alert.id, alert.name)),
        ("entity", investigation.entity.clone()),
        ("state", InvestigationStatus::of(&remediation).to_string()),
        ("as of", remediation.request.as_of.map(|at| at.to_string()).unwrap_or_default()),
        ("sweep", sweep.as_ref().map(super::sweeps::in_words).unwrap_or_default()),
        ("late copies", sweep.map(|sweep| super::sweeps::late_copies(&sweep)).unwrap_or_default()),
    ])?;
    if let Some(approval) = &remediation.approval {
        for vote in &approval.votes {
            let comment = vote.comment.as_deref().map_or(String::new(), |comment| format!(": {comment}"));
            let decision = if vote.decision == clawback_model::Decision::Approve { "approved" } else { "rejected" };
            output::fields(&[("vote", format!("{} {decision} at {}{comment}", vote.by, vote.at))])?;
        }
    }
    let batches = history.batches(&remediation.id).await?;
    if !batches.is_empty() {
        let columns = ["batch", "messages", "outcome", "throttled"];
        let rows = batches.iter().map(|batch| {
            let under_way = ("under way".to_owned(), String::new());
            let (outcome, throttled) = batch.finished.as_ref().map_or(under_way, |(_, report, _)| {
                (super::work::counts(&report.counts), report.throttled.to_string())
            });
            vec![batch.number.to_string(), batch.targets.to_string(), outcome, throttled]
        });
        output::line(&output::table(&columns, rows))?;
    }
    Ok(Exit::Done)
}

async fn messages(global: &Global, session: &Session, remediation: &Remediation) -> Result<Exit, Failure> {
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let page = session.site().history.messages(&remediation.id, after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.seq);
        items.extend(page.iter().map(|(target, outcome)| MessageJson::new(remediation, target, outcome.as_ref())));
    }
    let columns = ["mailbox", "outcome", "reason", "latest delivery location", "from", "subject", "message id"];
    output::rows(global.format, &columns, &items, None, |row| {
        vec![
            row.mailbox.clone(),
            row.outcome.unwrap_or("open").to_owned(),
            row.detail.as_ref().map_or(row.reason.unwrap_or_default().to_owned(), |detail| {
                format!("{}: {detail}", row.reason.unwrap_or_default())
            }),
            row.latest_delivery_location.clone().unwrap_or_else(|| "gone".to_owned()),
            row.from.clone(),
            row.subject.clone(),
            row.message_id.clone(),
        ]
    })?;
    Ok(Exit::Done)
}

async fn events(global: &Global, session: &Session, remediation: &Remediation) -> Result<Exit, Failure> {
    let items: Vec<EventJson> = session
        .site()
        .history
        .events(&remediation.id)
        .await?
        .into_iter()
        .map(|stored| EventJson {
            seq: stored.link.seq,
            at: stored.link.at.to_string(),
            actor: stored.link.actor,
            kind: stored.link.kind,
            hash: stored.hash.to_string(),
        })
        .collect();
    output::rows(global.format, &["seq", "at", "actor", "event", "hash"], &items, None, |row| {
        vec![
            row.seq.to_string(),
            row.at.clone(),
            row.actor.clone(),
            row.kind.clone(),
            row.hash.chars().take(16).collect(),
        ]
    })?;
    Ok(Exit::Done)
}
