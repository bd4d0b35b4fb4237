//! `cargo xtask conformance NAME`: the contract tests of connectors, run with one of them.

use std::error::Error;
use std::process::ExitCode;

/// Each store, and the beginning of the names of its tests.
const STORES: [(&str, &str); 7] = [
    ("doveadm", "connectors::doveadm::the_contract"),
    ("fake", "connectors::conformance::the_store"),
    ("gmail", "connectors::gmail::the_contract"),
    ("graph", "connectors::graph::contract::the_graph_connector"),
    ("imap", "connectors::conformance::the_imap_connector"),
    ("jmap", "connectors::jmap::the_contract"),
    ("maildir", "connectors::conformance::the_maildir_connector"),
];

/// The connector.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The connector, or `fake` for the store inside the process; all of them by default
    #[arg(value_parser = STORES.map(|(name, _)| name))]
    connector: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let mut cargo = crate::cargo::cargo();
    cargo.args(["test", "--package", "clawback-tests", "--test", "it", "--"]);
    let is_wanted = |name: &str| options.connector.as_deref().is_none_or(|wanted| wanted == name);
    cargo.args(STORES.iter().filter(|(name, _)| is_wanted(name)).map(|(_, tests)| tests));
    Ok(if cargo.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
