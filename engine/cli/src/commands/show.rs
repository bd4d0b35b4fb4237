//! `clawback show`: one remediation, its alert and investigation, its batches, and on request every message and event.

use clawback_action_center::json::{
    BatchJson, DetailJson, DifferenceJson, EventJson, MessageJson, PartJson, TermsJson,
};
use clawback_model::{Difference, OutcomeKind, Reason, visible};
use clawback_store::MessageFilter;

use crate::args::{Format, Global, ShowArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, any_id};
use crate::output;
use crate::table::{Column, Shape, Table, if_room, text, time, whole};
use crate::tables::OPEN;

/// The table of `clawback show --events`.
pub(crate) struct Events;

impl Table for Events {
    type Row = EventJson;
    const COLUMNS: &'static [Column<EventJson>] = &[
        whole("seq", |row| row.seq.to_string()),
        time("at", |row| row.at.clone()),
        text("actor", |row| row.actor.clone()),
        text("credential", |row| row.credential.as_ref().map(|one| one.in_words.clone()).unwrap_or_default()),
        whole("event", |row| row.event.clone()),
        text("detail", |row| row.detail.clone()),
        if_room(text("hash", |row| row.hash.clone())),
    ];
}

/// The batches in `clawback show`.
pub(crate) struct Batches;

impl Table for Batches {
    type Row = BatchJson;
    const COLUMNS: &'static [Column<BatchJson>] = &[
        whole("batch", |row| row.number.to_string()),
        whole("messages", |row| row.messages.to_string()),
        whole("throttled", |row| row.throttled.map(|throttled| throttled.to_string()).unwrap_or_default()),
        text("outcome", |row| row.counts.as_ref().map_or("under way".to_owned(), super::work::counts)),
    ];
}

pub(crate) async fn run(global: &Global, args: ShowArgs) -> Result<Exit, Failure> {
    if !args.messages && !args.shape.is_usual() {
        return Err(Failure::misuse("--columns and --wide are for the messages").hint("give --messages too"));
    }
    let client = Client::open(global, Stores::None).await?;
    let id = any_id(&args.id)?;
    if args.messages {
        let query = filter_query(&filter(&args));
        let found = client.pages::<MessageJson>(&["remediations", &id, "messages"], &query, None, u32::MAX).await?;
        note_halt(&client).await?;
        return messages(global, &args, &found.items);
    }
    if args.events {
        let items: Vec<EventJson> = client.get(&["remediations", &id, "events"], &[]).await?;
        note_halt(&client).await?;
        return events(global, &items);
    }
    let detail = client.look(&id, 0).await?;
    note_halt(&client).await?;
    if global.format == Format::Json {
        output::json(&detail)?;
        return Ok(Exit::Done);
    }
    let batches: Vec<BatchJson> = client.get(&["remediations", &id, "batches"], &[]).await?;
    everything(&detail, &batches)
}

/// Notes that the site is halted. Only what exists is shown, so this comes after the first answer.
async fn note_halt(client: &Client) -> Result<(), Failure> {
    super::halt::say(client.halted().await?.as_ref(), None);
    Ok(())
}

fn everything(detail: &DetailJson, batches: &[BatchJson]) -> Result<Exit, Failure> {
    super::work::summary(detail)?;
    let DetailJson { remediation, approval, alert, investigation, investigation_status, terms, sweep, .. } = detail;
    output::fields(&[
        ("created", remediation.created_at.clone()),
        ("updated", remediation.updated_at.clone()),
        ("playbook", remediation.playbook.clone()),
        ("description", remediation.description.clone()),
        ("alert", format!("{}  {}", alert.id, alert.name)),
        ("entity", investigation.entity.clone()),
        ("state", investigation_status.to_string()),
        ("as of", remediation.as_of.clone().unwrap_or_default()),
        ("sweep", sweep.as_ref().map(super::sweeps::in_words).unwrap_or_default()),
        ("late copies", sweep.as_ref().map(super::sweeps::late_copies).unwrap_or_default()),
    ])?;
    for vote in approval.iter().flat_map(|approval| &approval.votes) {
        let comment = vote.comment.as_deref().map_or(String::new(), |comment| format!(": {comment}"));
        let decision = if vote.decision == clawback_model::Decision::Approve { "approved" } else { "rejected" };
        output::fields(&[("vote", format!("{} {decision} at {}{comment}", vote.by, vote.at))])?;
    }
    if let Some(terms) = terms {
        plan(terms)?;
    }
    if !batches.is_empty() {
        Shape::<Batches>::default().print(Format::Table, batches, None)?;
    }
    Ok(Exit::Done)
}

/// Prints the parts of the plan that its digest covers in addition to the messages, and which of them have changed.
fn plan(terms: &TermsJson) -> Result<(), Failure> {
    output::line("")?;
    output::line("What the plan's digest covers:")?;
    if let Some(problem) = &terms.problem {
        return output::line(&format!("  {}", visible(problem)));
    }
    for PartJson { what: path, now: value } in &terms.parts {
        output::line(&format!("  {}: {}", visible(path), visible(value)))?;
    }
    let known = match (&terms.approved, terms.compared_with.as_deref()) {
        (Some(id), _) => format!("{id}, which was approved"),
        (None, Some(_)) => "the playbook and scripts that are shipped".to_owned(),
        (None, None) => {
            return output::line("It is compared with nothing: nobody has approved a plan of this playbook.");
        }
    };
    let texts: Vec<_> = terms.texts.iter().filter(|text| text.difference.is_some()).collect();
    let verdict = if terms.differences.is_empty() && texts.is_empty() { "as" } else { "not as" };
    output::line(&format!("It is {verdict} {}", visible(&known)))?;
    for DifferenceJson { what, then, now } in terms.differences.iter().cloned() {
        output::line(&format!("  {}", visible(&Difference { what, then, now }.to_string())))?;
    }
    for text in texts {
        output::line(&format!("  {} {}:", text.kind, visible(&text.name)))?;
        for line in text.difference.iter().flat_map(|difference| difference.lines()) {
            output::line(&format!("    {}", visible(line)))?;
        }
    }
    Ok(())
}

fn messages(global: &Global, args: &ShowArgs, items: &[MessageJson]) -> Result<Exit, Failure> {
    if items.is_empty() {
        output::note("no message matches");
    }
    args.shape.print(global.format, items, None)?;
    Ok(Exit::Done)
}

fn events(global: &Global, items: &[EventJson]) -> Result<Exit, Failure> {
    Shape::<Events>::default().print(global.format, items, None)?;
    Ok(Exit::Done)
}

fn filter(args: &ShowArgs) -> MessageFilter {
    MessageFilter { outcomes: args.outcome.clone(), reasons: args.reason.clone(), mailbox: args.mailbox.clone() }
}

/// The filter as the API takes it.
fn filter_query(filter: &MessageFilter) -> Vec<(&'static str, String)> {
    let outcomes = filter.outcomes.iter().map(|outcome| outcome.map_or(OPEN, OutcomeKind::as_str));
    let reasons = filter.reasons.iter().copied().map(Reason::as_str);
    let listed = |name, words: Vec<&str>| (!words.is_empty()).then(|| (name, words.join(",")));
    let mailbox = filter.mailbox.clone().map(|mailbox| ("mailbox", mailbox));
    [listed("outcome", outcomes.collect()), listed("reason", reasons.collect()), mailbox]
        .into_iter()
        .flatten()
        .collect()
}
