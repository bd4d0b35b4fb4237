//! The mails of the corpus, and their examination in the sandbox.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use clawback_connectors::Examiner;
use clawback_model::{FeatureRequest, Features, THREAD_FIELDS};
use mail_parser::{HeaderValue, MessageParser};

/// The server whose judgement is believed.
pub(crate) const TRUSTED: &str = "mx.corp.example";

/// The folders of the corpus, and whether they have spam.
const FOLDERS: [(&str, bool); 5] =
    [("easy-ham-1", false), ("easy-ham-2", false), ("hard-ham-1", false), ("spam-1", true), ("spam-2", true)];

/// A mail of the corpus.
pub(crate) struct Mail {
    /// Folder and file.
    pub(crate) name: String,
    pub(crate) raw: Vec<u8>,
    pub(crate) is_spam: bool,
    /// The text, by a parser that is not the one under test.
    pub(crate) text: String,
    pub(crate) is_html: bool,
    /// Its Message-ID and those of the messages before it in its thread.
    thread: HashSet<String>,
}

impl Mail {
    /// Returns whether one answers the other, or both answer one message.
    pub(crate) fn is_in_thread_of(&self, other: &Self) -> bool {
        !self.thread.is_disjoint(&other.thread)
    }
}

/// Reads all mails, in the order of their names.
pub(crate) fn read(folder: &Path) -> Vec<Mail> {
    let mut all = Vec::new();
    for (group, is_spam) in FOLDERS {
        let entries = std::fs::read_dir(folder.join(group))
            .unwrap_or_else(|error| panic!("{}/{group}: {error}; run `cargo xtask bench likeness`", folder.display()));
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
        paths.sort();
        for path in paths {
            let name = format!("{group}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            all.push(mail(name, &std::fs::read(path).unwrap(), is_spam));
        }
    }
    all
}

fn mail(name: String, stored: &[u8], is_spam: bool) -> Mail {
    // The line that separates mails in an mbox file is no part of the mail.
    let end = stored.iter().position(|byte| *byte == b'\n').map_or(stored.len(), |at| at + 1);
    let raw = if stored.starts_with(b"From ") { &stored[end..] } else { stored }.to_vec();
    let (mut text, mut is_html, mut thread) = (String::new(), false, HashSet::new());
    if let Some(message) = MessageParser::default().parse(&raw) {
        let parts = 0..message.text_body.len().max(message.html_body.len());
        text = parts.filter_map(|at| message.body_text(at)).collect::<Vec<_>>().join("\n");
        let page = message.html_body.first().and_then(|at| message.part(*at));
        is_html = page.is_some_and(mail_parser::MessagePart::is_text_html);
        let before = [message.in_reply_to(), message.references()].into_iter().filter_map(HeaderValue::as_text_list);
        thread.extend(before.flatten().map(ToString::to_string));
        thread.extend(message.message_id().map(str::to_owned));
    }
    Mail { name, raw, is_spam, text, is_html, thread }
}

/// The request of every examination.
fn request(raw: &[u8]) -> FeatureRequest {
    FeatureRequest {
        key: (0x1234_5678_9abc_def0, 0x0fed_cba9_8765_4321),
        most: raw.len() as u64,
        authentication_servers: vec![TRUSTED.to_owned()],
        headers: THREAD_FIELDS.map(str::to_owned).to_vec(),
        ..FeatureRequest::default()
    }
}

/// Examines one mail. The error is that of the call, in words.
pub(crate) async fn examine(examiner: &Examiner, raw: &[u8]) -> Result<Features, String> {
    let found = examiner.examine_raw(raw, &request(raw)).await.map_err(|error| error.to_string())?;
    found.into_iter().next().ok_or_else(|| "no features were returned".to_owned())
}

/// Examines all mails on all cores. The results have the order of the mails.
pub(crate) async fn examine_all(examiner: &Examiner, mails: Vec<Vec<u8>>) -> Vec<Result<Features, String>> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mails = Arc::new(mails);
    let tasks: Vec<_> = (0..workers)
        .map(|first| {
            let (examiner, mails) = (examiner.clone(), Arc::clone(&mails));
            tokio::spawn(async move {
                let mut found = Vec::new();
                for at in (first..mails.len()).step_by(workers) {
                    found.push((at, examine(&examiner, &mails[at]).await));
                }
                found
            })
        })
        .collect();
    let mut all = Vec::with_capacity(mails.len());
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort_unstable_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, found)| found).collect()
}
