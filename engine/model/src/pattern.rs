//! Regular expressions in conditions and scripts: bounded in size, and matched in linear time.

use std::str::FromStr;

use regex::{Regex, RegexBuilder};

use crate::normal::normalise;

/// The longest expression in bytes.
const LONGEST: usize = 1_000;
/// The most bytes of the compiled expression, and of the states that a match keeps.
const MOST_BYTES: usize = 512 * 1024;
/// The most expressions about one text: each takes memory.
pub const MOST_PATTERNS: usize = 20;
/// How deep groups may nest.
const DEEPEST: u32 = 50;

/// A regular expression in the syntax of the crate `regex`: without back references and look-around, so that a match
/// takes time in proportion to the text. It is searched for anywhere in the text, without case.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Why a text is no [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Nothing is asked for.
    #[error("the regular expression also matches a text in which nothing is; write what must be there")]
    MatchesNothing,
    /// The text is too long, or the compiled expression too large.
    #[error("the regular expression is too large; the most are {LONGEST} bytes, and small counts in {{}}")]
    TooLarge,
    /// The syntax is wrong.
    #[error("the regular expression has an error: {0}")]
    Syntax(String),
}

impl Pattern {
    /// Returns whether the expression matches the text as it is, or as conditions compare it ([`normalise`]): an
    /// expression can name what the normal form does not have, such as `ß` or two spaces.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text) || self.0.is_match(&normalise(text))
    }

    /// Returns the expression as it was given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        if text.len() > LONGEST {
            return Err(InvalidPattern::TooLarge);
        }
        let mut builder = RegexBuilder::new(text);
        builder.case_insensitive(true).size_limit(MOST_BYTES).dfa_size_limit(MOST_BYTES).nest_limit(DEEPEST);
        let compiled = builder.build().map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => InvalidPattern::TooLarge,
            // The first lines of the message draw the expression again; the last one names the fault.
            other => {
                let message = other.to_string();
                let fault = message.lines().last().unwrap_or_default();
                InvalidPattern::Syntax(fault.trim_start_matches("error: ").to_owned())
            }
        })?;
        // Such an expression would select every message.
        if compiled.is_match("") {
            return Err(InvalidPattern::MatchesNothing);
        }
        Ok(Self(compiled))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_text_is_matched_as_it_looks() {
        let invoice = pattern(r"^Rechnung\s+nr\.? \d{6,}$");
        for text in [
            "Rechnung Nr. 123456",
            "RECHNUNG  NR 1234567",
            "Rech\u{200b}nung nr. １２３４５６",
            " rechnung\tnr 123456 ",
        ] {
            assert!(invoice.matches(text), "{text}");
        }
        for (expression, text) in [("^große straße$", "Große Straße"), ("a  b", "A  B"), ("ﬁnance", "Finance")] {
            assert_eq!(pattern(expression).matches(text), expression != "ﬁnance", "{expression}");
        }
        for text in ["Rechnung Nr. 12345", "Re: Rechnung Nr. 123456"] {
            assert!(!invoice.matches(text), "{text}");
        }
    }

    #[test]
    fn what_is_unbounded_or_empty_is_refused() {
        let refused = |text: &str| text.parse::<Pattern>().unwrap_err();
        for text in ["", "a*", "|x", "^$", "(?:)"] {
            assert_eq!(refused(text), InvalidPattern::MatchesNothing, "{text}");
        }
        for text in ["x".repeat(1_001).as_str(), r"\w{1000}{1000}"] {
            assert_eq!(refused(text), InvalidPattern::TooLarge);
        }
        assert_eq!(refused("a(b").to_string(), "the regular expression has an error: unclosed group");
        assert!(matches!(refused(r"(a)\1"), InvalidPattern::Syntax(_)));
        assert!(matches!(refused(&"(".repeat(100)), InvalidPattern::Syntax(_)));
    }
}
