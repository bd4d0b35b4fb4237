//! The flags of a message: what its owner sees as read, flagged and categorised.

use serde_json::{Value, json};

use crate::wire::Mail;

const SEEN: &str = "\\Seen";
const FLAGGED: &str = "\\Flagged";
const DRAFT: &str = "\\Draft";
/// A follow-up that is done.
const COMPLETE: &str = "flag:complete";
/// The start of a category; its name follows.
const CATEGORY: &str = "category:";
/// The most categories that are kept, and the longest one; Outlook has 255 bytes.
const CATEGORIES: (usize, usize) = (100, 1_000);

/// Returns the flags in IMAP spelling; categories as `category:NAME`.
pub(crate) fn of(mail: &Mail) -> Vec<String> {
    let mut flags = Vec::new();
    if mail.is_read == Some(true) {
        flags.push(SEEN.to_owned());
    }
    match mail.flag.as_ref().and_then(|flag| flag.flag_status.as_deref()) {
        Some("flagged") => flags.push(FLAGGED.to_owned()),
        Some("complete") => flags.push(COMPLETE.to_owned()),
        _ => {}
    }
    if mail.is_draft == Some(true) {
        flags.push(DRAFT.to_owned());
    }
    let categories = mail.categories.iter().flatten().filter(|name| name.len() <= CATEGORIES.1);
    flags.extend(categories.take(CATEGORIES.0).map(|name| format!("{CATEGORY}{name}")));
    flags
}

/// Returns what to set so that a message with the flags `now` has those of `wanted`; `None` if it has them.
pub(crate) fn to_set(wanted: &[String], now: &[String]) -> Option<Value> {
    let mut body = serde_json::Map::new();
    let has = |flags: &[String], flag: &str| flags.iter().any(|one| one == flag);
    if has(wanted, SEEN) != has(now, SEEN) {
        body.insert("isRead".into(), json!(has(wanted, SEEN)));
    }
    if status(wanted) != status(now) {
        body.insert("flag".into(), json!({ "flagStatus": status(wanted) }));
    }
    if categories(wanted) != categories(now) {
        body.insert("categories".into(), json!(categories(wanted)));
    }
    (!body.is_empty()).then_some(Value::Object(body))
}

fn status(flags: &[String]) -> &'static str {
    if flags.iter().any(|flag| flag == FLAGGED) {
        "flagged"
    } else if flags.iter().any(|flag| flag == COMPLETE) {
        "complete"
    } else {
        "notFlagged"
    }
}

fn categories(flags: &[String]) -> Vec<&str> {
    let mut names: Vec<&str> = flags.iter().filter_map(|flag| flag.strip_prefix(CATEGORY)).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Flag;

    fn mail(is_read: bool, status: &str, categories: &[&str]) -> Mail {
        Mail {
            is_read: Some(is_read),
            flag: Some(Flag { flag_status: Some(status.into()) }),
            categories: Some(categories.iter().map(|one| (*one).to_owned()).collect()),
            ..Mail::default()
        }
    }

    #[test]
    fn only_what_differs_is_set() {
        let before = of(&mail(true, "complete", &["Red category", "b"]));
        assert_eq!(before, ["\\Seen", "flag:complete", "category:Red category", "category:b"]);
        assert_eq!(to_set(&before, &of(&mail(true, "complete", &["b", "Red category"]))), None);
        let body = to_set(&before, &of(&mail(false, "flagged", &[]))).unwrap();
        let expected =
            json!({ "isRead": true, "flag": { "flagStatus": "complete" }, "categories": ["Red category", "b"] });
        assert_eq!(body, expected);
        assert_eq!(to_set(&[], &["\\Flagged".into()]), Some(json!({ "flag": { "flagStatus": "notFlagged" } })));
    }
}
