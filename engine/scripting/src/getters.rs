//! The message that a script gets: a handle without data, whose getters read the message that is being judged on this
//! thread.
//!
//! Only what a script reads is copied: a filter on locations never reads the subject.

use clawback_model::{LocationKind, Message, is_same};
use rhai::{Array, Dynamic, ImmutableString, Map};

use crate::current::{Current, with};
use crate::domain::domain_of;
use crate::lists::TextSet;
use crate::registry::Registry;

/// The longest text that scripts see: a subject of a megabyte must not cause a fault.
const LONGEST_TEXT: usize = 16 * 1024;
/// The most recipients, flags, attachments or header fields that scripts see.
pub(crate) const LONGEST_LIST: usize = 1_000;

/// Returns a text as scripts see it.
pub(crate) fn shown(text: &str) -> ImmutableString {
    if text.len() <= LONGEST_TEXT { text.into() } else { text[..text.floor_char_boundary(LONGEST_TEXT)].into() }
}

/// Returns texts as scripts see them.
pub(crate) fn list(texts: &[String]) -> Array {
    texts.iter().take(LONGEST_LIST).map(|text| Dynamic::from(shown(text))).collect()
}

fn place(kind: LocationKind) -> ImmutableString {
    thread_local! {
        // One text per kind and thread: a getter then only increments a reference count.
        static WORDS: [ImmutableString; 12] = LocationKind::ALL.map(|kind| kind.as_str().into());
    }
    WORDS.with(|words| words[kind as usize].clone())
}

/// Returns whether `text` contains `part`, without case.
pub(crate) fn has(text: &str, part: &str) -> bool {
    let (Some(first), Some(last)) = (part.bytes().next(), text.len().checked_sub(part.len())) else {
        return part.is_empty();
    };
    if !text.is_ascii() || !part.is_ascii() {
        return text.to_lowercase().contains(&part.to_lowercase());
    }
    let (text, part, first) = (text.as_bytes(), part.as_bytes(), first.to_ascii_lowercase());
    (0..=last).any(|at| text[at].to_ascii_lowercase() == first && text[at..at + part.len()].eq_ignore_ascii_case(part))
}

fn any(parts: &Array, test: impl Fn(&str) -> bool) -> bool {
    parts.iter().any(|part| part.as_immutable_string_ref().is_ok_and(|part| test(&part)))
}

/// Registers the message with its getters and methods.
pub(crate) fn register(to: &mut Registry) {
    to.engine.register_type_with_name::<Current>("Message");
    texts(to);
    facts(to);
    tests(to);
    headers(to);
}

fn texts(to: &mut Registry) {
    to.getter("store", "text", "name of the store", |_: &mut Current| with(|m| shown(&m.store)));
    to.getter("mailbox", "text", "the mailbox it lies in", |_: &mut Current| with(|m| shown(&m.mailbox)));
    to.getter("subject", "text", "decoded subject", |_: &mut Current| with(|m| shown(&m.subject)));
    to.getter("from", "text", "first From address, lower case", |_: &mut Current| with(|m| shown(&m.from_address)));
    to.getter(
        "senders",
        "array of text",
        "every address that a mail client could show as the sender, the shown one first",
        |_: &mut Current| {
            with(|m| m.senders().take(LONGEST_LIST).map(|from| Dynamic::from(shown(from))).collect::<Array>())
        },
    );
    to.getter("from_name", "text", "decoded display name of the sender", |_: &mut Current| {
        with(|m| shown(&m.from_name))
    });
    to.getter("from_domain", "text", "domain of the From address", |_: &mut Current| with(|m| shown(m.from_domain())));
    to.getter("message_id", "text", "Message-ID with angle brackets", |_: &mut Current| {
        with(|m| shown(&m.reference.message_id))
    });
    to.getter("folder", "text", "path of the folder it lies in, in the store's spelling", |_: &mut Current| {
        with(|m| shown(&m.location.path))
    });
    to.getter("latest_delivery_location", "text", "where it is now, such as `inbox`", |_: &mut Current| {
        with(|m| place(m.location.kind))
    });
    to.getter(
        "original_delivery_location",
        "text",
        "where it was first delivered; `unknown` if nobody knows",
        |_: &mut Current| {
            with(|m| place(m.original_location.as_ref().map_or(LocationKind::Unknown, |place| place.kind)))
        },
    );
}

fn facts(to: &mut Registry) {
    to.getter("to", "array of text", "To and Cc addresses, the first 1,000", |_: &mut Current| with(|m| list(&m.to)));
    to.getter("flags", "array of text", "flags and keywords in IMAP spelling", |_: &mut Current| {
        with(|m| list(&m.flags))
    });
    to.getter("attachments", "array of text", "file names of attachments", |_: &mut Current| {
        with(|m| list(&m.attachments))
    });
    to.getter(
        "headers",
        "map",
        "header fields that were asked for, names in lower case, first values",
        |_: &mut Current| {
            with(|m| {
                let mut map = Map::new();
                for (name, value) in m.headers.iter().take(LONGEST_LIST) {
                    map.entry(name.as_str().into()).or_insert_with(|| Dynamic::from(shown(value)));
                }
                map
            })
        },
    );
    to.getter("received_at", "timestamp", "when the store received it", |_: &mut Current| with(|m| m.received_at));
    to.getter("age_hours", "integer", "whole hours from then to now", |me: &mut Current| {
        let now = me.now;
        with(|m| i64::try_from(now.since(m.received_at).as_secs() / 3600).unwrap_or(i64::MAX))
    });
    to.getter("size", "integer", "bytes", |_: &mut Current| with(|m| i64::try_from(m.size).unwrap_or(i64::MAX)));
    to.getter("is_remediable", "boolean", "whether it lies where a connector can reach it", |_: &mut Current| {
        with(|m| m.location.kind.is_remediable())
    });
}

