//! What of a query goes to the store as `$filter`. Everything is compared here again.
//!
//! Only comparisons that cannot miss go there: times, to the second, as Graph shows them, and Message-IDs of plain ASCII,
//! which the store compares without case. Not senders: a filter on `from` has found no senders of the own domain, which is
//! how a taken-over account of a colleague sends. Not subjects: the contract compares them without invisible characters
//! and by compatibility forms, which the store does not, so a sender could hide from it. Not recipients, domains, header
//! fields and attachments, which the store cannot filter dependably.

use clawback_connector_sdk::{
    types::{Message, Query},
    web,
};

use crate::address::quoted;

/// The most alternatives of one filter.
const ALTERNATIVES: usize = 10;
/// The longest text that goes into a filter.
const LONGEST: usize = 500;
/// Before every message: `$orderby` needs a filter on the same property.
const EVER: &str = "1900-01-01T00:00:00Z";

/// The Message-IDs of a query, of which each request has some. Without, one request has it all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan<'a> {
    chunks: Vec<&'a [String]>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(query: &'a Query) -> Self {
        let is_plain = |texts: &[String]| {
            !texts.is_empty()
                && texts
                    .iter()
                    .all(|text| text.len() <= LONGEST && text.bytes().all(|byte| matches!(byte, b'!'..=b'~')))
        };
        let all = if is_plain(&query.message_id) { query.message_id.as_slice() } else { &[] };
        Self { chunks: all.chunks(ALTERNATIVES).collect() }
    }

    /// Returns how many filters there are: at least one.
    pub(crate) fn count(&self) -> usize {
        self.chunks.len().max(1)
    }

    /// Returns whether a message that matches the query is found by this filter, and by none before it.
    pub(crate) fn is_of(&self, chunk: usize, message: &Message) -> bool {
        let holds = |wanted: &String| message.ref_.message_id == *wanted;
        let first = self.chunks.iter().position(|wanted| wanted.iter().any(holds));
        self.chunks.is_empty() || first == Some(chunk)
    }

    /// Returns a filter for messages received from this second on, in seconds since 1970 UTC.
    pub(crate) fn filter(&self, chunk: usize, query: &Query, from: Option<i64>) -> String {
        let after = query.received_after.map(|after| after.div_euclid(1_000_000));
        let from = from.max(after).and_then(|second| web::to_rfc3339(second.checked_mul(1_000_000)?));
        let mut filter = format!("receivedDateTime ge {}", from.as_deref().unwrap_or(EVER));
        // The store knows the time more precisely than it shows it: a second that has begun counts whole.
        let before = query
            .received_before
            .map(|before| before.div_euclid(1_000_000) + i64::from(before.rem_euclid(1_000_000) > 0));
        if let Some(before) = before.and_then(|second| web::to_rfc3339(second.checked_mul(1_000_000)?)) {
            filter = format!("{filter} and receivedDateTime lt {before}");
        }
        let each = |wanted: &String| format!("internetMessageId eq {}", quoted(wanted));
        if let Some(chunk) = self.chunks.get(chunk) {
            filter = format!("{filter} and ({})", chunk.iter().map(each).collect::<Vec<_>>().join(" or "));
        }
        filter
    }
}

/// Returns a filter for one Message-ID; `None` if it cannot go into one.
pub(crate) fn of_message_id(id: &str) -> Option<String> {
    let is_plain = !id.is_empty() && id.len() <= LONGEST && id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    is_plain.then(|| format!("internetMessageId eq {}", quoted(id)))
}

#[cfg(test)]
mod tests {
    use clawback_connector_sdk::matching::everything;

    use super::*;

    #[test]
    fn times_come_first_and_widen_to_seconds() {
        let query = Query {
            received_after: Some(1_795_880_368_500_000),
            received_before: Some(1_795_880_369_000_001),
            ..everything()
        };
        let filter = Plan::of(&query).filter(0, &query, None);
        assert_eq!(filter, "receivedDateTime ge 2026-11-28T15:39:28Z and receivedDateTime lt 2026-11-28T15:39:30Z");
        let later = Plan::of(&query).filter(0, &query, Some(1_795_880_369));
        assert!(later.starts_with("receivedDateTime ge 2026-11-28T15:39:29Z"), "{later}");
        assert_eq!(Plan::of(&everything()).filter(0, &everything(), None), format!("receivedDateTime ge {EVER}"));
    }

    #[test]
    fn only_what_cannot_miss_goes_to_the_store() {
        let query = Query {
            subject_contains: vec!["a".into()],
            from_domain: vec!["b".into()],
            from_address: vec!["ceo@own.example".into()],
            ..everything()
        };
        assert_eq!(Plan::of(&query).filter(0, &query, None), format!("receivedDateTime ge {EVER}"));
        let query = Query { message_id: vec!["<o'b@x>".into()], ..everything() };
        assert!(Plan::of(&query).filter(0, &query, None).ends_with(" and (internetMessageId eq '<o''b@x>')"));
    }

    #[test]
    fn many_alternatives_are_several_filters() {
        let query = Query { message_id: (0..25).map(|number| format!("<{number}@x>")).collect(), ..everything() };
        let plan = Plan::of(&query);
        assert_eq!(plan.count(), 3);
        assert!(
            plan.filter(2, &query, None).contains("'<24@x>'") && !plan.filter(0, &query, None).contains("'<10@x>'")
        );
    }
}
