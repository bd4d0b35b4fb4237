//! How conditions compare texts, addresses and domains.

use crate::normal::normalise;

/// Returns whether two addresses, domains or flags are equal without case; beyond ASCII, case is Unicode's.
pub fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

/// Returns addresses or domains in lower case, each with an international domain in both of its spellings (RFC 5891):
/// the condition may use one of them and the message the other.
pub(crate) fn both_spellings(any: &[String]) -> Vec<String> {
    let mut spelt: Vec<String> = Vec::with_capacity(any.len());
    for one in any {
        // A domain may end with a dot; no other text of a message has it.
        let one = one.trim_end_matches('.').to_lowercase();
        let (local, domain) = one.rsplit_once('@').map_or(("", one.as_str()), |(local, domain)| (local, domain));
        let whole = |domain: String| if one.contains('@') { format!("{local}@{domain}") } else { domain };
        let ascii = idna::domain_to_ascii(domain).ok().map(whole);
        let (unicode, valid) = idna::domain_to_unicode(domain);
        let unicode = valid.is_ok().then(|| whole(unicode));
        for spelling in [Some(one.clone()), ascii, unicode].into_iter().flatten() {
            if !spelling.is_empty() && !spelt.contains(&spelling) {
                spelt.push(spelling);
            }
        }
    }
    spelt
}

/// Returns whether it holds of one spelling of an address or a domain.
pub(crate) fn is_any_spelling(one: &str, holds: impl Fn(&str) -> bool) -> bool {
    both_spellings(&[one.to_owned()]).iter().any(|spelling| holds(spelling))
}

/// Returns whether a condition holds of a text that may be cut: what is missing can only make it true.
pub(crate) fn unless_cut(holds: bool, is_cut: impl FnOnce() -> bool) -> Option<bool> {
    (holds || !is_cut()).then_some(holds)
}

/// Returns whether a domain is this one, or beneath it.
pub(crate) fn is_within(domain: &str, parent: &str) -> bool {
    let (domain, parent) = (domain.to_lowercase(), parent.to_lowercase());
    domain == parent || domain.strip_suffix(&parent).is_some_and(|below| below.ends_with('.'))
}

/// Returns whether a domain is one of these, or a sub-domain of one that begins with `*.`.
pub(crate) fn is_domain_of(domain: &str, any: &[String]) -> bool {
    any.iter().any(|one| match one.strip_prefix("*.") {
        Some(parent) => {
            let split = domain.len().checked_sub(parent.len()).filter(|at| domain.is_char_boundary(*at));
            split.is_some_and(|at| domain[..at].ends_with('.') && at > 1 && is_same(parent, &domain[at..]))
        }
        None => is_same(one, domain),
    })
}

/// Returns whether `text` contains `part`, which is already normalised. Nothing contains the empty part, which remains
/// of a condition that has only invisible characters. Does not allocate for plain ASCII.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    let Some(first) = part.bytes().next() else { return false };
    let is_plain = |bytes: &[u8]| {
        bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) && !bytes.windows(2).any(|pair| pair == b"  ")
    };
    if !is_plain(text.as_bytes()) {
        return normalise(text).contains(part);
    }
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let Some(last) = text.len().checked_sub(part.len()) else { return false };
    (0..=last).any(|at| text[at].to_ascii_lowercase() == first && text[at..at + part.len()].eq_ignore_ascii_case(part))
}
