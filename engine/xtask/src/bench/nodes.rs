//! `cargo xtask bench nodes`: many nodes on one PostgreSQL and one slow store. The measuring program is
//! tests/bench/nodes.rs.

use std::error::Error;
use std::process::ExitCode;

/// The parameters.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Targets over 5,000 mailboxes
    #[arg(long, default_value_t = 1_000_000)]
    targets: u32,
    /// Calls that the store allows in a second, of up to 50 targets each
    #[arg(long, default_value_t = 400)]
    rate: u32,
    /// Workers; 1, 2, 4 and 8 in turn if left out
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    workers: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    super::program("nodes", &[("--targets", options.targets), ("--rate", options.rate), ("--workers", options.workers)])
}
