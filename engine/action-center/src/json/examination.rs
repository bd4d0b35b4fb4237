//! The features of a message.

use clawback_model::{Features, Root, Simulations};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::submission::PickedJson;

/// A message to examine: exactly one of the two fields.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToExamineJson {
    /// The message as it was delivered (RFC 5322), in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// A message in a mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picked: Option<PickedJson>,
}

/// What a message shows of itself. All texts are the sender's.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the fields")]
pub struct ExaminationJson {
    pub message_id: String,
    pub subject: String,
    /// The sender to show.
    pub from: String,
    pub from_name: String,
    /// Every other address that a mail client could show as the sender.
    pub also_from: Vec<String>,
    pub envelope_from: String,
    pub reply_to: Vec<String>,
    pub delivered_to: Vec<String>,
    /// The first hop outside the site's own relays.
    pub sender_ip: Option<String>,
    /// Results of a trusted server, such as `dmarc=fail`.
    pub authentication: Vec<String>,
    pub dkim_domains: Vec<String>,
    /// Who sent it as a phishing simulation; null if it is none.
    pub simulation: Option<String>,
    pub list_id: String,
    pub links: Vec<LinkJson>,
    pub attachments: Vec<AttachmentJson>,
    pub calendar_uids: Vec<String>,
    /// Different pairs of words in the text. Copies are only found of a text with 20 or more.
    pub pairs: u32,
    /// What is only known in part.
    pub cut: Vec<String>,
    /// The message as a root, for the condition `like`.
    pub root: String,
}

/// A link, as it was before a mail gateway rewrote it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the fields")]
pub struct LinkJson {
    /// `web`, `mail`, `phone` or `other`.
    pub kind: String,
    pub host: String,
    /// The mail address, or the digits of a phone number.
    pub address: String,
    /// The host that the shown text names, if it names one.
    pub shown_host: String,
    pub is_rewritten: bool,
}

/// An attachment.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the fields")]
pub struct AttachmentJson {
    pub names: Vec<String>,
    pub media_type: String,
    pub size: u64,
    pub sha256: String,
    /// How many attached messages it is inside of.
    pub depth: u8,
}

impl ExaminationJson {
    /// The features of a message, by the simulations of the site.
    pub fn new(features: Features, simulations: &Simulations) -> Self {
        let simulation = simulations.sender(&features);
        let root = Root::of(&features).to_string();
        let result = |(method, result): (&str, String)| (!result.is_empty()).then(|| format!("{method}={result}"));
        let authentication = features.authentication.unwrap_or_default();
        let results = [("spf", authentication.spf), ("dkim", authentication.dkim), ("dmarc", authentication.dmarc)];
        let link = |link: clawback_model::Hyperlink| LinkJson {
            kind: link.kind.to_string(),
            host: link.host,
            address: link.address,
            shown_host: link.shown_host,
            is_rewritten: link.is_rewritten,
        };
        let attachment = |one: clawback_model::Attachment| AttachmentJson {
            names: one.names,
            media_type: one.media_type,
            size: one.size,
            sha256: one.sha256,
            depth: one.depth,
        };
        Self {
            message_id: features.message_id,
            subject: features.subject,
            from: features.from_address,
            from_name: features.from_name,
            also_from: features.also_from,
            envelope_from: features.envelope_from,
            reply_to: features.reply_to,
            delivered_to: features.delivered_to,
            sender_ip: features.sender_ip.map(|ip| ip.to_string()),
            authentication: results.into_iter().filter_map(result).collect(),
            dkim_domains: features.dkim_domains,
            simulation,
            list_id: features.list_id,
            links: features.links.into_iter().map(link).collect(),
            attachments: features.attachments.into_iter().map(attachment).collect(),
            calendar_uids: features.calendar_uids,
            pairs: features.sketch.pairs(),
            cut: features.cut,
            root,
        }
    }
}
