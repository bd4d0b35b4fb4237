//! What the comparison needs of an examined message.

use super::commons::{Commons, is_free_mail};
use super::compare::Likeness;
use super::entities::Entities;
use super::identity::{Calls, Identity};
use super::root::Root;
use crate::comparison::is_same;
use crate::domain::registrable_domain;
use crate::features::{Features, LinkKind};
use crate::message::domain_of;

/// The header fields by which a message names those that it answers. Every examination must return them
/// ([`FeatureRequest::headers`](crate::FeatureRequest::headers)).
pub const THREAD_FIELDS: [&str; 2] = ["in-reply-to", "references"];

fn is_message_id(id: &str) -> bool {
    id.len() > 2 && id.starts_with('<') && id.ends_with('>')
}

impl Identity {
    /// Returns the sender of an examined message. The envelope and the Reply-To of a mailing list are those of the list
    /// and join strangers, so they are left out: in 4,150 ham mails they made 29 false copies of 150 roots.
    pub fn of(features: &Features) -> Self {
        let domain = |address: &str| registrable_domain(domain_of(address)).to_lowercase();
        let is_of_list = !features.list_id.is_empty();
        Self {
            address: features.from_address.clone(),
            domain: domain(&features.from_address),
            envelope: if is_of_list { String::new() } else { domain(&features.envelope_from) },
            reply_to: features.reply_to.iter().filter(|_| !is_of_list).cloned().collect(),
            dkim: features.dkim_domains.iter().map(|one| registrable_domain(one).to_owned()).collect(),
            is_authenticated: features.authentication.as_ref().is_some_and(|result| result.dmarc == "pass"),
        }
    }
}

impl Calls {
    /// Returns what an examined message asks its reader to do.
    pub fn of(features: &Features) -> Self {
        let mut calls = Self::default();
        for link in &features.links {
            match link.kind {
                LinkKind::Web => calls.web.insert(registrable_domain(&link.host).to_owned()),
                LinkKind::Mail => calls.mail.insert(link.address.clone()),
                LinkKind::Phone => calls.phone.insert(link.address.clone()),
                LinkKind::Other => false,
            };
        }
        calls
    }
}

impl Root {
    /// Makes a root of an examined message.
    pub fn of(features: &Features) -> Self {
        let (identity, calls) = (Identity::of(features), Calls::of(features));
        let root = Self::new(features.sketch.clone(), identity, calls, &features.message_id, &features.subject);
        root.with_entities(Entities::of(features)).under(features.key_id)
    }

    /// Compares an examined message with this root.
    pub fn likeness(&self, features: &Features) -> Likeness {
        self.compared(features, &Identity::of(features), &Calls::of(features))
    }

    /// Compares an examined message of a mailbox with this root, as [`Root::likeness`] does. A colleague who answers the
    /// root quotes it, and is no sender of a copy.
    pub(crate) fn likeness_in(&self, mailbox: &str, features: &Features) -> Likeness {
        self.likeness_of(mailbox, features, &Identity::of(features), &Calls::of(features))
    }

    /// See [`Root::likeness_in`]; `identity` and `calls` are those of the message.
    pub(crate) fn likeness_of(
        &self,
        mailbox: &str,
        features: &Features,
        identity: &Identity,
        calls: &Calls,
    ) -> Likeness {
        let likeness = self.compared(features, identity, calls);
        if self.is_answered_by(mailbox, features, identity) { likeness.of_an_answer() } else { likeness }
    }

    fn compared(&self, features: &Features, identity: &Identity, calls: &Calls) -> Likeness {
        Likeness::of(self, &features.sketch, identity, calls, &Commons::default())
    }

    /// Returns whether a colleague of the owner of the mailbox answers this root (RFC 5322, section 3.6.4). Anybody can
    /// write the field, so only a sender counts who is proved to be of the domain of the mailbox, and is not the root's.
    fn is_answered_by(&self, mailbox: &str, features: &Features, sender: &Identity) -> bool {
        let id = self.message_id();
        let is_colleague = sender.is_authenticated
            && !is_free_mail(&sender.domain)
            && sender.domain == registrable_domain(domain_of(mailbox)).to_lowercase()
            && !is_same(&sender.address, &self.identity().address);
        let mut values = features.headers.iter().filter(|(name, _)| THREAD_FIELDS.contains(&name.as_str()));
        let is_id = |word: &str| word == id;
        is_colleague && is_message_id(id) && values.any(|(_, value)| value.split_whitespace().any(is_id))
    }

