//! `cargo xtask bench flood`: the Action Center under attack by unauthenticated clients. The measuring program is
//! `tests/bench/flood.rs`, in the package that has the servers; it and the server are built optimised here.

use std::error::Error;
use std::process::ExitCode;

/// The parameters.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Connections that are held open and say nothing, or half of a request
    #[arg(long, default_value_t = 10_000)]
    idle: u32,
    /// Sign-ins a second that are broken off before they are answered
    #[arg(long, default_value_t = 1_000)]
    sign_ins: u32,
    /// Requests per second with an invalid token
    #[arg(long, default_value_t = 500)]
    tokens: u32,
    /// Seconds that are measured
    #[arg(long, default_value_t = 30)]
    seconds: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let words = [
        ("--idle", options.idle),
        ("--sign-ins", options.sign_ins),
        ("--tokens", options.tokens),
        ("--seconds", options.seconds),
    ];
    super::program("flood", &words)
}
