//! The conditions of a search: their form, and what is filled in.

use clawback_model::{Inputs, LocationKind};
use clawback_runtime::Error;
use maud::{Markup, html};

use super::fields::{Fields, query_of};
use super::pasted::understood;
use crate::access::encoded;
use crate::design::field::{self, Mistake};
use crate::design::filter_bar;
use crate::design::words::spoken;
use crate::problem::Problem;

/// The input of the page's number.
pub(super) const PAGE: &str = "page";
/// The word of the address that names the saved search which is open.
pub(super) const SAVED: &str = "saved";
/// Fields of the form: input of the playbook `manual`, label, example. Each text is used as typed.
const FIELDS: [(&str, &str, &str); 19] = [
    ("from", "From address", "payroll@evil.example"),
    ("from_domain", "From domain", "evil.example"),
    ("subject", "Subject contains", "salary statement"),
    ("to", "To or Cc", "ann@corp.example"),
    ("message_id", "Message-ID", "<…@evil.example>"),
    ("attachment_name", "Attachment name contains", "invoice.zip"),
    ("url_host", "Link to host", "*.evil.example"),
    ("body_contains", "Text contains", "confirm your account"),
    ("attachment_sha256", "sha256 of an attachment", "64 hexadecimal digits"),
    ("reply_to", "Reply-To", "collect@evil.example"),
    ("like", "Copies of the root", "root1:… as `clawback examine` prints it"),
    ("since", "Received in the last", "7d"),
    ("received_after", "Received after", "2026-11-01T00:00:00Z"),
    ("received_before", "Received before", "2026-11-30T00:00:00Z"),
    ("mailbox", "Mailbox", "ann@corp.example"),
    ("folder", "Folder", "INBOX"),
    ("list_id", "List-Id contains", "news.example"),
    ("larger_than", "Larger than (bytes)", "100000"),
    ("flag", "IMAP flag", "\\Seen"),
];

/// Further fields, which are always folded.
const FURTHER: [(&str, &str, &str); 15] = [
    ("from_name", "Sender's name contains", "Payroll"),
    ("recipients", "Recipient", "ann@corp.example"),
    ("subject_matches", "Subject matches", "^invoice \\d+$"),
    ("from_matches", "From address matches", "^billing\\d*@"),
    ("from_name_matches", "Sender's name matches", "pay ?roll"),
    ("attachment_name_matches", "Attachment name matches", "\\.pdf\\.\\w+$"),
    ("url_host_matches", "Host of a link matches", "^login-[a-z]+\\."),
    ("url", "Link", "https://pay.evil.example/a"),
    ("attachment_type", "Attachment of type", "image/*"),
    ("has_attachment", "Has an attachment", "true"),
    ("smaller_than", "Smaller than (bytes)", "100000"),
    ("envelope_from", "Envelope sender", "bounce@evil.example"),
    ("delivered_to", "Delivered-To", "ann@corp.example"),
    ("sender_ip", "Sent from network", "192.0.2.0/24"),
    ("auth", "Result of authentication", "dmarc=fail"),
];

/// Inputs that take one value. For each of the others, an empty field is added after those that are filled in.
const SINGLE: [&str; 8] =
    ["like", "since", "received_after", "received_before", "list_id", "larger_than", "smaller_than", "has_attachment"];
/// Locations to choose from.
const LOCATIONS: [(&str, &str, &str); 2] = [
    ("location", "Latest delivery location", "Any but Recoverable Items and quarantine"),
    ("original_location", "Original delivery location", "Any"),
];

/// The fields that stand above the results; the others are folded.
const FIRST: [&str; 5] = ["from", "from_domain", "subject", "mailbox", "since"];
/// The mistakes in the fields of the form, as far as the error names them.
pub(super) fn mistakes(problem: &Problem) -> Vec<Mistake> {
    let Some(Error::Inputs(error)) = problem.error.as_deref() else { return Vec::new() };
    let of = |wrong: &String| {
        let (_, rest) = wrong.split_once('`')?;
        let (name, says) = rest.split_once("`: ")?;
        let field = name.replace('-', "_");
        let known = FIELDS.iter().chain(&FURTHER).any(|(name, ..)| *name == field);
        known.then(|| Mistake { field, says: says.to_owned() })
    };
    let found: Vec<Mistake> = error.wrong.iter().filter_map(of).collect();
    // Errors that no field has are shown as a whole.
    if found.len() == error.wrong.len() { found } else { Vec::new() }
}

pub(super) fn form(query: &Fields, mistakes: &[Mistake]) -> Markup {
    let kinds = LocationKind::ALL.map(LocationKind::as_str);
    let further = || FIELDS.iter().filter(|(name, ..)| !FIRST.contains(name)).chain(&FURTHER);
    // What is filled in stands as chips below the fields, so that only a mistake opens them.
    let is_open = further().any(|(name, ..)| mistakes.iter().any(|mistake| mistake.field == *name));
    html! {
        form .filters method="get" action="/search/again" role="search" aria-label="Query" {
            (saved(query))
            div .bar {
                @for name in FIRST { @for field in FIELDS.iter().filter(|(of, ..)| *of == name) { (texts(query, field, mistakes)) } }
                button { "Search" }
            }
            details open[is_open] {
                summary { "More conditions" }
                div .fields {
                    @for field in further() { (texts(query, field, mistakes)) }
                    @for (name, label, any) in LOCATIONS {
                        @for (place, value) in offered(query, name).into_iter().enumerate() {
                            (field::choice(name, &labelled(label, place), Some(if place == 0 { any } else { "" }), &kinds, &value))
                        }
                    }
                }
            }
        }
        (filter_bar::set(&chips(query), "/search"))
    }
}

