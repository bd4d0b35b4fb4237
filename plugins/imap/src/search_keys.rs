//! A query as search keys. A key may match too much, never too little: every hit is read and checked again.
//!
//! A server compares with its own decoding, which differs from that of mail programs. Observed with Dovecot 2.3 and
//! Cyrus 3.6:
//!
//! - `FROM` compares addresses as the server's parser rewrote them: `ceo@own <x@evil>` has no `x@evil` for Dovecot.
//!   `HEADER From` compares with the decoded field. Only this is used, for each word of an address separately, because
//!   blanks, comments and quotes may be between them. Both cannot be combined: Dovecot uses the result of `FROM x` for
//!   a later `HEADER From x`, too.
//! - Dovecot compares encoded words with an unknown character set or a language tag undecoded with a key in capitals,
//!   so that small letters in them never match; Cyrus replaces them by U+FFFD. Broken base64, split characters and raw
//!   8-bit bytes are decoded differently by each server.
//!
//! For addresses, the messages that the server could not decode are few and can be selected: fields in which it sees
//! `=?`, U+FFFD, a backslash or no vowel match in addition to the words. An address in such an encoded word that is
//! hidden behind a visible one is not found on Dovecot.
//!
//! For subjects and other texts they cannot be selected, because the words that are searched for may be the ones that
//! the server does not see. So no text is used as a key. If other conditions leave many messages, [`crate::scan`] reads
//! that one field of each: the server does the same work for it as for its own search, and its answer is about 100
//! bytes per message.
//!
//! Cyrus compares `FROM`, `HEADER From` and the like with the last of several fields of one name. So addresses are not
//! used as keys there: [`crate::scan`] reads their fields. A Message-ID is also compared with the raw header, which
//! Cyrus 3.6 has under the name `rawheaders`; other versions find nothing by that name.

use chrono::{DateTime, Days, NaiveDate};
use clawback_connector_sdk::{host::MailStream, needle, types::Query};

use crate::{command::Part, session::Session};

/// The values of one condition in one SEARCH, because the length of lines is limited.
const A_SEARCH: usize = 50;

/// One search key, or several that must all hold.
type Key = Vec<Part>;

/// Alternative searches, each wider than the one before, for servers that refuse one. Each is a list of searches whose
/// results are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ways(pub(crate) Vec<Vec<Key>>);

/// Which of several fields of one name the server compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    Every,
    Last,
}

impl Compared {
    /// Detects the server: Cyrus has capabilities that no other server has.
    pub(crate) fn by<S: MailStream>(session: &Session<S>) -> Self {
        let is_cyrus = session.can("X-REPLICATION") || session.can("ANNOTATE-EXPERIMENT-1");
        if is_cyrus { Self::Last } else { Self::Every }
    }
}

/// Returns the searches for a query. `has_literals`: text beyond ASCII needs no round trip.
pub(crate) fn of(query: &Query, has_literals: bool, compared: Compared) -> Ways {
    let mut ways = Vec::new();
    let way = |is_utf8, has_text| searches(query, is_utf8, has_text, compared);
    for way in [way(has_literals, true), way(false, true), way(false, false)] {
        if ways.last() != Some(&way) {
            ways.push(way);
        }
    }
    Ways(ways)
}

