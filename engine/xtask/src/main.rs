//! Development commands: `cargo xtask COMMAND`. One file per command.

mod bench;
mod conformance;
mod dist;
mod docs;
mod mutants;
mod plugins;
mod schema;
mod test;
mod unpack;

use std::process::ExitCode;

use clap::Parser;

/// Development commands of Clawback.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Measure against peers, on data that the bench makes itself.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Run the contract suite over a connector: imap, maildir, fake.
    Conformance(conformance::Options),
    /// Build what is handed out into target/dist: the program, what it is made of (`CycloneDX`), and checksums.
    Dist(dist::Options),
    /// Write the reference of commands, or check that the committed one is up to date.
    Docs(docs::Options),
    /// Change engine/model in small ways, and count how many of these its unit tests notice.
    Mutants(mutants::Options),
    /// Build the connectors into plugins/dist, or check that plugins/dist is what the source gives.
    Plugins(plugins::Options),
    /// Write the JSON Schema of playbooks, or check that the committed one is up to date.
    Schema(schema::Options),
    /// Install what the tests need, build, and run everything.
    Test(test::Options),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Bench(bench) => bench::run(&bench),
        Command::Conformance(options) => conformance::run(&options),
        Command::Dist(options) => dist::run(&options),
        Command::Docs(options) => docs::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::Plugins(options) => plugins::run(&options),
        Command::Schema(options) => schema::run(&options),
        Command::Test(options) => test::run(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a command reports on the standard error")]
fn report(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  because: {cause}");
        source = cause.source();
    }
}
