//! `cargo xtask bench NAME`: reproducible figures. Each benchmark creates its own data, runs the ways that it compares
//! in turn, round after round, checks the results, and prints medians and ratios.

mod action_center;
mod build;
mod campaign;
mod connectors;
mod engine;
mod examine;
mod filter;
mod flood;
mod history;
mod imap;
mod likeness;
mod maildir;
mod nodes;
mod peers;
mod raw_imap;
mod table;

// By path: the package of the tests builds wasmtime and both databases, which would delay the first output of
// `cargo xtask test`.
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
#[path = "../../../../tests/support/owner.rs"]
#[expect(unreachable_pub, reason = "shared with the tests, which use the rest")]
mod owner;
#[path = "../../../../tests/support/proxy.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests, which use the rest")]
mod proxy;
#[path = "../../../../tests/support/supervised.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests, which use the rest")]
mod supervised;

use std::error::Error;
use std::process::ExitCode;

/// The benchmark.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Bench {
    /// What a stranger waits for: a clean build and its demo, the size of the program, a rebuild after a change.
    Build(build::Options),
    /// Connectors to stores with an API over HTTP: hunts beside a plain script, and memory over a large mailbox.
    Connectors(connectors::Options),
    /// The engine alone: plan, approve, run and history of 200,000 and 2,000,000 targets on both databases.
    Engine(engine::Options),
    /// From one message to the frozen plan of its campaign on a real IMAP server, compared with a raw fetch.
    Examine(examine::Options),
    /// The cost of one message in each shipped script and in a `match:`, compared with native code.
    Filter(filter::Options),
    /// Which changed copies of a message are found in the sandbox, and which other mails are taken for copies.
    Likeness(likeness::Options),
    /// Large Maildirs: many messages in a folder, many folders, many mailboxes, beside `doveadm search` and `grep -rl`.
    Maildir(maildir::Options),
    /// Many nodes on one database and one store that throttles.
    Nodes(nodes::Options),
    /// The engine compared with other durable queues: apalis, Graphile Worker, DBOS.
    Peers(peers::Options),
    /// Pages of the Action Center: a thousand readers over a long history, while a large remediation runs.
    ActionCenter(action_center::Options),
    /// The Action Center while unauthenticated clients hold connections, break off sign-ins and send bad tokens.
    Flood(flood::Options),
    /// The first page of a history of ten million events under every combination of its filters.
    History(history::Options),
    /// A campaign removed from many mailboxes of a real IMAP server, compared with other programs.
    Imap(imap::Options),
}

pub(crate) fn run(bench: &Bench) -> Result<ExitCode, Box<dyn Error>> {
    match bench {
        Bench::ActionCenter(options) => action_center::run(options),
        Bench::Build(options) => build::run(options),
        Bench::Connectors(options) => connectors::run(options),
        Bench::Engine(options) => engine::run(options),
        Bench::Examine(options) => examine::run(options),
        Bench::Filter(options) => filter::run(options),
        Bench::Flood(options) => flood::run(options),
        Bench::Likeness(options) => likeness::run(options),
        Bench::Maildir(options) => maildir::run(options),
        Bench::Nodes(options) => nodes::run(options),
        Bench::Peers(options) => peers::run(options),
        Bench::History(options) => history::run(options),
        Bench::Imap(options) => imap::run(options),
    }
}

/// Builds a measuring program of the tests' package, optimised, and runs it.
fn program<Value: std::fmt::Display>(name: &str, options: &[(&str, Value)]) -> Result<ExitCode, Box<dyn Error>> {
    let mut cargo = crate::cargo::cargo();
    // With the whole workspace: with the features of one package alone, every dependency would be built again.
    cargo.args(["bench", "--quiet", "--workspace", "--bench", name, "--"]);
    for (option, value) in options {
        cargo.arg(option).arg(value.to_string());
    }
    Ok(if cargo.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
