//! The records that accompany a remediation: the alert that it raised and the investigation behind it.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::action::{Action, ActionSource, Severity};
use crate::clock::Timestamp;
use crate::event::{Origin, Request};
use crate::id::{AlertId, InvestigationId, RemediationId};
use crate::remediation::Remediation;
use crate::status::Status;
use crate::stop_reason::StopReason;

/// The name of the alert that an action of a person raises.
pub const ADMIN_ACTION_ALERT: &str = "Administrative action submitted by an Administrator";

/// An alert for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Its ID.
    pub id: AlertId,
    /// Its name; [`ADMIN_ACTION_ALERT`] for an action of a person.
    pub name: String,
    /// Informational for an administrative action.
    pub severity: Severity,
    /// The actor.
    pub actor: String,
    /// The action that was requested.
    pub action: Action,
    /// The remediation.
    pub remediation_id: RemediationId,
    /// The investigation.
    pub investigation_id: InvestigationId,
    /// When it was raised.
    pub created_at: Timestamp,
}

impl Alert {
    /// Creates the alert of a request. A request that nobody submitted by hand, from a detector, a schedule or a sweep,
    /// has the title and severity of the remediation.
    pub fn of(request: &Request, remediation_id: &RemediationId, actor: &str, created_at: Timestamp) -> Self {
        let by_itself = matches!(request.source, ActionSource::Air | ActionSource::Schedule)
            || matches!(request.origin, Origin::Sweep { .. });
        Self {
            id: request.alert_id.clone(),
            name: if by_itself { request.name.clone() } else { ADMIN_ACTION_ALERT.to_owned() },
            severity: if by_itself { request.severity } else { Severity::Informational },
            actor: actor.to_owned(),
            action: request.action,
            remediation_id: remediation_id.clone(),
            investigation_id: request.investigation_id.clone(),
            created_at,
        }
    }
}

/// Manual or automated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum InvestigationKind {
    /// A person has already analysed it; no automated analysis follows.
    Admin,
    /// Automated investigation and response.
    Air,
}

words!(InvestigationKind, "investigation kind");

/// The status of an investigation, derived from its remediation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the reference product's")]
pub enum InvestigationStatus {
    Starting,
    QueuedByThrottling,
    Running,
    PendingAction,
    Remediated,
    PartiallyRemediated,
    NoThreatsFound,
    Failed,
    TerminatedBySystem,
    TerminatedByUser,
}

words!(InvestigationStatus, "investigation status");

impl InvestigationStatus {
    /// Returns the status that follows from the remediation.
    pub const fn of(remediation: &Remediation) -> Self {
        let waits_for_room =
            matches!(remediation.stop, Some(StopReason::InProgress { .. } | StopReason::ExclusiveAbove { .. }));
        match remediation.status {
            Status::Queued | Status::Planning | Status::Approved | Status::InProgress if waits_for_room => {
                Self::QueuedByThrottling
            }
            Status::Queued => Self::Starting,
            Status::Planning | Status::Approved | Status::InProgress => Self::Running,
            Status::PendingApproval | Status::Paused => Self::PendingAction,
            Status::Completed => Self::Remediated,
            Status::PartiallyCompleted => Self::PartiallyRemediated,
            Status::NothingToDo => Self::NoThreatsFound,
            Status::Failed => Self::Failed,
            Status::Expired => Self::TerminatedBySystem,
            Status::Cancelled if matches!(remediation.stop, Some(StopReason::NothingLeft { .. })) => Self::Remediated,
            Status::Rejected | Status::Cancelled => Self::TerminatedByUser,
        }
    }

