//! `clawback evidence`: messages that were kept before they were deleted for good.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use clawback_action_center::json::{EvidenceReportJson, KeptJson, Page};
use clawback_store::KeptCursor;

use crate::args::{EvidenceCommand, EvidenceGetArgs, Format, Global};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, any_id};
use crate::output;

pub(crate) async fn run(global: &Global, command: EvidenceCommand) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::None).await?;
    match command {
        EvidenceCommand::List { remediation, limit, after, shape } => {
            let after = after.as_deref().map(str::parse::<KeptCursor>).transpose();
            let after = after.map_err(|_| Failure::misuse("--after is not a cursor of an earlier answer"))?;
            let found = kept(&client, remediation.as_deref(), after.map(|after| after.to_string()), limit).await?;
            if found.items.is_empty() {
                output::note("no message was kept");
            }
            shape.print(global.format, &found.items, found.next.as_deref())?;
            Ok(Exit::Done)
        }
        EvidenceCommand::Get(args) => get(&client, args).await,
        EvidenceCommand::Verify => print(global, &client.get(&["verify", "evidence"], &[]).await?),
    }
}

/// The messages that were kept, of one remediation or of all.
async fn kept(client: &Client, of: Option<&str>, after: Option<String>, limit: u32) -> Result<Page<KeptJson>, Failure> {
    let of = of.map(any_id).transpose()?;
    let query: Vec<_> = of.map(|of| ("remediation", of)).into_iter().collect();
    client.pages(&["evidence"], &query, after, limit).await
}

async fn get(client: &Client, args: EvidenceGetArgs) -> Result<Exit, Failure> {
    if args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::misuse("a raw message is the sender's to write, and could take over a terminal")
            .hint("--output FILE writes it to a file; or send it through a pipe"));
    }
    let raw = match (&args.digest, &args.remediation) {
        (Some(digest), _) => client.bytes(&["evidence", &digest.to_string()]).await?,
        (None, Some(id)) => {
            let KeptJson { remediation, seq, .. } = pick(client, id, &args).await?;
            client.bytes(&["remediations", &remediation, "messages", &seq.to_string(), "evidence"]).await?
        }
        (None, None) => return Err(Failure::misuse("give a digest, or --remediation and --message")),
    };
    match &args.output {
        Some(path) => {
            write(path, &raw)?;
            output::note(&format!("wrote {} bytes to {}", raw.len(), path.display()));
        }
        None => output::Out.write_all(&raw)?,
    }
    Ok(Exit::Done)
}

/// The one message of a remediation that has this Message-ID or fingerprint.
async fn pick(client: &Client, id: &str, args: &EvidenceGetArgs) -> Result<KeptJson, Failure> {
    let wanted = args.message.as_deref().unwrap_or_default();
    let fits = |one: &KeptJson| {
        let named = [&one.message_id, &one.fingerprint].into_iter().any(|known| known.as_deref() == Some(wanted));
        named && args.mailbox.as_ref().is_none_or(|mailbox| one.mailbox.as_ref() == Some(mailbox))
    };
    let kept = kept(client, Some(id), None, u32::MAX).await?;
    let mut found: Vec<_> = kept.items.into_iter().filter(fits).collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Failure::misuse(format!("{} messages fit", found.len() + 1))
            .hint("name one by its --mailbox, its fingerprint or its digest: `clawback evidence list --format json`")),
        (None, _) => Err(Failure::failed(format!("no message that was kept by {id} fits"))
            .hint(format!("`clawback evidence list --remediation {id}` lists them"))),
    }
}

fn write(path: &Path, raw: &[u8]) -> Result<(), Failure> {
    let written = clawback_files::create(path)?.write_all(raw);
    written.map_err(|error| Failure::failed(format!("{} cannot be written: {error}", path.display())))
}

fn print(global: &Global, report: &EvidenceReportJson) -> Result<Exit, Failure> {
    if global.format == Format::Json {
        output::json(report)?;
    } else {
        for problem in &report.problems {
            output::line(&format!("WRONG  {}", clawback_model::visible_line(problem, 500)))?;
        }
        for message in &report.unavailable {
            output::line(&format!("UNKNOWN  {}", clawback_model::visible_line(message, 500)))?;
        }
        output::line(&format!("{} messages of {} bytes together are as they were kept", report.sound, report.bytes))?;
    }
    Ok(match (report.problems.is_empty(), report.unavailable.is_empty()) {
        (false, _) => Exit::Failed,
        (true, false) => Exit::Partial,
        (true, true) => Exit::Done,
    })
}
