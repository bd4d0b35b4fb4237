//! `clawback show`: one remediation, its alert and investigation, its batches, and on request every message and event.

use clawback_action_center::json::{
    BatchJson, DetailJson, DifferenceJson, EventJson, MessageJson, Page, PartJson, TermsJson,
};
use clawback_model::{Difference, OutcomeKind, Reason, visible};
use clawback_store::MessageFilter;

use super::work::Standing;
use crate::args::{Format, Global, ShowArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use crate::remote::{LARGEST_PAGE, Remote};
use crate::table::{Column, Shape, Table, if_room, text, time, whole};
use crate::tables::OPEN;

/// Rows read at once.
const PAGE: u32 = 5_000;

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
        return Err(Failure::misuse("--columns and --wide are for the messages").hint("give --messages beside them"));
    }
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
        let filter = filter(&args);
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let page = history.messages_like(&remediation.id, &filter, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.seq);
            items.extend(page.iter().map(|(target, outcome)| MessageJson::new(&remediation, target, outcome.as_ref())));
        }
        return messages(global, &args, &items);
    }
    if args.events {
        let items = history.events(&remediation.id).await?;
        return events(global, &items.into_iter().map(EventJson::from).collect::<Vec<_>>());
    }
    let detail = DetailJson::load(session.site(), &remediation).await?;
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
            query.extend(filter_query(&filter(&args)));
            query.extend(after.map(|after| ("after", after)));
            let page: Page<MessageJson> = remote.get(&["remediations", id, "messages"], &query).await?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                return messages(global, &args, &items);
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
        remediation,
        approval,
        alert,
        investigation,
        investigation_status,
        terms,
        sweep,
        undone_by,
        to_undo,
        ..
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
    if let Some(terms) = terms {
        plan(&terms)?;
    }
    if !batches.is_empty() {
        Shape::<Batches>::default().print(Format::Table, batches, None)?;
    }
    Ok(Exit::Done)
}

/// What the digest of the plan covers beside the messages, and what of it is not as it was.
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
