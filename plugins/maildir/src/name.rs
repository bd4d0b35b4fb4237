//! File names of Maildir: a unique part, and flags after `:2,` (or `;2,` if the file system allows no colons).

/// The letters of the standard with their IMAP flags; sorted, as the letters in a name must be.
const LETTERS: [(char, &str); 6] = [
    ('D', "\\Draft"),
    ('F', "\\Flagged"),
    ('P', "$Forwarded"),
    ('R', "\\Answered"),
    ('S', "\\Seen"),
    ('T', "\\Deleted"),
];

/// Returns the part of a name that stays when flags change: what precedes the info. Any info ends it, standard or not.
pub(crate) fn unique(name: &str) -> &str {
    split(name).0
}

/// Returns the flags in IMAP spelling. Lower-case letters are keywords that only the server can name; they are omitted.
pub(crate) fn flags(name: &str) -> Vec<String> {
    let letters = letters(name);
    LETTERS.iter().filter(|(letter, _)| letters.contains(*letter)).map(|(_, flag)| (*flag).to_owned()).collect()
}

/// Returns the name with exactly these flags; keyword letters stay. The same name if nothing changes.
pub(crate) fn with_flags(name: &str, wanted: &[String]) -> String {
    let is_wanted = |flag: &str| wanted.iter().any(|one| one.eq_ignore_ascii_case(flag));
    let upper: String = LETTERS.iter().filter(|(_, flag)| is_wanted(flag)).map(|(letter, _)| *letter).collect();
    let current = letters(name);
    if LETTERS.iter().all(|(letter, _)| current.contains(*letter) == upper.contains(*letter)) {
        return name.to_owned();
    }
    let keywords: String = current.chars().filter(char::is_ascii_lowercase).collect();
    let separator = if split(name).1.starts_with(';') { ';' } else { ':' };
    format!("{}{separator}2,{upper}{keywords}", unique(name))
}

fn letters(name: &str) -> &str {
    let info = split(name).1;
    info.strip_prefix(":2,").or_else(|| info.strip_prefix(";2,")).unwrap_or_default()
}

fn split(name: &str) -> (&str, &str) {
    let at = name.find(':').or_else(|| name.find(";2,")).unwrap_or(name.len());
    name.split_at(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_as_servers_write_them() {
        let name = "1700000000.M1P2.host,S=12,W=13:2,FSa";
        assert_eq!(unique(name), "1700000000.M1P2.host,S=12,W=13");
        assert_eq!(flags(name), ["\\Flagged", "\\Seen"]);
        assert_eq!(with_flags(name, &["\\seen".into()]), "1700000000.M1P2.host,S=12,W=13:2,Sa");
        assert_eq!(with_flags(name, &["\\Seen".into(), "\\Flagged".into(), "$Label1".into()]), name);
        assert_eq!(with_flags("1.a.b;2,S", &[]), "1.a.b;2,");
        assert_eq!(with_flags("1.a.b", &[]), "1.a.b");
        assert_eq!(with_flags("1.a.b", &["\\Answered".into()]), "1.a.b:2,R");
        assert_eq!((unique("1.a:1,x"), flags("1.a:1,S").len()), ("1.a", 0));
    }

    proptest! {
        #[test]
        fn the_unique_part_stays(name in "[a-z0-9.,=:;2SFRTDP]{0,30}", seen in any::<bool>()) {
            let wanted = if seen { vec!["\\Seen".to_owned()] } else { Vec::new() };
            let renamed = with_flags(&name, &wanted);
            prop_assert_eq!(unique(&renamed), unique(&name));
            prop_assert_eq!(flags(&renamed), wanted);
        }
    }
}
