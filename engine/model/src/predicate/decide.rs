//! The decision on one message. It has three results: a condition on a text that is only known in part, or on a feature of
//! a message that was not examined, is undecided, and so is everything that depends on it. An undecided message is
//! never acted on and never called clean.

use super::{Condition, MatchedText, Predicate};
use crate::comparison::{contains, is_any_spelling, is_domain_of, is_same, unless_cut};
use crate::feature_condition::FeatureCondition;
use crate::likeness::Band;
use crate::location::LocationKind;
use crate::message::{Message, domain_of};
use crate::pattern::Pattern;

impl Predicate {
    /// Returns whether the message meets every condition; `None` if that cannot be decided.
    pub fn decide(&self, message: &Message) -> Option<bool> {
        all(self.compared.iter().map(|condition| condition.decide(message)))
    }

    /// Returns how like its root a message is that meets every other condition, if it is like the root but not surely a
    /// copy: people should see it, and nothing acts on it.
    pub fn nearly(&self, message: &Message) -> Option<Band> {
        let features = message.features.as_deref()?;
        let mut nearest = None;
        for condition in &self.compared {
            match condition {
                Condition::Feature(FeatureCondition::Like(root)) => {
                    match root.likeness_in(&message.mailbox, features).band {
                        Band::Copy => {}
                        Band::Different => return None,
                        band => nearest = Some(band),
                    }
                }
                other if other.decide(message) == Some(true) => {}
                _ => return None,
            }
        }
        nearest
    }
}

impl Condition {
    fn decide(&self, message: &Message) -> Option<bool> {
        let holds = match self {
            Self::From(any) => {
                let is_sender = message.senders().any(|from| any.iter().any(|one| is_same(one, from)));
                return unless_cut(is_sender, || message.is_cut("from"));
            }
            Self::FromDomain(any) => {
                let is_sender = message.senders().any(|from| is_domain_of(domain_of(from), any));
                return unless_cut(is_sender, || message.is_cut("from"));
            }
            Self::FromName(any) => {
                let is_named = any.iter().any(|one| contains(&message.from_name, one));
                return unless_cut(is_named, || message.is_cut("from-name"));
            }
            Self::SubjectContains(any) => {
                let is_part = any.iter().any(|one| contains(&message.subject, one));
                return unless_cut(is_part, || message.is_cut("subject"));
            }
            Self::To(any) => {
                let is_recipient = message.to.iter().any(|to| any.iter().any(|one| is_same(one, to)));
                return unless_cut(is_recipient, || message.is_cut("to"));
            }
            Self::HeaderContains(name, part) => {
                let is_part = message.headers.iter().any(|(known, value)| known == name && contains(value, part));
                let is_cut = || message.cut_texts().any(|cut| cut.strip_prefix("header ") == Some(name));
                return unless_cut(is_part, is_cut);
            }
            Self::AttachmentName(any) => {
                let is_part = message.attachments.iter().any(|name| any.iter().any(|one| contains(name, one)));
                return unless_cut(is_part, || message.is_cut("attachments"));
            }
            Self::Matches(text, any) => {
                let is_cut = || message.cut_texts().any(|cut| text.is_called(cut));
                // The end of a cut text is not its end: an expression could match by it. In a cut list, each is whole.
                if !text.is_list() && is_cut() {
                    return None;
                }
                return unless_cut(text.of(message).any(|value| text.is_matched(value, any)), is_cut);
            }
            Self::Feature(feature) => return feature.decide(message),
            Self::Not(inner) => return inner.decide(message).map(|holds| !holds),
            Self::Any(branches) => return any(branches.iter().map(|branch| branch.decide(message))),
            Self::MessageId(any) => any.contains(&message.reference.message_id),
            Self::ReceivedAfter(time) => message.received_at >= *time,
            Self::ReceivedBefore(time) => message.received_at < *time,
            Self::LatestLocation(any) => any.contains(&message.location.kind),
            Self::OriginalLocation(any) => {
                any.contains(&message.original_location.as_ref().map_or(LocationKind::Unknown, |place| place.kind))
            }
            Self::Folder(any) => any.contains(&message.location.path),
            Self::Mailbox(any) => any.iter().any(|one| is_same(one, &message.mailbox)),
            Self::LargerThan(bytes) => message.size > *bytes,
            Self::SmallerThan(bytes) => message.size < *bytes,
            Self::Flag(any) => message.flags.iter().any(|flag| any.iter().any(|one| is_same(one, flag))),
        };
        Some(holds)
    }
}

impl MatchedText {
    const fn is_list(&self) -> bool {
        matches!(self, Self::From | Self::To | Self::AttachmentName)
    }

    /// Returns whether an expression matches; of an address with an international domain, in either spelling.
    fn is_matched(&self, value: &str, any: &[Pattern]) -> bool {
        let matches = |value: &str| any.iter().any(|one| one.matches(value));
        match self {
            Self::From | Self::To => is_any_spelling(value, matches),
            _ => matches(value),
        }
    }

    fn of<'a>(&'a self, message: &'a Message) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self {
            Self::Subject => Box::new(std::iter::once(message.subject.as_str())),
            Self::From => Box::new(message.senders()),
            Self::FromName => Box::new(std::iter::once(message.from_name.as_str())),
            Self::To => Box::new(message.to.iter().map(String::as_str)),
            Self::AttachmentName => Box::new(message.attachments.iter().map(String::as_str)),
            Self::Header(name) => Box::new(
                message.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str()),
            ),
        }
    }
}

/// Returns whether all hold: false if one is false, whatever is undecided.
fn all(decisions: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut holds = Some(true);
    for decision in decisions {
        match decision {
            Some(true) => {}
            Some(false) => return Some(false),
            None => holds = None,
        }
    }
    holds
}

/// Returns whether one holds: true if one is true, whatever is undecided.
fn any(decisions: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all(decisions.map(|decision| decision.map(|holds| !holds))).map(|none| !none)
}
