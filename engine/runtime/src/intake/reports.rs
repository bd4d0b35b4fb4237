//! Reports of people: each is recorded in the group of its campaign, and the one that makes them enough files a
//! remediation, as a suggestion does. A report acts on nothing.

use crate::boxed::boxed;
use clawback_model::{
    ActionSource, Features, NotCounted, Permission, Placed, Principal, Report, ReportGroup, ReportId, ReportKind,
    ReportSource, Request, check_reporter,
};
use clawback_playbooks::Playbook;
use clawback_store::{Filing, NewReport, Recorded, StoreError};

use super::filing::filing;
use super::playbook::load;
use super::submission::{LIKE, Submission, request};
use crate::automation::automation;
use crate::error::Error;
use crate::site::Site;

/// How often a report is placed again because another was recorded at the same time.
const TRIES: u32 = 200;

/// A report as it came in.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The address of the person, as given.
    pub reporter: &'a str,
    /// How it came in.
    pub source: ReportSource,
    /// The reported message: see [`clawback_model::reported`].
    pub message: (ReportKind, &'a Features),
    /// The fingerprint of the mail, if it was read from a mailbox.
    pub fingerprint: Option<&'a str>,
    /// Why it is not counted, if its kind does not say so.
    pub not_counted: Option<NotCounted>,
    /// Who sent the message as a phishing simulation, if that is proved.
    pub simulation: Option<String>,
}

/// What became of a report.
#[derive(Debug)]
pub struct Reported {
    /// The report.
    pub report: Report,
    /// Its group, with the report; `None` if it is not counted.
    pub group: Option<ReportGroup>,
    /// Whether the mail had been reported before, so that nothing was recorded.
    pub is_repeated: bool,
    /// Why no remediation was filed although there are enough reports.
    pub refused: Option<Error>,
}

/// Records a report, and files the remediation of its group if there are enough reports now.
#[boxed]
pub async fn report(site: &Site, who: &Principal, incoming: &Incoming<'_>) -> Result<Reported, Error> {
    let not_counted = incoming.not_counted;
    let reporter = match (check_reporter(incoming.reporter), not_counted) {
        (Ok(reporter), _) => reporter,
        // Nobody is answered.
        (Err(_), Some(_)) => String::new(),
        (Err(error), None) => return Err(error.into()),
    };
    let id = ReportId::from_random((site.random)());
    let report = Report::of(incoming.message, id, reporter, incoming.source, site.now());
    let simulation = report.root.as_ref().and(incoming.simulation.clone());
    let report = Report { not_counted, simulation, ..report };
    for _ in 0..TRIES {
        let placed = if report.is_counted() {
            let open = site.history.open_groups(&report.reporter, report.reported_at).await?;
            Placed::of(&report, open, site.reports.threshold())
        } else {
            None
        };
        let (filing, refused) = match placed.as_ref().filter(|placed| placed.is_due).map(|due| file(site, who, due)) {
            Some(Ok(filing)) => (Some(filing), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let new = NewReport {
            report: &report,
            brought_by: &who.name,
            fingerprint: incoming.fingerprint,
            placed: placed.as_ref(),
            filing: filing.as_ref(),
        };
        let recorded = site.history.record_report(&new).await?;
        if recorded == Recorded::Changed {
            continue;
        }
        if let Some(error) = &refused {
            let error: &dyn std::error::Error = error;
            tracing::error!(error, report.id = %report.id, "There are enough reports, and no remediation could be filed.");
        }
        let mut group = placed.map(|placed| placed.group);
        if let (Some(group), Some(filing)) = (&mut group, filing) {
            group.remediation = Some(filing.remediation.id);
        }
        return Ok(Reported { report, group, is_repeated: recorded == Recorded::Before, refused });
    }
    let (what, expected) = ("the groups of reports".to_owned(), "no change".to_owned());
    Err(StoreError::Conflict { what, expected, found: "many reports at once".to_owned() }.into())
}

/// Removes reports that are too old. If it fails, they are removed after a later report.
#[boxed]
pub async fn forget_reports(site: &Site) {
    if let Err(error) = site.history.forget_reports(site.now()).await {
        tracing::warn!(%error, "Old reports were not removed.");
    }
}

/// The playbook of the remediations that reports file.
pub fn report_playbook(site: &Site) -> Result<Playbook, Error> {
    let (path, source) = site.library.playbook_source(&site.reports.playbook)?;
    let playbook = load(site, &path, &source)?;
    if !playbook.triggers().report || !playbook.inputs().iter().any(|input| input.name == LIKE) {
        return Err(Error::NotForReports { name: playbook.name().to_owned() });
    }
    Ok(playbook)
}

/// The remediation of a group. It is requested by the principal that brought the last report, whose vote does not count,
/// and always waits for a vote: anybody can send a report, under any address.
fn file(site: &Site, who: &Principal, due: &Placed) -> Result<Filing, Error> {
    let group = &due.group;
    let playbook = report_playbook(site)?;
    let submission = Submission {
        name: None,
        description: Some(format!("{} ({} reports of {} people)", playbook.description(), group.reports, group.people)),
        ..Submission::investigation(playbook.name().to_owned(), &group.root, ActionSource::Air)
    };
    let request = request(site, &automation(), submission, None)?;
    if !who.may_order(request.action) {
        return Err(Error::Forbidden { name: who.name.clone(), permission: Permission::Purge });
    }
    let request = Request { requested_by: who.name.clone(), owner: who.owner.clone(), reported: true, ..request };
    filing(site, request, who, None)
}
