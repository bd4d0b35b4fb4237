//! The header fields that a query compares, for stores that return them by name as text.

use crate::{header, types::Query};

/// What a server returns for bytes that are no text.
const UNREADABLE: &[u8] = "\u{fffd}".as_bytes();

/// Returns the fields that a query compares, if they can be requested by name and are all that it compares.
pub fn of(query: &Query) -> Vec<String> {
    let mut fields: Vec<&str> = Vec::new();
    if !query.from_address.is_empty() || !query.from_domain.is_empty() {
        fields.push("From");
    }
    if !query.subject_contains.is_empty() {
        fields.push("Subject");
    }
    if !query.to_address.is_empty() {
        fields.extend(["To", "Cc"]);
    }
    if !query.message_id.is_empty() {
        fields.push("Message-ID");
    }
    fields.extend(query.header_contains.iter().map(|(name, _)| name.as_str()));
    let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !fields.iter().all(|name| is_name(name) && !name.is_empty()) {
        return Vec::new();
    }
    let mut fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
    fields.sort_by_key(|name| name.to_lowercase());
    fields.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    fields
}

/// Returns the query without conditions on fields that have bytes that are no text, and the names of these fields: such
/// a condition cannot be decided, so it holds. `None` if there is no such field.
pub fn without_unreadable(query: &Query, header: &[u8]) -> Option<(Query, Vec<String>)> {
    let has = |text: &[u8]| text.windows(UNREADABLE.len()).any(|window| window == UNREADABLE);
    if !has(header) {
        return None;
    }
    let fields = header::raw_fields(header);
    let names: Vec<String> = fields
        .iter()
        .filter(|(_, value)| has(value))
        .map(|(name, _)| String::from_utf8_lossy(name).to_lowercase())
        .collect();
    let mut query = query.clone();
    let mut cut = Vec::new();
    for name in names {
        match name.as_str() {
            "from" => {
                query.from_address.clear();
                query.from_domain.clear();
                cut.push("from".to_owned());
            }
            "subject" => {
                query.subject_contains.clear();
                cut.push("subject".to_owned());
            }
            "to" | "cc" => {
                query.to_address.clear();
                cut.push("to".to_owned());
            }
            "message-id" => query.message_id.clear(),
            _ => {}
        }
        if query.header_contains.iter().any(|(wanted, _)| wanted.eq_ignore_ascii_case(&name)) {
            query.header_contains.clear();
        }
        if query.want_headers.iter().any(|wanted| wanted.eq_ignore_ascii_case(&name)) {
            cut.push(format!("header {name}"));
        }
    }
    Some((query, cut))
}

#[cfg(test)]
mod tests {
    use crate::matching::everything;

    use super::*;

    #[test]
    fn fields_that_can_be_requested() {
        let query = Query {
            from_domain: vec!["x".into()],
            header_contains: vec![("FROM".into(), "a".into()), ("X-Spam".into(), "b".into())],
            ..everything()
        };
        assert_eq!(of(&query), ["From", "X-Spam"]);
        let odd = Query { header_contains: vec![("a:b".into(), "x".into())], ..query };
        assert!(of(&odd).is_empty(), "the whole header is read");
    }

    #[test]
    fn what_cannot_be_read_is_not_decided() {
        let query = Query {
            subject_contains: vec!["x".into()],
            from_address: vec!["a@b".into()],
            want_headers: vec!["Subject".into()],
            ..everything()
        };
        let (rest, cut) = without_unreadable(&query, "From: a@b\r\nSubject: \u{fffd}\r\n\r\n".as_bytes()).unwrap();
        assert!(rest.subject_contains.is_empty() && !rest.from_address.is_empty());
        assert_eq!(cut, ["subject", "header subject"]);
        assert!(without_unreadable(&query, b"Subject: y\r\n\r\n").is_none());
    }
}
