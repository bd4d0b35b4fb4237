//! Declarative conditions on a message: evaluated natively, and pushed down into a connector's search where possible.

use crate::clock::Timestamp;
use crate::location::LocationKind;
use crate::message::{Message, domain_of};
use crate::normal::normalise;
use crate::pick::is_same;
use crate::query::Query;

/// One condition. Texts to search for are normalised by [`normalise`]; in a list, one match is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Exact address of a sender: the shown one, or any other that a mail client could show.
    From(Vec<String>),
    /// Exact domain of such an address.
    FromDomain(Vec<String>),
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
    /// None of the conditions holds.
    Not(Box<Predicate>),
    /// At least one of these holds.
    Any(Vec<Predicate>),
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

    /// Returns whether the message meets every condition.
    pub fn matches(&self, message: &Message) -> bool {
        self.compared.iter().all(|condition| condition.holds(message))
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
            Condition::SubjectContains(_) => text == "subject",
            Condition::To(_) => text == "to",
            Condition::AttachmentName(_) => text == "attachments",
            Condition::HeaderContains(name, _) => text.strip_prefix("header ").is_some_and(|known| known == name),
            Condition::Not(inner) => inner.reads(text),
            Condition::Any(branches) => branches.iter().any(|branch| branch.reads(text)),
            _ => false,
        })
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
                Condition::HeaderContains(name, _) if !query.want_headers.contains(name) => {
                    query.want_headers.push(name.clone());
                }
                Condition::AttachmentName(_) => query.want_attachments = true,
                Condition::Not(inner) => inner.ask_for_fields(query),
                Condition::Any(branches) => branches.iter().for_each(|branch| branch.ask_for_fields(query)),
                _ => {}
            }
        }
    }
}

impl Condition {
    fn holds(&self, message: &Message) -> bool {
        match self {
            Self::From(any) => message.senders().any(|from| any.iter().any(|one| is_same(one, from))),
            Self::FromDomain(any) => message.senders().any(|from| any.iter().any(|one| is_same(one, domain_of(from)))),
            Self::SubjectContains(any) => any.iter().any(|one| contains(&message.subject, one)),
            Self::To(any) => message.to.iter().any(|to| any.iter().any(|one| is_same(one, to))),
            Self::MessageId(any) => any.contains(&message.reference.message_id),
            Self::ReceivedAfter(time) => message.received_at >= *time,
            Self::ReceivedBefore(time) => message.received_at < *time,
            Self::HeaderContains(name, part) => {
                message.headers.iter().any(|(known, value)| known == name && contains(value, part))
            }
            Self::AttachmentName(any) => {
                message.attachments.iter().any(|name| any.iter().any(|one| contains(name, one)))
            }
            Self::LatestLocation(any) => any.contains(&message.location.kind),
            Self::OriginalLocation(any) => {
                any.contains(&message.original_location.as_ref().map_or(LocationKind::Unknown, |place| place.kind))
            }
            Self::Folder(any) => any.contains(&message.location.path),
            Self::Mailbox(any) => any.iter().any(|one| is_same(one, &message.mailbox)),
            Self::LargerThan(bytes) => message.size > *bytes,
            Self::SmallerThan(bytes) => message.size < *bytes,
            Self::Flag(any) => message.flags.iter().any(|flag| any.iter().any(|one| is_same(one, flag))),
            Self::Not(inner) => !inner.matches(message),
            Self::Any(branches) => branches.iter().any(|branch| branch.matches(message)),
        }
    }

    /// Adds the condition to the query. Of two conditions on one field only one is pushed: each narrows correctly, and
    /// the other is checked here.
    fn push_into(&self, query: &mut Query) {
        match self {
            Self::From(any) => put(&mut query.from_address, any),
            Self::FromDomain(any) => put(&mut query.from_domain, any),
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
        Condition::SubjectContains(any) => Condition::SubjectContains(text(any)),
        Condition::To(any) => Condition::To(both_spellings(&any)),
        Condition::MessageId(any) => Condition::MessageId(id(any)),
        Condition::AttachmentName(any) => Condition::AttachmentName(text(any)),
        Condition::HeaderContains(name, part) => Condition::HeaderContains(name.to_lowercase(), normalise(&part)),
        other => other,
    }
}

/// Returns addresses or domains in lower case, each with an international domain in both of its spellings (RFC 5891):
/// the condition may use one of them and the message the other.
fn both_spellings(any: &[String]) -> Vec<String> {
    let mut spelt: Vec<String> = Vec::with_capacity(any.len());
    for one in any {
        let one = one.to_lowercase();
        let (local, domain) = one.rsplit_once('@').map_or(("", one.as_str()), |(local, domain)| (local, domain));
        let whole = |domain: String| if one.contains('@') { format!("{local}@{domain}") } else { domain };
        let ascii = idna::domain_to_ascii(domain).ok().map(whole);
        let (unicode, valid) = idna::domain_to_unicode(domain);
        let unicode = valid.is_ok().then(|| whole(unicode));
        for spelling in [Some(one.clone()), ascii, unicode].into_iter().flatten() {
            if !spelling.is_empty() && !spelt.contains(&spelling) {
                spelt.push(spelling);
            }
        }
    }
    spelt
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
        Condition::SubjectContains(_) | Condition::AttachmentName(_) | Condition::HeaderContains(..) => 3,
        Condition::Not(_) | Condition::Any(_) => 4,
    }
}

/// Returns whether `text` contains `part`, which is already normalised. Nothing contains the empty part, which remains
/// of a condition that has only invisible characters. Does not allocate for plain ASCII.
fn contains(text: &str, part: &str) -> bool {
    let Some(first) = part.bytes().next() else { return false };
    let is_plain = |bytes: &[u8]| {
        bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) && !bytes.windows(2).any(|pair| pair == b"  ")
    };
    if !is_plain(text.as_bytes()) {
        return normalise(text).contains(part);
    }
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let Some(last) = text.len().checked_sub(part.len()) else { return false };
    (0..=last).any(|at| text[at].to_ascii_lowercase() == first && text[at..at + part.len()].eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests;
