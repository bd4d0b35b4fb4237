//! The meaning of a query. A store's own search only narrows; this module decides what a connector returns.
//!
//! The host checks every condition again, so this may accept too much, never too little.

use crate::{
    header::{Stored, addresses, describe, is_unread, raw_fields, texts},
    normal::normalise,
    sender,
    types::{Location, LocationKind, Message, Query},
};

/// Returns a query without conditions.
pub fn everything() -> Query {
    Query {
        from_address: Vec::new(),
        from_domain: Vec::new(),
        subject_contains: Vec::new(),
        to_address: Vec::new(),
        message_id: Vec::new(),
        received_after: None,
        received_before: None,
        header_contains: Vec::new(),
        attachment_name: Vec::new(),
        locations: Vec::new(),
        folders: Vec::new(),
        want_headers: Vec::new(),
        want_attachments: false,
        extra: Vec::new(),
    }
}

/// Returns whether the time of receipt is in the query's range.
pub fn is_in_time(query: &Query, received_at: i64) -> bool {
    query.received_after.is_none_or(|after| received_at >= after)
        && query.received_before.is_none_or(|before| received_at < before)
}

/// Returns whether attachment names must be known to answer the query.
pub fn needs_attachments(query: &Query) -> bool {
    query.want_attachments || !query.attachment_name.is_empty()
}

/// Returns whether the conditions of a query on texts hold for a message with this header. `query` has no other
/// conditions.
pub fn matches_fields(query: &Query, header: &[u8]) -> bool {
    let stored = Stored {
        locator: String::new(),
        location: Location { kind: LocationKind::Unknown, path: String::new() },
        received_at: 0,
        size: 0,
        flags: Vec::new(),
    };
    matches(query, &describe(stored, header, query), header)
}

/// Returns false only if [`matches()`] is false for every message with this header. It reads the senders alone, which costs
/// a fraction of [`describe`]: for connectors that read the header of every message.
pub fn may_match(query: &Query, header: &[u8]) -> bool {
    if query.from_address.is_empty() && query.from_domain.is_empty() {
        return true;
    }
    let fields = raw_fields(header);
    if is_unread(&fields, &["from"]) {
        return true;
    }
    let from = addresses(&fields, &["from"]);
    let shown = from.shown().map_or("", |shown| shown.address.as_str());
    senders_hold(query, &|holds| holds(shown) || from.addresses().any(holds))
}

/// Returns whether all conditions hold, except folders and attachment names. `header` is the source block of `message`.
///
/// Uses the whole texts, even if they are truncated in `message`. A condition on a field that is too long to be read
/// holds: the host decides.
pub fn matches(query: &Query, message: &Message, header: &[u8]) -> bool {
    if !is_in_time(query, message.received_at) || !any(&query.message_id, |wanted| message.ref_.message_id == *wanted) {
        return false;
    }
    let is_cut = |name: &str| message.cut.iter().any(|cut| cut == name);
    let needs_fields = !query.header_contains.is_empty() || !message.cut.is_empty();
    let fields = if needs_fields { raw_fields(header) } else { Vec::new() };
    from_matches(query, message, if is_cut("from") { Some(&fields) } else { None })
        && any(&query.subject_contains, |wanted| {
            contains(&message.subject, wanted)
                || is_cut("subject")
                    && (is_unread(&fields, &["subject"])
                        || texts(&fields, "subject").next().is_some_and(|subject| contains(&subject, wanted)))
        })
        && any(&query.to_address, |wanted| {
            let wanted = wanted.to_lowercase();
            message.to.contains(&wanted)
                || is_cut("to")
                    && (is_unread(&fields, &["to", "cc"])
                        || addresses(&fields, &["to", "cc"]).addresses().any(|address| address == wanted))
        })
        && any(&query.header_contains, |(name, wanted)| {
            is_unread(&fields, &[name.as_str()]) || texts(&fields, name).any(|value| contains(&value, wanted))
        })
}

/// Returns whether the conditions on senders hold. `fields` is set if the message has only a part of its senders.
fn from_matches(query: &Query, message: &Message, fields: Option<&[(&[u8], &[u8])]>) -> bool {
    if query.from_address.is_empty() && query.from_domain.is_empty() {
        return true;
    }
    let senders = || std::iter::once(&message.from_address).chain(&message.also_from).map(String::as_str);
    let whole = fields.map(|fields| addresses(fields, &["from"]));
    let is_unread = fields.is_some_and(|fields| is_unread(fields, &["from"]));
    let has = |holds: &Test<'_>| {
        is_unread || senders().any(holds) || whole.as_ref().is_some_and(|whole| whole.addresses().any(holds))
    };
    senders_hold(query, &has)
}

