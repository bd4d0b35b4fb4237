//! The compiled connectors, which all tests share: compiling one takes about a second of a core.

use std::path::PathBuf;

use clawback_connectors::{Host, HostOptions};

/// The folder of the compiled connectors of this build: `target/PROFILE/connectors`.
pub fn cache() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.parent().and_then(std::path::Path::parent).expect("target/PROFILE/deps/test").join("connectors")
}

/// The options of a host with that cache.
pub fn options() -> HostOptions {
    HostOptions { cache: Some(cache()), ..HostOptions::default() }
}

/// A host with that cache.
pub fn host() -> Host {
    Host::new(options()).expect("the engine starts")
}
