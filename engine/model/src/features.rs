//! What a message shows of itself when it is examined: addresses, links, digests, a sketch of its words. A connector
//! extracts the features in its sandbox; the text of the message does not leave it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::sha256::Digest;
use crate::sketch::Sketch;
use crate::words;

/// What is extracted from messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeatureRequest {
    /// The key of all keyed hashes, 128 bits.
    pub key: (u64, u64),
    /// The most bytes of one message that are read, from its start.
    pub most: u64,
    /// The servers whose `Authentication-Results` are believed, by authserv-id (RFC 8601 2.5).
    pub authentication_servers: Vec<String>,
    /// Networks of the site's own relays.
    pub own_relays: Vec<String>,
    /// The header fields whose values are returned, in lower case.
    pub headers: Vec<String>,
    /// What the conditions ask for by its text.
    pub asked: AskedTexts,
}

/// The texts and addresses that conditions ask for. Only whether a message has them leaves the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AskedTexts {
    /// Parts of the visible text, normalised.
    pub body_contains: Vec<String>,
    /// Addresses of the web.
    pub urls: Vec<String>,
}

impl FeatureRequest {
    /// Returns the number by which hashes under this key are recognised. It says nothing of the key.
    pub fn key_id(&self) -> u32 {
        let (low, high) = self.key;
        let digest = Digest::of(format!("key of features {low:016x}{high:016x}").as_bytes());
        digest.0.first_chunk().map_or(0, |first| u32::from_be_bytes(*first))
    }
}

impl AskedTexts {
    /// Returns the texts of both, each once.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        for (known, more) in [(&mut self.body_contains, other.body_contains), (&mut self.urls, other.urls)] {
            for text in more {
                if !known.contains(&text) {
                    known.push(text);
                }
            }
        }
        self
    }
}

/// The kind of a link.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::EnumCount,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum LinkKind {
    /// `http` and `https`.
    Web,
    /// `mailto`.
    Mail,
    /// `tel` and `sms`.
    Phone,
    /// Any other scheme.
    Other,
}

words!(LinkKind, "kind of link");

/// A link of a message, as it was before a mail gateway rewrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Hyperlink {
    /// Its kind.
    pub kind: LinkKind,
    /// The host of the target in lower case and ASCII; of a mail address its domain.
    pub host: String,
    /// The mail address, or the digits of a phone number; empty for the web.
    pub address: String,
    /// Keyed hash of path and query; 0 if both are empty.
    pub path_hash: u64,
    /// The host that the shown text names; empty if it names none.
    pub shown_host: String,
    /// Whether a gateway rewrote it.
    pub is_rewritten: bool,
}

/// An attachment of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Attachment {
    /// Its names; mail clients differ in which they show.
    pub names: Vec<String>,
    /// The declared type in lower case, such as `application/pdf`.
    pub media_type: String,
    /// Bytes, decoded.
    pub size: u64,
    /// Lower-case hex digest of these bytes.
    pub sha256: String,
    /// How many attached messages it is inside of.
    pub depth: u8,
}

/// The judgement of a server that the site trusts (RFC 8601): `pass`, `fail`, `none`, …; empty if it made none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Authentication {
    /// Result of SPF.
    pub spf: String,
    /// Result of DKIM.
    pub dkim: String,
    /// Result of DMARC.
    pub dmarc: String,
}

/// The features of one message. All texts are chosen by its sender: show them through [`crate::visible`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Features {
    /// Message-ID with angle brackets.
    pub message_id: String,
    /// Decoded subject.
    pub subject: String,
    /// The sender to show.
    pub from_address: String,
    /// Its display name.
    pub from_name: String,
    /// Every other address that could be shown as the sender.
    pub also_from: Vec<String>,
    /// The address of Return-Path.
    pub envelope_from: String,
    /// Addresses of Reply-To.
    pub reply_to: Vec<String>,
    /// Addresses of Delivered-To and X-Original-To.
    pub delivered_to: Vec<String>,
    /// The first hop outside the site's own relays.
    pub sender_ip: Option<IpAddr>,
    /// The judgement of a trusted server; `None` if the site trusts none, or if its field can be read in two ways.
    pub authentication: Option<Authentication>,
    /// Domains of DKIM signatures, valid or not.
    pub dkim_domains: Vec<String>,
    /// Domains of DKIM signatures that a trusted server verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dkim_verified: Vec<String>,
    /// The values of the header fields that were asked for, the names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// List identifier (RFC 2919).
    pub list_id: String,
    /// Links, each target and shown text once.
    pub links: Vec<Hyperlink>,
    /// Attachments, also of attached messages.
    pub attachments: Vec<Attachment>,
    /// Keyed hash of the structure of the HTML; 0 without HTML.
    pub html_hash: u64,
    /// UIDs of calendar objects.
    pub calendar_uids: Vec<String>,
    /// The number of the key of all keyed hashes: [`FeatureRequest::key_id`].
    pub key_id: u32,
    /// The words, as a keyed sketch.
    pub sketch: Sketch,
    /// Those of the texts asked for that the message has.
    pub found: AskedTexts,
    /// What is only known in part: `body`, `links`, `attachments`, or a header field.
    pub cut: Vec<String>,
}
