//! Subjects as people compare them: without the prefixes that replies, forwards and gateways add.

/// The reply and forward prefixes of common mail programs.
const PREFIXES: [&str; 14] = ["re", "fw", "fwd", "aw", "wg", "tr", "rv", "sv", "vs", "antw", "ref", "rif", "i", "r"];

/// Returns the subject in lower case, without reply prefixes and `[tags]`, with single spaces.
pub(crate) fn normalise_subject(subject: &str) -> String {
    let lower = subject.to_lowercase();
    let mut rest = lower.trim_start();
    loop {
        if let Some(inner) = rest.strip_prefix('[')
            && let Some((_, after)) = inner.split_once(']')
            && !after.trim().is_empty()
        {
            rest = after.trim_start();
            continue;
        }
        match rest.split_once(':') {
            Some((prefix, after)) if is_prefix(prefix) => rest = after.trim_start(),
            _ => break,
        }
    }
    let mut plain = String::with_capacity(rest.len());
    for word in rest.split_whitespace() {
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(word);
    }
    plain
}

/// Returns whether a text is a prefix such as `re`, `Re[2]` or `RE (3)`.
fn is_prefix(prefix: &str) -> bool {
    let word = prefix.trim_end_matches(|c: char| c.is_ascii_digit() || " []()".contains(c));
    PREFIXES.contains(&word)
}

/// Returns the number of letters to change to turn one text into the other.
pub(crate) fn levenshtein(one: &str, other: &str) -> i64 {
    let cut = |text: &str| text.chars().take(LONGEST_COMPARED).collect::<String>();
    i64::try_from(strsim::levenshtein(&cut(one), &cut(other))).unwrap_or(i64::MAX)
}

/// The most letters that are compared. The work grows with the product of both lengths, but counts as one operation.
const LONGEST_COMPARED: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_go() {
        for (subject, expected) in [
            ("RE: Fwd:  Your   Invoice", "your invoice"),
            ("[EXTERNAL] AW: Re[2]: Rechnung", "rechnung"),
            ("[only a tag]", "[only a tag]"),
            ("Resume: mine", "resume: mine"),
            ("", ""),
        ] {
            assert_eq!(normalise_subject(subject), expected, "{subject}");
        }
    }
}
