//! Checks the saved searches that are shared against the events of the site. A private one has no event.

use std::collections::BTreeMap;

use clawback_model::{Inputs, SavedSearchId, SavedSearchTerms};

use super::found::{Found, VerifyError};
use crate::database::dialect::Tx;
use crate::people::saved_searches;

/// The shared searches as the fold of the events: owner, name and conditions, by ID.
#[derive(Debug, Default)]
pub(super) struct SharedSearches(BTreeMap<String, (String, String, Inputs)>);

impl SharedSearches {
    /// Shares one, or changes it.
    pub(super) fn set(&mut self, id: SavedSearchId, what: (String, String, Inputs)) {
        self.0.insert(id.into(), what);
    }

    /// Ends that it is shared.
    pub(super) fn remove(&mut self, id: &SavedSearchId) {
        self.0.remove(id.as_str());
    }

    /// Compares the fold with the rows.
    pub(super) async fn compare(&mut self, tx: &mut Tx) -> Result<(), VerifyError> {
        for (row, key) in saved_searches::shared(tx).await? {
            let (id, has_key) = (row.id.to_string(), row.terms.name_key() == key);
            let SavedSearchTerms { name, conditions, .. } = row.terms;
            if self.0.remove(&id) != Some((row.owner, name, conditions)) || !has_key {
                return Err(Found::SharedSearch { id }.into());
            }
        }
        match self.0.pop_first() {
            Some((id, _)) => Err(Found::SharedSearch { id }.into()),
            None => Ok(()),
        }
    }
}
