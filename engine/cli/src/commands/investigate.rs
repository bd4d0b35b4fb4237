//! `clawback investigate`: from one message to every message of its campaign.

use std::path::Path;

use clawback_model::{ActionSource, Root};
use clawback_runtime::Submission;

use super::goal::Goal;
use super::{examine, proceed};
use crate::args::{Global, InvestigateArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::output;

pub(crate) async fn run(global: &Global, args: InvestigateArgs) -> Result<Exit, Failure> {
    let (dry_run, sample, leave) = (args.proposal.dry_run, args.proposal.sample, args.proposal.leave);
    let stores = match &args.message {
        Some(given) if !dry_run => Stores::unless(leave, Some(given)),
        _ => Stores::All,
    };
    let client = Client::open(global, stores).await?;
    let root = root(&client, &args).await?;
    let submission = submission(args, &root);
    if dry_run {
        return super::plan::preview(global, &client, submission, sample).await;
    }
    proceed::submit(global, &client, submission, Goal::Settled(leave)).await
}

/// The root that is given, or that of the message in the file or in a mailbox.
async fn root(client: &Client, args: &InvestigateArgs) -> Result<Root, Failure> {
    let text = match &args.message {
        None => examine::delivered(client, &args.delivered).await?.root,
        Some(given) => match examine::given_root(given) {
            Some(root) => root,
            None => of_file(client, given.as_ref(), args.attached).await?,
        },
    };
    text.parse().map_err(|error| Failure::misuse(format!("{error}")))
}

async fn of_file(client: &Client, file: &Path, is_attached: bool) -> Result<String, Failure> {
    let (found, attached) = examine::chosen(client, file, is_attached, "investigated").await?;
    if attached > 0 && !is_attached {
        output::note(&format!("{attached} attached: --attached investigates the first of these messages instead"));
    }
    Ok(found.root)
}

fn submission(args: InvestigateArgs, root: &Root) -> Submission {
    let mut submission = Submission::investigation(args.playbook, root, ActionSource::Manual);
    args.by.iter().for_each(|by| submission.inputs.push("by", by.as_str()));
    if let Some(since) = args.since {
        submission.inputs.push("since", since);
    }
    Submission {
        name: args.name.or(submission.name),
        severity: args.proposal.severity,
        description: args.proposal.description,
        ..submission
    }
}
