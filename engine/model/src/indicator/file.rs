//! A file of indicators: what is understood of it, and what is not, with the reason.

use strum::{EnumCount, IntoStaticStr, VariantArray};

use super::kind::IndicatorKind;
use super::value::Indicator;
use crate::clock::Timestamp;
use crate::inputs::Inputs;
use crate::text::visible_line;
use crate::words;

/// The largest file, in bytes.
pub(super) const LARGEST: usize = 512 << 10;
/// The most indicators of one file: a message is compared with each.
pub(super) const MOST: usize = 1_000;
/// Characters of a value or a name from the file in a reason.
const SHOWN: usize = 80;

/// The format of a file of indicators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum IndicatorFormat {
    /// A value in each line, or columns with a header.
    Csv,
    /// The JSON of an event of MISP.
    Misp,
    /// A bundle of STIX 2.1.
    Stix,
}

words!(IndicatorFormat, "format of indicators");

/// An indicator of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundIndicator {
    /// The indicator.
    pub indicator: Indicator,
    /// The ID of its object in STIX.
    pub id: Option<String>,
}

/// A value that is not looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedIndicator {
    /// Its line or ID; untrusted.
    pub place: String,
    /// Why it is not looked for.
    pub reason: String,
}

/// What is understood of a file of indicators, and what is not. Every value of the file is in one of both lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndicatorFile {
    /// The indicators, each once, in the order of the file.
    pub found: Vec<FoundIndicator>,
    /// What is not looked for.
    pub skipped: Vec<SkippedIndicator>,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidIndicatorFile {
    #[error("a file of indicators may have {LARGEST} bytes at most, and this one has {0}; split it")]
    TooLarge(usize),
    #[error("a file may have {MOST} indicators at most, and this one has {0}; split it")]
    TooMany(usize),
    #[error("the file is no JSON: {0}")]
    Json(String),
    #[error("the file is no event of MISP: it has no `Event`")]
    NotMisp,
    #[error("the file is no bundle of STIX 2.1: it has no `objects`")]
    NotStix,
    #[error("the file is JSON, and neither an event of MISP nor a bundle of STIX")]
    UnknownJson,
    #[error("the file has no indicator that can be looked for; of {skipped} values the first is {first}")]
    Nothing { skipped: usize, first: String },
    #[error("the file has no indicator")]
    Empty,
}

/// What a reader knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Whether domains that strangers share are indicators.
    pub(super) allow_common: bool,
    /// The current time, for indicators that are no longer valid.
    pub(super) now: Timestamp,
}

impl IndicatorFile {
    /// Returns the inputs of a playbook that looks for them: `sender`, `domain`, `url` and `sha256`. A domain stands for
    /// its sub-domains, too.
    pub fn inputs(&self) -> Inputs {
        let mut inputs = Inputs::default();
        for FoundIndicator { indicator, .. } in &self.found {
            inputs.push(indicator.kind.input(), indicator.value.as_str());
            if indicator.kind == IndicatorKind::Domain {
                inputs.push(indicator.kind.input(), format!("*.{}", indicator.value));
            }
        }
        inputs
    }

    /// Adds a value, or the reason why it is none.
    pub(super) fn add(
        &mut self,
        place: &str,
        kind: Option<IndicatorKind>,
        value: &str,
        id: Option<&str>,
        reading: Reading,
    ) {
        match Indicator::read(kind, value, reading.allow_common) {
            Ok(indicator) => self.found.push(FoundIndicator { indicator, id: id.map(str::to_owned) }),
            Err(why) => self.skip(place, format!("`{}`: {why}", visible_line(value, SHOWN))),
        }
    }

    /// Adds what is not looked for.
    pub(super) fn skip(&mut self, place: &str, reason: impl Into<String>) {
        self.skipped.push(SkippedIndicator { place: visible_line(place, SHOWN), reason: reason.into() });
    }
}

/// A name of a file in a reason.
pub(super) fn named(name: &str) -> String {
    visible_line(name, SHOWN)
}
