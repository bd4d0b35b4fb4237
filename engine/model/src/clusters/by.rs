//! What the messages of a cluster share.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::words;

/// What the messages of a cluster share with its root.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumCount,
    IntoStaticStr,
    VariantArray,
)]
pub enum ClusterBy {
    /// The text, and a sender or all calls: [`Band::Copy`](crate::Band::Copy).
    #[serde(rename = "body")]
    #[strum(serialize = "body")]
    Body,
    /// The text, and the registrable domain of the From address.
    #[serde(rename = "body+sender-domain")]
    #[strum(serialize = "body+sender-domain")]
    BodySenderDomain,
    /// The text, and the first hop outside the site's own relays.
    #[serde(rename = "body+sender-ip")]
    #[strum(serialize = "body+sender-ip")]
    BodySenderIp,
    /// The text, and the registrable domain of a link.
    #[serde(rename = "body+url-host")]
    #[strum(serialize = "body+url-host")]
    BodyUrlHost,
    /// The subject, and the registrable domain of the From address.
    #[serde(rename = "subject+sender-domain")]
    #[strum(serialize = "subject+sender-domain")]
    SubjectSenderDomain,
    /// The subject, and the first hop outside the site's own relays.
    #[serde(rename = "subject+sender-ip")]
    #[strum(serialize = "subject+sender-ip")]
    SubjectSenderIp,
    /// The subject, and the domain of a DKIM signature.
    #[serde(rename = "dkim+subject")]
    #[strum(serialize = "dkim+subject")]
    DkimSubject,
    /// A link: host, path and query.
    #[serde(rename = "url")]
    #[strum(serialize = "url")]
    Url,
    /// The sha256 of an attachment.
    #[serde(rename = "file")]
    #[strum(serialize = "file")]
    File,
    /// An address to reply to, in Reply-To or in a `mailto` link.
    #[serde(rename = "reply-to")]
    #[strum(serialize = "reply-to")]
    ReplyTo,
    /// The structure of the HTML, half of the text, and a sender or all calls.
    #[serde(rename = "html-structure")]
    #[strum(serialize = "html-structure")]
    HtmlStructure,
}

words!(ClusterBy, "kind of cluster");

impl ClusterBy {
    /// Returns whether the program may act on the cluster without a person: it asks for the text and a second key. The
    /// others join messages by what strangers can send, too, such as a link of a footer or a public document.
    pub const fn is_sure(self) -> bool {
        matches!(self, Self::Body)
    }

    /// Returns the name that exports have: the reference product's, where it has such a cluster.
    pub const fn export_name(self) -> &'static str {
        match self {
            Self::Body => "Body",
            Self::BodySenderDomain => "BodyFingerprintBin1;P2SenderDomain",
            Self::BodySenderIp => "BodyFingerprintBin1;SenderIp",
            Self::BodyUrlHost => "Body;UrlHost",
            Self::SubjectSenderDomain => "Subject;P2SenderDomain",
            Self::SubjectSenderIp => "Subject;SenderIp",
            Self::DkimSubject => "DkimDomain;Subject",
            Self::Url => "Url",
            Self::File => "FileHash",
            Self::ReplyTo => "ReplyTo",
            Self::HtmlStructure => "HtmlStructure",
        }
    }
}
