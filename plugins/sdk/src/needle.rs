//! Texts that a server's search for a header field cannot miss, if the field has what a query asks for.
//!
//! A server compares with its own decoding, which differs from that of mail programs. So a search is for single words of
//! an address, between which blanks, comments and quotes may be, and in addition for the fields that the server could
//! not decode: those in which it sees one of [`UNDECODED`], and those without a vowel.

/// What a server sees in fields of addresses that it could not decode.
pub const UNDECODED: [&str; 3] = ["=?", "\\", "\u{fffd}"];
/// Almost every address contains one of these.
pub const VOWELS: [&str; 4] = ["a", "e", "i", "o"];
/// The words of one half of an address; more make a search slower and hardly more selective.
const WORDS: usize = 3;

/// Returns words of both halves of an address. None if none can be searched for.
pub fn of_address(address: &str) -> Vec<&str> {
    let (local, domain) = address.rsplit_once('@').unwrap_or(("", address));
    let mut words = longest(local.split(|character: char| !character.is_ascii_alphanumeric()));
    words.extend(of_domain(domain));
    words
}

/// Returns words of the labels of a domain. A label beyond ASCII may have either spelling in the field.
pub fn of_domain(domain: &str) -> Vec<&str> {
    let is_same = |label: &&str| !label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    let labels = domain.split('.').filter(is_same);
    longest(labels.flat_map(|label| label.split(|character: char| !character.is_ascii_graphic())))
}

fn longest<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.truncate(WORDS);
    words
}

/// Returns the longest part of a Message-ID that is plain text, because senders put anything there. A server may decode
/// what looks like an encoded word.
pub fn of_message_id(id: &str) -> Option<&str> {
    let (before, after) = match (id.find("=?"), id.rfind("?=")) {
        (Some(start), Some(end)) => (&id[..start], id.get(end + 2..).unwrap_or_default()),
        (Some(start), None) => (&id[..start], ""),
        _ => (id, ""),
    };
    let runs = [before, after].into_iter().flat_map(|part| part.split(|character: char| !character.is_ascii_graphic()));
    runs.max_by_key(|run| run.len()).filter(|run| run.len() > 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_addresses() {
        assert_eq!(of_address("john.q.doe@mail.evil.example"), ["john", "doe", "q", "example", "mail", "evil"]);
        assert_eq!(of_address("\u{e4}@xn--a.b"), ["b"]);
        assert_eq!(of_domain("m\u{fc}"), ["m"]);
        assert!(of_address("\u{fc}").is_empty());
    }

    #[test]
    fn runs_of_ids() {
        assert_eq!(of_message_id("\u{fc} <c\0d@e>"), Some("d@e>"));
        assert_eq!(of_message_id("<=?utf-8?Q?abcdef?=@long.example>"), Some("@long.example>"));
        assert_eq!(of_message_id("<=?utf-8?Q?abcdef?="), None);
        assert_eq!(of_message_id("<>"), None);
    }
}
