//! `clawback plan`: searches and freezes the plan; with `--dry-run`, stores nothing.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use clawback_action_center::json::{ApprovalRuleJson, DetailJson, PreviewJson, SampleJson, SubmissionJson};
use clawback_model::{Inputs, LocationKind, Picked, RemediationId, SelectionMode};
use clawback_runtime::Submission;
use serde::Serialize;

use super::goal::Goal;
use super::proceed;
use crate::args::{Format, Global, PlanArgs, PlaybookArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::table::{Column, Shape, Table, if_room, mailbox, text, time, whole, wide};
use crate::tables::script_words;
use crate::{input, output, progress};

/// The messages of a dry run. In CSV they have every column that picks a message, so that the file serves as `--messages`.
pub(crate) struct Sample;

impl Table for Sample {
    type Row = SampleJson;
    const COLUMNS: &'static [Column<SampleJson>] = &[
        mailbox(|row| row.mailbox.clone()),
        text("location", |row| row.latest_delivery_location.clone()),
        text("from", |row| row.from.clone()),
        text("subject", |row| row.subject.clone()),
        if_room(time("received", |row| row.received_at.clone())),
        if_room(text("script", said)),
        wide(text("message_id", |row| row.message_id.clone())),
        wide(whole("fingerprint", |row| row.fingerprint.clone())),
        wide(whole("locator", |row| row.locator.clone())),
    ];
}

fn said(row: &SampleJson) -> String {
    script_words(row.script_reason.as_deref(), row.script_tag.as_deref()).unwrap_or_default()
}

pub(crate) async fn run(global: &Global, args: PlanArgs) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::All).await?;
    if let Ok(id) = args.playbook.parse::<RemediationId>() {
        let _: DetailJson = client.act(&["remediations", id.as_str(), "replan"]).await?;
        return proceed::proceed(global, &client, id.as_str(), Goal::Planned).await;
    }
    if args.dry_run {
        let submission = submission(&client, &args.playbook, args.with).await?;
        return preview(global, &client, submission, args.sample).await;
    }
    if client.session().is_none() {
        // A worker runs the plan that it makes, where no vote is needed.
        return Err(Failure::misuse(
            "a server plans and then runs what needs no approval; it does not stop at the plan",
        )
        .hint("--dry-run shows what the plan would be; `clawback run` submits it"));
    }
    proceed::submit(global, &client, submission(&client, &args.playbook, args.with).await?, Goal::Planned).await
}

/// The submission that the arguments describe.
pub(crate) async fn submission(client: &Client, playbook: &str, args: PlaybookArgs) -> Result<Submission, Failure> {
    let (mode, picked) = selection(args.messages.as_deref(), args.exclude.as_deref())?;
    let mut inputs: Inputs = args.inputs.into_iter().collect();
    if let Some(like) = &args.like {
        inputs.push("like", super::examine::root(client, like).await?);
    }
    Ok(Submission {
        playbook: playbook.to_owned(),
        inputs,
        name: args.name,
        severity: args.severity,
        description: args.description,
        source: args.source,
        agent: None,
        mode,
        picked,
    })
}

/// The mode and the messages of `--messages` and `--exclude`.
pub(crate) fn selection(
    messages: Option<&Path>,
    exclude: Option<&Path>,
) -> Result<(SelectionMode, Vec<Picked>), Failure> {
    match (messages, exclude) {
        (Some(path), _) => Ok((SelectionMode::Handpicked, read_messages(path)?)),
        (None, Some(path)) => Ok((SelectionMode::QueryWithExclusions, read_messages(path)?)),
        (None, None) => Ok((SelectionMode::Query, Vec::new())),
    }
}

