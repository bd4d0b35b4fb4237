//! What a dry run found, as a small row for each message: enough to count all of them by sender, mailbox, subject, place
//! and time, and by what was read of their content.

use std::collections::HashMap;
use std::sync::Arc;

use clawback_model::{Features, LinkKind, LocationKind, Message, Target, Timestamp, campaign_subject};

/// Longest text that is counted by, in characters.
const LONGEST: usize = 300;
/// Most links and attachments that are counted, each once for a message.
const MOST_PARTS: usize = 500_000;

/// What was found.
#[derive(Debug, Default)]
pub struct Tally {
    /// A row for each message, in the order of the plan.
    pub rows: Vec<TallyRow>,
    /// The senders, mailboxes and subjects of the rows.
    pub texts: Texts,
    /// What was read of the content.
    pub content: Content,
}

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct TallyRow {
    /// When it was received.
    pub received_at: Timestamp,
    /// The kind of place it is in.
    pub location: LocationKind,
    /// The text that is its mailbox.
    pub mailbox: u32,
    /// The text that is its From address.
    pub sender: u32,
    /// The text that is its subject, with numbers folded.
    pub subject: u32,
}

/// Hosts of links and names of attachments of the messages whose content was read.
#[derive(Debug, Default)]
pub struct Content {
    /// Messages that were examined, so that their links and attachments are known.
    pub examined: u64,
    /// The number of a row with the text that is the host of one of its links; each pair once.
    pub hosts: Vec<(u32, u32)>,
    /// The same with the name of an attachment.
    pub attachments: Vec<(u32, u32)>,
    /// The hosts and names.
    pub texts: Texts,
    /// Whether there are more than are counted.
    pub is_cut: bool,
}

/// Texts, each once.
#[derive(Debug, Default)]
pub struct Texts {
    all: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Texts {
    /// Returns the text of this number.
    pub fn get(&self, number: u32) -> &str {
        self.all.get(number as usize).map_or("", AsRef::as_ref)
    }

    fn number(&mut self, text: &str) -> u32 {
        let text = text.char_indices().nth(LONGEST).map_or(text, |(end, _)| text.get(..end).unwrap_or(text));
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (number, text) = (u32::try_from(self.all.len()).unwrap_or(u32::MAX), Arc::<str>::from(text));
        self.all.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }
}

impl Tally {
    /// Adds the next message of the plan.
    pub(super) fn add(&mut self, target: &Target) {
        self.rows.push(TallyRow {
            received_at: target.received_at,
            location: target.location.kind,
            mailbox: self.texts.number(&target.mailbox),
            sender: self.texts.number(&target.from_address),
            subject: self.texts.number(&campaign_subject(&target.subject)),
        });
    }
}

impl Content {
    /// Adds what is known of the message of this number.
    pub(super) fn note(&mut self, row: u32, message: &Message) {
        match message.features.as_deref() {
            Some(features) => self.add(row, features),
            None => self.add_attachments(row, message.attachments.iter().map(String::as_str).collect()),
        }
    }

    /// Adds the message of this number, which was examined.
    fn add(&mut self, row: u32, features: &Features) {
        self.examined += 1;
        let of_web = features.links.iter().filter(|link| link.kind == LinkKind::Web);
        for host in once(of_web.map(|link| link.host.as_str()).collect()) {
            let number = self.texts.number(host);
            self.is_cut |= !pushed(&mut self.hosts, (row, number));
        }
        let names = features.attachments.iter().filter_map(|one| one.names.first());
        self.add_attachments(row, names.map(String::as_str).collect());
    }

    fn add_attachments(&mut self, row: u32, names: Vec<&str>) {
        for name in once(names) {
            let number = self.texts.number(name);
            self.is_cut |= !pushed(&mut self.attachments, (row, number));
        }
    }
}

/// Each text once, without empty ones.
fn once(mut texts: Vec<&str>) -> Vec<&str> {
    texts.retain(|text| !text.is_empty());
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn pushed(all: &mut Vec<(u32, u32)>, pair: (u32, u32)) -> bool {
    let has_room = all.len() < MOST_PARTS;
    if has_room {
        all.push(pair);
    }
    has_room
}

#[cfg(test)]
mod tests {
    use clawback_model::{Attachment, Hyperlink};

    use super::*;

    fn link(kind: LinkKind, host: &str) -> Hyperlink {
        Hyperlink {
            kind,
            host: host.to_owned(),
            address: String::new(),
            path_hash: 0,
            shown_host: String::new(),
            is_rewritten: false,
        }
    }

    #[test]
    fn a_host_and_a_name_count_once_for_a_message() {
        let file = |name: &str| Attachment {
            names: vec![name.to_owned()],
            media_type: String::new(),
            size: 1,
            sha256: String::new(),
            depth: 0,
        };
        let links = ["a.example", "a.example", "b.example", ""].map(|host| link(LinkKind::Web, host));
        let features = Features {
            links: links.into_iter().chain([link(LinkKind::Mail, "corp.example")]).collect(),
            attachments: vec![file("x.zip"), file("x.zip"), file("")],
            ..Features::default()
        };
        let mut content = Content::default();
        content.add(0, &features);
        content.add(1, &features);
        let named = |pairs: &[(u32, u32)]| -> Vec<String> {
            pairs.iter().map(|(row, text)| format!("{row} {}", content.texts.get(*text))).collect()
        };
        assert_eq!(named(&content.hosts), ["0 a.example", "0 b.example", "1 a.example", "1 b.example"]);
        assert_eq!(named(&content.attachments), ["0 x.zip", "1 x.zip"]);
        assert!(content.examined == 2 && !content.is_cut);
    }
}
