//! Messages that were kept before they were deleted for good.

use clawback_runtime::EvidenceReport;
use clawback_store::KeptMessage;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kept message. What retention has removed of it is null.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the history")]
pub struct KeptJson {
    /// sha256 of the raw message, under which it is kept.
    pub digest: String,
    pub bytes: u64,
    pub kept_at: String,
    pub remediation: String,
    /// Its number in the plan of that remediation.
    pub seq: u32,
    pub store: Option<String>,
    pub mailbox: Option<String>,
    pub message_id: Option<String>,
    pub fingerprint: Option<String>,
    pub subject: Option<String>,
    pub outcome: Option<String>,
}

impl From<&KeptMessage> for KeptJson {
    fn from(one: &KeptMessage) -> Self {
        Self {
            digest: one.kept.digest.to_string(),
            bytes: one.kept.bytes,
            kept_at: one.kept.at.to_string(),
            remediation: one.remediation.to_string(),
            seq: one.kept.seq,
            store: one.store.clone(),
            mailbox: one.mailbox.clone(),
            message_id: one.message_id.clone(),
            fingerprint: one.fingerprint.clone(),
            subject: one.subject.clone(),
            outcome: one.outcome.clone(),
        }
    }
}

/// The result of a check of every kept message.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EvidenceReportJson {
    /// Whether everything is as it was kept.
    pub ok: bool,
    /// Messages whose bytes match their digest.
    pub sound: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// What is missing or changed, a sentence each.
    pub problems: Vec<String>,
    /// What could not be read, a sentence each: whether it is unchanged is unknown. `ok` is false then.
    #[serde(default)]
    pub unavailable: Vec<String>,
}

impl From<EvidenceReport> for EvidenceReportJson {
    fn from(report: EvidenceReport) -> Self {
        let EvidenceReport { sound, bytes, problems, unavailable } = report;
        Self { ok: problems.is_empty() && unavailable.is_empty(), sound, bytes, problems, unavailable }
    }
}
