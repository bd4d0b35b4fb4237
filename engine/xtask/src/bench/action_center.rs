//! `cargo xtask bench action-center`: pages under the load of many readers, and a large search. The measuring program is
//! `tests/bench/action_center.rs`, in the package that has the servers; it is built optimised here.

use std::error::Error;
use std::process::ExitCode;

/// The parameters.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Remediations in the history; each has ten events or so
    #[arg(long, default_value_t = 20_000)]
    remediations: u32,
    /// Messages of the remediation that runs meanwhile
    #[arg(long, default_value_t = 20_000)]
    messages: u32,
    /// Readers, each with a session of their own
    #[arg(long, default_value_t = 1_000)]
    readers: u32,
    /// Seconds that are measured
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Messages that the search finds
    #[arg(long, default_value_t = 200_000)]
    results: u32,
    /// Only this one: `pages` or `search`
    #[arg(long)]
    part: Option<String>,
    /// Only this one: `sqlite` or `postgres`
    #[arg(long)]
    database: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let mut words = vec![
        ("--remediations", options.remediations.to_string()),
        ("--messages", options.messages.to_string()),
        ("--readers", options.readers.to_string()),
        ("--seconds", options.seconds.to_string()),
        ("--results", options.results.to_string()),
    ];
    words.extend(options.part.iter().map(|name| ("--part", name.clone())));
    words.extend(options.database.iter().map(|name| ("--database", name.clone())));
    super::program("action-center", &words)
}
