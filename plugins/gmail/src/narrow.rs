//! What Gmail itself searches for. Its index is one of words, so only what it finds whole is left to it: addresses of
//! senders, Message-IDs, times and labels. Everything else is compared by the connector.

use clawback_connector_sdk::{
    host::Host,
    place::is_hidden,
    types::{LocationKind, Query},
};

use crate::labels::Labels;

/// The most alternatives of one condition.
const MOST: usize = 20;
/// Added on both sides of a range of times, in seconds: the index has whole seconds, and the store may round them.
const MARGIN: i64 = 60;

/// A list of messages: a search, and a label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Narrowed {
    pub(crate) search: String,
    pub(crate) label: Option<String>,
}

/// Returns the list that has at least all messages that match. `None` if none can match.
pub(crate) fn of(query: &Query, host: &impl Host, known: Option<&Labels>) -> Option<Narrowed> {
    let is_off = host.setting("search").is_some_and(|value| matches!(value.trim(), "no" | "false"));
    let mut terms = Vec::new();
    if !is_off {
        terms.extend(any(&query.from_address, address_term));
        terms.extend(any(&query.message_id, message_id));
        if let Some(after) = query.received_after {
            terms.push(format!("after:{}", (after.div_euclid(1_000_000) - MARGIN).max(0)));
        }
        if let Some(before) = query.received_before {
            terms.push(format!("before:{}", (before.div_euclid(1_000_000) + MARGIN + 1).max(0)));
        }
    }
    let label = match query.locations.as_slice() {
        [kind] if query.folders.is_empty() => match label(*kind, known) {
            Label::Named(label) => Some(label),
            Label::Missing => return None,
            Label::Any => None,
        },
        _ => None,
    };
    Some(Narrowed { search: terms.join(" "), label })
}

enum Label {
    Named(String),
    /// No message can have it.
    Missing,
    Any,
}

fn label(kind: LocationKind, known: Option<&Labels>) -> Label {
    let fixed = match kind {
        LocationKind::Inbox => "INBOX",
        LocationKind::Junk => "SPAM",
        LocationKind::DeletedItems => "TRASH",
        LocationKind::SentItems => "SENT",
        kind if is_hidden(kind) => {
            return match known.and_then(|known| known.mark(kind)) {
                Some((Some(id), _)) => Label::Named(id.to_owned()),
                Some((None, _)) => Label::Missing,
                None => Label::Any,
            };
        }
        _ => return Label::Any,
    };
    Label::Named(fixed.to_owned())
}

/// Returns one term for a list of alternatives. `None` if there are none, or if one of them cannot be searched for.
fn any(wanted: &[String], term: impl Fn(&str) -> Option<String>) -> Option<String> {
    if wanted.is_empty() || wanted.len() > MOST {
        return None;
    }
    let terms: Vec<String> = wanted.iter().map(|one| term(one)).collect::<Option<_>>()?;
    Some(format!("{{{}}}", terms.join(" ")))
}

fn address_term(address: &str) -> Option<String> {
    let (local, domain) = address.split_once('@')?;
    let is_plain = |text: &str, more: &[u8]| {
        text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    (is_plain(local, b"._+-") && is_plain(domain, b".-") && address.len() <= 254).then(|| format!("from:{address}"))
}

/// Returns the term for a Message-ID. `None` for one with characters that a search could read as something else.
pub(crate) fn message_id(id: &str) -> Option<String> {
    let bare = id.strip_prefix('<')?.strip_suffix('>')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+=$%~/-".contains(&byte);
    let is_word = bare.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && bare.bytes().all(is_plain);
    (is_word && bare.len() <= 250).then(|| format!("rfc822msgid:{bare}"))
}

#[cfg(test)]
mod tests {
    use clawback_connector_sdk::{host::Level, matching::everything};

    use super::*;

    struct Settings(Option<&'static str>);

    impl Host for Settings {
        fn setting(&self, _: &str) -> Option<String> {
            self.0.map(str::to_owned)
        }

        fn log(&self, _: Level, _: &str) {}

        fn now(&self) -> i64 {
            0
        }

        fn sleep(&self, _: std::time::Duration) {}
    }

    fn search(change: impl Fn(&mut Query)) -> String {
        let mut query = everything();
        change(&mut query);
        of(&query, &Settings(None), None).unwrap_or_default().search
    }

    #[test]
    fn only_what_the_index_finds_whole() {
        assert_eq!(
            search(|query| query.from_address = vec!["a@x".into(), "b.c+d@y.z".into()]),
            "{from:a@x from:b.c+d@y.z}"
        );
        assert_eq!(search(|query| query.message_id = vec!["<1@x>".into()]), "{rfc822msgid:1@x}");
        let time = |query: &mut Query| {
            query.received_after = Some(1_000_000_000);
            query.received_before = Some(1_000_000_001);
        };
        assert_eq!(search(time), "after:940 before:1061");
        for change in [
            |query: &mut Query| query.subject_contains = vec!["x".into()],
            |query: &mut Query| query.from_domain = vec!["x".into()],
            |query: &mut Query| query.to_address = vec!["a@x".into()],
            |query: &mut Query| query.from_address = vec!["a@x".into(), "\"a b\"@x".into()],
            |query: &mut Query| query.from_address = vec!["a OR in:inbox@x".into()],
            |query: &mut Query| query.message_id = vec!["no brackets".into()],
            |query: &mut Query| query.message_id = vec!["<a} {b@x>".into()],
        ] {
            assert_eq!(search(change), "");
        }
        let mut query = everything();
        query.message_id = vec!["<1@x>".into()];
        assert_eq!(of(&query, &Settings(Some("no")), None).unwrap_or_default().search, "");
    }

    #[test]
    fn a_place_is_a_label() {
        let label = |kind| {
            let mut query = everything();
            query.locations = vec![kind];
            of(&query, &Settings(None), Some(&Labels { recoverable: Some("L".into()), ..Labels::default() }))
        };
        assert_eq!(label(LocationKind::Junk).unwrap().label.as_deref(), Some("SPAM"));
        assert_eq!(label(LocationKind::RecoverableItems).unwrap().label.as_deref(), Some("L"));
        assert_eq!(label(LocationKind::Archive).unwrap().label, None);
        assert_eq!(label(LocationKind::Quarantine), None);
    }
}
