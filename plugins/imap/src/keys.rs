//! A query as search keys. A key may find too much, never too little: whatever a server could read another way than
//! the contract does is left out or widened, and every hit is checked again.

use chrono::{DateTime, Days, NaiveDate};
use clawback_connector_sdk::types::Query;

use crate::command::Part;

/// Values of one condition in one SEARCH; lines have a limit.
const A_SEARCH: usize = 50;
/// Words of one value; more make a search slower and hardly narrower.
const WORDS: usize = 4;

/// One search key, or several that must all hold.
type Key = Vec<Part>;

/// Ways to ask the same, each wider than the one before, for servers that refuse one. Each is a list of searches whose
/// results are added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ways(pub(crate) Vec<Vec<Key>>);

/// How to search for what the query wants.
pub(crate) fn of(query: &Query) -> Ways {
    let full = searches(query, true, true);
    let mut ways = vec![full.clone()];
    for narrower in [searches(query, false, true), searches(query, false, false)] {
        if ways.last() != Some(&narrower) {
            ways.push(narrower);
        }
    }
    Ways(ways)
}

/// How to search for messages of which only these Message-IDs are known.
pub(crate) fn of_message_ids<'a>(ids: impl Iterator<Item = &'a str>) -> Ways {
    let mut keys = Vec::new();
    let mut has_nameless = false;
    for id in ids {
        match longest_run(id) {
            Some(run) => keys.push(header("Message-ID", run)),
            None => has_nameless = true,
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let everything = vec![vec![Part::Raw("ALL".into())]];
    if has_nameless {
        // A Message-ID without a dot-atom in it is unusual enough to read all of those.
        keys.push(vec![Part::Raw("NOT HEADER Message-ID ".into()), Part::Text(b"@".to_vec())]);
    }
    Ways(vec![keys.chunks(A_SEARCH).map(|keys| any(keys.to_vec())).collect(), everything])
}

fn searches(query: &Query, is_utf8: bool, has_text: bool) -> Vec<Key> {
    let mut lists: Vec<Vec<Key>> = Vec::new();
    if has_text {
        let text = |value: &str, key: &dyn Fn(&str) -> Key| words(value, is_utf8, key);
        let from = |value: &str| text(value, &|word| field("FROM", word));
        push(&mut lists, &query.from_address, |value| address(value, &from));
        push(&mut lists, &query.from_domain, |value| from(value));
        push(&mut lists, &query.subject_contains, |value| text(value, &|word| field("SUBJECT", word)));
        push(&mut lists, &query.to_address, |value| {
            let to = address(value, &|part| text(part, &|word| field("TO", word)))?;
            let cc = address(value, &|part| text(part, &|word| field("CC", word)))?;
            Some(any(vec![to, cc]))
        });
        push(&mut lists, &query.message_id, |value| longest_run(value).map(|run| header("Message-ID", run)));
        push(&mut lists, &query.header_contains, |(name, value)| text(value, &|word| header(name, word)));
    }
    // One list may need several searches; a second one that is too long is not asked for.
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

/// Adds a condition, unless one of its values cannot be asked for: then the others would find too little.
fn push<T>(lists: &mut Vec<Vec<Key>>, values: &[T], key: impl Fn(&T) -> Option<Key>) {
    if let Some(keys) = values.iter().map(key).collect::<Option<Vec<Key>>>().filter(|keys| !keys.is_empty()) {
        lists.push(keys);
    }
}

/// Both halves of an address: blanks and comments may stand between them.
fn address(value: &str, key: &dyn Fn(&str) -> Option<Key>) -> Option<Key> {
    match value.rsplit_once('@') {
        Some((local, domain)) => match (key(local), key(domain)) {
            (Some(local), Some(domain)) => Some(all(vec![local, domain])),
            (one, other) => one.or(other),
        },
        None => key(value),
    }
}

/// All words of a value, each on its own: how blanks and folds are read differs. `None` if nothing can be asked.
fn words(value: &str, is_utf8: bool, key: &dyn Fn(&str) -> Key) -> Option<Key> {
    let mut words: Vec<&str> = value
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty() && (is_utf8 || word.is_ascii()))
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.truncate(WORDS);
    (!words.is_empty()).then(|| all(words.into_iter().map(key).collect()))
}

/// The longest part of a Message-ID that is plain text; senders put anything there.
fn longest_run(id: &str) -> Option<&str> {
    id.split(|character: char| !character.is_ascii_graphic()).max_by_key(|run| run.len()).filter(|run| run.len() > 2)
}

fn field(name: &str, text: &str) -> Key {
    vec![Part::Raw(format!("{name} ")), Part::Text(text.as_bytes().to_vec())]
}

fn header(name: &str, text: &str) -> Key {
    vec![
        Part::Raw("HEADER ".into()),
        Part::Text(name.as_bytes().to_vec()),
        Part::Raw(" ".into()),
        Part::Text(text.as_bytes().to_vec()),
    ]
}

/// INTERNALDATE is compared by its day, in whichever time zone: a day more on either side.
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

/// OR takes two; halves keep the nesting low.
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

/// Whether a search must name its character set.
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
        of(&query).0.iter().map(|searches| searches.iter().map(show).collect()).collect()
    }

    #[test]
    fn conditions_become_keys() {
        assert_eq!(ways(|_| ()), [["ALL"]]);
        assert_eq!(ways(|query| query.from_address = vec!["a@b.c".into()])[0], ["FROM 'a' FROM 'b.c'"]);
        assert_eq!(ways(|query| query.to_address = vec!["a@b".into()])[0], ["OR (TO 'a' TO 'b') (CC 'a' CC 'b')"]);
        assert_eq!(
            ways(|query| query.subject_contains = vec!["your  invoice".into(), "x".into()])[0],
            ["OR (SUBJECT 'invoice' SUBJECT 'your') (SUBJECT 'x')"]
        );
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
    fn text_beyond_ascii_has_a_wider_way() {
        let found = ways(|query| query.subject_contains = vec!["Müller Rechnung".into()]);
        assert_eq!(found, [["SUBJECT 'Rechnung' SUBJECT 'Müller'"], ["SUBJECT 'Rechnung'"], ["ALL"]]);
        // A value that cannot be asked for takes its whole condition along.
        let found = ways(|query| query.subject_contains = vec!["Müller".into(), "x".into()]);
        assert_eq!(found, [["OR (SUBJECT 'Müller') (SUBJECT 'x')"], ["ALL"]]);
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
        let Ways(ways) = of_message_ids(["<a@b>", "", "<a@b>", "ü <c\u{0}d@e>"].into_iter());
        assert_eq!(
            ways[0].iter().map(show).collect::<Vec<_>>(),
            ["OR (HEADER 'Message-ID' '<a@b>') (OR (HEADER 'Message-ID' 'd@e>') (NOT HEADER Message-ID '@'))"]
        );
    }
}
