//! The alert and the investigation of a remediation, with the fields of the reference product.

use clawback_model::{
    Action, Alert, AlertHandling, AlertState, Classification, Determination, Investigation, InvestigationKind,
    InvestigationStatus, PublicUrl, Remediation, Severity, Status,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An investigation: manual if a person acted, automated if a detector suggested.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InvestigationJson {
    /// Its ID.
    pub id: String,
    /// `admin` or `air`.
    #[schema(value_type = String)]
    pub kind: InvestigationKind,
    /// Follows from the remediation.
    #[schema(schema_with = crate::json::words::investigation_status)]
    pub status: InvestigationStatus,
    /// What the remediation was asked to act on.
    pub entity: String,
    /// What was done, or is to be done.
    #[schema(schema_with = crate::json::words::action)]
    pub action: Action,
    /// Messages of the plan.
    pub messages: u64,
    /// The alert that it belongs to.
    pub alert_id: String,
    /// The remediation that it led to.
    pub remediation_id: String,
    /// The approval of that remediation.
    pub approval_id: String,
    /// The status of the remediation.
    #[schema(schema_with = crate::json::words::status)]
    pub remediation_status: Status,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When it was opened.
    pub created_at: String,
    /// When any part of it last changed.
    pub updated_at: String,
    /// The incident of the site's ticket system that it belongs to; null if none is recorded.
    #[serde(default)]
    pub incident: Option<String>,
    /// Its page; null if the site has no `public-url`.
    pub url: Option<String>,
}

impl InvestigationJson {
    /// The investigation of a remediation.
    pub fn new(investigation: &Investigation, remediation: &Remediation, site: Option<&PublicUrl>) -> Self {
        Self {
            id: investigation.id.to_string(),
            kind: investigation.kind,
            status: InvestigationStatus::of(remediation),
            entity: investigation.entity.clone(),
            action: remediation.request.action,
            messages: remediation.counts.submitted,
            alert_id: investigation.alert_id.to_string(),
            remediation_id: remediation.id.to_string(),
            approval_id: remediation.request.approval_id.to_string(),
            remediation_status: remediation.status,
            decided_by: remediation.decided_by.clone(),
            created_at: investigation.created_at.to_string(),
            updated_at: remediation.updated_at.to_string(),
            incident: remediation.incident.as_ref().map(ToString::to_string),
            url: site.map(|site| site.page(&format!("/investigations/{}", investigation.id))),
        }
    }
}

/// An alert: one for each administrative action, and for each suggestion of a detector.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertJson {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Informational for an administrative action.
    #[schema(schema_with = crate::json::words::severity)]
    pub severity: Severity,
    /// The principal who acted.
    pub actor: String,
    /// The requested action.
    #[schema(schema_with = crate::json::words::action)]
    pub action: Action,
    /// The remediation.
    pub remediation_id: String,
    /// The investigation.
    pub investigation_id: String,
    /// The status of the investigation.
    #[schema(schema_with = crate::json::words::investigation_status)]
    pub investigation_status: InvestigationStatus,
    /// How far people are with it: `new`, `in-progress` or `resolved`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub state: AlertState,
    /// The principal who looks after it; null if nobody does.
    #[serde(default)]
    pub owner: Option<String>,
    /// Whether it was right: `true-positive`, `informational` or `false-positive`; null if nobody has said.
    #[serde(default)]
    #[schema(schema_with = crate::json::words::classification_or_null)]
    pub classification: Option<Classification>,
    /// What it was exactly, of the classification; null if nobody has said.
    #[serde(default)]
    #[schema(schema_with = crate::json::words::determination_or_null)]
    pub determination: Option<Determination>,
    /// What people say of it, in up to 4,000 characters; null if nobody has.
    #[serde(default)]
    pub comment: Option<String>,
    /// Identifies what is recorded of it. A change that names it is refused (409) if it is another by then.
    #[serde(default)]
    pub handling_version: String,
    /// When it was raised.
    pub created_at: String,
    /// The page of its investigation; null if the site has no `public-url`.
    pub url: Option<String>,
}

impl AlertJson {
    /// The alert of a remediation.
    pub fn new(alert: &Alert, remediation: &Remediation, site: Option<&PublicUrl>) -> Self {
        Self {
            id: alert.id.to_string(),
            name: alert.name.clone(),
            severity: alert.severity,
            actor: alert.actor.clone(),
            action: alert.action,
            remediation_id: alert.remediation_id.to_string(),
            investigation_id: alert.investigation_id.to_string(),
            investigation_status: InvestigationStatus::of(remediation),
            state: remediation.alert.state,
            owner: remediation.alert.owner.clone(),
            classification: remediation.alert.classification,
            determination: remediation.alert.determination,
            comment: remediation.alert.comment.clone(),
            handling_version: remediation.alert.version().to_string(),
            created_at: alert.created_at.to_string(),
            url: site.map(|site| site.page(&format!("/investigations/{}", alert.investigation_id))),
        }
    }
}

/// What is recorded of an alert, in place of what was recorded before.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlingJson {
    /// `new`, `in-progress` or `resolved`.
    #[schema(value_type = String)]
    pub state: AlertState,
    /// The principal who looks after it; null if nobody does.
    #[serde(default)]
    pub owner: Option<String>,
    /// Whether it was right: `true-positive`, `informational` or `false-positive`; null if nobody has said.
    #[serde(default)]
    #[schema(schema_with = crate::json::words::classification_or_null)]
    pub classification: Option<Classification>,
    /// What it was exactly, of the classification; null if nobody has said.
    #[serde(default)]
    #[schema(schema_with = crate::json::words::determination_or_null)]
    pub determination: Option<Determination>,
    /// What people say of it, in up to 4,000 characters; null if nobody has.
    #[serde(default)]
    pub comment: Option<String>,
    /// The `handling_version` that the caller has seen; without it, the change replaces any.
    #[serde(default)]
    pub handling_version: Option<String>,
}

impl HandlingJson {
    /// What is to be recorded. A comment or an owner without text is none.
    pub(crate) fn handling(self) -> AlertHandling {
        let filled = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        AlertHandling {
            state: self.state,
            owner: filled(self.owner),
            classification: self.classification,
            determination: self.determination,
            comment: filled(self.comment),
        }
    }
}

/// The incident of the site's ticket system.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentJson {
    /// The address of its page, with `http` or `https`, or its number; null removes it.
    pub incident: Option<String>,
}
