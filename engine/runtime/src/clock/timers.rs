//! What happens because of the time: schedules fire, and sweeps look. Nothing is kept in memory but when the playbooks were read
//! last and which looks are under way: every time is a row, so a restart loses none, and any number of nodes may tick at once.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{Digest, Timestamp};

use super::looks::Looks;
use super::schedules;
use crate::error::Error;
use crate::site::Site;

/// How often the playbooks are read again: an edited schedule holds after this.
const SYNC: Duration = Duration::from_mins(1);

/// The clockwork of one node. Dropping it drops the searches of its sweeps.
pub struct Timers {
    site: Arc<Site>,
    synced_at: Option<Timestamp>,
    /// What the playbooks and scripts were then: nothing is parsed again that has not changed.
    texts: Option<Digest>,
    looks: Looks,
}

impl Timers {
    /// The clockwork over a site.
    pub fn new(site: Arc<Site>) -> Self {
        Self { looks: Looks::new(Arc::clone(&site)), site, synced_at: None, texts: None }
    }

    /// Fires the schedules that are due and gives the number of remediations that began. Begins the looks of sweeps that are
    /// due, and waits for none of them: see [`Timers::looked`]. Idle, it asks the database one question. Calls may come at any
    /// interval; a slot is in time within a minute, so a second is a good one.
    pub async fn tick(&mut self) -> Result<u64, Error> {
        let now = self.site.now();
        let synced = self.sync(now).await;
        if !self.site.history.timers_due(now).await? {
            return synced.map(|()| 0);
        }
        // Neither waits for the other, nor fails with it.
        let fired = Box::pin(schedules::fire(&self.site)).await;
        let looking = self.looks.begin().await;
        synced?;
        looking?;
        fired
    }

    /// Waits until no look is under way; gives the number of follow-ups that began.
    pub async fn looked(&mut self) -> Result<u64, Error> {
        self.looks.ended().await
    }

    /// Begins no further look and drops the searches under way. Their looks are due again for other nodes.
    pub async fn stop(&mut self) {
        self.looks.stop().await;
    }

    async fn sync(&mut self, now: Timestamp) -> Result<(), Error> {
        let site = &self.site;
        if self.synced_at.is_some_and(|at| now.since(at) < SYNC) {
            return Ok(());
        }
        let texts = schedules::texts(site);
        if self.texts != Some(texts) {
            schedules::sync_schedules(site).await?;
            self.texts = Some(texts);
        }
        self.synced_at = Some(now);
        Ok(())
    }
}
