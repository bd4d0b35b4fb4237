//! Reports of suspicious messages, and their groups.

use std::borrow::Cow;

use clawback_model::{ReportGroup, ReportKind, SIMULATION, Status, simulation_in_words};
use clawback_runtime::Reported;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A report of a suspicious message.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReportJson {
    /// The mail of the reporter with the message as an attachment (message/rfc822), in base64.
    pub raw: String,
    /// The mail address of the person who reports it.
    pub reporter: String,
    /// `raw` is the message itself, as it was delivered (RFC 5322).
    #[serde(default)]
    pub is_original: bool,
    /// `api`, or `command` for a report by the command line; default: `api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What became of a report.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReportedJson {
    /// The ID of the report.
    pub id: String,
    /// `attached`, `original`, or `inline-forward`: a mail without the message, which is not counted.
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    /// The same for people.
    pub said: String,
    /// The number of its group; null if it is not counted.
    pub group: Option<i64>,
    /// Who sent the message as a phishing simulation; null if it is none.
    pub simulation: Option<String>,
    /// Reports of the group.
    pub reports: u32,
    /// Different people among their reporters.
    pub people: u32,
    /// The remediation that was filed when there were enough reports.
    pub remediation: Option<String>,
}

/// Reports of one campaign. Subject, sender and Message-ID are those of the message that was reported first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the fields")]
pub struct ReportGroupJson {
    pub number: i64,
    pub first_at: String,
    pub last_at: String,
    pub reports: u32,
    /// Different people among the reporters.
    pub people: u32,
    pub message_id: String,
    pub sender: String,
    pub subject: String,
    /// The status of the remediation; null as long as there are too few reports.
    #[schema(value_type = Option<String>)]
    pub status: Option<Cow<'static, str>>,
    pub remediation: Option<String>,
    /// Who sent the message as a phishing simulation; null if it is none. No reports of one are enough.
    pub simulation: Option<String>,
}

impl From<Reported> for ReportedJson {
    fn from(reported: Reported) -> Self {
        let said = in_words(&reported);
        let (report, group) = (reported.report, reported.group);
        Self {
            id: report.id.to_string(),
            kind: report.kind.as_str().into(),
            said,
            simulation: report.simulation,
            group: group.as_ref().map(|group| group.number),
            reports: group.as_ref().map_or(0, |group| group.reports),
            people: group.as_ref().map_or(0, |group| group.people),
            remediation: group.and_then(|group| group.remediation).map(|id| id.to_string()),
        }
    }
}

fn in_words(reported: &Reported) -> String {
    let Some(group) = &reported.group else {
        return match reported.report.kind {
            ReportKind::InlineForward => "this is an inline forward: the mail has no message attached, so it shows neither \
                who sent the message nor where its links lead. It is recorded and not counted; forward the message as an attachment"
                .to_owned(),
            ReportKind::Attached | ReportKind::Original => "it is recorded and not counted".to_owned(),
        };
    };
    let counts = format!("{} reports of {} people", group.reports, group.people);
    if let Some(sender) = &group.simulation {
        return format!("{counts}: it is {}, and nothing is removed", simulation_in_words(sender));
    }
    match (&group.remediation, &reported.refused) {
        (Some(id), _) => format!("{counts}: remediation {id} removes the copies once it may"),
        (None, Some(_)) => format!("{counts}: enough, but no remediation could be filed; the log says why"),
        (None, None) => format!("{counts}, too few yet to search for copies"),
    }
}

impl ReportGroupJson {
    /// A group with the status of its remediation.
    pub fn new(group: ReportGroup, status: Option<Status>) -> Self {
        Self {
            number: group.number,
            first_at: group.first_at.to_string(),
            last_at: group.last_at.to_string(),
            reports: group.reports,
            people: group.people,
            message_id: group.message_id,
            sender: group.sender,
            subject: group.subject,
            status: status.map(|status| status.as_str().into()),
            remediation: group.remediation.map(|id| id.to_string()),
            simulation: group.simulation,
        }
    }

    /// Returns the status of the remediation, or why there is none.
    pub fn state(&self) -> &str {
        let why = if self.simulation.is_some() { SIMULATION } else { "too few" };
        self.status.as_deref().unwrap_or(why)
    }
}
