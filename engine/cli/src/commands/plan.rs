//! `clawback plan`: search and freeze; with `--dry-run`, search and forget.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use clawback_action_center::json::{DetailJson, PreviewJson, SampleJson, SubmissionJson};
use clawback_model::{LocationKind, Picked, RemediationId, SelectionMode};
use clawback_runtime::Submission;
use serde::Serialize;

use crate::args::{Format, Global, Leave, PlanArgs, PlaybookArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::remote::Remote;
use crate::{output, progress};

const COLUMNS: [&str; 5] = ["mailbox", "location", "from", "subject", "received"];
/// Of CSV: with what picks a message.
const CSV_COLUMNS: [&str; 8] =
    ["mailbox", "location", "from", "subject", "received", "message id", "fingerprint", "locator"];

pub(crate) async fn run(global: &Global, args: PlanArgs) -> Result<Exit, Failure> {
    if let Some(remote) = Remote::of(global)? {
        return there(global, &remote, args).await;
    }
    let session = Session::open(global, Stores::All).await?;
    if let Ok(id) = args.playbook.parse::<RemediationId>() {
        session.api.replan(&session.who, &id).await?;
        return super::foreground::plan_only(global, &session, &id).await;
    }
    let submission = submission(&args.playbook, args.with)?;
    if args.dry_run {
        return dry_run(global, &session, submission, args.sample).await;
    }
    let remediation = session.api.submit(&session.who, submission).await?;
    super::foreground::plan_only(global, &session, &remediation.id).await
}

async fn there(global: &Global, remote: &Remote, args: PlanArgs) -> Result<Exit, Failure> {
    if let Ok(id) = args.playbook.parse::<RemediationId>() {
        let id = id.to_string();
        let _: DetailJson = remote.act(&["remediations", &id, "replan"]).await?;
        return super::follow::follow(global, remote, &id, Leave::default()).await;
    }
    if !args.dry_run {
        // A worker that makes the plan goes on with it, where nobody need approve.
        return Err(Failure::misuse(
            "a server plans and then runs what needs no approval; it does not stop at the plan",
        )
        .hint("--dry-run shows what the plan would be; `clawback run` submits it"));
    }
    preview(global, remote, submission(&args.playbook, args.with)?, args.sample).await
}

/// What the arguments ask for.
pub(crate) fn submission(playbook: &str, args: PlaybookArgs) -> Result<Submission, Failure> {
    let (mode, picked) = selection(args.messages.as_deref(), args.exclude.as_deref())?;
    Ok(Submission {
        playbook: playbook.to_owned(),
        inputs: args.inputs.into_iter().collect(),
        name: args.name,
        severity: args.severity,
        description: args.description,
        source: args.source,
        mode,
        picked,
    })
}

/// Mode and messages of `--messages` and `--exclude`.
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
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Failure::misuse(format!("{name} cannot be read: {error}")))?;
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

/// A line of such a file: mailbox, Message-ID, fingerprint and locator between tabs. The last ones may be left out, and any may
/// be empty beside another.
fn picked(line: &str) -> Option<Picked> {
    let mut parts = line.split('\t').map(str::trim);
    let mut given = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
    let (mailbox, message_id, fingerprint, locator) = (given()?, given(), given(), given());
    let picked = Picked { mailbox, message_id: message_id.unwrap_or_default(), fingerprint, locator };
    (parts.next().is_none() && picked.check().is_ok()).then_some(picked)
}

/// Searches and prints what the plan would be.
pub(crate) async fn dry_run(
    global: &Global,
    session: &Session,
    submission: Submission,
    sample: usize,
) -> Result<Exit, Failure> {
    let found = {
        let (observer, _cleared) = progress::bar(global.quiet || global.format != Format::Table);
        session.api.dry_run(&session.who, submission, sample, &observer).await?
    };
    print(global, found.into())
}

/// Lets a server search, and prints what the plan would be.
pub(crate) async fn preview(
    global: &Global,
    remote: &Remote,
    submission: Submission,
    sample: usize,
) -> Result<Exit, Failure> {
    let query = [("sample", sample.to_string())];
    let found = remote.post(&["previews"], &query, &SubmissionJson::from(submission), None).await?;
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
        Format::Csv => output::rows(global.format, &CSV_COLUMNS, &found.sample, None, |message| {
            let reference = [&message.message_id, &message.fingerprint, &message.locator].map(Clone::clone);
            cells(message).into_iter().chain(reference).collect()
        })?,
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
    pairs.extend(super::work::not_looked_at(&facts));
    pairs.extend(found.obstacles.iter().map(|obstacle| ("CANNOT BE DONE", obstacle.clone())));
    let approval = found.approval.as_ref().map_or("none asked for".to_owned(), |rule| {
        let roles = rule.from.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ");
        format!("{} from {roles}{}", rule.votes, if rule.two_step { ", not the requester" } else { "" })
    });
    pairs.push(("approvals", approval));
    output::fields(&pairs)?;
    let script = |message: &SampleJson| {
        super::work::script_words(message.script_reason.as_deref(), message.script_tag.as_deref())
    };
    let said = found.sample.iter().any(|message| script(message).is_some());
    let columns: Vec<&str> = COLUMNS.into_iter().chain(said.then_some("script")).collect();
    let rows = found.sample.iter().map(|message| {
        let mut row = cells(message);
        row.extend(said.then(|| script(message).unwrap_or_default()));
        row
    });
    if !found.sample.is_empty() {
        output::line(&output::table(&columns, rows))?;
    }
    if all > found.sample.len() as u64 {
        output::note(&format!(
            "{} of {all} messages are shown; `clawback plan --sample N` shows more",
            found.sample.len()
        ));
    }
    output::note("nothing was stored: this was a dry run");
    Ok(())
}

fn cells(message: &SampleJson) -> Vec<String> {
    vec![
        message.mailbox.clone(),
        message.latest_delivery_location.clone(),
        message.from.clone(),
        message.subject.clone(),
        message.received_at.clone(),
    ]
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
    counts: Option<clawback_model::Counts>,
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
