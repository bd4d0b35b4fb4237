//! `clawback examine`: what a message shows of itself, and the root by which its copies are found.

use std::io::Read as _;
use std::path::Path;

use clawback_action_center::json::{AttachmentJson, ExaminationJson, LinkJson, PickedJson, ToExamineJson};
use clawback_model::{LEAST_PAIRS, ROOT_PREFIX, simulation_in_words};
use data_encoding::BASE64;

use crate::args::{DeliveredMessage, ExamineArgs, Format, Global};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::{input, output};

const NOTHING: &str = "the server examined no message";

pub(crate) async fn run(global: &Global, args: ExamineArgs) -> Result<Exit, Failure> {
    let stores = if args.file.is_some() { Stores::Examiner } else { Stores::All };
    let client = Client::open(global, stores).await?;
    let (shown, attached) = match &args.file {
        Some(file) => chosen(&client, file, args.attached, "examined").await?,
        None => (delivered(&client, &args.delivered).await?, 0),
    };
    if args.root {
        output::line(&shown.root)?;
        return Ok(Exit::Done);
    }
    if global.format == Format::Json {
        output::json(&shown)?;
        return Ok(Exit::Done);
    }
    fields(&shown)?;
    if attached > 0 && !args.attached {
        output::note(&format!("{attached} attached: --attached examines the first of these messages instead"));
    }
    Ok(Exit::Done)
}

/// The root that is given as such, instead of a file.
pub(crate) fn given_root(given: &str) -> Option<String> {
    let given = given.trim();
    given.starts_with(ROOT_PREFIX).then(|| given.to_owned())
}

/// The root that `--like` gives: a text that begins with `root1:`, or a file that is examined.
pub(crate) async fn root(client: &Client, given: &str) -> Result<String, Failure> {
    if let Some(root) = given_root(given) {
        return Ok(root);
    }
    let found = examine(client, Path::new(given)).await?;
    found.into_iter().next().map(|found| found.root).ok_or_else(|| Failure::failed(NOTHING))
}

/// The message in a file, or the first that is attached to it, and how many are attached. `done` is what the command does
/// with it, for the error.
pub(crate) async fn chosen(
    client: &Client,
    path: &Path,
    is_attached: bool,
    done: &str,
) -> Result<(ExaminationJson, usize), Failure> {
    let found = examine(client, path).await?;
    let attached = found.len().saturating_sub(1);
    let chosen = found.into_iter().nth(usize::from(is_attached)).ok_or_else(|| {
        Failure::misuse(format!("no message is attached to {}", path.display()))
            .hint(format!("without --attached, the message itself is {done}"))
    })?;
    Ok((chosen, attached))
}

/// What a message in a file shows of itself, and then each message that is attached to it.
async fn examine(client: &Client, path: &Path) -> Result<Vec<ExaminationJson>, Failure> {
    let mut raw = Vec::new();
    let read = input::open(path).and_then(|mut input| input.read_to_end(&mut raw));
    read.map_err(|error| Failure::misuse(format!("{} cannot be read: {error}", path.display())))?;
    let given = ToExamineJson { raw: Some(BASE64.encode(&raw)), picked: None };
    client.post(&["examinations"], &[], &given).await
}

/// What a message in a mailbox shows of itself.
pub(crate) async fn delivered(client: &Client, message: &DeliveredMessage) -> Result<ExaminationJson, Failure> {
    let picked = PickedJson {
        mailbox: message.mailbox.clone().unwrap_or_default(),
        message_id: message.message_id.clone().unwrap_or_default(),
        fingerprint: None,
        locator: None,
    };
    let given = ToExamineJson { raw: None, picked: Some(picked) };
    let found: Vec<ExaminationJson> = client.post(&["examinations"], &[], &given).await?;
    found.into_iter().next().ok_or_else(|| Failure::failed(NOTHING))
}

fn fields(found: &ExaminationJson) -> Result<(), Failure> {
    let sender = match found.from_name.as_str() {
        "" => found.from.clone(),
        name => format!("{name} <{}>", found.from),
    };
    let mut pairs = vec![("message", found.message_id.clone()), ("subject", found.subject.clone()), ("from", sender)];
    for (name, text) in [
        ("also from", found.also_from.join(", ")),
        ("envelope from", found.envelope_from.clone()),
        ("reply to", found.reply_to.join(", ")),
        ("delivered to", found.delivered_to.join(", ")),
        ("sender address", found.sender_ip.clone().unwrap_or_default()),
        ("authentication", found.authentication.join(", ")),
        ("signed by", found.dkim_domains.join(", ")),
        ("simulation", found.simulation.as_deref().map(simulation_in_words).unwrap_or_default()),
        ("list", found.list_id.clone()),
    ] {
        if !text.is_empty() {
            pairs.push((name, text));
        }
    }
    pairs.extend(found.links.iter().map(|link| ("link", self::link(link))));
    pairs.extend(found.attachments.iter().map(|one| ("attachment", attachment(one))));
    pairs.extend(found.calendar_uids.iter().map(|uid| ("calendar entry", uid.clone())));
    let copies = if found.pairs < LEAST_PAIRS {
        format!("cannot be found for sure: the text has {} pairs of words of {LEAST_PAIRS}", found.pairs)
    } else {
        "found by `clawback investigate FILE --dry-run`; --root prints the root".to_owned()
    };
    pairs.push(("copies", copies));
    if !found.cut.is_empty() {
        pairs.push(("known in part", found.cut.join(", ")));
    }
    output::fields(&pairs)
}

fn link(link: &LinkJson) -> String {
    let target = if link.address.is_empty() { &link.host } else { &link.address };
    let mut said = format!("{} {target}", link.kind);
    if !link.shown_host.is_empty() && link.shown_host != link.host {
        said.push_str(", shown as ");
        said.push_str(&link.shown_host);
    }
    if link.is_rewritten {
        said.push_str(", decoded from the link of a gateway");
    }
    said
}

fn attachment(one: &AttachmentJson) -> String {
    let names = if one.names.is_empty() { "without a name".to_owned() } else { one.names.join(" or ") };
    format!("{names}, {}, {} bytes, sha256 {}", one.media_type, one.size, one.sha256)
}
