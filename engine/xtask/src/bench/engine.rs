//! `cargo xtask bench engine`: plan, approve, run and history against a store that costs nothing. The measuring program is
//! tests/bench/engine.rs, in the package that has the engine; it is built optimised here.

use std::error::Error;
use std::process::{Command, ExitCode};

/// How much.
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
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["bench", "--quiet", "--package", "clawback-tests", "--bench", "engine", "--"]);
    cargo.args(["--rounds", &options.rounds.to_string(), "--large", &options.large.to_string()]);
    Ok(if cargo.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
