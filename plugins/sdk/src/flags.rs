//! Flags of a message as IMAP has them (RFC 9051 2.3.2).

/// Returns the flags of `wanted` that are not in `now`.
pub fn missing(wanted: &[String], now: &[String]) -> Vec<String> {
    let has = |flag: &String| now.iter().any(|known| known.eq_ignore_ascii_case(flag));
    normal(wanted).into_iter().filter(|flag| !has(flag)).collect()
}

/// Returns the flags that a command can set, in order, each once. Texts that are not flags are omitted, because the list
/// becomes part of a command.
pub fn normal(flags: &[String]) -> Vec<String> {
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
    fn only_flags_each_once() {
        let list = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>();
        assert_eq!(missing(&list(&["\\Seen", "$a", "$b"]), &list(&["$A", "$auto"])), ["$b", "\\Seen"]);
        assert_eq!(normal(&list(&["\\Seen", "$a", "\\seen"])), ["$a", "\\Seen"]);
        assert!(normal(&list(&["\\Recent", "a b", "x)\r\nc1 DELETE INBOX", "*", ""])).is_empty());
    }
}
