//! Declarative conditions on a message: evaluated natively, and pushed down into a connector's search where possible.

mod decide;
pub(crate) mod matched;

use crate::clock::Timestamp;
use crate::comparison::both_spellings;
use crate::feature_condition::FeatureCondition;
use crate::features::AskedTexts;
use crate::likeness::Root;
use crate::location::LocationKind;
use crate::message::Message;
use crate::normal::normalise;
use crate::pattern::Pattern;
use crate::query::Query;

/// One condition. Texts to search for are normalised by [`normalise`]; in a list, one match is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Exact address of a sender: the shown one, or any other that a mail client could show.
    From(Vec<String>),
    /// Domain of such an address; `*.evil.example` is every sub-domain.
    FromDomain(Vec<String>),
    /// Part of the display name of the shown sender.
    FromName(Vec<String>),
    /// Part of the subject.
    SubjectContains(Vec<String>),
    /// Exact To or Cc address.
    To(Vec<String>),
    /// Exact Message-ID; the case counts.
    MessageId(Vec<String>),
    /// Received at or after.
    ReceivedAfter(Timestamp),
    /// Received before.
    ReceivedBefore(Timestamp),
    /// Header field contains.
    HeaderContains(String, String),
    /// A text that one of these regular expressions matches.
    Matches(MatchedText, Vec<Pattern>),
    /// Part of an attachment's name.
    AttachmentName(Vec<String>),
    /// Latest delivery location.
    LatestLocation(Vec<LocationKind>),
    /// Original delivery location.
    OriginalLocation(Vec<LocationKind>),
    /// Latest location's folder path; exact.
    Folder(Vec<String>),
    /// Mailbox; exact.
    Mailbox(Vec<String>),
    /// Larger than this many bytes.
    LargerThan(u64),
    /// Smaller than this many bytes.
    SmallerThan(u64),
    /// Carries one of these flags.
    Flag(Vec<String>),
    /// A condition on features, which are known after an examination.
    Feature(FeatureCondition),
    /// None of the conditions holds.
    Not(Box<Predicate>),
    /// At least one of these holds.
    Any(Vec<Predicate>),
}

/// A text of a message that a regular expression can be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchedText {
    /// The subject.
    Subject,
    /// The address of a sender, as in [`Condition::From`].
    From,
    /// The display name of the shown sender.
    FromName,
    /// A To or Cc address.
    To,
    /// The name of an attachment.
    AttachmentName,
    /// A header field of this name, in lower case.
    Header(String),
}

impl MatchedText {
    /// Returns whether this is the text that [`Message::is_cut`] knows by the name.
    fn is_called(&self, name: &str) -> bool {
        match self {
            Self::Subject => name == "subject",
            Self::From => name == "from",
            Self::FromName => name == "from-name",
            Self::To => name == "to",
            Self::AttachmentName => name == "attachments",
            Self::Header(field) => name.strip_prefix("header ") == Some(field),
        }
    }
}

/// Conditions that must all hold. Empty matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Predicate {
    /// The conditions as they are compared, cheapest first.
    compared: Vec<Condition>,
    /// The conditions as they were given, in the same order.
    said: Vec<Condition>,
}

impl Predicate {
    /// Creates a predicate of which all conditions must hold. Normalises what is compared and puts cheap tests first.
    pub fn all(conditions: impl IntoIterator<Item = Condition>) -> Self {
        let mut said: Vec<_> = conditions.into_iter().collect();
        said.sort_by_key(cost);
        Self { compared: said.iter().cloned().map(normal).collect(), said }
    }

    /// Returns the conditions as they were given, for people.
    pub(crate) fn said(&self) -> &[Condition] {
        &self.said
    }

    /// Returns the conditions, cheapest first.
    pub fn conditions(&self) -> &[Condition] {
        &self.compared
    }

    /// Returns whether the message is known to meet every condition.
    pub fn matches(&self, message: &Message) -> bool {
        self.decide(message) == Some(true)
    }

