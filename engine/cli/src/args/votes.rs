//! Arguments of requests for votes, and of votes.

use std::path::PathBuf;

use clap::Args;

use super::remediation::Leave;
use crate::table::Shape;
use crate::tables::Pending;

#[derive(Debug, Args)]
pub(crate) struct PendingArgs {
    /// Rows to print
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) shape: Shape<Pending>,
}

#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    /// Approval ID (A-…) or remediation ID (R-…)
    pub(crate) id: String,
    /// The whole digest of the plan that you reviewed; the vote is refused if the plan has another
    #[arg(long)]
    pub(crate) digest: Option<clawback_model::Digest>,
    /// Why
    #[arg(long, short = 'm')]
    pub(crate) comment: Option<String>,
    /// Sign the vote with this SSH key by `ssh-keygen`, which asks for the passphrase; a public key names a key of the agent
    #[arg(long, value_name = "FILE", env = "CLAWBACK_VOTE_KEY", hide_env_values = true)]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) leave: Leave,
}