/// Returns the searches for messages of which only these Message-IDs are known.
pub(crate) fn of_message_ids<'a>(ids: impl Iterator<Item = &'a str>, compared: Compared) -> Ways {
    let mut keys = Vec::new();
    let (mut has_nameless, mut has_hidden) = (false, false);
    for id in ids {
        match needle::of_message_id(id) {
            Some(run) => keys.push(message_id(run, compared)),
            // The server decodes it, and what remains of it is unknown.
            None if id.contains("=?") => has_hidden = true,
            None => has_nameless = true,
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let everything = vec![vec![Part::Raw("ALL".into())]];
    if has_nameless {
        // A Message-ID without a dot-atom is unusual enough to read all of these.
        keys.push(vec![Part::Raw("NOT HEADER Message-ID ".into()), Part::Text(b"@".to_vec())]);
    }
    if has_hidden {
        return Ways(vec![everything]);
    }
    Ways(vec![keys.chunks(A_SEARCH).map(|keys| any(keys.to_vec())).collect(), everything])
}

/// Returns the fields whose text is not used as a key, so that it must be compared after fetching the field.
pub(crate) fn unasked(query: &Query, compared: Compared) -> Vec<String> {
    let mut fields: Vec<String> = query.header_contains.iter().map(|(name, _)| name.clone()).collect();
    if !query.subject_contains.is_empty() {
        fields.push("Subject".into());
    }
    if compared == Compared::Last {
        if !query.from_address.is_empty() || !query.from_domain.is_empty() {
            fields.push("From".into());
        }
        if !query.to_address.is_empty() {
            fields.extend(["To", "Cc"].map(str::to_owned));
        }
    }
    fields
}

fn searches(query: &Query, is_utf8: bool, has_text: bool, compared: Compared) -> Vec<Key> {
    let mut lists: Vec<Vec<Key>> = Vec::new();
    if has_text && compared == Compared::Every {
        let from = |word: &str| header("From", word);
        push(
            &mut lists,
            &query.from_address,
            |value| words(&needle::of_address(value), &from),
            || undecoded("From", is_utf8),
        );
        push(
            &mut lists,
            &query.from_domain,
            |value| words(&needle::of_domain(value), &from),
            || undecoded("From", is_utf8),
        );
        let to = |word: &str| any(vec![header("To", word), header("Cc", word)]);
        push(
            &mut lists,
            &query.to_address,
            |value| words(&needle::of_address(value), &to),
            || [undecoded("To", is_utf8), undecoded("Cc", is_utf8)].concat(),
        );
    }
    if has_text {
        let key = |value: &String| needle::of_message_id(value).map(|run| message_id(run, compared));
        push(&mut lists, &query.message_id, key, Vec::new);
    }
    // One list may need several searches; a second list that is too long is not used.
    lists.sort_by_key(|list| std::cmp::Reverse(list.len()));
    let mut lists = lists.into_iter();
    let longest = lists.next().unwrap_or_default();
    let rest: Vec<Key> = lists.filter(|list| list.len() <= A_SEARCH).map(any).chain(dates(query)).collect();
    let mut searches: Vec<Key> =
        longest.chunks(A_SEARCH).map(|keys| all([vec![any(keys.to_vec())], rest.clone()].concat())).collect();
    if searches.is_empty() {
        searches.push(if rest.is_empty() { vec![Part::Raw("ALL".into())] } else { all(rest) });
    }
    searches
}

/// Adds a condition, unless one of its values cannot be a key: the others would then match too little. Also adds the
/// messages that the server could not decode.
fn push<T>(lists: &mut Vec<Vec<Key>>, values: &[T], key: impl Fn(&T) -> Option<Key>, undecoded: impl Fn() -> Vec<Key>) {
    if let Some(keys) = values.iter().map(key).collect::<Option<Vec<Key>>>().filter(|keys| !keys.is_empty()) {
        let undecoded = undecoded();
        lists.push(keys.into_iter().chain((!undecoded.is_empty()).then(|| any(undecoded))).collect());
    }
}

/// Returns keys for messages whose field of addresses the server could not decode, as far as keys can select them.
fn undecoded(name: &str, is_utf8: bool) -> Vec<Key> {
    let texts = needle::UNDECODED.into_iter().filter(|text| is_utf8 || text.is_ascii());
    let mut keys: Vec<Key> = texts.map(|text| header(name, text)).collect();
    let no_vowel = needle::VOWELS.iter().map(|vowel| [vec![Part::Raw("NOT ".into())], header(name, vowel)].concat());
    // Many messages have no recipients.
    let has_field = (name != "From").then(|| header(name, ""));
    keys.push(all(has_field.into_iter().chain(no_vowel).collect()));
    keys
}

/// Returns a key for all of these words. `None` if there are none.
fn words(words: &[&str], key: &dyn Fn(&str) -> Key) -> Option<Key> {
    (!words.is_empty()).then(|| all(words.iter().map(|word| key(word)).collect()))
}

fn message_id(run: &str, compared: Compared) -> Key {
    let key = header("Message-ID", run);
    if compared == Compared::Last { any(vec![key, header("rawheaders", run)]) } else { key }
}

fn header(name: &str, text: &str) -> Key {
    vec![
        Part::Raw("HEADER ".into()),
        Part::Text(name.as_bytes().to_vec()),
        Part::Raw(" ".into()),
        Part::Text(text.as_bytes().to_vec()),
    ]
}

/// Returns keys for the time. INTERNALDATE is compared by day, in any time zone: one more day on both sides.
fn dates(query: &Query) -> Vec<Key> {
    let day = |micros: i64| DateTime::from_timestamp_micros(micros).map(|time| time.date_naive());
    let key = |name: &str, date: NaiveDate| vec![Part::Raw(format!("{name} {}", date.format("%-d-%b-%Y")))];
    let since = query.received_after.and_then(day).and_then(|date| date.checked_sub_days(Days::new(1)));
    let before = query.received_before.and_then(day).and_then(|date| date.checked_add_days(Days::new(2)));
    let is_sendable = |date: &NaiveDate| (1000..=9999).contains(&chrono::Datelike::year(date));
    since
        .filter(is_sendable)
        .map(|date| key("SINCE", date))
        .into_iter()
        .chain(before.filter(is_sendable).map(|date| key("BEFORE", date)))
        .collect()
}

fn all(mut keys: Vec<Key>) -> Key {
    match keys.len() {
        1 => keys.remove(0),
        _ => keys.join(&[Part::Raw(" ".into())][..]),
    }
}

/// Combines keys by OR, which takes two; halving keeps the nesting low.
fn any(mut keys: Vec<Key>) -> Key {
    match keys.len() {
        0 => Vec::new(),
        1 => keys.remove(0),
        count => {
            let other = any(keys.split_off(count / 2));
            let mut key = vec![Part::Raw("OR (".into())];
            key.extend(any(keys));
            key.push(Part::Raw(") (".into()));
            key.extend(other);
            key.push(Part::Raw(")".into()));
            key
        }
    }
}

/// Returns whether a search must name its character set.
pub(crate) fn needs_charset(key: &[Part]) -> bool {
    key.iter().any(|part| matches!(part, Part::Text(text) if !text.is_ascii()))
}

#[cfg(test)]
mod tests {
    use clawback_connector_sdk::matching::everything;

    use super::*;

    fn show(key: &Key) -> String {
        let shown = key.iter().map(|part| match part {
            Part::Raw(syntax) => syntax.clone(),
            Part::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
        });
        shown.collect()
    }

    fn ways(change: impl Fn(&mut Query)) -> Vec<Vec<String>> {
        let mut query = everything();
        change(&mut query);
        of(&query, false, Compared::Every).0.iter().map(|searches| searches.iter().map(show).collect()).collect()
    }

    /// Returns the key of one word of a sender.
    fn from(word: &str) -> String {
        format!("HEADER 'From' '{word}'")
    }

    const HIDDEN: &str = "OR (HEADER 'From' '=?') (OR (HEADER 'From' '\\') (NOT HEADER 'From' 'a' NOT HEADER 'From' \
                          'e' NOT HEADER 'From' 'i' NOT HEADER 'From' 'o'))";

    #[test]
    fn conditions_become_keys() {
        assert_eq!(ways(|_| ()), [["ALL"]]);
        let found = ways(|query| query.from_address = vec!["a@b.c".into()]);
        assert_eq!(found[0], [format!("OR ({} {} {}) ({HIDDEN})", from("a"), from("b"), from("c"))]);
        assert_eq!(found[1], ["ALL"]);
        let found = ways(|query| query.from_domain = vec!["evil.example".into(), "xn--a.b".into()]);
        assert_eq!(found[0], [format!("OR ({} {}) (OR ({}) ({HIDDEN}))", from("example"), from("evil"), from("b"))]);
    }

    #[test]
    fn what_the_server_could_not_decode_is_asked_for_where_it_costs_nothing() {
        let query = Query { from_domain: vec!["b".into()], ..everything() };
        let shown: Vec<Vec<String>> =
            of(&query, true, Compared::Every).0.iter().map(|way| way.iter().map(show).collect()).collect();
        assert!(
            shown[0][0].contains("HEADER 'From' '\u{fffd}'")
                && needs_charset(&of(&query, true, Compared::Every).0[0][0])
        );
        assert_eq!(shown[1..], ways(|query| query.from_domain = vec!["b".into()]));
    }

    #[test]
    fn no_text_is_a_key() {
        assert_eq!(ways(|query| query.subject_contains = vec!["invoice".into()]), [["ALL"]]);
        assert_eq!(ways(|query| query.header_contains = vec![("x".into(), "y".into())]), [["ALL"]]);
        let query = Query { subject_contains: vec!["x".into()], ..everything() };
        assert_eq!(unasked(&query, Compared::Every), ["Subject"]);
        // If a value cannot be a key, the whole condition is omitted.
        let found = ways(|query| query.from_domain = vec!["m\u{fc}".into(), "x".into()]);
        assert_eq!(found[0], [format!("OR ({}) (OR ({}) ({HIDDEN}))", from("m"), from("x"))]);
        assert_eq!(ways(|query| query.from_domain = vec!["\u{fc}".into(), "x".into()]), [["ALL"]]);
    }

    #[test]
    fn days_are_widened() {
        // 2024-03-01T00:00:00Z
        let march = 1_709_251_200_000_000;
        let found = ways(|query| (query.received_after, query.received_before) = (Some(march), Some(march + 1)));
        assert_eq!(found, [["SINCE 29-Feb-2024 BEFORE 3-Mar-2024"]]);
        assert_eq!(ways(|query| query.received_after = Some(i64::MIN)), [["ALL"]]);
    }

    #[test]
    fn long_lists_are_several_searches() {
        let many = |count: usize| (0..count).map(|number| format!("<{number}@x>")).collect::<Vec<_>>();
        assert_eq!(ways(|query| query.message_id = many(120))[0].len(), 3);
        let both = ways(|query| {
            query.message_id = many(120);
            query.from_domain = many(60);
        });
        assert!(both[0].iter().all(|search| !search.contains("FROM")));
    }

    #[test]
    fn messages_without_a_usable_id_are_found_too() {
        let Ways(ways) = of_message_ids(["<a@b>", "", "<a@b>", "ü <c\u{0}d@e>"].into_iter(), Compared::Every);
        assert_eq!(
            ways[0].iter().map(show).collect::<Vec<_>>(),
            ["OR (HEADER 'Message-ID' '<a@b>') (OR (HEADER 'Message-ID' 'd@e>') (NOT HEADER Message-ID '@'))"]
        );
        let Ways(ways) = of_message_ids(["<=?utf-8?Q?abcdef?=@long.example>"].into_iter(), Compared::Every);
        assert_eq!(ways[0].iter().map(show).collect::<Vec<_>>(), ["HEADER 'Message-ID' '@long.example>'"]);
        assert_eq!(
            of_message_ids(["<=?utf-8?Q?abcdef?="].into_iter(), Compared::Every).0,
            [[vec![Part::Raw("ALL".into())]]]
        );
    }

    #[test]
    fn where_only_the_last_field_is_compared_addresses_are_no_keys() {
        let query = Query {
            from_address: vec!["a@b.c".into()],
            to_address: vec!["d@e.f".into()],
            message_id: vec!["<a@b>".into()],
            ..everything()
        };
        let key = "OR (HEADER 'Message-ID' '<a@b>') (HEADER 'rawheaders' '<a@b>')";
        assert_eq!(of(&query, true, Compared::Last).0[0].iter().map(show).collect::<Vec<_>>(), [key]);
        assert_eq!(unasked(&query, Compared::Last), ["From", "To", "Cc"]);
        assert!(unasked(&query, Compared::Every).is_empty());
        let Ways(ways) = of_message_ids(["<a@b>"].into_iter(), Compared::Last);
        assert_eq!(ways[0].iter().map(show).collect::<Vec<_>>(), [key]);
    }
}
