//! `cargo xtask bench filter`: what one message costs in a filter. The measuring program is tests/bench/filter.rs, in the package
//! that has the scripts and the connectors.

use std::error::Error;
use std::process::ExitCode;

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Messages per round
    #[arg(long, default_value_t = 50_000)]
    messages: u32,
    /// Rounds; the median is printed
    #[arg(long, default_value_t = 7)]
    rounds: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    super::program("filter", &[("--messages", options.messages), ("--rounds", options.rounds)])
}