    /// Combines both: the conditions of each must hold.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::all(self.said.iter().chain(&other.said).cloned())
    }

    /// Returns whether a condition reads this text of a message: `subject`, `from`, `to`, `attachments` or
    /// `header NAME`.
    pub fn reads(&self, text: &str) -> bool {
        self.compared.iter().any(|condition| match condition {
            Condition::From(_) | Condition::FromDomain(_) => text == "from",
            Condition::FromName(_) => text == "from-name",
            Condition::Feature(feature) => feature.reads().contains(&text),
            Condition::SubjectContains(_) => text == "subject",
            Condition::To(_) => text == "to",
            Condition::AttachmentName(_) => text == "attachments",
            Condition::Matches(matched, _) => matched.is_called(text),
            Condition::HeaderContains(name, _) => text.strip_prefix("header ").is_some_and(|known| known == name),
            Condition::Not(inner) => inner.reads(text),
            Condition::Any(branches) => branches.iter().any(|branch| branch.reads(text)),
            _ => false,
        })
    }

    /// Returns every condition on a feature, also under `not` and `any`.
    pub fn on_features(&self) -> Vec<&FeatureCondition> {
        let all = self.compared.iter().flat_map(|condition| match condition {
            Condition::Feature(feature) => vec![feature],
            Condition::Not(inner) => inner.on_features(),
            Condition::Any(branches) => branches.iter().flat_map(Self::on_features).collect(),
            _ => Vec::new(),
        });
        all.collect()
    }

    /// Returns the predicate with other roots.
    #[must_use]
    pub fn with_roots(&self, other: &dyn Fn(&Root) -> Root) -> Self {
        let with = |condition: &Condition| match condition {
            Condition::Feature(FeatureCondition::Like(root)) => {
                Condition::Feature(FeatureCondition::Like(Box::new(other(root))))
            }
            Condition::Not(inner) => Condition::Not(Box::new(inner.with_roots(other))),
            Condition::Any(branches) => Condition::Any(branches.iter().map(|one| one.with_roots(other)).collect()),
            same => same.clone(),
        };
        Self { compared: self.compared.iter().map(with).collect(), said: self.said.iter().map(with).collect() }
    }

    /// Returns what an examination must look for; `None` if no condition is on a feature.
    pub fn asked_texts(&self) -> Option<AskedTexts> {
        self.on_features().into_iter().map(FeatureCondition::asked_texts).reduce(AskedTexts::with)
    }

    /// Returns what a store can search for; never narrower than the predicate.
    pub fn push_down(&self) -> Query {
        let mut query = Query::default();
        for condition in &self.compared {
            condition.push_into(&mut query);
        }
        self.ask_for_fields(&mut query);
        query
    }

    /// Requests the header fields and attachment names that any condition reads, also under `not` and `any`.
    fn ask_for_fields(&self, query: &mut Query) {
        for condition in &self.compared {
            match condition {
                Condition::HeaderContains(name, _) | Condition::Matches(MatchedText::Header(name), _)
                    if !query.want_headers.contains(name) =>
                {
                    query.want_headers.push(name.clone());
                }
                Condition::AttachmentName(_) | Condition::Matches(MatchedText::AttachmentName, _) => {
                    query.want_attachments = true;
                }
                Condition::Not(inner) => inner.ask_for_fields(query),
                Condition::Any(branches) => branches.iter().for_each(|branch| branch.ask_for_fields(query)),
                _ => {}
            }
        }
    }
}

impl Condition {
    /// Adds the condition to the query. Of two conditions on one field only one is pushed: each narrows correctly, and
    /// the other is checked here.
    fn push_into(&self, query: &mut Query) {
        match self {
            Self::From(any) => put(&mut query.from_address, any),
            // A store compares whole domains.
            Self::FromDomain(any) if any.iter().all(|one| !one.starts_with("*.")) => put(&mut query.from_domain, any),
            Self::SubjectContains(any) => put(&mut query.subject_contains, any),
            Self::To(any) => put(&mut query.to_address, any),
            Self::MessageId(any) => put(&mut query.message_id, any),
            Self::ReceivedAfter(time) => {
                query.received_after = Some(query.received_after.map_or(*time, |known| known.max(*time)));
            }
            Self::ReceivedBefore(time) => {
                query.received_before = Some(query.received_before.map_or(*time, |known| known.min(*time)));
            }
            Self::HeaderContains(name, part) if query.header_contains.is_empty() => {
                query.header_contains.push((name.clone(), part.clone()));
            }
            Self::AttachmentName(any) => put(&mut query.attachment_name, any),
            // In a query, `locations` and `folders` widen each other, so only one of them may be pushed.
            Self::LatestLocation(any) if query.folders.is_empty() => put(&mut query.locations, any),
            Self::Folder(any) if query.locations.is_empty() => put(&mut query.folders, any),
            _ => {}
        }
    }
}

fn put<T: Clone>(slot: &mut Vec<T>, any: &[T]) {
    if slot.is_empty() {
        slot.extend_from_slice(any);
    }
}

fn normal(condition: Condition) -> Condition {
    let id = |any: Vec<String>| any.iter().map(|one| one.trim().to_owned()).collect();
    let text = |any: Vec<String>| any.iter().map(|one| normalise(one)).collect();
    match condition {
        Condition::From(any) => Condition::From(both_spellings(&any)),
        Condition::FromDomain(any) => Condition::FromDomain(both_spellings(&any)),
        Condition::FromName(any) => Condition::FromName(text(any)),
        Condition::Feature(feature) => Condition::Feature(feature.normal()),
        Condition::SubjectContains(any) => Condition::SubjectContains(text(any)),
        Condition::To(any) => Condition::To(both_spellings(&any)),
        Condition::MessageId(any) => Condition::MessageId(id(any)),
        Condition::AttachmentName(any) => Condition::AttachmentName(text(any)),
        Condition::HeaderContains(name, part) => Condition::HeaderContains(name.to_lowercase(), normalise(&part)),
        Condition::Matches(MatchedText::Header(name), any) => {
            Condition::Matches(MatchedText::Header(name.to_lowercase()), any)
        }
        other => other,
    }
}

fn cost(condition: &Condition) -> u8 {
    match condition {
        Condition::LatestLocation(_)
        | Condition::OriginalLocation(_)
        | Condition::ReceivedAfter(_)
        | Condition::ReceivedBefore(_)
        | Condition::LargerThan(_)
        | Condition::SmallerThan(_) => 0,
        Condition::From(_) | Condition::FromDomain(_) | Condition::MessageId(_) | Condition::Mailbox(_) => 1,
        Condition::Folder(_) | Condition::To(_) | Condition::Flag(_) => 2,
        Condition::SubjectContains(_)
        | Condition::FromName(_)
        | Condition::AttachmentName(_)
        | Condition::HeaderContains(..) => 3,
        Condition::Matches(..) => 4,
        Condition::Not(_) | Condition::Any(_) => 5,
        Condition::Feature(_) => 6,
    }
}

#[cfg(test)]
mod tests;
