//! Which values of `any` a message has: the reason why it is in a plan.

use super::{Condition, Predicate};
use crate::comparison::{is_domain_of, is_same};
use crate::feature_condition::{FeatureCondition, hosts};
use crate::message::{Message, domain_of};

/// How a reason begins.
const START: &str = "matched ";
/// The most values of one message.
const MOST: usize = 256;
/// Stands at the end of a reason that has not all values.
const MORE: &str = "more";

impl Predicate {
    /// Returns whether [`Predicate::matched`] has to know the content of a message.
    pub fn matches_content(&self) -> bool {
        let is_named = |one: &Condition| matches!(one, Condition::Feature(_)) && one.values().is_some();
        self.branches().any(|branch| branch.conditions().iter().any(is_named))
    }

    /// Returns whether the messages that it selects show which of its values they have: it has `any` with such values.
    pub fn shows_matches(&self) -> bool {
        self.branches().any(|branch| branch.conditions().iter().any(|one| one.values().is_some()))
    }

    /// Returns which values of `any` a message has, as far as it is known: `matched from eve@evil.example, url-host
    /// bad.example`. Only addresses, domains, links and digests are named; `None` if it has none.
    pub fn matched(&self, message: &Message) -> Option<String> {
        let holding = self.branches().filter(|branch| branch.matches(message));
        let values = holding.flat_map(|branch| branch.conditions().iter().flat_map(|one| one.values_of(message)));
        let mut named: Vec<String> = values.take(MOST + 1).map(|(key, value)| format!("{key} {value}")).collect();
        if named.len() > MOST {
            MORE.clone_into(&mut named[MOST]);
        }
        (!named.is_empty()).then(|| format!("{START}{}", named.join(", ")))
    }

    /// Returns the values of `any` that select a message by themselves, with the keys of their conditions: nothing else
    /// is asked of the message but its time and its place.
    pub(crate) fn named_alone(&self) -> Vec<(&'static str, &str)> {
        let mut others = self.conditions().iter().filter(|one| !one.is_time_or_place());
        let (Some(Condition::Any(branches)), None) = (others.next(), others.next()) else { return Vec::new() };
        let alone = branches.iter().filter_map(|branch| match branch.conditions() {
            [only] => Some(only),
            _ => None,
        });
        let values = alone.filter_map(Condition::values);
        values.flat_map(|(key, any)| any.iter().map(move |one| (key, one.as_str()))).collect()
    }

    fn branches(&self) -> impl Iterator<Item = &Self> {
        self.conditions().iter().flat_map(|condition| match condition {
            Condition::Any(branches) => branches.as_slice(),
            _ => &[],
        })
    }
}

/// Returns the keys and values of a reason that [`Predicate::matched`] made, also where more follows it. Only the start
/// of a reason is read: what follows can be the words of a script, and so of a sender.
pub(crate) fn matched_of(reason: &str) -> impl Iterator<Item = (&str, &str)> {
    let own = reason.strip_prefix(START).unwrap_or_default();
    let own = own.split("; ").next().unwrap_or_default();
    own.split(", ").filter_map(|one| one.split_once(' '))
}

/// Returns whether a reason that [`Predicate::matched`] made has not all values of its message.
pub(crate) fn is_cut(reason: &str) -> bool {
    let own = reason.strip_prefix(START).unwrap_or_default();
    own.split("; ").next().unwrap_or_default().ends_with(&format!(", {MORE}"))
}

impl Condition {
    fn is_time_or_place(&self) -> bool {
        match self {
            Self::Any(branches) => branches.iter().all(|one| one.conditions().iter().all(Self::is_time_or_place)),
            Self::ReceivedAfter(_)
            | Self::ReceivedBefore(_)
            | Self::LatestLocation(_)
            | Self::OriginalLocation(_)
            | Self::Folder(_)
            | Self::Mailbox(_) => true,
            _ => false,
        }
    }

    /// Returns the values of a condition on addresses, domains, links or digests, with its key.
    fn values(&self) -> Option<(&'static str, &Vec<String>)> {
        Some(match self {
            Self::From(any) => ("from", any),
            Self::FromDomain(any) => ("from-domain", any),
            Self::Feature(FeatureCondition::UrlHost(any)) => ("url-host", any),
            Self::Feature(FeatureCondition::Url(any)) => ("url", any),
            Self::Feature(FeatureCondition::AttachmentSha256(any)) => ("attachment-sha256", any),
            _ => return None,
        })
    }

