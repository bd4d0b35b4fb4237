//! The kinds of indicators, and their names in the files of others.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::words;

/// The kind of an indicator.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumCount,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum IndicatorKind {
    /// The mail address of a sender.
    Sender,
    /// A domain with its sub-domains: of a sender or of a link.
    Domain,
    /// A link.
    Url,
    /// The sha256 of an attachment.
    Sha256,
}

words!(IndicatorKind, "kind of indicator");

impl IndicatorKind {
    /// Returns the kind that a list or MISP calls by this name, in any case.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "sender" | "email-src" | "email" | "email-addr" | "email-address" | "mail" => Self::Sender,
            "domain" | "hostname" | "domain-name" | "host" | "fqdn" | "domain|ip" | "hostname|port" => Self::Domain,
            "url" | "uri" => Self::Url,
            "sha256" | "sha-256" | "filehash-sha256" | "filename|sha256" => Self::Sha256,
            _ => return None,
        })
    }

    /// Returns the input of a playbook that takes values of this kind.
    pub fn input(self) -> &'static str {
        self.as_str()
    }

    /// Returns the kind of the values of a condition; `None` if its values are no indicators.
    pub(crate) fn of_condition(key: &str) -> Option<Self> {
        Some(match key {
            "from" => Self::Sender,
            "from-domain" | "url-host" => Self::Domain,
            "url" => Self::Url,
            "attachment-sha256" => Self::Sha256,
            _ => return None,
        })
    }
}