/// What is asked of a sender.
type Test<'a> = dyn Fn(&str) -> bool + 'a;

/// Returns whether the conditions on senders hold; `has` returns whether a sender passes a test.
fn senders_hold(query: &Query, has: &dyn Fn(&Test<'_>) -> bool) -> bool {
    any(&query.from_address, |wanted| {
        let wanted = wanted.to_lowercase();
        // Of a very long address only the end is known.
        has(&|address| address == wanted || address.len() >= sender::LONGEST && wanted.ends_with(address))
    }) && any(&query.from_domain, |wanted| {
        let wanted = wanted.to_lowercase();
        has(&|address| address.rsplit_once('@').is_some_and(|(_, domain)| domain == wanted))
    })
}

/// Returns whether the condition on attachment names holds.
pub fn matches_attachments(query: &Query, names: &[String]) -> bool {
    any(&query.attachment_name, |wanted| names.iter().any(|name| contains(name, wanted)))
}

fn any<T>(wanted: &[T], holds: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(holds)
}

fn contains(text: &str, part: &str) -> bool {
    normalise(text).contains(&normalise(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        header::{Stored, describe},
        types::{Location, LocationKind},
    };

    const HEADER: &[u8] = b"From: B <boss@Evil.Example>\r\nTo: a@b\r\nSubject: Fwd: Rechnung\r\nMessage-ID: <1@x>\r\nX-Mailer: Z 1\r\n\r\n";

    fn holds(change: impl Fn(&mut Query)) -> bool {
        let mut query = everything();
        change(&mut query);
        let stored = Stored {
            locator: String::new(),
            location: Location { kind: LocationKind::Inbox, path: String::new() },
            received_at: 100,
            size: 1,
            flags: Vec::new(),
        };
        let holds = matches(&query, &describe(stored, HEADER, &query), HEADER);
        assert!(may_match(&query, HEADER) || !holds, "{query:?}");
        holds
    }

    proptest! {
        #[test]
        fn what_matches_may_match(header in "(From:[ a@b.c<>\",(;=?]{0,40}\n){0,3}", wanted in "[a@b.c]{0,5}") {
            let query = Query { from_address: vec![wanted.clone()], from_domain: vec![wanted], ..everything() };
            for query in [Query { from_domain: Vec::new(), ..query.clone() }, Query { from_address: Vec::new(), ..query }] {
                prop_assert_eq!(may_match(&query, header.as_bytes()), matches_fields(&query, header.as_bytes()));
            }
        }
    }

    #[test]
    fn other_senders_are_told_by_the_senders_alone() {
        let from = |address: &str| Query { from_address: vec![address.to_owned()], ..everything() };
        assert!(may_match(&from("boss@evil.example"), HEADER) && !may_match(&from("ann@evil.example"), HEADER));
        assert!(may_match(&everything(), HEADER));
    }

    #[test]
    fn each_condition() {
        assert!(holds(|_| ()));
        assert!(holds(|query| query.from_address = vec!["x@y".into(), "BOSS@evil.example".into()]));
        assert!(!holds(|query| query.from_address = vec!["oss@evil.example".into()]));
        assert!(holds(|query| query.from_domain = vec!["EVIL.example".into()]));
        assert!(!holds(|query| query.from_domain = vec!["example".into()]));
        assert!(holds(|query| query.subject_contains = vec!["rechnung".into()]));
        assert!(!holds(|query| query.to_address = vec!["b".into()]));
        assert!(!holds(|query| query.message_id = vec!["1@x".into()]));
        assert!(holds(|query| query.header_contains = vec![("x-mailer".into(), "z".into())]));
        assert!(holds(|query| (query.received_after, query.received_before) = (Some(100), Some(101))));
        assert!(!holds(|query| query.received_before = Some(100)));
    }

    #[test]
    fn conditions_add_up() {
        assert!(!holds(|query| {
            query.from_domain = vec!["evil.example".into()];
            query.subject_contains = vec!["invoice".into()];
        }));
    }
}