    /// Returns the values of the condition that the message has, with the key of the condition.
    fn values_of(&self, message: &Message) -> Vec<(&'static str, &String)> {
        let Some((key, any)) = self.values() else { return Vec::new() };
        let of_domain = |host: &str, one: &String| is_domain_of(host, std::slice::from_ref(one));
        let features = message.features.as_deref();
        let has = |one: &String| match (self, features) {
            (Self::From(_), _) => message.senders().any(|from| is_same(one, from)),
            (Self::FromDomain(_), _) => message.senders().any(|from| of_domain(domain_of(from), one)),
            (Self::Feature(FeatureCondition::UrlHost(_)), Some(features)) => {
                hosts(features).any(|host| of_domain(host, one))
            }
            (Self::Feature(FeatureCondition::Url(_)), Some(features)) => features.found.urls.contains(one),
            (Self::Feature(FeatureCondition::AttachmentSha256(_)), Some(features)) => {
                features.attachments.iter().any(|file| file.sha256 == *one)
            }
            _ => false,
        };
        any.iter().filter(|one| has(one)).map(|one| (key, one)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Attachment, Features, Hyperlink, LinkKind};
    use crate::plan::tests::message;

    fn indicators() -> Predicate {
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let branch = |condition| Predicate::all([condition]);
        Predicate::all([Condition::Any(vec![
            branch(Condition::From(texts(&["Eve@evil.example", "x@y.example"]))),
            branch(Condition::FromDomain(texts(&["evil.example", "*.evil.example"]))),
            branch(Condition::Feature(FeatureCondition::UrlHost(texts(&["bad.example", "*.bad.example"])))),
            branch(Condition::Feature(FeatureCondition::AttachmentSha256(texts(&["ab"])))),
        ])])
    }

    #[test]
    fn every_value_that_is_known_of_a_message_is_named() {
        let mut one = message(1);
        assert!(indicators().matches_content());
        assert_eq!(
            indicators().matched(&one).as_deref(),
            Some("matched from eve@evil.example, from-domain evil.example")
        );
        let link = |kind, host: &str| Hyperlink {
            kind,
            host: host.into(),
            address: String::new(),
            path_hash: 0,
            shown_host: String::new(),
            is_rewritten: false,
        };
        one.from_address = "z@other.example".into();
        assert_eq!(indicators().matched(&one), None);
        let file = Attachment { names: vec![], media_type: "x/y".into(), size: 1, sha256: "ab".into(), depth: 0 };
        one.features = Some(Box::new(Features {
            links: vec![link(LinkKind::Mail, "bad.example"), link(LinkKind::Web, "a.bad.example")],
            attachments: vec![file],
            ..Features::default()
        }));
        let reason = indicators().matched(&one).unwrap();
        assert_eq!(reason, "matched url-host *.bad.example, attachment-sha256 ab");
        let more = format!("{reason}; kept: matched from ann@corp.example");
        let read: Vec<_> = matched_of(&more).collect();
        assert_eq!(read, [("url-host", "*.bad.example"), ("attachment-sha256", "ab")]);
        assert_eq!(matched_of("a script says matched from x").count(), 0);
    }

    #[test]
    fn a_value_with_a_further_condition_names_nothing_alone() {
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let named = |all: Vec<Condition>| -> Vec<String> {
            Predicate::all(all).named_alone().into_iter().map(|(_, value)| value.to_owned()).collect()
        };
        let domain = Condition::FromDomain(texts(&["evil.example", "*.evil.example"]));
        let spoof = vec![Condition::FromDomain(texts(&["bank.example"])), Condition::SubjectContains(texts(&["x"]))];
        let any = || Condition::Any(vec![Predicate::all([domain.clone()]), Predicate::all(spoof.clone())]);
        assert_eq!(
            named(vec![any(), Condition::ReceivedAfter(crate::clock::Timestamp(0))]),
            ["evil.example", "*.evil.example"]
        );
        assert_eq!(named(vec![any(), Condition::SubjectContains(texts(&["x"]))]), [""; 0], "outside of `any`");
        let of = |any: &[Condition]| Condition::Any(any.iter().map(|one| Predicate::all([one.clone()])).collect());
        let (now, ann) = (Condition::ReceivedAfter(crate::clock::Timestamp(0)), texts(&["ann@corp.example"]));
        let recipients = of(&[Condition::To(ann.clone()), Condition::Mailbox(ann)]);
        assert_eq!(named(vec![any(), recipients]), [""; 0], "only what these people got");
        assert_eq!(named(vec![any(), of(&[now])]).len(), 2);
    }

    #[test]
    fn a_reason_that_is_cut_says_so() {
        let many: Vec<String> = (0..300).map(|number| format!("eve{number}@evil.example")).collect();
        let one = Message { also_from: many.clone(), ..message(1) };
        let reason = |values: &[String]| {
            Predicate::all([Condition::Any(vec![Predicate::all([Condition::From(values.to_vec())])])]).matched(&one)
        };
        let (whole, cut) = (reason(&many[..MOST]).unwrap(), reason(&many).unwrap());
        assert!(!is_cut(&whole) && is_cut(&cut) && is_cut(&format!("{cut}; a reason")));
        assert_eq!(matched_of(&cut).count(), MOST);
    }

    #[test]
    fn conditions_that_must_hold_are_no_reason() {
        let plain = Predicate::all([Condition::From(vec!["eve@evil.example".into()])]);
        assert_eq!((plain.matched(&message(1)), plain.matches_content()), (None, false));
        assert!(!plain.shows_matches() && indicators().shows_matches());
        let ann = vec!["ann@corp.example".to_owned()];
        let recipients = [Condition::To(ann.clone()), Condition::Feature(FeatureCondition::DeliveredTo(ann))];
        let recipients = Predicate::all([Condition::Any(recipients.map(|one| Predicate::all([one])).to_vec())]);
        assert!(!recipients.shows_matches() && !recipients.matches_content());
    }
}
