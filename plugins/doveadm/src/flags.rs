//! Flags: as the server lists them, and those to restore.

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
        assert_eq!(read("\\Seen \\Recent $Forwarded"), ["$Forwarded", "\\Seen"]);
        assert_eq!(to_set(&list(&["\\Seen", "$a"]), &list(&["$A", "\\seen"])), None);
        assert_eq!(to_set(&list(&["\\Seen", "$a"]), &[]), Some(list(&["$a", "\\Seen"])));
        assert_eq!(to_set(&[], &list(&["\\Seen"])), Some(Vec::new()));
        assert_eq!(missing(&list(&["\\Seen", "$a", "$b"]), &list(&["$A", "$auto"])), ["$b", "\\Seen"]);
        assert_eq!(to_set(&list(&["\\Recent", "a b", "x)\r\n", "*", ""]), &[]), None);
    }
}
