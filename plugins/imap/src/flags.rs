//! Flags to restore.

/// Returns the list to store so that a message with the flags `now` has `wanted` again; `None` if it has them.
///
/// Texts that are not flags are omitted, because the list becomes part of a command.
pub(crate) fn to_store(wanted: &[String], now: &[String]) -> Option<String> {
    let wanted = normal(wanted);
    (wanted != normal(now)).then(|| format!("({})", wanted.join(" ")))
}

/// Returns the flags of `wanted` that are not in `now`.
pub(crate) fn missing(wanted: &[String], now: &[String]) -> Vec<String> {
    let has = |flag: &String| now.iter().any(|known| known.eq_ignore_ascii_case(flag));
    normal(wanted).into_iter().filter(|flag| !has(flag)).collect()
}

fn normal(flags: &[String]) -> Vec<String> {
    let mut flags: Vec<String> = flags.iter().filter(|flag| is_flag(flag)).cloned().collect();
    flags.sort_by_key(|flag| flag.to_lowercase());
    flags.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    flags
}

fn is_flag(flag: &str) -> bool {
    let name = flag.strip_prefix('\\').unwrap_or(flag);
    let is_atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
    !name.is_empty() && name.bytes().all(is_atom) && !flag.eq_ignore_ascii_case("\\Recent")
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
        assert_eq!(missing(&list(&["\\Seen", "$a", "$b"]), &list(&["$A", "$auto"])), ["$b", "\\Seen"]);
        assert_eq!(to_store(&list(&["\\Recent", "a b", "x)\r\nc1 DELETE INBOX", ""]), &[]), None);
    }
}
