//! The events of the site that do not belong to a remediation.

use clawback_model::{
    Actor, Digest, Inputs, PrincipalKind, RemediationId, Role, SavedSearchId, Sweep, SweepEnd, Timestamp, Timetable,
};
use serde::{Deserialize, Serialize};

use crate::chain::{self, Entry};
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::rows::json;

/// The kinds of the events that say who read a message: in its mailbox, and as it was kept.
pub(crate) const READS: [&str; 2] = ["message-read", "evidence-read"];

/// The kinds of the events of the site.
pub const SITE_EVENT_KINDS: [&str; 22] = [
    "principal-added",
    "roles-changed",
    "roles-asked",
    "token-added",
    "token-revoked",
    "password-set",
    "identity-linked",
    "schedule-paused",
    "schedule-resumed",
    "schedule-set",
    "schedule-removed",
    "sweep-begun",
    "sweep-ended",
    "signed-in",
    "upgraded",
    "halted",
    "unhalted",
    "evidence-read",
    "message-read",
    "messages-removed",
    "search-shared",
    "search-unshared",
];

/// The message that a person read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMessage {
    /// The remediation that it belongs to.
    pub remediation: RemediationId,
    /// Its number in the plan, from 0 on.
    pub seq: u32,
}

impl Entry {
    /// Returns the message that the actor read; `None` if the event says something else.
    pub fn read_message(&self) -> Option<ReadMessage> {
        match self.site_event()? {
            SiteEvent::EvidenceRead { remediation, seq, .. }
            | SiteEvent::MessageRead { of: ReadFrom::Plan { remediation, seq }, .. } => {
                Some(ReadMessage { remediation: remediation.parse().ok()?, seq })
            }
            _ => None,
        }
    }

    /// Returns the remediation that the event belongs to, or that an event of the site is about.
    pub fn about(&self) -> Option<RemediationId> {
        if let Some(own) = &self.link.remediation {
            return own.parse().ok();
        }
        match self.site_event()? {
            SiteEvent::EvidenceRead { remediation, .. }
            | SiteEvent::MessageRead { of: ReadFrom::Plan { remediation, .. }, .. }
            | SiteEvent::SweepBegun { remediation, .. }
            | SiteEvent::MessagesRemoved { remediation, .. } => remediation.parse().ok(),
            SiteEvent::SweepEnded { remediation, .. } => Some(remediation),
            _ => None,
        }
    }

    /// Returns what the event says, for people; empty for one that cannot be read, which `verify` reports.
    pub fn in_words(&self) -> String {
        match self.event() {
            Ok(Some(event)) => event.in_words(),
            Ok(None) => self.site_event().map(|event| event.in_words()).unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    fn site_event(&self) -> Option<SiteEvent> {
        let is_of_the_site = self.link.remediation.is_none();
        is_of_the_site.then(|| serde_json::from_str(&self.link.body).ok()).flatten()
    }
}

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
        #[serde(flatten)]
        of: ReadFrom,
    },
    MessagesRemoved {
        remediation: String,
        messages: u64,
    },
    /// A saved search that everybody may open: shared now, or changed.
    SearchShared {
        search: SavedSearchId,
        owner: String,
        name: String,
        conditions: Inputs,
    },
    /// One that is private again, or was removed.
    SearchUnshared {
        search: SavedSearchId,
        name: String,
    },
}

/// Which message was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "kebab-case")]
pub(crate) enum ReadFrom {
    /// A message of a remediation, by its number in the plan.
    Plan { remediation: String, seq: u32 },
    /// A message that belongs to no remediation: one that a search found.
    Mailbox { store: String, mailbox: String },
}

impl SiteEvent {
    /// Returns what it says, for people. Messages are counted from 1.
    fn in_words(&self) -> String {
        match self {
            Self::PrincipalAdded { name, roles, .. } | Self::RolesChanged { name, roles } => {
                format!("{name}: {}", words(roles))
            }
            Self::RolesAsked { name, roles, .. } => format!("{name}: {}", words(roles)),
            Self::TokenAdded { principal, label, .. } | Self::TokenRevoked { principal, label } => {
                format!("{principal}: {label}")
            }
            Self::PasswordSet { principal, .. }
            | Self::IdentityLinked { principal, .. }
            | Self::SignedIn { principal, .. } => principal.clone(),
            Self::SchedulePaused { name }
            | Self::ScheduleResumed { name }
            | Self::ScheduleSet { name, .. }
            | Self::ScheduleRemoved { name }
            | Self::SearchUnshared { name, .. } => name.clone(),
            Self::Upgraded { schema } => format!("to schema {schema}"),
            Self::Halted { reason } => reason.clone(),
            Self::EvidenceRead { seq, .. } => format!("message {} as it was kept", u64::from(*seq) + 1),
            Self::MessageRead { of: ReadFrom::Plan { seq, .. }, .. } => format!("message {}", u64::from(*seq) + 1),
            Self::MessageRead { of: ReadFrom::Mailbox { store, mailbox }, digest } => {
                format!("a message in {mailbox} of the store {store}, of no remediation; sha256 {digest}")
            }
            Self::MessagesRemoved { messages, .. } => format!("{messages} messages"),
            Self::SweepEnded { why, .. } => why.to_string(),
            Self::SearchShared { owner, name, .. } => format!("{name}, of {owner}"),
            Self::SweepBegun { .. } | Self::Unhalted => String::new(),
        }
    }

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
            Self::SearchShared { .. } => "search-shared",
            Self::SearchUnshared { .. } => "search-unshared",
        }
    }
}

fn words(roles: &[Role]) -> String {
    if roles.is_empty() {
        return "no role".to_owned();
    }
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

/// Appends an event of the site; returns its number.
pub(crate) async fn append(tx: &mut Tx, event: &SiteEvent, actor: Actor<'_>, at: Timestamp) -> Result<i64, StoreError> {
    chain::append(tx, None, actor, event.kind(), json(event), at).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_message_is_of_a_remediation_or_of_a_mailbox() {
        let digest = Digest([7; 32]);
        for (of, body) in [
            (ReadFrom::Plan { remediation: "R-1".into(), seq: 2 }, r#""remediation":"R-1","seq":2}"#),
            (ReadFrom::Mailbox { store: "corp".into(), mailbox: "a@x".into() }, r#""store":"corp","mailbox":"a@x"}"#),
        ] {
            let event = SiteEvent::MessageRead { digest, of };
            let text = json(&event);
            assert_eq!(text, format!(r#"{{"event":"message-read","digest":"{digest}",{body}"#));
            assert_eq!(serde_json::from_str::<SiteEvent>(&text).unwrap(), event);
        }
    }

    #[test]
    fn the_list_has_every_kind() {
        let error = serde_json::from_str::<SiteEvent>(r#"{"event":"none"}"#).unwrap_err().to_string();
        let known: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, SITE_EVENT_KINDS, "{error}");
        assert!(READS.iter().all(|kind| SITE_EVENT_KINDS.contains(kind)));
    }
}
