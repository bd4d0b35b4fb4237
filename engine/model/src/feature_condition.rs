//! Conditions on the features of a message. They are decided after an examination; before it they are undecided.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;

use crate::comparison::{both_spellings, is_any_spelling, is_domain_of, is_same, unless_cut};
use crate::features::{AskedTexts, Authentication, Features, LinkKind};
use crate::likeness::Root;
use crate::message::Message;
use crate::normal::normalise;
use crate::pattern::Pattern;
use crate::text::visible_line;
use crate::words;

/// One condition on features. In a list, one match is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureCondition {
    /// Exact address of the envelope's sender (Return-Path).
    EnvelopeFrom(Vec<String>),
    /// Exact Reply-To address.
    ReplyTo(Vec<String>),
    /// Exact Delivered-To or X-Original-To address.
    DeliveredTo(Vec<String>),
    /// The first hop outside the own relays is in one of these networks.
    SenderIp(Vec<IpNet>),
    /// The host of a link; `*.evil.example` is every sub-domain.
    UrlHost(Vec<String>),
    /// The host of a link matches one of these regular expressions.
    UrlHostMatches(Vec<Pattern>),
    /// A link with this host, path and query.
    Url(Vec<String>),
    /// The digest of an attachment, in lower-case hexadecimal.
    AttachmentSha256(Vec<String>),
    /// The declared type of an attachment; `image/*` is every type of that kind.
    AttachmentType(Vec<String>),
    /// Whether there is an attachment.
    HasAttachment(bool),
    /// Part of the visible text.
    BodyContains(Vec<String>),
    /// A result of a trusted server, such as `dmarc=fail`.
    Authentication(Vec<AuthenticationResult>),
    /// A copy of this message, by its words and its second key.
    Like(Box<Root>),
}

/// A method of authentication with a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationResult {
    /// The method.
    pub method: AuthenticationMethod,
    /// The result in lower case; `none` is also that there is none.
    pub result: String,
}

/// A method by which a receiving server authenticates a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumCount, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum AuthenticationMethod {
    /// Sender Policy Framework (RFC 7208).
    Spf,
    /// `DomainKeys` Identified Mail (RFC 6376).
    Dkim,
    /// Domain-based Message Authentication, Reporting, and Conformance (RFC 7489).
    Dmarc,
}

words!(AuthenticationMethod, "method of authentication");

impl AuthenticationMethod {
    fn result_of(self, authentication: &Authentication) -> &str {
        let result = match self {
            Self::Spf => &authentication.spf,
            Self::Dkim => &authentication.dkim,
            Self::Dmarc => &authentication.dmarc,
        };
        if result.is_empty() { "none" } else { result }
    }
}

/// A text that is not a result of authentication.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a method and a result, such as dmarc=fail")]
pub struct InvalidResult(String);

impl FromStr for AuthenticationResult {
    type Err = InvalidResult;

    fn from_str(text: &str) -> Result<Self, InvalidResult> {
        let parts =
            text.split_once('=').and_then(|(method, result)| Some((method.trim().parse().ok()?, result.trim())));
        match parts {
            Some((method, result)) if !result.is_empty() => Ok(Self { method, result: result.to_lowercase() }),
            _ => Err(InvalidResult(visible_line(text, 60))),
        }
    }
}

impl fmt::Display for AuthenticationResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.method, self.result)
    }
}

