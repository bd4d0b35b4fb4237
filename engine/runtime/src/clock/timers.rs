//! The timers of a node: schedules fire, and sweeps look. Only the time at which the playbooks were last read and the
//! looks under way are in memory; every due time is a row, so a restart loses none, and any number of nodes may tick at
//! once.

use crate::boxed::boxed;
use std::sync::Arc;
use std::time::Duration;

use clawback_model::{Digest, Timestamp};

use super::abuse_mailbox::AbuseMailboxLooks;
use super::looks::Looks;
use super::looks_again::LooksAgain;
use super::schedules;
use crate::error::Error;
use crate::site::Site;

/// How often the playbooks are read again; an edited schedule applies after this time.
const SYNC: Duration = Duration::from_mins(1);

/// The timers of one node. Dropping them drops the searches of their sweeps.
pub struct Timers {
    site: Arc<Site>,
    synced_at: Option<Timestamp>,
    /// The digest of the playbooks and scripts at that time: unchanged ones are not parsed again.
    texts: Option<Digest>,
    looks: Looks,
    again: LooksAgain,
    reports: AbuseMailboxLooks,
}

impl Timers {
    /// The timers of a site.
    pub fn new(site: Arc<Site>) -> Self {
        let (looks, again) = (Looks::new(Arc::clone(&site)), LooksAgain::new(Arc::clone(&site)));
        let reports = AbuseMailboxLooks::new(Arc::clone(&site));
        Self { looks, again, reports, site, synced_at: None, texts: None }
    }

    /// Fires the schedules that are due, and returns the number of remediations that were filed. Starts the looks of
    /// sweeps that are due, and waits for none of them: see [`Timers::looked`]. When idle, it makes one database query.
    /// It may be called at any interval; a slot is in time within a minute, so a second is a good one.
    #[boxed]
    pub async fn tick(&mut self) -> Result<u64, Error> {
        let now = self.site.now();
        let synced = self.sync(now).await;
        if let Err(error) = self.again.begin().await {
            tracing::error!(error = &error as &dyn std::error::Error, "Waiting plans are not looked at again.");
        }
        if let Err(error) = self.reports.begin().await {
            tracing::error!(error = &error as &dyn std::error::Error, "The mailbox for reports is not looked into.");
        }
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

    /// Waits until no look is under way, and returns the number of follow-ups that were filed.
    #[boxed]
    pub async fn looked(&mut self) -> Result<u64, Error> {
        self.again.ended().await;
        self.reports.ended().await;
        self.looks.ended().await
    }

    /// Starts no further look and drops the searches under way. Their looks are due again for other nodes.
    #[boxed]
    pub async fn stop(&mut self) {
        self.again.stop().await;
        self.reports.stop().await;
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
