//! `clawback read`: one message of a mailbox as people see it, without a remediation.

use std::io::Write as _;
use std::path::Path;

use clawback_action_center::json::PickedJson;
use clawback_mail::{Content, File, Link, Person};
use clawback_model::{Digest, visible};
use serde::Serialize;

use crate::args::{Format, Global, ReadArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::output;

pub(crate) async fn run(global: &Global, args: ReadArgs) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::All).await?;
    let ReadArgs { mailbox, message_id, header, output } = args;
    let picked = PickedJson { mailbox, message_id, fingerprint: None, locator: None };
    let raw = client.bytes_for(&["messages"], &picked).await?;
    if let Some(path) = &output {
        write(path, &raw)?;
        output::note(&format!("wrote {} bytes to {}", raw.len(), path.display()));
        return Ok(Exit::Done);
    }
    let Some(content) = clawback_mail::read(&raw) else {
        return Err(Failure::failed("the message has no header that can be read").hint("--output FILE writes it"));
    };
    if global.format == Format::Json {
        output::json(&Shown::of(&content, &raw))?;
    } else {
        print(&content, &raw, header)?;
    }
    Ok(Exit::Done)
}

fn write(path: &Path, raw: &[u8]) -> Result<(), Failure> {
    let written = clawback_files::create(path)?.write_all(raw);
    written.map_err(|error| Failure::failed(format!("{} cannot be written: {error}", path.display())))
}

/// A message as JSON. All texts are the sender's, unescaped.
#[derive(Serialize)]
struct Shown<'a> {
    subject: &'a str,
    from: Vec<String>,
    reply_to: Vec<String>,
    /// When it was sent, by its own words.
    date: &'a str,
    message_id: &'a str,
    header: &'a [(String, String)],
    /// The text of each plain part.
    texts: &'a [String],
    /// The text of each part in HTML, as a reader sees it.
    html_texts: Vec<&'a str>,
    links: Vec<ShownLink<'a>>,
    attachments: Vec<ShownFile<'a>>,
    /// Whether there is more than what was read.
    is_cut: bool,
    size: usize,
    sha256: Digest,
}

#[derive(Serialize)]
struct ShownLink<'a> {
    part: &'a str,
    shown: &'a str,
    target: &'a str,
    host: &'a str,
    /// The host that the text names, if it is another one.
    names: Option<&'a str>,
}

#[derive(Serialize)]
struct ShownFile<'a> {
    name: &'a str,
    media_type: &'a str,
    size: usize,
    sha256: Digest,
}

impl<'a> Shown<'a> {
    fn of(content: &'a Content, raw: &[u8]) -> Self {
        let link = |link: &'a Link| ShownLink {
            part: &link.part,
            shown: &link.shown,
            target: &link.target,
            host: &link.host,
            names: Some(link.names.as_str()).filter(|names| !names.is_empty()),
        };
        let file = |file: &'a File| ShownFile {
            name: &file.name,
            media_type: &file.media_type,
            size: file.size,
            sha256: file.sha256,
        };
        Self {
            subject: &content.subject,
            from: content.from.iter().map(person).collect(),
            reply_to: content.reply_to.iter().map(person).collect(),
            date: &content.date,
            message_id: &content.message_id,
            header: &content.fields,
            texts: &content.texts,
            html_texts: content.pages.iter().map(|page| page.text.as_str()).collect(),
            links: content.links.iter().map(link).collect(),
            attachments: content.files.iter().map(file).collect(),
            is_cut: content.is_cut,
            size: raw.len(),
            sha256: Digest::of(raw),
        }
    }
}

fn person(person: &Person) -> String {
    if person.name.is_empty() { person.address.clone() } else { format!("{} <{}>", person.name, person.address) }
}

fn print(content: &Content, raw: &[u8], header: bool) -> Result<(), Failure> {
    let people = |people: &[Person]| people.iter().map(person).collect::<Vec<_>>().join(", ");
    let mut pairs = vec![
        ("subject", content.subject.clone()),
        ("from", people(&content.from)),
        ("reply to", people(&content.reply_to)),
        ("date", content.date.clone()),
        ("message", content.message_id.clone()),
        ("bytes", format!("{}, sha256 {}", raw.len(), Digest::of(raw))),
    ];
    pairs.extend(content.links.iter().map(|one| ("link", link(one))));
    pairs.extend(content.files.iter().map(|one| ("attachment", attachment(one))));
    output::fields(&pairs)?;
    if header {
        output::line("\nHeader:")?;
        for (name, value) in &content.fields {
            output::line(&format!("  {}: {}", visible(name), visible(value)))?;
        }
    }
    for text in &content.texts {
        block("Text", text)?;
    }
    for page in &content.pages {
        block("HTML, as a reader sees it", &page.text)?;
    }
    if content.is_cut {
        output::note("the message is too long to be shown whole; --output FILE writes it");
    }
    Ok(())
}

/// A text with its line breaks, indented so that none of its lines looks like one of this program.
fn block(name: &str, text: &str) -> Result<(), Failure> {
    output::line(&format!("\n{name}:"))?;
    for line in text.lines() {
        output::line(&format!("  {}", visible(line)))?;
    }
    Ok(())
}

/// The target first, in a form that no terminal makes a link of.
fn link(link: &Link) -> String {
    let mut said = link.defanged();
    if !link.names.is_empty() {
        said.push_str(", under a text that names ");
        said.push_str(&link.names);
    }
    said
}

fn attachment(file: &File) -> String {
    let name = if file.name.is_empty() { "without a name" } else { &file.name };
    format!("{name}, {}, {} bytes, sha256 {}", file.media_type, file.size, file.sha256)
}
