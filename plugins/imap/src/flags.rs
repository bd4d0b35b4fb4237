//! Flags to restore.

use clawback_connector_sdk::flags::normal;

/// Returns the list to store so that a message with the flags `now` has `wanted` again; `None` if it has them.
///
/// Texts that are not flags are omitted, because the list becomes part of a command.
pub(crate) fn to_store(wanted: &[String], now: &[String]) -> Option<String> {
    let wanted = normal(wanted);
    (wanted != normal(now)).then(|| format!("({})", wanted.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_and_only_flags() {
        let list = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>();
        assert_eq!(to_store(&list(&["\\Seen", "$a"]), &list(&["$a", "\\Seen"])), None);
        assert_eq!(to_store(&list(&["\\Seen", "$a"]), &[]), Some("($a \\Seen)".into()));
        assert_eq!(to_store(&[], &list(&["\\Seen"])), Some("()".into()));
        assert_eq!(to_store(&list(&["\\Recent", "a b", "x)\r\nc1 DELETE INBOX", ""]), &[]), None);
    }
}
