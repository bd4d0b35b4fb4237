//! `clawback submit`: what the reference product's side pane asks for, and the same answer: an Approval ID.

use std::collections::BTreeMap;

use clawback_model::{ActionSource, LocationKind, SelectionMode};
use clawback_runtime::Submission;

use crate::args::{Global, SubmitArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};

pub(crate) async fn run(global: &Global, args: SubmitArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    let dry_run = args.dry_run;
    let submission = submission(args)?;
    if dry_run {
        return super::plan::dry_run(global, &session, submission, 20).await;
    }
    let remediation = session.api.submit(&session.who, submission).await?;
    super::work::carry_on(global, &session, &remediation.id).await
}

fn submission(args: SubmitArgs) -> Result<Submission, Failure> {
    let (mode, picked) = super::plan::selection(args.messages.as_deref(), args.exclude.as_deref())?;
    let locations = args.location.iter().map(|kind: &LocationKind| kind.as_str()).collect::<Vec<_>>().join(",");
    let inputs: BTreeMap<String, String> = [
        ("from", args.from),
        ("from-domain", args.from_domain),
        ("subject", args.subject),
        ("to", args.to),
        ("message-id", args.message_id),
        ("attachment", args.attachment),
        ("since", args.since),
        ("location", Some(locations).filter(|locations| !locations.is_empty())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect();
    if inputs.is_empty() && mode != SelectionMode::Handpicked {
        return Err(Failure::misuse("nothing says which messages are meant")
            .hint("give --from, --subject, --messages or another condition; `clawback submit --help` lists them"));
    }
    Ok(Submission {
        playbook: "manual".to_owned(),
        inputs,
        name: Some(args.name),
        severity: Some(args.severity),
        description: Some(args.description),
        action: Some(args.action),
        source: if mode == SelectionMode::Handpicked { ActionSource::Manual } else { ActionSource::Explorer },
        mode,
        picked,
        delete_senders_copy: args.delete_senders_copy,
    })
}