fn read_messages(path: &Path) -> Result<Vec<Picked>, Failure> {
    let mut text = String::new();
    let name = path.display();
    let read = input::open(path).and_then(|mut input| input.read_to_string(&mut text));
    read.map_err(|error| Failure::misuse(format!("{name} cannot be read: {error}")))?;
    if let Some(messages) = picked_from_csv(&text) {
        return messages.map_err(|line| {
            Failure::misuse(format!("{name}, line {line}: names no message"))
                .hint("every line has a mailbox, and a message_id, a fingerprint or a locator, as the CSV of a dry run")
        });
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let messages = lines
        .map(|(number, line)| {
            picked(line).ok_or_else(|| {
                Failure::misuse(format!(
                    "{name}, line {}: expected a mailbox and, each after a tab, the Message-ID, the fingerprint and the locator, of which at least one is given",
                    number + 1
                ))
                .hint("`clawback plan --dry-run` with `--format json` or `csv` prints all of them for each message")
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if messages.is_empty() { Err(Failure::misuse(format!("{name} names no message"))) } else { Ok(messages) }
}

/// The messages of the CSV of a dry run, or the number of the first line that names none; `None` where the file is no such CSV.
fn picked_from_csv(text: &str) -> Option<Result<Vec<Picked>, u64>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().ok().filter(|names| names.len() > 1)?.clone();
    let column = |name: &str| names.iter().position(|known| known == name);
    let mailbox = column("mailbox")?;
    let others = ["message_id", "fingerprint", "locator"].map(column);
    let mut line = 1;
    let mut picked = Vec::new();
    for record in reader.records() {
        let Ok(record) = record else { return Some(Err(line + 1)) };
        line = record.position().map_or(line + 1, csv::Position::line);
        let cell = |place: usize| record.get(place).map(unguarded).filter(|cell| !cell.is_empty());
        let [message_id, fingerprint, locator] = others.map(|place| place.and_then(cell).map(str::to_owned));
        let (mailbox, message_id) = (cell(mailbox).unwrap_or_default().to_owned(), message_id.unwrap_or_default());
        let one = Picked { mailbox, message_id, fingerprint, locator };
        if one.mailbox.is_empty() || one.check().is_err() {
            return Some(Err(line));
        }
        picked.push(one);
    }
    Some(if picked.is_empty() { Err(line) } else { Ok(picked) })
}

/// A cell without the quote that protects a spreadsheet from formulas.
fn unguarded(cell: &str) -> &str {
    let rest = cell.strip_prefix('\'');
    rest.filter(|rest| rest.starts_with(['=', '+', '-', '@', '|', '%'])).unwrap_or(cell)
}

/// A line of such a file: mailbox, Message-ID, fingerprint and locator between tabs. The last ones may be left out, and any may
/// be empty if another is given.
fn picked(line: &str) -> Option<Picked> {
    let mut parts = line.split('\t').map(str::trim);
    let mut given = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
    let (mailbox, message_id, fingerprint, locator) = (given()?, given(), given(), given());
    let picked = Picked { mailbox, message_id: message_id.unwrap_or_default(), fingerprint, locator };
    (parts.next().is_none() && picked.check().is_ok()).then_some(picked)
}

/// Prints what the plan of a submission would be. A search in this process shows its progress, and takes as long and shows as many
/// messages as the caller wants; a server bounds both.
pub(crate) async fn preview(
    global: &Global,
    client: &Client,
    submission: Submission,
    sample: usize,
) -> Result<Exit, Failure> {
    let found = if let Some(session) = client.session() {
        let (observer, _cleared) = progress::bar(global.quiet || global.format != Format::Table);
        session.api.dry_run(&session.who, submission, sample, &observer).await?.into()
    } else {
        let query = [("sample", sample.to_string())];
        client.post(&["previews"], &query, &SubmissionJson::from(submission)).await?
    };
    print(global, found)
}

fn print(global: &Global, found: PreviewJson) -> Result<Exit, Failure> {
    let exit = match (&found.refused, &found.facts) {
        (Some(_), _) => Exit::Failed,
        (None, Some(facts)) if !facts.is_complete() => Exit::Partial,
        _ => Exit::Done,
    };
    match global.format {
        Format::Table => table(&found)?,
        Format::Json | Format::Ocsf | Format::O365Air => output::json(&DryRunJson::from(found))?,
        Format::Csv => {
            Shape::<Sample>::default().print(global.format, &found.sample, None)?;
            shown_in_part(&found);
        }
    }
    Ok(exit)
}

fn table(found: &PreviewJson) -> Result<(), Failure> {
    if let Some(reason) = &found.refused {
        output::fields(&[("selection", found.selection.clone())])?;
        return output::line(&format!("no plan: {}", clawback_model::visible(reason)));
    }
    let facts = found.facts.clone().unwrap_or_default();
    let all = found.counts.map_or(0, |counts| counts.submitted);
    let mut pairs = vec![
        ("selection", found.selection.clone()),
        ("searched", format!("{} mailboxes searched, {all} messages found", found.searched)),
        ("plan", found.plan_digest.clone().unwrap_or_default()),
        ("mailboxes", facts.mailboxes.to_string()),
        ("by location", numbers(&found.by_location)),
        ("left out", found.left_out.as_ref().map(numbers).unwrap_or_default()),
        ("messages", super::work::counts(&found.counts.unwrap_or_default())),
        ("VIP messages", facts.vips.to_string()),
    ];
    pairs.extend(super::work::of_search(&facts));
    pairs.extend(found.obstacles.iter().map(|obstacle| ("CANNOT BE DONE", obstacle.clone())));
    let approval = found.approval.as_ref().map_or("none asked for".to_owned(), |rule| {
        let roles = rule.from.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ");
        format!("{} from {roles}{}", rule.votes, if rule.two_step { ", not the requester" } else { "" })
    });
    pairs.push(("approvals", approval));
    output::fields(&pairs)?;
    Shape::<Sample>::default().print(Format::Table, &found.sample, None)?;
    shown_in_part(found);
    output::note("nothing was stored: this was a dry run");
    Ok(())
}

fn shown_in_part(found: &PreviewJson) {
    let (all, shown) = (found.counts.map_or(0, |counts| counts.submitted), found.sample.len());
    if all > shown as u64 {
        output::note(&format!("{shown} of {all} messages are shown; --sample N shows more"));
    }
}

fn numbers(of: &BTreeMap<LocationKind, u64>) -> String {
    of.iter().map(|(kind, number)| format!("{number} in {kind}")).collect::<Vec<_>>().join(", ")
}

#[derive(Serialize)]
struct DryRunJson {
    plan_digest: Option<String>,
    selection: String,
    refused: Option<String>,
    searched: u64,
    by_location: BTreeMap<LocationKind, u64>,
    left_out: Option<BTreeMap<LocationKind, u64>>,
    obstacles: Vec<String>,
    approval: Option<ApprovalRuleJson>,
    counts: Option<clawback_model::Counts>,
    #[serde(with = "clawback_action_center::json::facts")]
    facts: Option<clawback_model::PlanFacts>,
    messages: Vec<SampleJson>,
}

impl From<PreviewJson> for DryRunJson {
    fn from(found: PreviewJson) -> Self {
        Self {
            plan_digest: found.plan_digest,
            selection: found.selection,
            refused: found.refused,
            searched: found.searched,
            by_location: found.by_location,
            left_out: found.left_out,
            obstacles: found.obstacles,
            approval: found.approval,
            counts: found.counts,
            facts: found.facts,
            messages: found.sample,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_csv_of_a_dry_run_is_a_file_of_picks() {
        let csv = "mailbox,location,subject,message_id,fingerprint\n\
                   a@x,inbox:INBOX,\"one, two\",<1@x>,abc\nb@x,junk:Junk,,'=2@x,\n";
        let found = picked_from_csv(csv).unwrap().unwrap();
        let parts: Vec<_> = found
            .iter()
            .map(|one| (one.mailbox.as_str(), one.message_id.as_str(), one.fingerprint.as_deref()))
            .collect();
        assert_eq!(parts, [("a@x", "<1@x>", Some("abc")), ("b@x", "=2@x", None)]);
        assert!(picked_from_csv("a@x\t<1@x>\nb@x\t<2@x>\n").is_none(), "lines with tabs are no CSV");
        assert_eq!(picked_from_csv("mailbox,message_id\na@x,\n"), Some(Err(2)), "a line that names no message");
    }

    #[test]
    fn columns_of_picks_stand_between_tabs() {
        let read = |line: &str| {
            picked(line).map(|one| {
                (one.mailbox, one.message_id, one.fingerprint.unwrap_or_default(), one.locator.unwrap_or_default())
            })
        };
        let parts = |mailbox: &str, id: &str, print: &str, place: &str| {
            Some((mailbox.to_owned(), id.to_owned(), print.to_owned(), place.to_owned()))
        };
        assert_eq!(read("a@x\t<1 2@x>"), parts("a@x", "<1 2@x>", "", ""));
        assert_eq!(read("a@x\t\tabc"), parts("a@x", "", "abc", ""));
        assert_eq!(read("a@x\t<1@x>\tabc\t1:2:My folder"), parts("a@x", "<1@x>", "abc", "1:2:My folder"));
        for wrong in ["garbage line", "a@x", "a@x\t", "\t<1@x>", "a@x\t<1@x>\tb\tc\td"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
