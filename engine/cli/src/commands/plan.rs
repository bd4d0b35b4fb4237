//! `clawback plan`: search and freeze; with `--dry-run`, search and forget.

use std::io::Read as _;
use std::path::Path;

use clawback_model::{Picked, RemediationId, SelectionMode, Target};
use clawback_runtime::{DryRun, Submission};
use serde::Serialize;

use crate::args::{Format, Global, PlanArgs, PlaybookArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::{output, progress};

pub(crate) async fn run(global: &Global, args: PlanArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    if let Ok(id) = args.playbook.parse::<RemediationId>() {
        session.api.replan(&session.who, &id).await?;
        return super::work::plan_only(global, &session, &id).await;
    }
    let submission = submission(&args.playbook, args.with)?;
    if args.dry_run {
        return dry_run(global, &session, submission, args.sample).await;
    }
    let remediation = session.api.submit(&session.who, submission).await?;
    super::work::plan_only(global, &session, &remediation.id).await
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
            let mut parts = line.split(['\t', ' ']).filter(|part| !part.is_empty()).map(str::to_owned);
            match (parts.next(), parts.next(), parts.next()) {
                (Some(mailbox), Some(message_id), fingerprint) => Ok(Picked { mailbox, message_id, fingerprint }),
                _ => Err(Failure::misuse(format!(
                    "{name}, line {}: expected a mailbox, a tab and a Message-ID, and a fingerprint if two messages share that",
                    number + 1
                ))
                .hint("`clawback plan --dry-run --format json` prints all three for each message")),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    if messages.is_empty() { Err(Failure::misuse(format!("{name} names no message"))) } else { Ok(messages) }
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
    match global.format {
        Format::Table => table(&found)?,
        Format::Json | Format::Ocsf | Format::O365Air => output::json(&DryRunJson::from(&found))?,
        Format::Csv => rows(global, &found)?,
    }
    Ok(if found.plan.is_ok() { Exit::Done } else { Exit::Failed })
}

fn table(found: &DryRun) -> Result<(), Failure> {
    let plan = match &found.plan {
        Ok(plan) => plan,
        Err(reason) => return output::line(&format!("no plan: {reason}")),
    };
    let mut pairs = vec![
        ("plan", plan.digest.to_string()),
        ("mailboxes", plan.facts.mailboxes.to_string()),
        ("messages", super::work::counts(&plan.counts)),
        ("VIP messages", plan.facts.vips.to_string()),
    ];
    if plan.facts.unsearched > 0 {
        pairs.push(("NOT SEARCHED", format!("{} mailboxes", plan.facts.unsearched)));
    }
    let approval = found.approval.as_ref().map_or("none asked for".to_owned(), |rule| {
        let roles = rule.from.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ");
        format!("{} from {roles}{}", rule.votes, if rule.two_step { ", not the requester" } else { "" })
    });
    pairs.push(("approvals", approval));
    output::fields(&pairs)?;
    let columns = ["mailbox", "location", "from", "subject", "received"];
    output::line(&output::table(&columns, found.sample.iter().map(cells)))?;
    output::note("nothing was stored: this was a dry run");
    Ok(())
}

fn rows(global: &Global, found: &DryRun) -> Result<(), Failure> {
    output::rows(
        global.format,
        &["mailbox", "location", "from", "subject", "received"],
        &found_json(found),
        None,
        |json| {
            vec![
                json.mailbox.clone(),
                json.latest_delivery_location.clone(),
                json.from.clone(),
                json.subject.clone(),
                json.received_at.clone(),
            ]
        },
    )
}

fn cells(target: &Target) -> Vec<String> {
    vec![
        target.mailbox.to_string(),
        target.location.to_string(),
        target.from_address.clone(),
        target.subject.clone(),
        target.received_at.to_string(),
    ]
}

#[derive(Serialize)]
struct DryRunJson {
    plan_digest: Option<String>,
    refused: Option<String>,
    counts: Option<clawback_model::Counts>,
    facts: Option<clawback_model::PlanFacts>,
    messages: Vec<FoundJson>,
}

#[derive(Serialize)]
struct FoundJson {
    mailbox: String,
    message_id: String,
    fingerprint: String,
    subject: String,
    from: String,
    received_at: String,
    latest_delivery_location: String,
    not_remediable: Option<&'static str>,
}

fn found_json(found: &DryRun) -> Vec<FoundJson> {
    found
        .sample
        .iter()
        .map(|target| FoundJson {
            mailbox: target.mailbox.to_string(),
            message_id: target.reference.message_id.clone(),
            fingerprint: target.reference.fingerprint.clone(),
            subject: target.subject.clone(),
            from: target.from_address.clone(),
            received_at: target.received_at.to_string(),
            latest_delivery_location: target.location.to_string(),
            not_remediable: target.not_remediable.map(clawback_model::Reason::as_str),
        })
        .collect()
}

impl From<&DryRun> for DryRunJson {
    fn from(found: &DryRun) -> Self {
        let plan = found.plan.as_ref().ok();
        Self {
            plan_digest: plan.map(|plan| plan.digest.to_string()),
            refused: found.plan.as_ref().err().map(ToString::to_string),
            counts: plan.map(|plan| plan.counts),
            facts: plan.map(|plan| plan.facts.clone()),
            messages: found_json(found),
        }
    }
}
