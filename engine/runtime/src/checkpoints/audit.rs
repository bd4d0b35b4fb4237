//! The check of a whole history: its events and every table, the kept checkpoints, the signatures of votes.

use clawback_model::{Event, RemediationId};
use clawback_store::{TrustedHeads, Verified, VerifyError};
use clawback_vote_signatures::ApproversError;

use super::heads::check_heads;
use crate::site::Site;

/// The kind of [`Event::Voted`].
const VOTED: &str = "voted";
/// Events read at once.
const PAGE: u32 = 1_000;

/// Why a history was not proven.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages document the variants")]
pub enum AuditError {
    #[error(transparent)]
    History(#[from] VerifyError),
    #[error(
        "{id}: {detail} (votes from before the site asked for signatures: `since` under [signed-votes] says when it began)"
    )]
    Votes { id: RemediationId, detail: String },
    #[error(transparent)]
    Keys(#[from] ApproversError),
}

impl Site {
    /// Proves everything that the history holds. If the site's signer is not known, the signatures of kept checkpoints
    /// are not checked.
    pub async fn verify(&self, noted: impl Into<TrustedHeads>) -> Result<Verified, AuditError> {
        let verified = self.history.verify(noted, |_| {}).await?;
        if let Some(signer) = &self.signer {
            check_heads(&self.history, signer).await?;
        }
        check_votes(self).await?;
        Ok(verified)
    }
}

/// Checks the votes of every remediation that was voted on or has started; `since` limits the check.
async fn check_votes(site: &Site) -> Result<(), AuditError> {
    let rules = &site.vote_rules;
    if rules.is_off() {
        return Ok(());
    }
    let approvers = rules.approvers()?;
    let mut after = 0;
    loop {
        let page = site.history.chain(after, PAGE).await.map_err(VerifyError::from)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.link.seq;
        for entry in &page {
            let began = entry.link.kind == Event::Started.kind();
            let is_old = rules.since.is_some_and(|since| entry.link.at < since);
            if is_old || !(began || entry.link.kind == VOTED) {
                continue;
            }
            let Some(id) = entry.link.remediation.as_deref().and_then(|id| id.parse().ok()) else { continue };
            let remediation = site.history.load(&id).await.map_err(VerifyError::from)?;
            if let Some(detail) = rules.fault(&approvers, &remediation, began) {
                return Err(AuditError::Votes { id, detail });
            }
        }
    }
}
