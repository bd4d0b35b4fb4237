//! Arguments of the commands that prove the history.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A head noted down earlier (SEQ:HASH): proves that nothing was cut off since
    #[arg(long, value_name = "SEQ:HASH")]
    pub(crate) head: Option<String>,
    /// A file with a checkpoint of this site: proves that the history continues it
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// The key that signed it, and the checkpoints that are kept in the database [default: that of the configuration's key file]
    #[arg(long, value_name = "NAME+HASH+KEY")]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointArgs {
    /// A file with an earlier checkpoint of this site: prints, before the new one, the proof that it continues the earlier (as
    /// the body of a C2SP `add-checkpoint` request), and fails if it does not
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ProofArgs {
    /// Remediation ID (R-…) or approval ID (A-…)
    pub(crate) id: String,
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print the verification key, with which others check checkpoints and proofs
    Show,
    /// Make the key, if there is none yet
    Make {
        /// Name of the log, e.g. corp.example/clawback [default: a random one]
        #[arg(long)]
        name: Option<String>,
    },
}
