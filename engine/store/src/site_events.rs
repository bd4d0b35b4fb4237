//! The events of the site that do not belong to a remediation.

use clawback_model::{Actor, Digest, PrincipalKind, RemediationId, Role, Sweep, SweepEnd, Timestamp, Timetable};
use serde::{Deserialize, Serialize};

use crate::chain;
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::rows::json;

/// An event of the site that does not belong to a remediation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub(crate) enum SiteEvent {
    PrincipalAdded {
        name: String,
        kind: PrincipalKind,
        roles: Vec<Role>,
        /// The owner of a service; missing in older histories.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    RolesChanged {
        name: String,
        roles: Vec<Role>,
    },
    /// Roles that wait for a second administrator, and the roles that the principal has until then.
    RolesAsked {
        name: String,
        roles: Vec<Role>,
        meanwhile: Vec<Role>,
        asked_by: String,
    },
    TokenAdded {
        principal: String,
        label: String,
        digest: Digest,
        expires_at: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Vec<Role>>,
        /// Missing in older histories: the actor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issued_by: Option<String>,
    },
    TokenRevoked {
        principal: String,
        label: String,
    },
    PasswordSet {
        principal: String,
        digest: Digest,
        /// Missing in older histories: the actor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_by: Option<String>,
    },
    IdentityLinked {
        principal: String,
        issuer: String,
        subject: String,
    },
    SchedulePaused {
        name: String,
    },
    ScheduleResumed {
        name: String,
    },
    ScheduleSet {
        name: String,
        timetable: Timetable,
    },
    ScheduleRemoved {
        name: String,
    },
    SweepBegun {
        remediation: String,
        sweep: Sweep,
    },
    SweepEnded {
        remediation: RemediationId,
        why: SweepEnd,
    },
    SignedIn {
        principal: String,
        session: Digest,
        expires_at: Timestamp,
        at_provider: bool,
    },
    /// Recorded once in a history that is older than the events of this step of the schema.
    Upgraded {
        schema: i64,
    },
    Halted {
        reason: String,
    },
    Unhalted,
    EvidenceRead {
        digest: Digest,
        remediation: String,
        seq: u32,
    },
    MessageRead {
        digest: Digest,
        remediation: String,
        seq: u32,
    },
    MessagesRemoved {
        remediation: String,
        messages: u64,
    },
}

impl SiteEvent {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::PrincipalAdded { .. } => "principal-added",
            Self::RolesChanged { .. } => "roles-changed",
            Self::RolesAsked { .. } => "roles-asked",
            Self::TokenAdded { .. } => "token-added",
            Self::TokenRevoked { .. } => "token-revoked",
            Self::PasswordSet { .. } => "password-set",
            Self::IdentityLinked { .. } => "identity-linked",
            Self::SchedulePaused { .. } => "schedule-paused",
            Self::ScheduleResumed { .. } => "schedule-resumed",
            Self::ScheduleSet { .. } => "schedule-set",
            Self::ScheduleRemoved { .. } => "schedule-removed",
            Self::SweepBegun { .. } => "sweep-begun",
            Self::SweepEnded { .. } => "sweep-ended",
            Self::SignedIn { .. } => "signed-in",
            Self::Upgraded { .. } => "upgraded",
            Self::Halted { .. } => "halted",
            Self::Unhalted => "unhalted",
            Self::EvidenceRead { .. } => "evidence-read",
            Self::MessageRead { .. } => "message-read",
            Self::MessagesRemoved { .. } => "messages-removed",
        }
    }
}

/// Appends an event of the site; returns its number.
pub(crate) async fn append(tx: &mut Tx, event: &SiteEvent, actor: Actor<'_>, at: Timestamp) -> Result<i64, StoreError> {
    chain::append(tx, None, actor, event.kind(), json(event), at).await
}
