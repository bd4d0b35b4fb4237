//! The conditions of a search as options: which messages are meant.

use clap::Args;
use clawback_model::{Inputs, LocationKind, Timestamp};

/// Inputs of the playbook `manual` that select messages.
#[derive(Debug, Default, Args)]
pub(crate) struct ConditionArgs {
    /// From address; repeated: any of them, as with each condition that may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Vec<String>,
    /// Domain of the From address; may be repeated
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) from_domain: Vec<String>,
    /// Part of the sender's display name; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) from_name: Vec<String>,
    /// Part of the subject, as it is typed: a comma is a comma; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Vec<String>,
    /// To or Cc address; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Vec<String>,
    /// A person whom it was for: To, Cc or Delivered-To address, or the mailbox; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) recipients: Vec<String>,
    /// Message-ID, with its angle brackets; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) message_id: Vec<String>,
    /// Part of an attachment's name; may be repeated
    #[arg(long, value_name = "TEXT", alias = "attachment")]
    pub(crate) attachment_name: Vec<String>,
    /// Host of a link, or *.DOMAIN for all sub-domains; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) url_host: Vec<String>,
    /// Address of a link; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) url: Vec<String>,
    /// sha256 of an attachment; may be repeated
    #[arg(long, value_name = "SHA256")]
    pub(crate) attachment_sha256: Vec<String>,
    /// Declared type of an attachment, or such as image/*; may be repeated
    #[arg(long, value_name = "TYPE")]
    pub(crate) attachment_type: Vec<String>,
    /// Whether there is an attachment
    #[arg(long, value_name = "BOOLEAN")]
    pub(crate) has_attachment: Option<bool>,
    /// Address of the envelope's sender (Return-Path); may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) envelope_from: Vec<String>,
    /// Delivered-To or X-Original-To address; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) delivered_to: Vec<String>,
    /// Reply-To address; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) reply_to: Vec<String>,
    /// Network of the first hop outside the site's own relays; may be repeated
    #[arg(long, value_name = "NETWORK")]
    pub(crate) sender_ip: Vec<String>,
    /// Result of a trusted server, such as dmarc=fail; may be repeated
    #[arg(long, value_name = "RESULT")]
    pub(crate) auth: Vec<String>,
    /// Regular expression that the subject matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) subject_matches: Vec<String>,
    /// Regular expression that the From address matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) from_matches: Vec<String>,
    /// Regular expression that the sender's display name matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) from_name_matches: Vec<String>,
    /// Regular expression that an attachment's name matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) attachment_name_matches: Vec<String>,
    /// Regular expression that the host of a link matches; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub(crate) url_host_matches: Vec<String>,
    /// Part of the visible text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Vec<String>,
    /// Copies of the message in this file, or of a root (root1:…)
    #[arg(long, value_name = "FILE")]
    pub(crate) like: Option<String>,
    /// Mailbox; may be repeated
    #[arg(long, value_name = "MAILBOX")]
    pub(crate) mailbox: Vec<String>,
    /// Path of the folder, in the store's spelling; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) folder: Vec<String>,
    /// Received in the last, e.g. 2d or 6h
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: Option<String>,
    /// Received before: 2026-11-23, 2026-11-23T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) before: Option<Timestamp>,
    /// Latest delivery location; may be repeated. Without one: every folder but recoverable items and quarantine
    #[arg(long, value_name = "LOCATION")]
    pub(crate) location: Vec<LocationKind>,
}

impl ConditionArgs {
    /// As inputs of the playbook, with the root of `--like` as it was read.
    pub(crate) fn inputs(&self, like: Option<String>) -> Inputs {
        let mut inputs = Inputs::default();
        for (name, values) in [
            ("from", &self.from),
            ("from_domain", &self.from_domain),
            ("from_name", &self.from_name),
            ("subject", &self.subject),
            ("to", &self.to),
            ("recipients", &self.recipients),
            ("message_id", &self.message_id),
            ("attachment_name", &self.attachment_name),
            ("url_host", &self.url_host),
            ("url", &self.url),
            ("attachment_sha256", &self.attachment_sha256),
            ("attachment_type", &self.attachment_type),
            ("envelope_from", &self.envelope_from),
            ("delivered_to", &self.delivered_to),
            ("reply_to", &self.reply_to),
            ("sender_ip", &self.sender_ip),
            ("auth", &self.auth),
            ("subject_matches", &self.subject_matches),
            ("from_matches", &self.from_matches),
            ("from_name_matches", &self.from_name_matches),
            ("attachment_name_matches", &self.attachment_name_matches),
            ("url_host_matches", &self.url_host_matches),
            ("body_contains", &self.body),
            ("folder", &self.folder),
            ("mailbox", &self.mailbox),
        ] {
            for value in values {
                inputs.push(name, value);
            }
        }
        self.location.iter().for_each(|kind: &LocationKind| inputs.push("location", kind.as_str()));
        let single = [
            ("like", like),
            ("has_attachment", self.has_attachment.map(|has_one| has_one.to_string())),
            ("since", self.since.clone()),
            ("received_before", self.before.map(|before| before.to_string())),
        ];
        for (name, value) in single {
            if let Some(value) = value {
                inputs.push(name, value);
            }
        }
        inputs
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "expected a date (2026-11-23) or a time (2026-11-23T08:00:00Z)".to_owned())
}