    /// Returns the statuses that its remediation may have.
    pub const fn statuses(self) -> &'static [Status] {
        match self {
            Self::Starting => &[Status::Queued],
            Self::QueuedByThrottling => &[Status::Queued, Status::Planning, Status::Approved, Status::InProgress],
            Self::Running => &[Status::Planning, Status::Approved, Status::InProgress],
            Self::PendingAction => &[Status::PendingApproval, Status::Paused],
            Self::Remediated => &[Status::Completed, Status::Cancelled],
            Self::PartiallyRemediated => &[Status::PartiallyCompleted],
            Self::NoThreatsFound => &[Status::NothingToDo],
            Self::Failed => &[Status::Failed],
            Self::TerminatedBySystem => &[Status::Expired],
            Self::TerminatedByUser => &[Status::Rejected, Status::Cancelled],
        }
    }

    /// Returns the reference product's name for it, as shown to people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::QueuedByThrottling => "Queued by Throttling",
            Self::Running => "Running",
            Self::PendingAction => "Pending Action",
            Self::Remediated => "Remediated",
            Self::PartiallyRemediated => "Partially Remediated",
            Self::NoThreatsFound => "No Threats Found",
            Self::Failed => "Failed",
            Self::TerminatedBySystem => "Terminated by System",
            Self::TerminatedByUser => "Terminated by User",
        }
    }
}

/// The investigation behind a remediation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Investigation {
    /// Its ID.
    pub id: InvestigationId,
    /// Manual or automated.
    pub kind: InvestigationKind,
    /// The alert it belongs to.
    pub alert_id: AlertId,
    /// The remediation that it led to.
    pub remediation_id: RemediationId,
    /// The object of the remediation: the selection in words.
    pub entity: String,
    /// When it was opened.
    pub created_at: Timestamp,
}

impl Investigation {
    /// Creates the investigation of a request.
    pub fn of(request: &Request, remediation_id: &RemediationId, created_at: Timestamp) -> Self {
        Self {
            id: request.investigation_id.clone(),
            kind: if request.source == ActionSource::Air { InvestigationKind::Air } else { InvestigationKind::Admin },
            alert_id: request.alert_id.clone(),
            remediation_id: remediation_id.clone(),
            entity: request.selection_in_words(),
            created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn only_what_a_person_submits_is_an_administrative_action() {
        let of = RemediationId::from_random(7);
        for (source, origin, administrative) in [
            (ActionSource::Manual, Origin::Fresh, true),
            (ActionSource::Explorer, Origin::Fresh, true),
            (ActionSource::Script, Origin::Fresh, true),
            (ActionSource::Api, Origin::Fresh, true),
            (ActionSource::Manual, Origin::Undo { of: of.clone() }, true),
            (ActionSource::Air, Origin::Fresh, false),
            (ActionSource::Schedule, Origin::Fresh, false),
            (ActionSource::Manual, Origin::Sweep { of: of.clone() }, false),
        ] {
            let request = Request { origin, severity: Severity::High, ..example::request(Action::SoftDelete, source) };
            let alert = Alert::of(&request, &of, "ann", Timestamp(1));
            let own = (request.name.as_str(), Severity::High);
            let expected = if administrative { (ADMIN_ACTION_ALERT, Severity::Informational) } else { own };
            assert_eq!((alert.name.as_str(), alert.severity), expected, "{source} {:?}", request.origin);
            assert_eq!((alert.id, alert.remediation_id), (request.alert_id, of.clone()));
        }
    }

    #[test]
    fn a_status_is_one_of_those_that_its_remediation_may_have() {
        let request = example::request(Action::SoftDelete, ActionSource::Manual);
        let plain = Remediation::submitted(RemediationId::from_random(7), request, Timestamp(1));
        let room = Some(StopReason::InProgress { limit: 1, running: 1 });
        let nothing = Some(StopReason::NothingLeft { gone: 1 });
        let mut seen = std::collections::BTreeSet::new();
        for status in Status::ALL {
            for stop in [None, room.clone(), nothing.clone()] {
                let investigated = InvestigationStatus::of(&Remediation { status, stop, ..plain.clone() });
                assert!(investigated.statuses().contains(&status), "{investigated} of {status}");
                seen.insert(investigated.as_str());
            }
        }
        assert_eq!(seen.len(), InvestigationStatus::ALL.len());
    }
}
