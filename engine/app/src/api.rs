//! [`Api`]: a site, and the authorization of its callers.

use crate::boxed::boxed;
use std::sync::Arc;

use clawback_model::{Permission, Principal};
use clawback_runtime::{Error, Site, token_digest};
use clawback_store::Refusal;

use crate::authorization::allow;
use crate::block_list_cache::BlockListCache;

/// Carries out requests of authenticated principals.
#[derive(Clone)]
pub struct Api {
    site: Arc<Site>,
    pub(crate) block_lists: Arc<BlockListCache>,
}

impl Api {
    /// The layer over one site.
    pub fn new(site: Arc<Site>) -> Self {
        Self { site, block_lists: Arc::default() }
    }

    /// The site, for reading.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// The principal with this token.
    #[boxed]
    pub async fn authenticate(&self, secret: &str) -> Result<Principal, Error> {
        let found = self.site.history.principal_by_token(&token_digest(secret), self.site.now()).await?;
        found.ok_or(Error::Unauthenticated)
    }

    /// Refuses a principal who may not advance remediations.
    pub fn may_work(&self, who: &Principal) -> Result<(), Error> {
        allow(who, Permission::Control)
    }

    /// Refused requests, newest first: for administrators.
    #[boxed]
    pub async fn refusals(&self, who: &Principal, most: u32) -> Result<Vec<Refusal>, Error> {
        allow(who, Permission::Administer)?;
        Ok(self.site.history.refusals(most).await?)
    }
}
