//! The kill switch of a site.

use crate::boxed::boxed;
use clawback_model::{Halt, LONGEST_TEXT, Permission, Principal, check_length};
use clawback_runtime::Error;

use crate::api::Api;
use crate::authorization::allow;

impl Api {
    /// Halts the site: within a second nothing is planned, started or acted on, on any node, until [`Api::unhalt`]. A
    /// site that is halted already stays as it is; returns the current halt.
    #[boxed]
    pub async fn halt(&self, who: &Principal, reason: &str) -> Result<Halt, Error> {
        allow(who, Permission::Administer)?;
        check_length("the reason", LONGEST_TEXT, reason)?;
        Ok(self.site().history.halt(reason, who, self.site().now()).await?)
    }

    /// Ends the halt and returns it. What it held resumes without a person.
    #[boxed]
    pub async fn unhalt(&self, who: &Principal) -> Result<Option<Halt>, Error> {
        allow(who, Permission::Administer)?;
        Ok(self.site().history.unhalt(who, self.site().now()).await?)
    }
}
