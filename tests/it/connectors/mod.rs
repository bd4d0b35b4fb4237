//! The connectors in the host: the contract on every store, and connectors that break it.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::path::{Path, PathBuf};

use clawback_connectors::{Host, HostOptions, SandboxLimits, StoreConfig};
use clawback_model::Digest;
use clawback_tests::components;

mod bounds;
mod config;
mod conformance;
mod doveadm;
mod gmail;
mod graph;
mod hostile;
mod javascript;
mod jmap;
mod jmap_confinement;
mod kit;
mod limits;
mod login;
mod pool;
mod sasl;
mod tls;
mod tokens;

fn dist(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist").join(file)
}

fn host(limits: SandboxLimits) -> Host {
    Host::new(HostOptions { limits, ..components::options() }).expect("the engine starts")
}

fn config(text: &str) -> StoreConfig {
    toml::from_str(text).expect("the test's own configuration")
}

/// The connector that misbehaves.
fn hostile(rest: &str) -> StoreConfig {
    let path = dist("hostile/hostile.wasm");
    let digest = Digest::of(&std::fs::read(&path).expect("plugins/dist is committed"));
    config(&format!("connector = {{ path = \"{}\", sha256 = \"{digest}\" }}\n{rest}", path.display()))
}
