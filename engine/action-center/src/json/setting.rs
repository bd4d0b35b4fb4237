//! The settings in force.

use clawback_app::Setting;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A key of the configuration, with the value in force on the node that answers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SettingJson {
    /// The table that it is in, such as `without-a-vote.requester.hour`; empty for a key above all tables.
    pub table: String,
    /// The key.
    pub key: String,
    /// Its value; `null` if it has none.
    pub value: Value,
    /// Whether it is the default.
    pub is_default: bool,
}

impl From<Setting> for SettingJson {
    fn from(setting: Setting) -> Self {
        let Setting { table, key, value, is_default } = setting;
        Self { table, key, value, is_default }
    }
}
