//! `clawback submit`: a manual remediation, with the fields of the reference product's side pane.

use std::collections::BTreeSet;

use clawback_action_center::json::SavedSearchJson;
use clawback_model::{ActionSource, SelectionMode};
use clawback_runtime::Submission;

use super::goal::Goal;
use super::proceed;
use crate::args::{Global, SubmitArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;

pub(crate) async fn run(global: &Global, args: SubmitArgs) -> Result<Exit, Failure> {
    let (dry_run, sample, leave) = (args.dry_run, args.sample, args.leave);
    let client = Client::open(
        global,
        if dry_run { Stores::All } else { Stores::unless(leave, args.conditions.like.as_deref()) },
    )
    .await?;
    let like = match &args.conditions.like {
        Some(like) => Some(super::examine::root(&client, like).await?),
        None => None,
    };
    let saved = match &args.saved_search {
        Some(name) => Some(super::saved_searches::named(&client, name).await?),
        None => None,
    };
    let submission = submission(args, like, saved.as_ref())?;
    if dry_run {
        return super::plan::preview(global, &client, submission, sample).await;
    }
    proceed::submit(global, &client, submission, Goal::Settled(leave)).await
}

fn submission(args: SubmitArgs, like: Option<String>, saved: Option<&SavedSearchJson>) -> Result<Submission, Failure> {
    let (mode, picked) = super::plan::selection(args.messages.as_deref(), args.exclude.as_deref())?;
    let mut inputs = args.conditions.inputs(like);
    if let Some(saved) = saved {
        super::saved_searches::add(saved, &mut inputs)?;
    }
    if mode == SelectionMode::Handpicked && args.conditions.mailbox.is_empty() {
        // Picked messages are found by their own list; the mailboxes narrow the search, and are recorded as inputs.
        let unique: BTreeSet<&str> = picked.iter().map(|picked| picked.mailbox.as_str()).collect();
        for mailbox in unique {
            inputs.push("mailbox", mailbox);
        }
    }
    if inputs.is_empty() {
        return Err(Failure::misuse("nothing says which messages are meant")
            .hint("give --from, --subject, --saved-search, --messages or another condition; `clawback submit --help` lists them"));
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
