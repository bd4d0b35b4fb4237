//! Files of indicators, and their sightings.

use std::borrow::Cow;

use clawback_app::CountedIndicators;
use clawback_model::{FoundIndicator, IndicatorFile, Inputs, Remediation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A file of indicators.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndicatorFileJson {
    /// Its text; 512 KiB at most.
    pub content: String,
    /// Default: as the content shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::json::words::indicator_format_or_null, required = false)]
    pub format: Option<String>,
    /// Domains that strangers share are indicators, too.
    #[serde(default)]
    pub allow_common: bool,
}

/// An indicator.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct IndicatorJson {
    /// Its kind.
    #[schema(schema_with = crate::json::words::indicator_kind)]
    pub kind: Cow<'static, str>,
    /// Its value: addresses and domains in lower case and in ASCII.
    pub value: String,
    /// The ID of its object in STIX.
    pub id: Option<String>,
}

/// A value that is not looked for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SkippedJson {
    /// Its line or ID.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// What is understood of a file of indicators, and what is not. Every value of the file is in one of both lists.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct IndicatorsJson {
    /// The indicators, each once.
    pub indicators: Vec<IndicatorJson>,
    /// What is not looked for.
    pub skipped: Vec<SkippedJson>,
    /// The inputs of the playbook `indicators`, for a submission.
    #[schema(schema_with = crate::json::words::inputs)]
    pub inputs: Inputs,
}

impl From<IndicatorFile> for IndicatorsJson {
    fn from(file: IndicatorFile) -> Self {
        let inputs = file.inputs();
        let found = |FoundIndicator { indicator, id }| IndicatorJson {
            kind: indicator.kind.as_str().into(),
            value: indicator.value,
            id,
        };
        let skipped = file.skipped.into_iter().map(|one| SkippedJson { place: one.place, reason: one.reason });
        Self { indicators: file.found.into_iter().map(found).collect(), skipped: skipped.collect(), inputs }
    }
}

/// How often an indicator was seen.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SightingJson {
    /// The kind of the indicator.
    #[schema(schema_with = crate::json::words::indicator_kind)]
    pub kind: Cow<'static, str>,
    /// Its value.
    pub value: String,
    /// Messages that have it.
    pub messages: u64,
    /// Mailboxes with such a message.
    pub mailboxes: u64,
    /// When the first of them was received; null if there is none.
    pub first_seen: Option<String>,
    /// When the last of them was received; null if there is none.
    pub last_seen: Option<String>,
}

/// The sightings of the indicators of a remediation, with the follow-ups of its sweep.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SightingsJson {
    /// The remediation.
    pub remediation: String,
    /// When it was submitted.
    pub created_at: String,
    /// Everything was searched: only then is an indicator without a message known to be unseen.
    pub is_complete: bool,
    /// A sighting of each indicator.
    pub sightings: Vec<SightingJson>,
}

impl SightingsJson {
    /// The sightings of a remediation.
    pub(crate) fn new(of: &Remediation, counted: CountedIndicators) -> Self {
        let sightings = counted.sightings.into_iter().map(|one| SightingJson {
            kind: one.indicator.kind.as_str().into(),
            value: one.indicator.value,
            messages: one.messages,
            mailboxes: one.mailboxes,
            first_seen: one.seen.map(|(first, _)| first.to_string()),
            last_seen: one.seen.map(|(_, last)| last.to_string()),
        });
        Self {
            remediation: of.id.to_string(),
            created_at: of.created_at.to_string(),
            is_complete: counted.is_complete,
            sightings: sightings.collect(),
        }
    }
}
