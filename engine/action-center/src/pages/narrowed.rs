//! A search narrowed to a part of its results: the same conditions, and those of the part.

use clawback_model::{Timestamp, campaign_pattern, exact_pattern};

use super::fields::{Fields, query_of};
use super::query::inputs;

/// The longest subject that is made into an expression, in characters.
const LONGEST: usize = 200;
/// Any text: the condition that there is one.
pub(super) const ANY: &str = ".";

/// The conditions with others in the place of those of the same name.
pub(super) fn with(query: &Fields, others: &[(&str, &str)]) -> String {
    let inputs = inputs(query);
    let kept = inputs.pairs().filter(|(name, _)| others.iter().all(|(other, _)| other != name));
    query_of(kept.chain(others.iter().copied()))
}

/// The conditions of the messages of this sender.
pub(super) fn to_sender(query: &Fields, address: &str) -> Option<Vec<(&'static str, String)>> {
    one_of(query, ("from", "from_matches"), address, is_plain(address) && address.contains('@'))
}

/// Those of this mailbox. Each result is in one of the mailboxes that are named.
pub(super) fn to_mailbox(mailbox: &str) -> Vec<(&'static str, String)> {
    vec![("mailbox", mailbox.to_owned())]
}

/// Those with a link to this host.
pub(super) fn to_host(query: &Fields, host: &str) -> Option<Vec<(&'static str, String)>> {
    one_of(query, ("url_host", "url_host_matches"), host, is_plain(host))
}

/// Those with an attachment of this name.
pub(super) fn to_attachment(query: &Fields, name: &str) -> Option<Vec<(&'static str, String)>> {
    // The other condition is on a part of the name.
    one_of(query, ("", "attachment_name_matches"), name, false)
}

/// Those of this sender with this subject, whose numbers are folded.
pub(super) fn to_campaign(query: &Fields, sender: &str, subject: &str) -> Option<Vec<(&'static str, String)>> {
    if subject.is_empty() || subject.chars().count() > LONGEST || !is_free(query, "subject_matches") {
        return None;
    }
    let mut conditions = to_sender(query, sender)?;
    conditions.push(("subject_matches", campaign_pattern(subject)));
    Some(conditions)
}

/// Those that were received from a time on and before another.
pub(super) fn to_time(query: &Fields, from: Timestamp, until: Timestamp) -> Option<Vec<(&'static str, String)>> {
    let given = |name: &str| match query.filled(name) {
        Some(text) => Timestamp::parse(text).map(Some),
        None => Some(None),
    };
    let from = given("received_after")?.map_or(from, |given| given.max(from));
    let until = given("received_before")?.map_or(until, |given| given.min(until));
    Some(vec![("received_after", from.to_string()), ("received_before", until.to_string())])
}

/// The condition that a value is exactly this one. A second value of a name is an alternative, so a name that has
/// another one already cannot be used; `None` if neither can.
fn one_of(
    query: &Fields,
    (exact, pattern): (&'static str, &'static str),
    value: &str,
    is_plain: bool,
) -> Option<Vec<(&'static str, String)>> {
    let is_given = query.filled(exact) == Some(value) && query.all(exact).count() == 1;
    if is_plain && (is_free(query, exact) || is_given) {
        return Some(vec![(exact, value.to_owned())]);
    }
    (is_free(query, pattern) && !value.is_empty() && value.chars().count() <= LONGEST)
        .then(|| vec![(pattern, exact_pattern(value))])
}

/// Whether there is no condition of this name but that there is any text.
fn is_free(query: &Fields, name: &str) -> bool {
    query.all(name).all(|value| value.trim().is_empty() || value == ANY)
}

/// Whether the value is used as it is: no pattern of hosts, nothing that is read as something else.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "@._+-=".contains(c))
}
