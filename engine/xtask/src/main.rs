//! Development commands: `cargo xtask COMMAND`. One file per command.

mod bench;
mod cargo;
mod conformance;
mod dist;
mod mutants;
mod plugins;
mod test;
mod unpack;

use std::process::ExitCode;

use clap::Parser;

/// Development commands of Clawback.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Measure against peers, on data that the benchmark creates.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Run the contract suite over a connector: imap, maildir, fake.
    Conformance(conformance::Options),
    /// Build the release files into target/dist: the program, a Debian package, an archive, a bill of materials
    /// (`CycloneDX`), and checksums.
    Dist(dist::Options),
    /// Change engine/model in small ways, and count how many changes its unit tests detect.
    Mutants(mutants::Options),
    /// Build the connectors into plugins/dist, or check that plugins/dist matches the source.
    Plugins(plugins::Options),
    /// Install what the tests need, build, and run everything.
    Test(test::Options),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Bench(bench) => bench::run(&bench),
        Command::Conformance(options) => conformance::run(&options),
        Command::Dist(options) => dist::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::Plugins(options) => plugins::run(&options),
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
