//! `cargo xtask bench history`: the first page of a long history under every combination of filters. The measuring
//! program is tests/bench/history.rs, in the package that has the store; it is built optimised here.

use std::error::Error;
use std::process::ExitCode;

/// The parameters.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Remediations in the history; each has ten events or so
    #[arg(long, default_value_t = 1_000_000)]
    remediations: u32,
    /// An empty database that is kept (SQLite or PostgreSQL, by its URL): filled by the first run, only measured by the
    /// next
    #[arg(long)]
    database: Option<String>,
    /// Times that each combination is asked
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let mut words =
        vec![("--remediations", options.remediations.to_string()), ("--rounds", options.rounds.to_string())];
    words.extend(options.database.iter().map(|url| ("--database", url.clone())));
    super::program("history", &words)
}
