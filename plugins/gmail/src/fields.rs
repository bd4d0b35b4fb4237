//! The header of a message, as the API gives it: fields whose encoded words are decoded. So a display name can look like
//! an address, a comma or a quote that is none, and hide the address after it.

use clawback_connector_sdk::{fingerprint, normal::normalise, types::Query};

use crate::api::Field;

/// The most fields that a query may add.
const MOST: usize = 100;

/// The fields to ask for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
    /// Whether these are all that the query is about. Otherwise only the message itself has the others.
    pub(crate) is_all: bool,
}

/// Returns the names of the fields to ask for.
pub(crate) fn names(query: &Query) -> Names {
    let wanted = query.want_headers.iter().chain(query.header_contains.iter().map(|(name, _)| name));
    let (usual, odd): (Vec<&String>, Vec<&String>) = wanted.partition(|name| is_name(name));
    let mut more: Vec<String> = usual.into_iter().map(|name| name.to_ascii_lowercase()).collect();
    more.sort_unstable();
    more.dedup();
    more.retain(|name| !fingerprint::FIELDS.contains(&name.as_str()));
    let is_all = odd.is_empty() && more.len() <= MOST;
    more.truncate(MOST);
    Names { names: of_fingerprint().into_iter().chain(more).collect(), is_all }
}

/// Returns the names of the fields under the fingerprint.
pub(crate) fn of_fingerprint() -> Vec<String> {
    fingerprint::FIELDS.map(str::to_owned).to_vec()
}

fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// Returns a block of these fields. A line break in a value is a blank: it comes from an encoded word.
pub(crate) fn block(fields: &[Field]) -> Vec<u8> {
    let mut block = Vec::new();
    for field in fields.iter().filter(|field| is_name(&field.name)) {
        block.extend_from_slice(field.name.as_bytes());
        block.extend_from_slice(b": ");
        block.extend(field.value.bytes().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { byte }));
        block.extend_from_slice(b"\r\n");
    }
    block.extend_from_slice(b"\r\n");
    block
}

fn values<'a>(fields: &'a [Field], name: &'a str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.as_str())
}

/// Returns whether the sender can only be read from the message itself: From is not one plain mailbox. Mail programs also
/// show a field that Google does not list, such as one with a blank before the colon.
pub(crate) fn has_doubtful_sender(fields: &[Field]) -> bool {
    let mut from = values(fields, "from");
    match (from.next(), from.next()) {
        (Some(value), None) => !is_plain(value),
        (None, _) | (Some(_), Some(_)) => true,
    }
}

/// Returns whether a text of these fields could not be decoded, or would be decoded twice: the message itself says what
/// it is.
pub(crate) fn is_damaged(fields: &[Field]) -> bool {
    fields.iter().any(|field| field.value.contains(char::REPLACEMENT_CHARACTER) || field.value.contains("=?"))
}

/// Returns whether the message is one part of text, so that its header names everything.
pub(crate) fn is_text_alone(fields: &[Field]) -> bool {
    let mut types = values(fields, "content-type");
    let is_text = |value: &str| value.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("text/"));
    types.next().is_some_and(is_text) && types.next().is_none()
}

/// Returns whether a value is `name <a@b>`, `"name" <a@b>` or `a@b`, with one `@` and nothing else that has a meaning.
fn is_plain(value: &str) -> bool {
    let value = value.trim();
    let (name, address) = match value.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) => (name.trim(), address),
        None => ("", value),
    };
    let is_address = address.split_once('@').is_some_and(|(local, domain)| {
        let is_dull = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=^_`{|}~.".contains(&byte))
        };
        is_dull(local) && is_dull(domain)
    });
    let quoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let (text, meaning): (&str, &[char]) = match quoted {
        Some(text) => (text, &['"', '\\', '<', '>', '@']),
        None => (name, &['"', '\\', '<', '>', '@', '(', ')', ',', ';', ':']),
    };
    is_address && !text.contains(meaning) && !text.contains("=?")
}

/// Returns whether a field of recipients has one of these addresses somewhere in its text.
pub(crate) fn mentions_recipient(fields: &[Field], wanted: &[String]) -> bool {
    let texts: Vec<String> = ["to", "cc"].iter().flat_map(|name| values(fields, name)).map(normalise).collect();
    wanted.iter().map(|wanted| normalise(wanted)).any(|wanted| texts.iter().any(|text| text.contains(&wanted)))
}

#[cfg(test)]
mod tests {
    use clawback_connector_sdk::matching::everything;
    use proptest::prelude::*;

    use super::*;

    fn field(name: &str, value: &str) -> Field {
        Field { name: name.into(), value: value.into() }
    }

    #[test]
    fn a_plain_sender_is_one_mailbox() {
        for plain in ["a@b.example", "<a@b>", "Ann B <a@b>", "\"B, Ann\" <a@b>", "J\u{f6}rg <j@b>", " a@b "] {
            assert!(!has_doubtful_sender(&[field("From", plain)]), "{plain}");
        }
        for doubtful in [
            "boss@acme.test, <evil@x>",
            "<boss@acme.test> <evil@x>",
            "( <evil@x>",
            "\" <evil@x>",
            "\"boss@acme.test\" <evil@x>",
            "a: <evil@x>",
            "boss@acme.test <evil>",
            "=?x? <evil@x>",
            "",
        ] {
            assert!(has_doubtful_sender(&[field("From", doubtful)]), "{doubtful}");
        }
        assert!(has_doubtful_sender(&[field("From", "a@b"), field("FROM", "c@d")]));
        assert!(has_doubtful_sender(&[field("Subject", "a@b")]));
    }

    #[test]
    fn a_line_break_makes_no_field() {
        let block = block(&[field("Subject", "a\r\nFrom: x@y"), field("From", "a@b"), field("a b:", "c")]);
        assert_eq!(block, b"Subject: a  From: x@y\r\nFrom: a@b\r\n\r\n");
    }

    #[test]
    fn names_are_those_of_the_fingerprint_and_of_the_query() {
        let mut query = everything();
        query.want_headers = vec!["X-Spam".into(), "subject".into(), "a b".into(), "a\r\nb".into()];
        query.header_contains = vec![("x-spam".into(), "y".into()), ("Received".into(), "z".into())];
        let odd = names(&query);
        assert_eq!(odd.names[fingerprint::FIELDS.len()..], ["received", "x-spam"]);
        assert!(!odd.is_all);
        query.want_headers = (0..=MOST).map(|number| format!("x-{number}")).collect();
        assert!(!names(&query).is_all);
        query.want_headers.truncate(2);
        assert!(names(&query).is_all);
    }

    #[test]
    fn one_part_of_text_has_its_names_in_its_header() {
        assert!(is_text_alone(&[field("Content-Type", "TEXT/plain; name=a.txt")]));
        let twice = [field("Content-Type", "text/plain"), field("content-type", "multipart/mixed")];
        assert!(!is_text_alone(&twice) && !is_text_alone(&twice[1..]) && !is_text_alone(&[]));
    }

    proptest! {
        #[test]
        fn a_block_has_one_line_for_each_field(name in "[ -~\r\n]{0,20}", value in any::<String>()) {
            let block = block(&[field(&name, &value)]);
            prop_assert_eq!(block.split(|byte| *byte == b'\n').count(), 2 + usize::from(is_name(&name)));
        }
    }
}
