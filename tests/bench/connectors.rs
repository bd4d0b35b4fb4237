//! `cargo xtask bench connectors`: hunts over JMAP accounts of a real Cyrus beside a plain script of the same calls, and
//! the memory of the node while it hunts 20,000 and 200,000 messages of one mailbox, at each store with an API over HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures and panics on an error; its counts are far below 2^52"
)]

#[path = "connectors/hunt.rs"]
mod hunt;
#[path = "connectors/lazy_jmap.rs"]
mod lazy_jmap;
#[path = "connectors/memory.rs"]
mod memory;
#[path = "connectors/stand_in.rs"]
mod stand_in;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clawback_connectors::{Host, HostOptions, MailStore};

fn main() -> ExitCode {
    let word = |name: &str| {
        let place = std::env::args().position(|argument| argument == name)?;
        std::env::args().nth(place + 1)
    };
    let number = |name: &str| word(name).unwrap().parse::<usize>().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(kind) = word("--serve") {
        runtime.block_on(stand_in::serve(&kind, number("--messages"), Path::new(&word("--folder").unwrap())));
        return ExitCode::SUCCESS;
    }
    let part = word("--part").unwrap();
    let mut is_met = true;
    if part != "memory" {
        is_met &= runtime.block_on(hunt::run(number("--mailboxes"), number("--rounds")));
    }
    if part != "hunt" {
        is_met &= runtime.block_on(memory::run(number("--messages")));
    }
    if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A store with this configuration.
async fn load(text: &str) -> Arc<dyn MailStore> {
    let host = Host::new(HostOptions::default()).unwrap();
    host.load("corp", &toml::from_str(text).unwrap()).await.unwrap()
}

fn raw(number: usize, from: &str) -> Vec<u8> {
    format!(
        "From: Sender <{from}>\r\nTo: staff@acme.test\r\nSubject: Parcel {number}\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@bulk.example>\r\n\r\nText {number}\r\n"
    )
    .into_bytes()
}