/// Each condition in words, with the address of the search without it.
fn chips(query: &Fields) -> Vec<(String, String)> {
    let inputs = inputs(query);
    let pairs: Vec<(&str, &str)> = inputs.pairs().collect();
    let chip = |(place, (name, value)): (usize, &(&str, &str))| {
        let label = label(name).unwrap_or(name);
        let is_location = LOCATIONS.iter().any(|(known, ..)| known == name);
        let shown = if is_location { spoken(value) } else { clawback_model::visible_line(value, 100) };
        let others = pairs.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, pair)| *pair);
        let without = query_of(others);
        let way =
            if without.is_empty() { "/search".to_owned() } else { format!("/search?{}", with_saved(query, without)) };
        (format!("{label}: {shown}"), way)
    };
    pairs.iter().enumerate().map(chip).collect()
}

/// The fields of one name. Each is one text, used as typed; a further one is an alternative.
fn texts(query: &Fields, (name, label, example): &(&str, &str, &str), mistakes: &[Mistake]) -> Markup {
    let wrong = mistakes.iter().find(|mistake| mistake.field == *name);
    let values = offered(query, name);
    let filled = values.len().saturating_sub(1).max(1);
    html! {
        div .texts {
            @for (place, value) in values.iter().take(filled).enumerate() {
                (field::text(name, &labelled(label, place), value, example, field::of(wrong, name).filter(|_| place == 0)))
            }
            @if let Some(value) = values.get(filled) {
                details .or { summary { "or …" } (field::text(name, &labelled(label, filled), value, example, None)) }
            }
        }
    }
}

/// Values of the fields of a name: those that are filled in, and an empty one to fill in.
fn offered(query: &Fields, name: &str) -> Vec<String> {
    let mut values: Vec<String> = filled(query, name).collect();
    if values.is_empty() || !SINGLE.contains(&name) {
        values.push(String::new());
    }
    values
}

/// The values that are filled in, as what they are understood to be.
fn filled<'a>(query: &'a Fields, name: &'a str) -> impl Iterator<Item = String> + use<'a> {
    query.all(name).filter(|value| !value.trim().is_empty()).map(move |value| understood(name, value))
}

fn labelled(label: &str, place: usize) -> String {
    if place == 0 { label.to_owned() } else { format!("or: {label}") }
}

/// The label of an input of the form.
pub(super) fn label(name: &str) -> Option<&'static str> {
    let mut all = FIELDS.iter().chain(&FURTHER).chain(&LOCATIONS);
    all.find(|(known, ..)| *known == name).map(|(_, label, _)| *label)
}

/// The conditions that are filled in, each text as typed, but for links and senders that were pasted.
pub(super) fn inputs(query: &Fields) -> Inputs {
    let names = FIELDS.iter().chain(&FURTHER).chain(&LOCATIONS).map(|(name, ..)| *name);
    names.flat_map(|name| filled(query, name).map(move |value| (name, value))).collect()
}

/// The conditions as the query of an address. Searches with the same conditions have the same query.
pub(super) fn conditions(query: &Fields) -> String {
    query_of(inputs(query).pairs())
}

/// The same for the address of the page Search, with the saved search that is open.
pub(super) fn kept(query: &Fields) -> String {
    with_saved(query, conditions(query))
}

/// These conditions, with the saved search that is open.
pub(super) fn with_saved(query: &Fields, conditions: String) -> String {
    match query.filled(SAVED).filter(|_| !conditions.is_empty()) {
        Some(id) => format!("{conditions}&{SAVED}={}", encoded(id)),
        None => conditions,
    }
}

/// The field of a form that keeps the saved search open.
pub(super) fn saved(query: &Fields) -> Markup {
    html! { @if let Some(id) = query.filled(SAVED) { input type="hidden" name=(SAVED) value=(id); } }
}

/// The first of these conditions for which the page has no field.
pub(super) fn unknown(conditions: &Inputs) -> Option<&str> {
    conditions.iter().map(|(name, _)| name).find(|name| label(name).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_of_the_playbook_has_a_field() {
        let manual = include_str!("../../../../workflows/manual.yaml");
        let inputs = manual.split("\ninputs:\n").nth(1).and_then(|rest| rest.split("\nsteps:").next()).unwrap();
        let names: Vec<&str> =
            inputs.lines().filter_map(|line| line.trim().split_once(": {")).map(|pair| pair.0).collect();
        assert!(names.len() > 30, "{names:?}");
        let conditions: Inputs = names.iter().map(|name| (*name, "x")).collect();
        let others: Vec<&str> = names.into_iter().filter(|name| label(name).is_none()).collect();
        assert_eq!(others, ["action", "delete_senders_copy"]);
        assert_eq!(unknown(&conditions), Some("action"));
    }

    #[test]
    fn the_saved_search_is_kept_as_long_as_there_are_conditions() {
        let of = |pairs: &[(&str, &str)]| Fields::of(pairs.iter().copied());
        assert_eq!(kept(&of(&[("from", "a@x"), (SAVED, "S-1&x")])), "from=a%40x&saved=S-1%26x");
        assert_eq!(kept(&of(&[("from", " "), (SAVED, "S-1")])), "");
        assert_eq!(kept(&of(&[("from", "a@x")])), "from=a%40x");
    }
}
