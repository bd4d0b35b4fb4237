//! Saved searches.

use clawback_model::{Inputs, SavedSearch, SavedSearchTerms};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A saved search.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SavedSearchJson {
    /// Its ID, `S-…`.
    pub id: String,
    /// Unique among its owner's, without case.
    pub name: String,
    /// The principal who saved it, and alone changes it.
    pub owner: String,
    /// Whether everybody who may search can open it.
    pub is_shared: bool,
    /// Inputs of the playbook `manual`, as they were typed; a list of saved searches leaves them out.
    #[serde(default, skip_serializing_if = "Inputs::is_empty")]
    #[schema(schema_with = crate::json::words::inputs, required = false)]
    pub conditions: Inputs,
    /// When it was saved first.
    pub created_at: String,
    /// When it was changed last.
    pub changed_at: String,
    /// Counts its changes from 1; a change repeats it.
    pub version: u32,
}

impl From<SavedSearch> for SavedSearchJson {
    fn from(saved: SavedSearch) -> Self {
        let SavedSearch { id, owner, terms, created_at, changed_at, version } = saved;
        let SavedSearchTerms { name, is_shared, conditions } = terms;
        Self {
            id: id.into(),
            name,
            owner,
            is_shared,
            conditions,
            created_at: created_at.to_string(),
            changed_at: changed_at.to_string(),
            version,
        }
    }
}

/// A search to be saved.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSavedSearchJson {
    /// One line without hidden characters; unique among the caller's, without case.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Whether everybody who may search can open it.
    #[serde(default)]
    pub is_shared: bool,
    /// Inputs of the playbook `manual` but `action` and `delete_senders_copy`. A time such as `7d` stays relative.
    #[schema(schema_with = crate::json::words::inputs)]
    pub conditions: Inputs,
}

impl From<NewSavedSearchJson> for SavedSearchTerms {
    fn from(given: NewSavedSearchJson) -> Self {
        Self { name: given.name, is_shared: given.is_shared, conditions: given.conditions }
    }
}

/// A saved search as its owner changes it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedSearchJson {
    /// The version that the caller has seen.
    #[schema(minimum = 1)]
    pub version: u32,
    /// One line without hidden characters; unique among the caller's, without case.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Whether everybody who may search can open it.
    pub is_shared: bool,
    /// All conditions after the change.
    #[schema(schema_with = crate::json::words::inputs)]
    pub conditions: Inputs,
}

impl ChangedSearchJson {
    /// The version, and what is set.
    pub(crate) fn parts(self) -> (u32, SavedSearchTerms) {
        let Self { version, name, is_shared, conditions } = self;
        (version, SavedSearchTerms { name, is_shared, conditions })
    }
}
