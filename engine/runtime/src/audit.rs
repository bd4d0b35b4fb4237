//! The proof of a whole history: its events and every table, the checkpoints that are kept, the signatures of votes.

use clawback_model::RemediationId;
use clawback_store::{Noted, Verified, VerifyError};
use clawback_votes::ApproversError;

use crate::heads::check_heads;
use crate::signed_votes::check_all;
use crate::site::Site;

/// A history that does not hold.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Unproven {
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
    /// Proves everything that the history holds. Where the site's signer is not known, the signatures of kept checkpoints are not
    /// looked at.
    pub async fn verify(&self, noted: impl Into<Noted>) -> Result<Verified, Unproven> {
        let verified = self.history.verify(noted, |_| {}).await?;
        if let Some(signer) = &self.signer {
            check_heads(&self.history, signer).await?;
        }
        check_all(self).await?;
        Ok(verified)
    }
}
