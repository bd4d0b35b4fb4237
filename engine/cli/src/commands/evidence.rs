//! `clawback evidence`: messages that were kept before they were deleted for good.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use clawback_action_center::json::{EvidenceReportJson, KeptJson, Page};
use clawback_store::KeptCursor;

use crate::args::{EvidenceCommand, EvidenceGetArgs, Format, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores, any_id};
use crate::output;
use crate::remote::Remote;

/// Kept messages read at once.
const PAGE: u32 = 500;

pub(crate) async fn run(global: &Global, command: EvidenceCommand) -> Result<Exit, Failure> {
    let shelf = match Remote::of(global)? {
        Some(remote) => Shelf::There(remote),
        None => Shelf::Here(Session::open(global, Stores::None).await?),
    };
    match command {
        EvidenceCommand::List { remediation, limit, after, shape } => {
            let after = after.as_deref().map(str::parse::<KeptCursor>).transpose();
            let after = after.map_err(|_| Failure::misuse("--after is not a cursor of an earlier answer"))?;
            let found = shelf.page(remediation.as_deref(), after.map(|after| after.to_string()), limit).await?;
            if found.items.is_empty() {
                output::note("no message was kept");
            }
            shape.print(global.format, &found.items, found.next.as_deref())?;
            Ok(Exit::Done)
        }
        EvidenceCommand::Get(args) => get(&shelf, args).await,
        EvidenceCommand::Verify => print(global, &shelf.verify().await?),
    }
}

/// Where kept messages are looked at: on the machine of the site, or over a server.
enum Shelf {
    Here(Session),
    There(Remote),
}

impl Shelf {
    async fn page(&self, of: Option<&str>, after: Option<String>, limit: u32) -> Result<Page<KeptJson>, Failure> {
        match self {
            Self::There(remote) => {
                let of = of.map(any_id).transpose()?;
                let limit = Some(limit.to_string());
                let query = [("remediation", of), ("after", after), ("limit", limit)];
                let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
                remote.get(&["evidence"], &query).await
            }
            Self::Here(session) => {
                let of = match of {
                    Some(id) => Some(session.find(id).await?.id),
                    None => None,
                };
                let after = after.map(|after| after.parse()).transpose()?;
                let (found, next) = session.site().history.evidence(of.as_ref(), after, limit).await?;
                Ok(Page { items: found.iter().map(KeptJson::from).collect(), next: next.map(|next| next.to_string()) })
            }
        }
    }

    async fn by_digest(&self, digest: &clawback_model::Digest) -> Result<Vec<u8>, Failure> {
        match self {
            Self::There(remote) => remote.bytes(&["evidence", &digest.to_string()]).await,
            Self::Here(session) => Ok(session.api.examine(&session.who, digest).await?),
        }
    }

    async fn of_message(&self, one: &KeptJson) -> Result<Vec<u8>, Failure> {
        match self {
            Self::There(remote) => {
                let seq = one.seq.to_string();
                remote.bytes(&["remediations", &one.remediation, "messages", &seq, "evidence"]).await
            }
            Self::Here(session) => {
                let id = crate::open::remediation_id(&one.remediation)?;
                Ok(session.api.examine_message(&session.who, &id, one.seq).await?)
            }
        }
    }

    async fn verify(&self) -> Result<EvidenceReportJson, Failure> {
        match self {
            Self::There(remote) => remote.get(&["verify", "evidence"], &[]).await,
            Self::Here(session) => Ok(session.api.verify_evidence().await?.into()),
        }
    }
}

async fn get(shelf: &Shelf, args: EvidenceGetArgs) -> Result<Exit, Failure> {
    if args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::misuse("a raw message is the sender's to write, and could take over a terminal")
            .hint("--output FILE writes it to a file; or send it through a pipe"));
    }
    let raw = match (&args.digest, &args.remediation) {
        (Some(digest), _) => shelf.by_digest(digest).await?,
        (None, Some(id)) => shelf.of_message(&pick(shelf, id, &args).await?).await?,
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
async fn pick(shelf: &Shelf, id: &str, args: &EvidenceGetArgs) -> Result<KeptJson, Failure> {
    let wanted = args.message.as_deref().unwrap_or_default();
    let fits = |one: &KeptJson| {
        let named = [&one.message_id, &one.fingerprint].into_iter().any(|known| known.as_deref() == Some(wanted));
        named && args.mailbox.as_ref().is_none_or(|mailbox| one.mailbox.as_ref() == Some(mailbox))
    };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = shelf.page(Some(id), after, PAGE).await?;
        found.extend(page.items.into_iter().filter(&fits));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
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
