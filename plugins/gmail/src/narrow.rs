//! What Gmail itself searches for. Its index is one of words, so only what it finds whole is left to it: addresses of
//! senders, Message-IDs and times. Everything else is compared by the connector. The newest messages are not left to it.

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

/// What is received within this time of now is listed without a search, because the index may not know it yet.
const LAG: i64 = 3_600 * 1_000_000;

/// The lists that have at least all messages that match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Narrowed {
    /// A search for everything but the time.
    pub(crate) search: String,
    pub(crate) label: Option<String>,
}

/// Returns the time before which messages are left to the index. `None` if all are listed: a label alone is narrow
/// enough, and the index may not know yet which messages have it.
pub(crate) fn border(query: &Query, narrowed: &Narrowed, host: &impl Host) -> Option<i64> {
    let has_time = query.received_after.is_some() || query.received_before.is_some();
    let has_search = !narrowed.search.is_empty() || has_time && narrowed.label.is_none();
    (has_search && !is_off(host)).then(|| host.now().saturating_sub(LAG))
}

/// Returns whether the index is not to be used at all.
pub(crate) fn is_off(host: &impl Host) -> bool {
    host.setting("search").is_some_and(|value| matches!(value.trim(), "no" | "false"))
}

/// Returns the lists that have at least all messages that match. `None` if none can match. `known` must be new if the
/// query names a hidden place.
pub(crate) fn of(query: &Query, known: Option<&Labels>) -> Option<Narrowed> {
    let label = match query.locations.as_slice() {
        [kind] if query.folders.is_empty() => match label(*kind, known) {
            Label::Named(label) => Some(label),
            Label::Missing => return None,
            Label::Any => None,
        },
        _ => None,
    };
    Some(Narrowed { search: search(query), label })
}

fn search(query: &Query) -> String {
    let terms = [any(&query.from_address, address_term), any(&query.message_id, message_id)];
    terms.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Returns the search for messages that are left to the index.
pub(crate) fn until(search: &str, query: &Query, border: i64) -> String {
    let mut terms = vec![search.to_owned()];
    terms.retain(|term| !term.is_empty());
    terms.extend(query.received_after.map(|after| format!("after:{}", (seconds(after) - MARGIN).max(0))));
    let before = query.received_before.map_or(border, |before| before.min(border));
    terms.push(before_term(before, MARGIN + 1));
    terms.join(" ")
}

/// Returns the search for messages that are certainly older than this.
pub(crate) fn older(than: i64) -> String {
    before_term(than, -MARGIN)
}

fn before_term(time: i64, margin: i64) -> String {
    format!("before:{}", (seconds(time) + margin).max(0))
}

fn seconds(time: i64) -> i64 {
    time.div_euclid(1_000_000)
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
fn message_id(id: &str) -> Option<String> {
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
            LAG + 5
        }

        fn sleep(&self, _: std::time::Duration) {}
    }

    fn search(change: impl Fn(&mut Query)) -> String {
        let mut query = everything();
        change(&mut query);
        of(&query, None).unwrap_or_default().search
    }

    #[test]
    fn only_what_the_index_finds_whole() {
        assert_eq!(
            search(|query| query.from_address = vec!["a@x".into(), "b.c+d@y.z".into()]),
            "{from:a@x from:b.c+d@y.z}"
        );
        assert_eq!(search(|query| query.message_id = vec!["<1@x>".into()]), "{rfc822msgid:1@x}");
        for change in [
            |query: &mut Query| query.subject_contains = vec!["x".into()],
            |query: &mut Query| query.from_domain = vec!["x".into()],
            |query: &mut Query| query.to_address = vec!["a@x".into()],
            |query: &mut Query| query.from_address = vec!["a@x".into(), "\"a b\"@x".into()],
            |query: &mut Query| query.from_address = vec!["a OR in:inbox@x".into()],
            |query: &mut Query| query.message_id = vec!["no brackets".into()],
            |query: &mut Query| query.message_id = vec!["<a} {b@x>".into()],
            |query: &mut Query| query.received_after = Some(0),
        ] {
            assert_eq!(search(change), "");
        }
    }

    #[test]
    fn the_index_is_asked_for_what_is_old() {
        let mut query = everything();
        let all = Narrowed::default();
        assert_eq!(border(&query, &all, &Settings(None)), None, "nothing to search for");
        query.received_after = Some(1_000_000_000);
        assert_eq!(border(&query, &all, &Settings(None)), Some(5));
        assert_eq!(border(&query, &all, &Settings(Some("no"))), None);
        let junk = Narrowed { label: Some("SPAM".into()), ..all };
        assert_eq!(border(&query, &junk, &Settings(None)), None);
        assert_eq!(border(&query, &Narrowed { search: "from:a@x".into(), ..junk }, &Settings(None)), Some(5));
        let border = 9_000_000_001;
        assert_eq!(until("{from:a@x}", &query, border), "{from:a@x} after:940 before:9061");
        query.received_before = Some(1_000_000_001);
        assert_eq!(until("", &query, border), "after:940 before:1061");
        assert_eq!(older(border), "before:8940");
    }

    #[test]
    fn a_place_is_a_label() {
        let label = |kind| {
            let mut query = everything();
            query.locations = vec![kind];
            of(&query, Some(&Labels { recoverable: Some("L".into()), ..Labels::default() }))
        };
        assert_eq!(label(LocationKind::Junk).unwrap().label.as_deref(), Some("SPAM"));
        assert_eq!(label(LocationKind::RecoverableItems).unwrap().label.as_deref(), Some("L"));
        assert_eq!(label(LocationKind::Archive).unwrap().label, None);
        assert_eq!(label(LocationKind::Quarantine), None);
    }
}
