//! Which clusters a message is in.

use std::collections::BTreeSet;

use super::by::ClusterBy;
use super::traits::{Traits, comparable_subject};
use crate::comparison::unless_cut;
use crate::domain::registrable_domain;
use crate::features::Features;
use crate::likeness::{Band, Calls, Commons, Entities, Identity, Likeness, LikenessReason, Root};
use crate::message::Message;

/// A cluster of a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What its messages share.
    pub by: ClusterBy,
    /// The value that they share, in words; from mail, so untrusted.
    pub value: String,
}

/// The clusters of a root.
#[derive(Debug, Clone)]
pub struct Clusters {
    root: Root,
    traits: Traits,
    made: Vec<Cluster>,
    not_made: Vec<(ClusterBy, &'static str)>,
}

impl Clusters {
    /// Makes those of these clusters that the root has a trait of its own for.
    pub fn of(root: Root, by: &[ClusterBy]) -> Self {
        let traits = Traits::of(&root, &Commons::default());
        let (mut made, mut not_made) = (Vec::new(), Vec::new());
        for by in ClusterBy::ALL.into_iter().filter(|one| by.contains(one)) {
            match traits.value(&root, by) {
                Ok(value) => made.push(Cluster { by, value }),
                Err(why) => not_made.push((by, why)),
            }
        }
        Self { root, traits, made, not_made }
    }

    /// Returns the clusters of another root: those of the same kinds that it makes.
    #[must_use]
    pub fn with_root(&self, other: &dyn Fn(&Root) -> Root) -> Self {
        let made = self.made.iter().map(|cluster| cluster.by);
        let by: Vec<ClusterBy> = made.chain(self.not_made.iter().map(|(by, _)| *by)).collect();
        Self::of(other(&self.root), &by)
    }

    /// The message whose clusters they are.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The clusters.
    pub fn made(&self) -> &[Cluster] {
        &self.made
    }

    /// The clusters that were asked for and that the root does not make, each with the reason.
    pub fn not_made(&self) -> &[(ClusterBy, &'static str)] {
        &self.not_made
    }

    /// Returns the clusters in words.
    pub fn in_words(&self) -> String {
        let by: Vec<&str> = self.made.iter().map(|cluster| cluster.by.as_str()).collect();
        format!("in a cluster ({}) of {}", by.join(", "), self.root.in_words())
    }

    /// Returns the clusters that a message is in; `None` if it was not examined, or not enough of it is known.
    pub fn with(&self, message: &Message) -> Option<Vec<ClusterBy>> {
        let features = message.features.as_deref().filter(|features| features.key_id == self.root.key_id())?;
        let found = self.found(message, features);
        unless_cut(!found.is_empty(), || self.reads().any(|text| message.is_cut(text)))?;
        Some(found)
    }

    /// Returns how like the root a message is that is in no cluster, if people should see it.
    pub fn nearly(&self, message: &Message) -> Option<Band> {
        let features = message.features.as_deref()?;
        match self.root.likeness_in(&message.mailbox, features).band {
            Band::Copy | Band::Different => None,
            band => Some(band),
        }
    }

    /// Returns what the clusters read of a message, by the names in [`Features::cut`].
    fn reads(&self) -> impl Iterator<Item = &'static str> {
        self.made
            .iter()
            .flat_map(|cluster| match cluster.by {
                ClusterBy::Body | ClusterBy::BodySenderDomain | ClusterBy::BodySenderIp | ClusterBy::BodyUrlHost => {
                    &["body", "links", "header reply-to", "header return-path", "header dkim-signature"][..]
                }
                ClusterBy::HtmlStructure => &["body", "links"],
                ClusterBy::SubjectSenderDomain => &["subject", "from"],
                ClusterBy::SubjectSenderIp => &["subject", "header received"],
                ClusterBy::DkimSubject => &["subject", "header dkim-signature"],
                ClusterBy::Url => &["links"],
                ClusterBy::File => &["attachments"],
                ClusterBy::ReplyTo => &["links", "header reply-to"],
            })
            .copied()
    }

