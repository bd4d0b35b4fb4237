//! What can join a message to a root apart from its text: its sender, and what it asks its reader to do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::band::LikenessReason;
use super::commons::{Commons, is_free_mail};
use crate::message::domain_of;

/// The sender of a message. All texts are in lower case and in ASCII; a text is empty if the message has none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Identity {
    /// The From address that is shown.
    pub address: String,
    /// The registrable domain of that address (Public Suffix List).
    pub domain: String,
    /// The registrable domain of the Return-Path.
    pub envelope: String,
    /// The Reply-To addresses.
    pub reply_to: BTreeSet<String>,
    /// The registrable domains of the DKIM signatures (`d=`, RFC 6376, section 3.5).
    pub dkim: BTreeSet<String>,
    /// Whether a server that the site trusts proved the From domain (`dmarc=pass`, RFC 8601). `false` if it did not, or
    /// if no trusted server judged the message.
    pub is_authenticated: bool,
}

/// What a message asks its reader to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Calls {
    /// The registrable domains of `http` and `https` links, in lower case and in ASCII; an address of a host that has
    /// none.
    pub web: BTreeSet<String>,
    /// The addresses of `mailto` links, in lower case.
    pub mail: BTreeSet<String>,
    /// The digits of `tel` and `sms` links.
    pub phone: BTreeSet<String>,
}

impl Identity {
    /// Returns whether the message is proved to be from this registrable domain.
    pub(super) fn is_authenticated_as(&self, domain: &str) -> bool {
        self.is_authenticated && self.domain == domain
    }

    /// Returns what shows that a message has the sender of this one, the root. A name that is common does not count.
    ///
    /// Anybody can write any sender, so the From domain counts only if both are authenticated. A Reply-To address or an
    /// envelope domain counts unless a genuine message of the other sender has it, too: under its own From domain. The
    /// envelope domain of an authenticated message can be that of a mailing service, and does not count.
    pub(super) fn same(&self, other: &Self, commons: &Commons) -> Vec<LikenessReason> {
        let is_key = |name: &str| !name.is_empty() && !commons.contains(name);
        let is_one = |mine: &str, its: &str| mine == its && is_key(mine);
        let mut reasons = Vec::new();
        if self.is_authenticated
            && other.is_authenticated
            && (is_one(&self.domain, &other.domain) || is_one(&self.address, &other.address))
        {
            reasons.push(LikenessReason::SameSender);
        }
        if self.reply_to.intersection(&other.reply_to).any(|one| is_key(one) && !other.owns(domain_of(one))) {
            reasons.push(LikenessReason::SameReplyTo);
        }
        if !other.is_authenticated && is_one(&self.envelope, &other.envelope) && !other.owns(&self.envelope) {
            reasons.push(LikenessReason::SameEnvelope);
        }
        reasons
    }

    /// Returns whether the message is proved to be of an organisation (its DKIM signature has the From domain, RFC 7489,
    /// section 3.1.1) and calls to that organisation alone: it links to its domain, and every other link is common.
    pub(super) fn is_genuine(&self, calls: &Calls, commons: &Commons) -> bool {
        self.is_authenticated
            && !is_free_mail(&self.domain)
            && self.dkim.contains(&self.domain)
            && calls.web.contains(&self.domain)
            && calls.web.iter().all(|one| self.owns(one) || commons.contains(one))
            && calls.mail.iter().all(|one| self.owns(domain_of(one)))
    }

    /// Returns whether a domain belongs to the organisation of the From domain. Nobody owns a domain of free mail.
    pub(crate) fn owns(&self, domain: &str) -> bool {
        let above = domain.strip_suffix(self.domain.as_str());
        !self.domain.is_empty()
            && !is_free_mail(&self.domain)
            && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }
}

impl Identity {
    /// Returns whether a registrable domain has the name of the From domain under another suffix, as `corp.example` and
    /// `corp.test` have: most often both belong to one organisation.
    pub(crate) fn is_sister_of(&self, domain: &str) -> bool {
        let name = |domain: &str| domain.split('.').next().map(str::to_owned).filter(|name| !name.is_empty());
        !is_free_mail(&self.domain) && name(&self.domain).is_some_and(|own| name(domain) == Some(own))
    }
}

impl Calls {
    /// Returns the calls that can join two messages: those that many senders do not share.
    pub fn keys<'a>(&'a self, commons: &'a Commons) -> impl Iterator<Item = &'a str> {
        let all = self.web.iter().chain(&self.mail).chain(&self.phone);
        all.map(String::as_str).filter(|one| !commons.contains(one))
    }

    /// Returns whether a message has all calls of this one, the root, and at least one of them is a key.
    ///
    /// All are required, because a root also links to the organisation that it imitates, and which of its links is the
    /// attack is not known. A common call is no key, and neither is one to the message's own sender. A phone number is
    /// a key only if the root has no link: in other messages it is often the number of the imitated organisation.
    pub(super) fn are_all_in(&self, other: &Self, sender: &Identity, commons: &Commons) -> bool {
        let is_key = |name: &String| !commons.contains(name);
        let is_own = |domain: &String| sender.owns(domain) || sender.is_sister_of(domain);
        let has_key = self.web.iter().any(|domain| is_key(domain) && !is_own(domain))
            || self.mail.iter().any(|one| is_key(one) && !sender.owns(domain_of(one)))
            || self.web.is_empty() && self.phone.iter().any(is_key);
        has_key
            && self.web.is_subset(&other.web)
            && self.mail.is_subset(&other.mail)
            && self.phone.is_subset(&other.phone)
    }
}