fn tests(to: &mut Registry) {
    to.function("is_in", "message.is_in(\"inbox\")", "whether it lies there", |_: &mut Current, kind: &str| {
        with(|m| m.location.kind.as_str() == kind)
    });
    to.overload("is_in", |_: &mut Current, kinds: Array| {
        with(|m| any(&kinds, |kind| m.location.kind.as_str() == kind))
    });
    to.function(
        "from_is",
        "message.from_is(\"a@b.example\")",
        "whether any address that a mail client could show as the sender is this, or in this list",
        |_: &mut Current, text: &str| with(|m| m.senders().any(|from| is_same(from, text))),
    );
    to.overload("from_is", |_: &mut Current, set: std::sync::Arc<TextSet>| {
        with(|m| m.senders().any(|from| set.contains(from)))
    });
    to.function(
        "from_domain_is",
        "message.from_domain_is(\"b.example\")",
        "whether the domain of any such address is this, or in this list",
        |_: &mut Current, text: &str| with(|m| m.senders().any(|from| is_same(domain_of(from), text))),
    );
    to.overload("from_domain_is", |_: &mut Current, set: std::sync::Arc<TextSet>| {
        with(|m| m.senders().any(|from| set.contains(domain_of(from))))
    });
    to.function(
        "from_covered_by",
        "message.from_covered_by(simulation_senders)",
        "whether the list holds every address that a mail client could show as the sender, its domain or a domain above it",
        |_: &mut Current, set: std::sync::Arc<TextSet>| {
            with(|m| m.senders().next().is_some() && m.senders().all(|from| set.covers(from)))
        },
    );
    to.function(
        "from_looks_like",
        "message.from_looks_like(vips)",
        "whether the domain of any such address would be taken for one of the list without being it",
        |_: &mut Current, set: std::sync::Arc<TextSet>| {
            with(|m| m.senders().any(|from| set.has_look_alike_of(domain_of(from))))
        },
    );
    to.function(
        "mailbox_in",
        "message.mailbox_in(vips)",
        "whether the mailbox is in the list",
        |_: &mut Current, set: std::sync::Arc<TextSet>| with(|m| set.contains(&m.mailbox)),
    );
    to.function(
        "subject_has",
        "message.subject_has(\"invoice\")",
        "whether the subject contains the text, or one of an array, without case",
        |_: &mut Current, part: &str| with(|m| has(&m.subject, part)),
    );
    to.overload("subject_has", |_: &mut Current, parts: Array| with(|m| any(&parts, |part| has(&m.subject, part))));
    to.function(
        "to_has",
        "message.to_has(\"a@b.example\")",
        "whether it is addressed to this, or to one of a list",
        |_: &mut Current, text: &str| with(|m| m.to.iter().any(|to| is_same(to, text))),
    );
    to.overload("to_has", |_: &mut Current, set: std::sync::Arc<TextSet>| {
        with(|m| m.to.iter().any(|to| set.contains(to)))
    });
    to.function(
        "has_flag",
        "message.has_flag(\"\\\\Seen\")",
        "whether it carries the flag, without case",
        |_: &mut Current, flag: &str| with(|m| m.flags.iter().any(|known| is_same(known, flag))),
    );
    to.function(
        "has_attachment",
        "message.has_attachment(\".html\")",
        "whether an attachment's name contains the text, without case",
        |_: &mut Current, part: &str| with(|m| m.attachments.iter().any(|name| has(name, part))),
    );
}

fn headers(to: &mut Registry) {
    let find = |m: &Message, name: &str| m.header(&name.to_ascii_lowercase()).map(shown);
    to.function(
        "header",
        "message.header(\"list-id\")",
        "first value of a header field; empty if it has none; the name must be a literal",
        move |_: &mut Current, name: &str| with(|m| find(m, name).unwrap_or_default()),
    );
    to.function(
        "has_header",
        "message.has_header(\"list-id\")",
        "whether it has the header field; the name must be a literal",
        |_: &mut Current, name: &str| with(|m| m.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))),
    );
    to.function(
        "header_has",
        "message.header_has(\"precedence\", \"bulk\")",
        "whether one of the header field's values contains the text, without case",
        |_: &mut Current, name: &str, part: &str| {
            with(|m| m.headers.iter().any(|(known, value)| known.eq_ignore_ascii_case(name) && has(value, part)))
        },
    );
}
