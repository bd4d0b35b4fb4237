//! Block lists.

use std::borrow::Cow;

use clawback_app::BuiltBlockList;
use clawback_model::IndicatorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An entry of a block list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BlockEntryJson {
    /// What may be refused. A domain stands for its sub-domains, too.
    pub value: String,
    /// The last remediation that removed messages with it.
    pub remediation: String,
    /// Messages with it that were removed.
    pub messages: u64,
    /// When that remediation ended.
    pub listed_at: String,
    /// When it is no longer listed.
    pub expires_at: String,
}

/// A value that is left off a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LeftOffJson {
    /// The value.
    pub value: String,
    /// Why.
    pub reason: String,
}

/// A block list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BlockListJson {
    /// What its values are.
    #[schema(schema_with = crate::json::words::indicator_kind)]
    pub kind: Cow<'static, str>,
    /// The entries.
    pub entries: Vec<BlockEntryJson>,
    /// What was removed and is not listed.
    pub left_off: Vec<LeftOffJson>,
    /// Every remediation of the time that the list covers was read.
    pub is_complete: bool,
}

impl BlockListJson {
    /// A list of one kind.
    pub(crate) fn new(kind: IndicatorKind, built: BuiltBlockList) -> Self {
        let entries = built.list.entries.into_iter().map(|entry| BlockEntryJson {
            value: entry.indicator.value,
            remediation: entry.remediation.to_string(),
            messages: entry.messages,
            listed_at: entry.listed_at.to_string(),
            expires_at: entry.expires_at.to_string(),
        });
        let left_off = built.list.left_off.into_iter();
        Self {
            kind: kind.as_str().into(),
            entries: entries.collect(),
            left_off: left_off.map(|one| LeftOffJson { value: one.value, reason: one.reason }).collect(),
            is_complete: built.is_complete,
        }
    }
}
