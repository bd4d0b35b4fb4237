//! A query as a search of the server. It may find too much, never too little: every hit is read and compared again.
//!
//! The time of receipt is the one that the server also returns, so it is compared to the second. Addresses are searched
//! for as [`needle`] describes; texts are not, since the words that are searched for may be the ones that the server
//! does not see. The connector reads these fields ([`crate::text`]).

use clawback_connector_sdk::{needle, types};

use crate::command::{self, Query, words};

/// The values of one condition in a search. Of a longer list every message is compared.
const VALUES: usize = 100;
/// A second, in microseconds.
const SECOND: i64 = 1_000_000;

/// The search for a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The words of it; none finds all messages.
    pub(crate) words: Query,
    /// Whether it finds few messages: those of a sender, or with a Message-ID.
    pub(crate) is_narrow: bool,
}

/// Returns the search for a query.
pub(crate) fn of(query: &types::Query) -> Keys {
    let from = |needles: Vec<&str>| all(&needles, "from");
    let to = |needles: Vec<&str>| Some(command::any(vec![all(&needles, "to")?, all(&needles, "cc")?]));
    let lists = [
        list(&query.from_address, |value| from(needle::of_address(value)), &["from"]),
        list(&query.from_domain, |value| from(needle::of_domain(value)), &["from"]),
        list(&query.to_address, |value| to(needle::of_address(value)), &["to", "cc"]),
        list(&query.message_id, |value| Some(header("message-id", needle::of_message_id(value)?)), &[]),
    ];
    let lists: Vec<Query> = lists.into_iter().flatten().map(command::any).collect();
    let is_narrow = !lists.is_empty();
    Keys { words: lists.into_iter().flatten().chain(times(query)).collect(), is_narrow }
}

/// Returns the search for messages with one of these texts in their Message-ID.
pub(crate) fn of_ids(runs: &[&str]) -> Query {
    command::any(runs.iter().map(|run| header("message-id", run)).collect())
}

/// Returns the alternatives of a condition, unless one of its values cannot be searched for: the others would find too
/// little.
fn list(values: &[String], key: impl Fn(&str) -> Option<Query>, fields: &[&str]) -> Option<Vec<Query>> {
    let keys: Vec<Query> = values.iter().map(|value| key(value)).collect::<Option<_>>()?;
    let is_search = (1..=VALUES).contains(&keys.len());
    is_search.then(|| keys.into_iter().chain(fields.iter().flat_map(|field| undecoded(field))).collect())
}

/// Returns searches for messages whose field of addresses the server could not decode.
fn undecoded(field: &str) -> Vec<Query> {
    let mut keys: Vec<Query> = needle::UNDECODED.into_iter().map(|text| header(field, text)).collect();
    // Many messages have no recipients.
    let has_field = if field == "from" { Vec::new() } else { header(field, "") };
    let no_vowel = needle::VOWELS.iter().flat_map(|vowel| [words(["NOT"]), header(field, vowel)].concat());
    keys.push(has_field.into_iter().chain(no_vowel).collect());
    keys
}

fn all(needles: &[&str], field: &str) -> Option<Query> {
    (!needles.is_empty()).then(|| needles.iter().flat_map(|needle| header(field, needle)).collect())
}

fn header(field: &str, text: &str) -> Query {
    words(["header", field, text])
}

/// Returns the time of receipt as seconds. Small numbers would be read as something else.
fn times(query: &types::Query) -> Query {
    let is_time = |second: &i64| (100_000_000..10_000_000_000).contains(second);
    let after = query.received_after.map(|after| after.div_euclid(SECOND)).filter(is_time);
    let before = query.received_before.map(|before| before.div_euclid(SECOND) + 1).filter(is_time);
    let mut times = Vec::new();
    if let Some(after) = after {
        times.extend(["since".to_owned(), after.to_string()]);
    }
    if let Some(before) = before {
        times.extend(["before".to_owned(), before.to_string()]);
    }
    times
}

#[cfg(test)]
mod tests {
    use clawback_connector_sdk::matching::everything;

    use super::*;

    fn keys(change: impl Fn(&mut types::Query)) -> String {
        let mut query = everything();
        change(&mut query);
        of(&query).words.join(" ")
    }

    #[test]
    fn conditions_become_searches() {
        assert_eq!(keys(|_| ()), "");
        let found = keys(|query| query.from_address = vec!["a@b.c".into()]);
        assert_eq!(
            found,
            "( ( header from a header from b header from c ) OR ( header from =? ) OR ( header from \\ ) OR \
             ( header from \u{fffd} ) OR ( NOT header from a NOT header from e NOT header from i NOT header from o ) )"
        );
        let found = keys(|query| query.message_id = vec!["<1@x>".into(), "<22@y>".into()]);
        assert_eq!(found, "( ( header message-id <1@x> ) OR ( header message-id <22@y> ) )");
        assert_eq!(keys(|query| query.subject_contains = vec!["invoice".into()]), "");
    }

    #[test]
    fn a_value_that_cannot_be_searched_for_leaves_the_condition_to_the_connector() {
        assert_eq!(keys(|query| query.from_domain = vec!["\u{fc}".into(), "x".into()]), "");
        assert_eq!(keys(|query| query.message_id = vec![String::new()]), "");
        assert_eq!(keys(|query| query.from_domain = vec!["x".into(); 101]), "");
    }

    #[test]
    fn times_are_seconds_and_wider() {
        let found = keys(|query| {
            (query.received_after, query.received_before) = (Some(1_795_894_528_900_000), Some(1_795_894_529_000_000));
        });
        assert_eq!(found, "since 1795894528 before 1795894530");
        assert_eq!(keys(|query| query.received_after = Some(5_000_000)), "");
        assert_eq!(keys(|query| (query.received_after, query.received_before) = (Some(i64::MIN), Some(i64::MAX))), "");
    }
}
