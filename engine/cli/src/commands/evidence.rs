//! `clawback evidence`: messages that were kept before they were deleted for good.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use clawback_store::KeptMessage;
use serde::Serialize;

use crate::args::{EvidenceCommand, EvidenceGetArgs, Format, Global};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;

/// Kept messages read at once.
const PAGE: u32 = 500;

/// A kept message as it is listed.
#[derive(Serialize)]
struct KeptJson {
    digest: String,
    bytes: u64,
    kept_at: String,
    remediation: String,
    store: Option<String>,
    mailbox: Option<String>,
    message_id: Option<String>,
    fingerprint: Option<String>,
    subject: Option<String>,
    outcome: Option<String>,
}

impl From<&KeptMessage> for KeptJson {
    fn from(one: &KeptMessage) -> Self {
        Self {
            digest: one.kept.digest.to_string(),
            bytes: one.kept.bytes,
            kept_at: one.kept.at.to_string(),
            remediation: one.remediation.to_string(),
            store: one.store.clone(),
            mailbox: one.mailbox.clone(),
            message_id: one.message_id.clone(),
            fingerprint: one.fingerprint.clone(),
            subject: one.subject.clone(),
            outcome: one.outcome.clone(),
        }
    }
}

pub(crate) async fn run(global: &Global, command: EvidenceCommand) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
    match command {
        EvidenceCommand::List { remediation, limit, after } => {
            let of = match remediation {
                Some(id) => Some(session.find(&id).await?.id),
                None => None,
            };
            let after = after.as_deref().map(cursor).transpose()?;
            let mut found = session.site().history.evidence(of.as_ref(), after, limit.saturating_add(1)).await?;
            let more = found.len() > limit as usize;
            found.truncate(limit as usize);
            let next = found.last().filter(|_| more).map(KeptMessage::place);
            let next = next.map(|(number, seq)| format!("{number}-{seq}"));
            if found.is_empty() {
                output::note("no message was kept");
            }
            list(global, &found, next.as_deref())?;
            Ok(Exit::Done)
        }
        EvidenceCommand::Get(args) => get(&session, args).await,
        EvidenceCommand::Verify => verify(global, &session).await,
    }
}

fn list(global: &Global, found: &[KeptMessage], next: Option<&str>) -> Result<(), Failure> {
    let items: Vec<KeptJson> = found.iter().map(KeptJson::from).collect();
    let columns = ["digest", "bytes", "kept", "remediation", "mailbox", "subject", "outcome"];
    output::rows(global.format, &columns, &items, next, |row| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            // Whole: it is what `evidence get` takes.
            row.digest.clone(),
            row.bytes.to_string(),
            row.kept_at.clone(),
            row.remediation.clone(),
            text(&row.mailbox),
            text(&row.subject),
            text(&row.outcome),
        ]
    })
}

fn cursor(text: &str) -> Result<(i64, u32), Failure> {
    text.split_once('-')
        .and_then(|(number, seq)| Some((number.parse().ok()?, seq.parse().ok()?)))
        .ok_or_else(|| Failure::misuse("--after is not a cursor of an earlier answer"))
}

async fn get(session: &Session, args: EvidenceGetArgs) -> Result<Exit, Failure> {
    if args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::misuse("a raw message is the sender's to write, and could take over a terminal")
            .hint("--output FILE writes it to a file; or send it through a pipe"));
    }
    let kept = match (&args.digest, &args.remediation) {
        (Some(digest), _) => session.site().history.evidence_by_digest(digest).await?,
        (None, Some(id)) => pick(session, id, &args).await?,
        (None, None) => return Err(Failure::misuse("give a digest, or --remediation and --message")),
    };
    let raw = session.api.examine(&session.who, &kept).await?;
    match &args.output {
        Some(path) => {
            write(path, &raw)?;
            output::note(&format!("wrote {} bytes to {}", raw.len(), path.display()));
        }
        None => std::io::stdout().lock().write_all(&raw)?,
    }
    Ok(Exit::Done)
}

/// The one message of a remediation that has this Message-ID or fingerprint.
async fn pick(session: &Session, id: &str, args: &EvidenceGetArgs) -> Result<KeptMessage, Failure> {
    let id = session.find(id).await?.id;
    let wanted = args.message.as_deref().unwrap_or_default();
    let fits = |one: &KeptMessage| {
        let named = [&one.message_id, &one.fingerprint].into_iter().any(|known| known.as_deref() == Some(wanted));
        named && args.mailbox.as_ref().is_none_or(|mailbox| one.mailbox.as_ref() == Some(mailbox))
    };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = session.site().history.evidence(Some(&id), after, PAGE).await?;
        after = page.last().map(KeptMessage::place);
        let whole = page.len() < PAGE as usize;
        found.extend(page.into_iter().filter(fits));
        if whole {
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
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(raw))
        .map_err(|error| Failure::failed(format!("{} cannot be written: {error}", path.display())))
}

async fn verify(global: &Global, session: &Session) -> Result<Exit, Failure> {
    let report = session.api.verify_evidence().await?;
    if global.format == Format::Json {
        output::json(&serde_json::json!({
            "ok": report.problems.is_empty(), "sound": report.sound, "bytes": report.bytes, "problems": report.problems,
        }))?;
    } else {
        for problem in &report.problems {
            output::line(&format!("WRONG  {}", clawback_model::visible_line(problem, 500)))?;
        }
        output::line(&format!("{} messages of {} bytes together are as they were kept", report.sound, report.bytes))?;
    }
    Ok(if report.problems.is_empty() { Exit::Done } else { Exit::Failed })
}
