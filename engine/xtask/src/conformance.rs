//! `cargo xtask conformance NAME`: the contract tests of connectors, run with one of them.

use std::error::Error;
use std::process::{Command, ExitCode};

/// The connector.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// imap, maildir or fake; all of them by default
    #[arg(default_value = "")]
    connector: String,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--package", "clawback-tests", "--test", "it", "--"]);
    // The names of the tests contain the connector.
    cargo.arg(match options.connector.as_str() {
        "" => "connectors::conformance::".to_owned(),
        "fake" => "connectors::conformance::the_store".to_owned(),
        name => format!("connectors::conformance::the_{name}_connector"),
    });
    Ok(if cargo.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
