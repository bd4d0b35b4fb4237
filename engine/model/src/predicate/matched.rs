//! Which values of `any` a message has: the reason why it is in a plan.

use super::{Condition, Predicate};
use crate::comparison::{is_domain_of, is_same};
use crate::feature_condition::FeatureCondition;
use crate::features::LinkKind;
use crate::message::{Message, domain_of};

/// How a reason begins.
const START: &str = "matched ";
/// The most values of one message.
const MOST: usize = 32;

impl Predicate {
    /// Returns whether [`Predicate::matched`] has to know the content of a message.
    pub fn matches_content(&self) -> bool {
        self.branches().any(|branch| !branch.on_features().is_empty())
    }

    /// Returns whether the messages that it selects show which of its values they have: it has `any`.
    pub fn shows_matches(&self) -> bool {
        self.branches().next().is_some()
    }

    /// Returns which values of `any` a message has, as far as it is known: `matched from eve@evil.example, url-host
    /// bad.example`. Only addresses, domains, links and digests are named; `None` if it has none.
    pub fn matched(&self, message: &Message) -> Option<String> {
        let holding = self.branches().filter(|branch| branch.matches(message));
        let values = holding.flat_map(|branch| branch.conditions().iter().flat_map(|one| one.values_of(message)));
        let named: Vec<String> = values.take(MOST).map(|(key, value)| format!("{key} {value}")).collect();
        (!named.is_empty()).then(|| format!("{START}{}", named.join(", ")))
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

impl Condition {
    /// Returns the values of the condition that the message has, with the key of the condition.
    fn values_of(&self, message: &Message) -> Vec<(&'static str, &String)> {
        let having = |key, any: &'_ Vec<String>, has: &dyn Fn(&String) -> bool| -> Vec<(&'static str, usize)> {
            any.iter().enumerate().filter(|(_, one)| has(one)).map(|(at, _)| (key, at)).collect()
        };
        let (any, at) = match self {
            Self::From(any) => (any, having("from", any, &|one| message.senders().any(|from| is_same(one, from)))),
            Self::FromDomain(any) => {
                let has = |one: &String| {
                    message.senders().any(|from| is_domain_of(domain_of(from), std::slice::from_ref(one)))
                };
                (any, having("from-domain", any, &has))
            }
            Self::Feature(feature) => {
                let Some(features) = message.features.as_deref() else { return Vec::new() };
                match feature {
                    FeatureCondition::UrlHost(any) => {
                        let has = |one: &String| {
                            let mut links = features.links.iter().filter(|link| link.kind != LinkKind::Mail);
                            links.any(|link| is_domain_of(&link.host, std::slice::from_ref(one)))
                        };
                        (any, having("url-host", any, &has))
                    }
                    FeatureCondition::Url(any) => (any, having("url", any, &|one| features.found.urls.contains(one))),
                    FeatureCondition::AttachmentSha256(any) => {
                        let has = |one: &String| features.attachments.iter().any(|file| file.sha256 == *one);
                        (any, having("attachment-sha256", any, &has))
                    }
                    _ => return Vec::new(),
                }
            }
            _ => return Vec::new(),
        };
        at.into_iter().map(|(key, at)| (key, &any[at])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Attachment, Features, Hyperlink};
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
    fn conditions_that_must_hold_are_no_reason() {
        let plain = Predicate::all([Condition::From(vec!["eve@evil.example".into()])]);
        assert_eq!((plain.matched(&message(1)), plain.matches_content()), (None, false));
    }
}
