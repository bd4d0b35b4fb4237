//! `clawback investigate`: from one message to every message of its campaign.

use clawback_model::{ActionSource, Inputs, Root, SelectionMode, visible_line};
use clawback_runtime::Submission;

use super::goal::Goal;
use super::{examine, proceed};
use crate::args::{Global, InvestigateArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::output;

/// Characters of the subject in the name of a remediation.
const SUBJECT: usize = 80;

pub(crate) async fn run(global: &Global, args: InvestigateArgs) -> Result<Exit, Failure> {
    let (dry_run, sample, leave) = (args.dry_run, args.sample, args.leave);
    let client = Client::open(global, if dry_run { Stores::All } else { Stores::unless(leave, Some(&args.message)) });
    let client = client.await?;
    let root = root(&client, &args).await?;
    let submission = submission(args, &root);
    if dry_run {
        return super::plan::preview(global, &client, submission, sample).await;
    }
    proceed::submit(global, &client, submission, Goal::Settled(leave)).await
}

/// The root that is given, or that of the message in the file.
async fn root(client: &Client, args: &InvestigateArgs) -> Result<Root, Failure> {
    let text = if let Some(root) = examine::given_root(&args.message) {
        root
    } else {
        let (found, attached) = examine::chosen(client, args.message.as_ref(), args.attached, "investigated").await?;
        if attached > 0 && !args.attached {
            output::note(&format!("{attached} attached: --attached investigates the first of these messages instead"));
        }
        found.root
    };
    text.parse().map_err(|error| Failure::misuse(format!("{error}")))
}

fn submission(args: InvestigateArgs, root: &Root) -> Submission {
    let mut inputs = Inputs::default();
    inputs.push("like", root.to_string());
    args.by.iter().for_each(|by| inputs.push("by", by.as_str()));
    if let Some(since) = args.since {
        inputs.push("since", since);
    }
    let subject = visible_line(root.subject(), SUBJECT);
    let named = (!subject.is_empty()).then(|| format!("Investigate \"{subject}\""));
    Submission {
        playbook: args.playbook,
        inputs,
        name: args.name.or(named),
        severity: args.severity,
        description: args.description,
        source: ActionSource::Manual,
        mode: SelectionMode::Query,
        picked: Vec::new(),
        agent: None,
    }
}
