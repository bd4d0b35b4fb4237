//! Saved searches: opened, saved, changed and removed by those who may search.

use crate::boxed::boxed;
use clawback_model::{
    Action, ActionSource, Inputs, Permission, Principal, SavedSearch, SavedSearchId, SavedSearchTerms, SelectionMode,
};
use clawback_runtime::{Error, Submission, intake};
use clawback_store::StoreError;

use crate::api::Api;
use crate::authorization::allow;

/// The playbook that the conditions are inputs of.
const PLAYBOOK: &str = "manual";

impl Api {
    /// The caller's saved searches and those that others share, by name, without their conditions.
    #[boxed]
    pub async fn saved_searches(&self, who: &Principal) -> Result<Vec<SavedSearch>, Error> {
        allow(who, Permission::Submit)?;
        Ok(self.site().history.saved_searches(&who.name).await?)
    }

    /// One saved search. A private one of somebody else is not found.
    #[boxed]
    pub async fn saved_search(&self, who: &Principal, id: &SavedSearchId) -> Result<SavedSearch, Error> {
        allow(who, Permission::Submit)?;
        let found = self.site().history.saved_search(id).await?;
        if found.may_be_opened_by(who) {
            return Ok(found);
        }
        Err(StoreError::NotFound { noun: "saved search", id: id.to_string() }.into())
    }

    /// Saves a search of the caller, if it can be searched for.
    #[boxed]
    pub async fn save_search(&self, who: &Principal, terms: &SavedSearchTerms) -> Result<SavedSearch, Error> {
        self.check_search(who, terms)?;
        let id = SavedSearchId::from_random((self.site().random)());
        Ok(self.site().history.add_saved_search(&id, terms, who, self.site().now()).await?)
    }

    /// Changes a saved search of the caller, who has seen this version of it.
    #[boxed]
    pub async fn change_saved_search(
        &self,
        who: &Principal,
        id: &SavedSearchId,
        version: u32,
        terms: &SavedSearchTerms,
    ) -> Result<SavedSearch, Error> {
        self.check_search(who, terms)?;
        Ok(self.site().history.change_saved_search(id, version, terms, who, self.site().now()).await?)
    }

    /// Removes a saved search: one of the caller, for administrators any; returns it.
    #[boxed]
    pub async fn remove_saved_search(&self, who: &Principal, id: &SavedSearchId) -> Result<SavedSearch, Error> {
        allow(who, Permission::Submit)?;
        Ok(self.site().history.remove_saved_search(id, who, self.site().now()).await?)
    }

    /// Refuses a search that could not be opened: its conditions are checked as those of a submission.
    fn check_search(&self, who: &Principal, terms: &SavedSearchTerms) -> Result<(), Error> {
        allow(who, Permission::Submit)?;
        terms.check().map_err(StoreError::from)?;
        let mut inputs: Inputs = terms.conditions.pairs().collect();
        inputs.push("action", Action::SoftDelete.as_str());
        let submission = Submission {
            playbook: PLAYBOOK.to_owned(),
            inputs,
            name: None,
            severity: None,
            description: None,
            source: ActionSource::Explorer,
            agent: None,
            mode: SelectionMode::Query,
            picked: Vec::new(),
        };
        intake::request(self.site(), who, submission, None).map(drop)
    }
}
