//! Reads a file of indicators in any of its formats.

use std::collections::BTreeSet;

use serde_json::Value;

use super::file::{IndicatorFile, IndicatorFormat, InvalidIndicatorFile, LARGEST, MOST, Reading};
use super::{list, misp, stix};
use crate::clock::Timestamp;

impl IndicatorFile {
    /// Reads a file. Without a format, its content shows it.
    pub fn read(
        text: &str,
        format: Option<IndicatorFormat>,
        allow_common: bool,
        now: Timestamp,
    ) -> Result<Self, InvalidIndicatorFile> {
        if text.len() > LARGEST {
            return Err(InvalidIndicatorFile::TooLarge(text.len()));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut file = Self::default();
        let reading = Reading { allow_common, now };
        let is_json = text.trim_start().starts_with(['{', '[']);
        match format {
            Some(IndicatorFormat::Csv) => list::read(text, reading, &mut file),
            None if !is_json => list::read(text, reading, &mut file),
            _ => {
                let json: Value =
                    serde_json::from_str(text).map_err(|error| InvalidIndicatorFile::Json(error.to_string()))?;
                match format {
                    Some(IndicatorFormat::Stix) => stix::read(&json, reading, &mut file)?,
                    None if json["objects"].is_array() => stix::read(&json, reading, &mut file)?,
                    Some(_) => misp::read(&json, reading, &mut file)?,
                    None => {
                        let read = misp::read(&json, reading, &mut file);
                        read.map_err(|_| InvalidIndicatorFile::UnknownJson)?;
                    }
                }
            }
        }
        file.checked()
    }

    fn checked(mut self) -> Result<Self, InvalidIndicatorFile> {
        let mut known = BTreeSet::new();
        self.found.retain(|one| known.insert(one.indicator.clone()));
        match (self.found.len(), self.skipped.first()) {
            (0, None) => Err(InvalidIndicatorFile::Empty),
            (0, Some(first)) => Err(InvalidIndicatorFile::Nothing {
                skipped: self.skipped.len(),
                first: format!("{}: {}", first.place, first.reason),
            }),
            (many, _) if many > MOST => Err(InvalidIndicatorFile::TooMany(many)),
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::IndicatorKind;

    fn read(text: &str) -> Result<IndicatorFile, InvalidIndicatorFile> {
        IndicatorFile::read(text, None, false, Timestamp(0))
    }

    #[test]
    fn the_content_shows_the_format_and_values_are_listed_once() {
        let file = read("\u{feff}evil.example\nEVIL[.]example\neve@evil.example\n").unwrap();
        let pairs: Vec<_> = file.inputs().pairs().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["domain=evil.example", "domain=*.evil.example", "sender=eve@evil.example"]);
        let bundle = r#"{"type":"bundle","objects":[{"type":"indicator","id":"indicator--1","pattern":"[domain-name:value = 'evil.example']"}]}"#;
        assert_eq!(read(bundle).unwrap().found[0].id.as_deref(), Some("indicator--1"));
        let event = r#"{"Event":{"Attribute":[{"type":"url","value":"http://evil.example/a","to_ids":true}]}}"#;
        assert_eq!(read(event).unwrap().found[0].indicator.kind, IndicatorKind::Url);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_reason() {
        assert_eq!(read(""), Err(InvalidIndicatorFile::Empty));
        assert_eq!(read("{}"), Err(InvalidIndicatorFile::UnknownJson));
        assert!(matches!(read("{"), Err(InvalidIndicatorFile::Json(_))));
        assert!(read("gmail.com\nbit.ly\n").unwrap_err().to_string().contains("of 2 values the first is line 1"));
        let many: Vec<_> = (0..1_001).map(|number| format!("d{number}.example")).collect();
        assert_eq!(read(&many.join("\n")), Err(InvalidIndicatorFile::TooMany(1_001)));
        assert!(matches!(read(&"x".repeat(LARGEST + 1)), Err(InvalidIndicatorFile::TooLarge(_))));
        assert!(IndicatorFile::read("{}", Some(IndicatorFormat::Stix), false, Timestamp(0)).is_err());
        assert!(IndicatorFile::read("[1]", Some(IndicatorFormat::Misp), false, Timestamp(0)).is_err());
    }

    #[test]
    fn hostile_values_are_shown_escaped() {
        let file = read("evil.example\n\u{1b}[31mred\u{202e}\n").unwrap();
        let reason = &file.skipped[0].reason;
        assert!(!reason.contains(['\u{1b}', '\u{202e}']), "{reason:?}");
    }
}
