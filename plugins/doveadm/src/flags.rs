//! Flags: as the server lists them, and those to restore.

use clawback_connector_sdk::flags::normal;

/// Returns the flags of a message from the server's list.
pub(crate) fn read(list: &str) -> Vec<String> {
    normal(&list.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

/// Returns the flags to set so that a message with the flags `now` has `wanted` again; `None` if it has them.
pub(crate) fn to_set(wanted: &[String], now: &[String]) -> Option<Vec<String>> {
    let key = |flags: &[String]| flags.iter().map(|flag| flag.to_lowercase()).collect::<Vec<_>>();
    let wanted = normal(wanted);
    (key(&wanted) != key(&normal(now))).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_and_only_flags() {
        let list = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>();
        assert_eq!(read("\\Seen \\Recent $Forwarded"), ["$Forwarded", "\\Seen"]);
        assert_eq!(to_set(&list(&["\\Seen", "$a"]), &list(&["$A", "\\seen"])), None);
        assert_eq!(to_set(&list(&["\\Seen", "$a"]), &[]), Some(list(&["$a", "\\Seen"])));
        assert_eq!(to_set(&[], &list(&["\\Seen"])), Some(Vec::new()));
        assert_eq!(to_set(&list(&["\\Recent", "a b", "x)\r\n", "*", ""]), &[]), None);
    }
}
