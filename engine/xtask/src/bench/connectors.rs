//! `cargo xtask bench connectors`: what connectors to stores with an API over HTTP cost. The measuring program is
//! tests/bench/connectors.rs, in the package that has the servers; it is built optimised here.

use std::error::Error;
use std::process::ExitCode;

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// `hunt` or `memory` alone
    #[arg(long, default_value = "all", value_parser = ["all", "hunt", "memory"])]
    part: String,
    /// JMAP accounts of the hunt
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(10..=1_000))]
    mailboxes: u32,
    /// Rounds of the hunt; the table gives medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Messages of the large mailbox
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(10_000..=1_000_000))]
    messages: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let Options { part, mailboxes, rounds, messages } = options;
    let numbers = [("--mailboxes", mailboxes), ("--rounds", rounds), ("--messages", messages)];
    let words: Vec<(&str, String)> = std::iter::once(("--part", part.clone()))
        .chain(numbers.map(|(name, number)| (name, number.to_string())))
        .collect();
    super::program("connectors", &words)
}
