//! Entities of a root by which further messages of a campaign are found, apart from its sender and its text.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::features::{Attachment, Features, LinkKind};
use crate::omitted::is_default;

/// Types of attachments that strangers send, too: images of signatures, cards, and the signatures of messages.
const SHARED_TYPES: [&str; 4] = ["image/", "text/", "application/pkcs7-", "application/pgp-"];
/// The type below `text/` that is not shared: a page that opens in a browser.
const PAGE: &str = "text/html";
/// The smallest attachment, in bytes, that is one of a campaign. Smaller ones are often empty or a single line.
const LEAST_FILE: u64 = 256;

/// Where a message comes from, what it links to, what it carries and how it is built. All texts are in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Entities {
    /// The first hop outside the site's own relays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_ip: Option<IpAddr>,
    /// Host, and keyed hash of path and query, of each link to the web.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub links: BTreeSet<(String, u64)>,
    /// Hexadecimal sha256 of each attachment that strangers do not send, too.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub files: BTreeSet<String>,
    /// Keyed hash of the structure of the HTML; 0 without HTML.
    #[serde(skip_serializing_if = "is_default")]
    pub html_hash: u64,
}

impl Entities {
    /// Returns the entities of an examined message.
    pub fn of(features: &Features) -> Self {
        let web = features.links.iter().filter(|link| link.kind == LinkKind::Web);
        let files = features.attachments.iter().filter(|one| is_own(one));
        Self {
            sender_ip: features.sender_ip.map(|ip| ip.to_canonical()),
            links: web.map(|link| (link.host.clone(), link.path_hash)).collect(),
            files: files.map(|one| one.sha256.clone()).collect(),
            html_hash: features.html_hash,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Returns whether an attachment can be one of a campaign alone.
fn is_own(one: &Attachment) -> bool {
    let is_shared = SHARED_TYPES.iter().any(|shared| one.media_type.starts_with(shared)) && one.media_type != PAGE;
    !is_shared && one.size >= LEAST_FILE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_strangers_send_are_left_out() {
        for (media_type, size, expected) in [
            ("application/pdf", 9_000, true),
            ("text/html", 9_000, true),
            ("application/octet-stream", 256, true),
            ("application/pdf", 255, false),
            ("image/png", 9_000, false),
            ("text/x-vcard", 9_000, false),
            ("application/pkcs7-signature", 9_000, false),
        ] {
            let one = Attachment { names: vec![], media_type: media_type.into(), size, sha256: "00".into(), depth: 0 };
            assert_eq!(is_own(&one), expected, "{media_type} {size}");
        }
    }
}