    fn found(&self, message: &Message, features: &Features) -> Vec<ClusterBy> {
        let (identity, calls) = (Identity::of(features), Calls::of(features));
        let commons = Commons::default();
        let is_imitated = self.root.is_imitation_of(&identity, &calls, &commons);
        let shared = Shared {
            likeness: self.root.likeness_of(&message.mailbox, features, &identity, &calls),
            entities: Entities::of(features),
            has_subject: self.traits.subject.as_ref() == Some(&comparable_subject(&message.subject)),
            identity,
            calls,
        };
        let made = self.made.iter().map(|cluster| cluster.by);
        // An organisation that sends the file of the root sends the threat, even if it proves who it is.
        made.filter(|by| (!is_imitated || *by == ClusterBy::File) && self.holds(*by, &shared)).collect()
    }

    fn holds(&self, by: ClusterBy, message: &Shared) -> bool {
        let is_genuine = message.likeness.band == Band::GenuineLookAlike;
        let has_text = message.likeness.has_text() && !is_genuine;
        let has_sender = || self.traits.sender_domain.as_ref() == Some(&message.identity.domain);
        let has_address = || message.entities.sender_ip == self.root.entities().sender_ip;
        match by {
            ClusterBy::Body => message.likeness.band == Band::Copy,
            ClusterBy::BodySenderDomain => has_text && has_sender() && !self.diverges(message),
            ClusterBy::BodySenderIp => has_text && has_address(),
            ClusterBy::BodyUrlHost => {
                let mut shared = self.traits.link_domains.intersection(&message.calls.web);
                has_text && shared.any(|domain| !self.is_own_of(domain, &message.identity))
            }
            ClusterBy::SubjectSenderDomain => message.has_subject && has_sender(),
            ClusterBy::SubjectSenderIp => message.has_subject && has_address(),
            ClusterBy::DkimSubject => {
                message.has_subject && self.traits.dkim.intersection(&message.identity.dkim).next().is_some()
            }
            ClusterBy::Url => {
                let mut shared = self.traits.links.intersection(&message.entities.links);
                shared.any(|(host, _)| !self.is_own_of(registrable_domain(host), &message.identity))
            }
            ClusterBy::File => {
                !is_genuine && self.root.entities().files.intersection(&message.entities.files).next().is_some()
            }
            ClusterBy::ReplyTo => {
                let named = message.identity.reply_to.iter().chain(&message.calls.mail);
                named.into_iter().any(|address| self.traits.reply_to.contains(address) && !message.owns(address))
            }
            ClusterBy::HtmlStructure => {
                message.likeness.has_second_key() && message.entities.html_hash == self.root.entities().html_hash
            }
        }
    }

    /// Returns whether a message calls to something else than the root, from a sender that is not proved to be the
    /// root's: the root can name the organisation that it imitates as its sender.
    fn diverges(&self, message: &Shared) -> bool {
        let commons = Commons::default();
        let (ours, theirs): (BTreeSet<&str>, BTreeSet<&str>) =
            (self.root.calls().keys(&commons).collect(), message.calls.keys(&commons).collect());
        let is_other = !ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(&theirs);
        is_other && !message.likeness.reasons.contains(&LikenessReason::SameSender)
    }

    /// Returns whether a domain that a message links to is that of its sender, and not that of the root's: the root
    /// links to the organisation that it imitates, whose genuine messages do, too.
    fn is_own_of(&self, domain: &str, sender: &Identity) -> bool {
        (sender.owns(domain) || sender.is_sister_of(domain)) && !self.root.identity().owns(domain)
    }
}

/// What a message could share with the root.
struct Shared {
    likeness: Likeness,
    identity: Identity,
    calls: Calls,
    entities: Entities,
    has_subject: bool,
}

impl Shared {
    fn owns(&self, address: &str) -> bool {
        self.identity.owns(crate::message::domain_of(address))
    }
}
