//! Cargo, started from a program that Cargo started.

use std::env;
use std::process::Command;

/// The Cargo that runs this program, without what it says in the environment about this package: the build of `ring`
/// reads it, so that all that uses TLS would be built again.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}
