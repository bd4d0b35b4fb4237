//! The kill switch of a site.

use clawback_model::{Halt, LONGEST_TEXT, Permission, Principal, check_length};
use clawback_runtime::Error;

use crate::api::Api;
use crate::authorization::allow;

impl Api {
    /// Halts the site: within a blink nothing is planned, started or acted on, on any node, until [`Api::unhalt`]. One that is
    /// halted already stays as it is; the answer is the halt that stands.
    pub async fn halt(&self, who: &Principal, reason: &str) -> Result<Halt, Error> {
        allow(who, Permission::Administer)?;
        check_length("the reason", LONGEST_TEXT, reason)?;
        Ok(self.site().history.halt(reason, who, self.site().now()).await?)
    }

    /// Takes the halt back; gives the one that stood. Whatever it held goes on by itself.
    pub async fn unhalt(&self, who: &Principal) -> Result<Option<Halt>, Error> {
        allow(who, Permission::Administer)?;
        Ok(self.site().history.unhalt(who, self.site().now()).await?)
    }
}