    /// Returns the name by which people recognise it: its Message-ID and sender, and the subject in quotes.
    pub fn in_words(&self) -> String {
        let id = if self.message_id().is_empty() { "a message without Message-ID" } else { self.message_id() };
        let sender = match self.identity().address.as_str() {
            "" => "an unnamed sender",
            address => address,
        };
        format!("{id} from {sender}, subject \"{}\"", self.subject().replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Authentication, Hyperlink};
    use crate::likeness::{Band, LikenessReason};
    use crate::sketch::Sketch;

    fn link(kind: LinkKind, host: &str, address: &str) -> Hyperlink {
        let (host, address) = (host.to_owned(), address.to_owned());
        Hyperlink { kind, host, address, path_hash: 0, shown_host: String::new(), is_rewritten: false }
    }

    fn phish(host: &str) -> Features {
        Features {
            message_id: "<1@evil.example>".into(),
            subject: "Say \"yes\"".into(),
            from_address: "eve@mail.evil.example".into(),
            envelope_from: "b@bounce.mailer.co.uk".into(),
            links: vec![link(LinkKind::Web, host, ""), link(LinkKind::Mail, "evil.example", "pay@evil.example")],
            sketch: Sketch::new((0..60).collect(), 60),
            ..Features::default()
        }
    }

    #[test]
    fn domains_are_registrable_ones() {
        let features = Features {
            dkim_domains: vec!["s.evil.example".into()],
            authentication: Some(Authentication { dmarc: "pass".into(), ..Authentication::default() }),
            ..phish("login.evil.github.io")
        };
        let identity = Identity::of(&features);
        assert_eq!((identity.domain.as_str(), identity.envelope.as_str()), ("evil.example", "mailer.co.uk"));
        assert!(identity.dkim.contains("evil.example") && identity.is_authenticated);
        let calls = Calls::of(&features);
        assert!(calls.web.contains("evil.github.io") && calls.mail.contains("pay@evil.example"));
    }

    #[test]
    fn a_genuine_notice_is_no_copy_of_a_phish_that_links_to_its_organisation_alone() {
        let link = |host| vec![link(LinkKind::Web, host, "")];
        let root = Root::of(&Features { links: link("parcels.example"), ..phish("") });
        let notice = |from: &str| Features {
            from_address: from.into(),
            ..Features { links: link("parcels.example"), ..phish("") }
        };
        let other_envelope = |from| Features { envelope_from: String::new(), ..notice(from) };
        assert_eq!(root.likeness(&other_envelope("info@parcels.test")).band, Band::LookAtIt);
        assert_eq!(root.likeness(&other_envelope("info@elsewhere.test")).band, Band::Copy, "another sender is a copy");
    }

    #[test]
    fn a_colleague_who_answers_a_message_quotes_it() {
        let proved = || Some(Authentication { dmarc: "pass".into(), ..Authentication::default() });
        let root = Root::of(&phish("a.bad.example"));
        let answer = |field: &str, value: &str| Features {
            message_id: "<2@corp.example>".into(),
            from_address: "ann@mail.corp.example".into(),
            authentication: proved(),
            headers: vec![(field.into(), value.into())],
            ..phish("a.bad.example")
        };
        let whole = || answer("references", "<0@x.example> <1@evil.example>\t<3@x.example>");
        for (mailbox, answer, expected) in [
            ("ben@corp.example", answer("in-reply-to", "<1@evil.example>"), Band::LookAtIt),
            ("ben@corp.example", whole(), Band::LookAtIt),
            ("ben@corp.example", answer("references", "<11@evil.example>"), Band::Copy),
            ("ben@corp.example", answer("x-other", "<1@evil.example>"), Band::Copy),
            // A stranger, one who is not proved, and a mailbox without a domain.
            ("ben@other.example", whole(), Band::Copy),
            ("ben@corp.example", Features { authentication: None, ..whole() }, Band::Copy),
            ("ben", whole(), Band::Copy),
        ] {
            let likeness = root.likeness_in(mailbox, &answer);
            assert_eq!(likeness.band, expected, "{mailbox}: {:?}", answer.headers);
            assert_eq!(likeness.has_text(), expected == Band::Copy);
            assert_eq!(likeness.reasons.contains(&LikenessReason::AnswersRoot), expected == Band::LookAtIt);
        }
        // From an account that was taken over: its owner goes on, and a colleague warns.
        let from = |address: &str, features: Features| Features {
            from_address: address.into(),
            authentication: proved(),
            ..features
        };
        let root = Root::of(&from("boss@corp.example", phish("a.bad.example")));
        let band = |address| root.likeness_in("ben@corp.example", &from(address, whole())).band;
        assert_eq!((band("boss@corp.example"), band("ann@corp.example")), (Band::Copy, Band::LookAtIt));
        // No name that any text can have.
        let unnamed = Root::of(&Features { message_id: "a".into(), ..phish("a.bad.example") });
        assert_eq!(unnamed.likeness_in("ben@corp.example", &answer("references", "a b")).band, Band::Copy);
    }

    #[test]
    fn a_mailing_list_joins_nobody() {
        let reply_to = vec!["list@lists.example".to_owned()];
        let list = Features { list_id: "talk.lists.example".into(), reply_to, links: Vec::new(), ..phish("") };
        let other = Features { from_address: "ann@other.example".into(), ..list.clone() };
        assert_eq!(Root::of(&list).likeness(&other).band, Band::LookAtIt);
        let bare = |features: &Features| Features { list_id: String::new(), ..features.clone() };
        assert_eq!(Root::of(&bare(&list)).likeness(&bare(&other)).band, Band::Copy, "without a list they are joined");
    }

    #[test]
    fn a_copy_is_found_by_the_root_of_its_features() {
        let root = Root::of(&phish("a.bad.example"));
        assert_eq!(root.likeness(&phish("b.bad.example")).band, Band::Copy);
        let other = Features { links: vec![link(LinkKind::Web, "other.example", "")], ..phish("") };
        let other = Features { from_address: "x@y.example".into(), envelope_from: String::new(), ..other };
        assert_eq!(root.likeness(&other).band, Band::LookAtIt);
        assert_eq!(root.in_words(), "<1@evil.example> from eve@mail.evil.example, subject \"Say \\\"yes\\\"\"");
    }
}
