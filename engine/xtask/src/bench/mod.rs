//! `cargo xtask bench NAME`: figures that anybody can take again. Each bench makes its own data, runs the ways that it
//! compares in turn, round after round, checks what each did, and prints medians and ratios.

mod engine;
mod filter;
mod history;
mod imap;

// By path: the package of the tests builds wasmtime and both databases, which must not stand between a stranger and the
// first word of `cargo xtask test`.
#[path = "../../../../tests/support/dovecot.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests, which use the rest")]
mod dovecot;
#[path = "../../../../tests/support/mail.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests, which use the rest")]
mod mail;
#[path = "../../../../tests/support/maildirs.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests, which use the rest")]
mod maildirs;
#[path = "../../../../tests/support/openssl.rs"]
#[expect(unreachable_pub, reason = "shared with the tests, which use the rest")]
mod openssl;
#[path = "../../../../tests/support/proxy.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests, which use the rest")]
mod proxy;

use std::error::Error;
use std::process::ExitCode;

/// What to measure.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Bench {
    /// The engine alone: plan, approve, run and history of 200,000 and 2,000,000 targets on both databases.
    Engine(engine::Options),
    /// What one message costs in each shipped script and in a `match:`, beside native code.
    Filter(filter::Options),
    /// The first page of a history of ten million events under every combination of its filters.
    History(history::Options),
    /// A campaign pulled out of many mailboxes of a real IMAP server, beside other programs that can.
    Imap(imap::Options),
}

pub(crate) fn run(bench: &Bench) -> Result<ExitCode, Box<dyn Error>> {
    match bench {
        Bench::Engine(options) => engine::run(options),
        Bench::Filter(options) => filter::run(options),
        Bench::History(options) => history::run(options),
        Bench::Imap(options) => imap::run(options),
    }
}
