//! Ids and texts in paths and filters.

use clawback_connector_sdk::web;

/// The longest id that is accepted; Microsoft's have at most 160 characters.
const LONGEST: usize = 500;

/// Returns whether a text may be an id of Graph. What comes back as a locator is sent only if it is.
pub(crate) fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'+' | b'.');
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_plain) && text.bytes().any(|byte| byte != b'.')
}

/// Returns the path of a message below its mailbox.
pub(crate) fn message(id: &str) -> String {
    format!("/messages/{}", web::escaped(id))
}

/// Returns the path of an entry of the calendar below its mailbox.
pub(crate) fn event(id: &str) -> String {
    format!("/events/{}", web::escaped(id))
}

/// Returns the path of a folder below its mailbox.
pub(crate) fn folder(id: &str) -> String {
    format!("/mailFolders/{}", web::escaped(id))
}

/// Returns a text as a literal of a filter.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_are_sent() {
        assert!(is_id("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A_x=") && is_id("nowhere"));
        for other in ["", ".", "..", "a/b", "a%2fb", "a b", "../ben@x", "é", "a'b", "a?b", "a#b", "$value;", "a\\b"] {
            assert!(!is_id(other), "{other}");
        }
        assert!(!is_id(&"a".repeat(LONGEST + 1)));
        assert_eq!(quoted("<o'b''@x>"), "'<o''b''''@x>'");
        assert_eq!(message("A=="), "/messages/A%3D%3D");
    }
}
