//! The import `memo`: values that a store's connector keeps between calls.

use std::sync::Arc;
use std::time::Duration;

use crate::granted::memo::Owner;
use crate::imports::bindings::clawback::mail_store::memo;
use crate::imports::guest::Guest;

impl memo::Host for Guest {
    async fn get(&mut self, scope: memo::Scope, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        let now = self.grants.clock.now();
        Ok(self.owner(scope).and_then(|owner| self.grants.memo.get(owner, key, now)))
    }

    async fn put(&mut self, scope: memo::Scope, key: String, value: Vec<u8>, seconds: u32) -> wasmtime::Result<bool> {
        if scope == memo::Scope::Store && self.mailbox.is_some() {
            return Ok(false);
        }
        let now = self.grants.clock.now();
        let lifetime = Duration::from_secs(seconds.into());
        Ok(self.owner(scope).is_some_and(|owner| self.grants.memo.put(owner, key, value, lifetime, now)))
    }
}

impl Guest {
    /// Returns whose value it is; a call without a mailbox has none of a mailbox.
    fn owner(&self, scope: memo::Scope) -> Option<Owner> {
        match scope {
            memo::Scope::Store => Some(Owner::Store),
            memo::Scope::Mailbox => self.mailbox.as_ref().map(|mailbox| Owner::Mailbox(Arc::clone(mailbox))),
        }
    }
}
