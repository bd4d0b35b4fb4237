//! Schedules, as people see and control them.

use crate::boxed::boxed;
use clawback_model::{ActionSource, Permission, Principal, Remediation};
use clawback_runtime::{Error, clock};
use clawback_store::{Schedule, Slot};

use crate::api::Api;
use crate::authorization::allow;

impl Api {
    /// Every schedule, as the playbooks define it now.
    #[boxed]
    pub async fn schedules(&self, who: &Principal) -> Result<Vec<Schedule>, Error> {
        allow(who, Permission::Read)?;
        clock::sync_schedules(self.site()).await?;
        let mut schedules = self.site().history.schedules().await?;
        let now = self.site().now();
        for schedule in schedules.iter_mut().filter(|schedule| schedule.next_at.is_some_and(|at| at <= now)) {
            // A node looks at it now, as after it was resumed; it fires at its next slot.
            schedule.next_at = schedule.timetable.next_due(&schedule.name, now);
        }
        Ok(schedules)
    }

    /// The results of the newest slots of a schedule.
    #[boxed]
    pub async fn slots(&self, who: &Principal, name: &str, most: u32) -> Result<Vec<Slot>, Error> {
        allow(who, Permission::Read)?;
        self.known_schedule(name).await?;
        Ok(self.site().history.slots(name, most).await?)
    }

    /// Pauses a schedule until it is resumed.
    #[boxed]
    pub async fn pause_schedule(&self, who: &Principal, name: &str) -> Result<(), Error> {
        allow(who, Permission::Control)?;
        self.known_schedule(name).await?;
        Ok(self.site().history.pause_schedule(name, who, self.site().now()).await?)
    }

    /// Resumes a paused schedule; the slots of the pause are left out.
    #[boxed]
    pub async fn resume_schedule(&self, who: &Principal, name: &str) -> Result<(), Error> {
        allow(who, Permission::Control)?;
        self.known_schedule(name).await?;
        Ok(self.site().history.resume_schedule(name, who, self.site().now()).await?)
    }

    /// Submits the playbook of a schedule now, for the caller: it is no slot, and the overlap rule does not count it.
    #[boxed]
    pub async fn run_schedule(&self, who: &Principal, name: &str) -> Result<Remediation, Error> {
        allow(who, Permission::Submit)?;
        self.known_schedule(name).await?;
        self.submit(who, clock::scheduled(name, ActionSource::Manual)).await
    }

    async fn known_schedule(&self, name: &str) -> Result<(), Error> {
        clock::sync_schedules(self.site()).await?;
        let known: Vec<String> = self.site().history.schedules().await?.into_iter().map(|row| row.name).collect();
        if known.iter().any(|row| row == name) {
            return Ok(());
        }
        Err(Error::UnknownSchedule { name: name.to_owned(), known: known.join(", ") })
    }
}
