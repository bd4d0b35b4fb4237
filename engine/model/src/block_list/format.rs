//! The formats of block lists that gateways read.

use std::fmt::Write as _;

use strum::{EnumCount, IntoStaticStr, VariantArray};

use super::builder::BlockEntry;
use crate::indicator::IndicatorKind;
use crate::text::is_deceptive;
use crate::words;

/// The format of a block list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum BlockListFormat {
    /// JSON, with the remediation and the expiry of each entry.
    #[default]
    Json,
    /// A value in each line.
    Plain,
    /// A map of Rspamd: a value in each line, comments after `#`.
    Rspamd,
    /// An access table of Postfix: a pattern and `REJECT`.
    Postfix,
}

words!(BlockListFormat, "format of a block list");

/// A format that has no entries of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an access table of Postfix has senders and domains, and no {0}; write plain or rspamd")]
pub struct NotInFormat(pub IndicatorKind);

/// A list as text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenBlockList {
    /// The text.
    pub text: String,
    /// Entries that the format cannot have.
    pub dropped: u64,
}

impl BlockListFormat {
    /// Writes the entries of a list of one kind. JSON is not written here: it has more than the values.
    pub fn write(self, kind: IndicatorKind, entries: &[BlockEntry]) -> Result<WrittenBlockList, NotInFormat> {
        if self == Self::Postfix && !matches!(kind, IndicatorKind::Sender | IndicatorKind::Domain) {
            return Err(NotInFormat(kind));
        }
        let mut written = WrittenBlockList::default();
        if self == Self::Rspamd {
            let _ = writeln!(written.text, "# clawback block list: {kind}");
        }
        for entry in entries {
            let value = entry.indicator.value.as_str();
            if !self.can_have(value) {
                written.dropped += 1;
                continue;
            }
            let text = &mut written.text;
            let _ = match (self, kind) {
                // Whether a domain stands for its sub-domains is a setting of Postfix.
                (Self::Postfix, IndicatorKind::Domain) => writeln!(text, "{value} REJECT\n.{value} REJECT"),
                (Self::Postfix, _) => writeln!(text, "{value} REJECT"),
                _ => writeln!(text, "{value}"),
            };
        }
        Ok(written)
    }

    /// Returns whether a value has none of the signs that mean something in the format.
    fn can_have(self, value: &str) -> bool {
        let is_odd = |c: char| c.is_whitespace() || is_deceptive(c);
        let is_line = !value.is_empty() && !value.contains(is_odd);
        let is_word =
            value.is_ascii() && !value.contains(['"', '\'', '\\', '#']) && !value.starts_with(['/', '!', '.']);
        match self {
            Self::Json => true,
            Self::Plain => is_line,
            // In maps, `#` begins a comment, `/` a regular expression, and quotes a text.
            Self::Rspamd => is_line && is_word,
            // A table has its own signs for whole networks, lists and further tables.
            Self::Postfix => is_line && is_word && !value.contains(['$', '{', '}', '(', ')', ',', ':', '<', '>']),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::indicator::Indicator;

    fn entry(kind: IndicatorKind, value: &str) -> BlockEntry {
        BlockEntry {
            indicator: Indicator { kind, value: value.into() },
            remediation: crate::id::RemediationId::from_random(9),
            messages: 1,
            listed_at: Timestamp(0),
            expires_at: Timestamp(1),
        }
    }

    fn written(format: BlockListFormat, kind: IndicatorKind, values: &[&str]) -> (String, u64) {
        let entries: Vec<_> = values.iter().map(|value| entry(kind, value)).collect();
        let WrittenBlockList { text, dropped } = format.write(kind, &entries).unwrap();
        (text, dropped)
    }

    #[test]
    fn each_format_has_its_lines() {
        use IndicatorKind::{Domain, Sender, Sha256, Url};
        assert_eq!(written(BlockListFormat::Plain, Domain, &["evil.example"]), ("evil.example\n".into(), 0));
        assert_eq!(
            written(BlockListFormat::Rspamd, Sender, &["eve@evil.example"]),
            ("# clawback block list: sender\neve@evil.example\n".into(), 0)
        );
        assert_eq!(
            written(BlockListFormat::Postfix, Domain, &["evil.example"]),
            ("evil.example REJECT\n.evil.example REJECT\n".into(), 0)
        );
        assert_eq!(
            written(BlockListFormat::Postfix, Sender, &["eve+1@evil.example"]),
            ("eve+1@evil.example REJECT\n".into(), 0)
        );
        for kind in [Url, Sha256] {
            assert_eq!(BlockListFormat::Postfix.write(kind, &[]), Err(NotInFormat(kind)));
        }
    }

    #[test]
    fn what_a_format_cannot_have_is_dropped_and_counted() {
        let hostile = [
            "a b@evil.example",
            "a\nOK@evil.example",
            "/.*/@evil.example",
            "#x@evil.example",
            "\"x\"@evil.example",
            "x\\@evil.example",
            "!x@evil.example",
            "\u{202e}x@evil.example",
            "$mynetworks",
        ];
        let (text, dropped) = written(BlockListFormat::Postfix, IndicatorKind::Sender, &hostile);
        assert_eq!((text.as_str(), dropped), ("", hostile.len() as u64));
        let (text, dropped) = written(BlockListFormat::Rspamd, IndicatorKind::Sender, &hostile);
        assert_eq!((text.lines().count(), dropped), (2, 8), "{text}");
        let (text, _) = written(BlockListFormat::Plain, IndicatorKind::Sender, &hostile);
        assert!(!text.contains("OK@") && !text.contains("a b"), "{text}");
    }
}
