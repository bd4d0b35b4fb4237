//! Reading and checking evidence.

use crate::boxed::boxed;
use clawback_model::{Digest, Permission, Principal, RemediationId};
use clawback_runtime::{Error, EvidenceReport, verify_evidence};
use clawback_store::KeptMessage;

use crate::api::Api;
use crate::authorization::allow;

impl Api {
    /// Returns the message that was kept under a digest, byte for byte. The reader is recorded in the history first.
    #[boxed]
    pub async fn examine(&self, who: &Principal, digest: &Digest) -> Result<Vec<u8>, Error> {
        allow(who, Permission::Examine)?;
        self.give(who, &self.site().history.evidence_by_digest(digest).await?).await
    }

    /// Returns what was kept of a message, by its number in the plan of its remediation. The reader is recorded in the
    /// history first.
    #[boxed]
    pub async fn examine_message(&self, who: &Principal, id: &RemediationId, seq: u32) -> Result<Vec<u8>, Error> {
        allow(who, Permission::Examine)?;
        self.give(who, &self.site().history.evidence_of(id, seq).await?).await
    }

    async fn give(&self, who: &Principal, kept: &KeptMessage) -> Result<Vec<u8>, Error> {
        let site = self.site();
        let evidence = site.evidence.as_ref().ok_or(Error::NoEvidence)?;
        let raw = evidence.get(&kept.kept.digest).await?;
        site.history.record_evidence_read(kept, who, site.now()).await?;
        Ok(raw)
    }

    /// Hashes every kept message and compares it with the history.
    #[boxed]
    pub async fn verify_evidence(&self) -> Result<EvidenceReport, Error> {
        verify_evidence(self.site()).await
    }
}
