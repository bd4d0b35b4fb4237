//! `clawback submit`: a manual remediation, with the fields of the reference product's side pane.

use std::collections::BTreeSet;

use clawback_model::{ActionSource, Inputs, LocationKind, SelectionMode};
use clawback_runtime::Submission;

use super::goal::Goal;
use super::proceed;
use crate::args::{Global, SubmitArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;

pub(crate) async fn run(global: &Global, args: SubmitArgs) -> Result<Exit, Failure> {
    let (dry_run, sample, leave) = (args.dry_run, args.sample, args.leave);
    let client =
        Client::open(global, if dry_run { Stores::All } else { Stores::unless(leave, args.like.as_deref()) }).await?;
    let like = match &args.like {
        Some(like) => Some(super::examine::root(&client, like).await?),
        None => None,
    };
    let submission = submission(args, like)?;
    if dry_run {
        return super::plan::preview(global, &client, submission, sample).await;
    }
    proceed::submit(global, &client, submission, Goal::Settled(leave)).await
}

fn submission(args: SubmitArgs, like: Option<String>) -> Result<Submission, Failure> {
    let (mode, picked) = super::plan::selection(args.messages.as_deref(), args.exclude.as_deref())?;
    let mut inputs = Inputs::default();
    for (name, values) in [
        ("from", &args.from),
        ("from_domain", &args.from_domain),
        ("from_name", &args.from_name),
        ("subject", &args.subject),
        ("to", &args.to),
        ("recipients", &args.recipients),
        ("message_id", &args.message_id),
        ("attachment_name", &args.attachment_name),
        ("url_host", &args.url_host),
        ("url", &args.url),
        ("attachment_sha256", &args.attachment_sha256),
        ("attachment_type", &args.attachment_type),
        ("envelope_from", &args.envelope_from),
        ("delivered_to", &args.delivered_to),
        ("reply_to", &args.reply_to),
        ("sender_ip", &args.sender_ip),
        ("auth", &args.auth),
        ("subject_matches", &args.subject_matches),
        ("from_matches", &args.from_matches),
        ("from_name_matches", &args.from_name_matches),
        ("attachment_name_matches", &args.attachment_name_matches),
        ("url_host_matches", &args.url_host_matches),
        ("body_contains", &args.body),
        ("folder", &args.folder),
        ("mailbox", &args.mailbox),
    ] {
        for value in values {
            inputs.push(name, value);
        }
    }
    args.location.iter().for_each(|kind: &LocationKind| inputs.push("location", kind.as_str()));
    if let Some(like) = like {
        inputs.push("like", like);
    }
    if let Some(has_one) = args.has_attachment {
        inputs.push("has_attachment", has_one.to_string());
    }
    if let Some(since) = args.since {
        inputs.push("since", since);
    }
    if let Some(before) = args.before {
        inputs.push("received_before", before.to_string());
    }
    if mode == SelectionMode::Handpicked && args.mailbox.is_empty() {
        // Picked messages are found by their own list; the mailboxes narrow the search, and are recorded as inputs.
        let unique: BTreeSet<&str> = picked.iter().map(|picked| picked.mailbox.as_str()).collect();
        for mailbox in unique {
            inputs.push("mailbox", mailbox);
        }
    }
    if inputs.is_empty() {
        return Err(Failure::misuse("nothing says which messages are meant")
            .hint("give --from, --subject, --messages or another condition; `clawback submit --help` lists them"));
    }
    inputs.push("action", args.action.to_string());
    inputs.push("delete_senders_copy", args.delete_senders_copy.to_string());
    Ok(Submission {
        playbook: "manual".to_owned(),
        inputs,
        name: Some(args.name),
        severity: Some(args.severity),
        description: Some(args.description),
        source: if mode == SelectionMode::Handpicked { ActionSource::Manual } else { ActionSource::Explorer },
        agent: None,
        mode,
        picked,
    })
}
