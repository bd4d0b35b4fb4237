//! Reports of suspicious messages: taken in, and listed in their groups.

use crate::boxed::boxed;
use clawback_connectors::Host;
use clawback_model::{Permission, Principal, ReportGroup, ReportSource, Status, check_reporter, reported};
use clawback_runtime::planning::reported_simulation;
use clawback_runtime::{Error, Incoming, Reported, intake};

use crate::api::Api;
use crate::authorization::allow;

/// A report of a person.
#[derive(Debug, Clone, Copy)]
pub struct GivenReport<'a> {
    /// The address of the person.
    pub reporter: &'a str,
    /// How it came in.
    pub source: ReportSource,
    /// The mail that the message is attached to, or the message itself.
    pub raw: &'a [u8],
    /// Whether it is the message itself.
    pub is_original: bool,
}

impl Api {
    /// Records a report, with the permission to suggest. It acts on nothing: enough reports file a remediation, which is
    /// approved like a suggestion. The text of the message is not kept.
    #[boxed]
    pub async fn report(
        &self,
        who: &Principal,
        host: Option<&Host>,
        given: &GivenReport<'_>,
    ) -> Result<Reported, Error> {
        allow(who, Permission::Suggest)?;
        let reporter = check_reporter(given.reporter)?;
        let examined = self.examined(host, given.raw).await?;
        let (kind, features) = reported(examined, given.is_original).ok_or(Error::NoExaminer(None))?;
        let (reporter, source, message) = (reporter.as_str(), given.source, (kind, &features));
        let simulation = reported_simulation(self.site(), reporter, message).await;
        let incoming = Incoming { reporter, source, message, fingerprint: None, not_counted: None, simulation };
        let recorded = intake::report(self.site(), who, &incoming).await?;
        intake::forget_reports(self.site()).await;
        Ok(recorded)
    }

    /// The groups of reports with the status of their remediation, the last reported first.
    #[boxed]
    pub async fn report_groups(&self, who: &Principal, most: u32) -> Result<Vec<(ReportGroup, Option<Status>)>, Error> {
        allow(who, Permission::Read)?;
        Ok(self.site().history.report_groups(most).await?)
    }
}
