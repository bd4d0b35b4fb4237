//! Arguments that name a remediation, and the process that works on it.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    /// Remediation ID (R-…) or approval ID (A-…)
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct FollowUpArgs {
    /// Remediation ID (R-…) or approval ID (A-…)
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) leave: Leave,
}

/// Who does the work: by default this process, or the node that already holds the lease.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Leave {
    /// Leave the work to a `clawback worker`, and do not wait for it
    #[arg(long, conflicts_with = "watch")]
    pub(crate) no_run: bool,
    /// Leave the work to a running `clawback worker`, and watch it
    #[arg(long)]
    pub(crate) watch: bool,
}
