//! `cargo xtask bench engine`: plan, approve, run and history against a store without costs. The measuring program is
//! tests/bench/engine.rs, in the package that has the engine; it is built optimised here.

use std::error::Error;
use std::process::ExitCode;

/// The parameters.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds of the 200,000
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Targets of the large run
    #[arg(long, default_value_t = 2_000_000)]
    large: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    super::program("engine", &[("--rounds", options.rounds), ("--large", options.large)])
}
