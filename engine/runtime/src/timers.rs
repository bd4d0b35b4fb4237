//! What happens because of the time: schedules fire, and sweeps look. Nothing is kept in memory but when the playbooks were read
//! last: every time is a row, so a restart loses none, and any number of nodes may tick at once.

use std::time::Duration;

use clawback_model::{Digest, Principal, PrincipalKind, Role, Timestamp};

use crate::api::Api;
use crate::error::Error;
use crate::{schedules, sweeps};

/// How often the playbooks are read again: an edited schedule holds after this.
const SYNC: Duration = Duration::from_mins(1);

/// The clockwork of one node.
#[derive(Clone)]
pub struct Timers {
    api: Api,
    synced_at: Option<Timestamp>,
    /// What the playbooks and scripts were then: nothing is parsed again that has not changed.
    texts: Option<Digest>,
}

impl Timers {
    /// The clockwork over a site.
    pub fn new(api: Api) -> Self {
        Self { api, synced_at: None, texts: None }
    }

    /// Does whatever is due now, and says how many remediations that began. Idle, it asks the database one question. Calls
    /// may come at any interval; a slot is in time within a minute, so a second is a good one.
    pub async fn tick(&mut self) -> Result<u64, Error> {
        let site = self.api.site();
        let now = site.now();
        if self.synced_at.is_none_or(|at| now.since(at) >= SYNC) {
            let texts = schedules::texts(site)?;
            if self.texts != Some(texts) {
                schedules::sync(site).await?;
                self.texts = Some(texts);
            }
            self.synced_at = Some(now);
        }
        if !site.history.timers_due(now).await? {
            return Ok(0);
        }
        Ok(schedules::fire(&self.api).await? + sweeps::look(&self.api).await?)
    }
}

/// Who asks for what nobody asked for in person: a program that may submit and nothing else. It has no token.
pub(crate) fn automation() -> Principal {
    Principal { name: "automation".to_owned(), kind: PrincipalKind::Service, roles: vec![Role::Analyst] }
}