impl FeatureCondition {
    /// Returns the features that it reads, by their names in [`Features::cut`](crate::Features::cut).
    pub(crate) const fn reads(&self) -> &'static [&'static str] {
        match self {
            Self::EnvelopeFrom(_) => &["header return-path"],
            Self::ReplyTo(_) => &["header reply-to"],
            Self::DeliveredTo(_) => &["header delivered-to"],
            Self::SenderIp(_) => &["header received"],
            Self::Authentication(_) => &["header authentication-results"],
            Self::UrlHost(_) | Self::UrlHostMatches(_) | Self::Url(_) => &["links"],
            Self::AttachmentSha256(_) | Self::AttachmentType(_) | Self::HasAttachment(_) => &["attachments"],
            Self::BodyContains(_) => &["body"],
            Self::Like(_) => &["body", "links", "header reply-to", "header return-path", "header dkim-signature"],
        }
    }

    /// Returns whether it is on a judgement of a trusted server.
    pub fn is_on_authentication(&self) -> bool {
        matches!(self, Self::Authentication(_))
    }

    /// Returns the texts that the examination must look for.
    pub(crate) fn asked_texts(&self) -> AskedTexts {
        match self {
            Self::BodyContains(any) => AskedTexts { body_contains: any.clone(), urls: Vec::new() },
            Self::Url(any) => AskedTexts { body_contains: Vec::new(), urls: any.clone() },
            _ => AskedTexts::default(),
        }
    }

    /// Returns the message whose copies it selects.
    pub fn root(&self) -> Option<&Root> {
        match self {
            Self::Like(root) => Some(root),
            _ => None,
        }
    }

    /// Returns the condition as it is compared.
    pub(crate) fn normal(self) -> Self {
        let lower = |any: Vec<String>| any.iter().map(|one| one.trim().to_lowercase()).collect();
        match self {
            Self::EnvelopeFrom(any) => Self::EnvelopeFrom(both_spellings(&any)),
            Self::ReplyTo(any) => Self::ReplyTo(both_spellings(&any)),
            Self::DeliveredTo(any) => Self::DeliveredTo(both_spellings(&any)),
            Self::UrlHost(any) => Self::UrlHost(both_spellings(&any)),
            Self::AttachmentSha256(any) => Self::AttachmentSha256(lower(any)),
            Self::AttachmentType(any) => Self::AttachmentType(lower(any)),
            Self::BodyContains(any) => Self::BodyContains(any.iter().map(|one| normalise(one)).collect()),
            other => other,
        }
    }

    /// Returns whether the message meets it; `None` if it was not examined, or not enough of it is known.
    pub(crate) fn decide(&self, message: &Message) -> Option<bool> {
        let features = message.features.as_deref()?;
        let is_cut = || self.reads().iter().any(|text| message.is_cut(text));
        let holds = match self {
            Self::EnvelopeFrom(any) => is_one_of(&features.envelope_from, any),
            Self::ReplyTo(any) => features.reply_to.iter().any(|address| is_one_of(address, any)),
            Self::DeliveredTo(any) => features.delivered_to.iter().any(|address| is_one_of(address, any)),
            Self::SenderIp(any) => {
                features.sender_ip.is_some_and(|ip| any.iter().any(|net| net.contains(&ip.to_canonical())))
            }
            Self::UrlHost(any) => hosts(features).any(|host| is_domain_of(host, any)),
            Self::UrlHostMatches(any) => {
                hosts(features).any(|host| is_any_spelling(host, |host| any.iter().any(|one| one.matches(host))))
            }
            Self::Url(any) => any.iter().any(|url| features.found.urls.contains(url)),
            Self::AttachmentSha256(any) => features.attachments.iter().any(|one| any.contains(&one.sha256)),
            Self::AttachmentType(any) => {
                features.attachments.iter().any(|one| any.iter().any(|kind| is_of_type(&one.media_type, kind)))
            }
            // One that is known is enough; that there is none can be said of the whole message only.
            Self::HasAttachment(wanted) => {
                let has_one = unless_cut(!features.attachments.is_empty(), is_cut)?;
                return Some(has_one == *wanted);
            }
            Self::BodyContains(any) => any.iter().any(|text| features.found.body_contains.contains(text)),
            Self::Authentication(any) => {
                let known = features.authentication.as_ref()?;
                any.iter().any(|wanted| wanted.method.result_of(known) == wanted.result)
            }
            // Hashes under another key say nothing.
            Self::Like(root) if root.key_id() != features.key_id => return None,
            Self::Like(root) => root.likeness_in(&message.mailbox, features).band.is_sure(),
        };
        unless_cut(holds, is_cut)
    }
}

/// Returns the hosts that a reader can open: the domain of a mail address is none.
pub(crate) fn hosts(features: &Features) -> impl Iterator<Item = &str> {
    features.links.iter().filter(|link| link.kind != LinkKind::Mail).map(|link| link.host.as_str())
}

fn is_one_of(address: &str, any: &[String]) -> bool {
    any.iter().any(|one| is_same(one, address))
}

fn is_of_type(media_type: &str, wanted: &str) -> bool {
    match wanted.strip_suffix("/*") {
        Some(kind) => media_type.split('/').next() == Some(kind),
        None => media_type == wanted,
    }
}
