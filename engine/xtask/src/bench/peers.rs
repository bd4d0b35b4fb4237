//! `cargo xtask bench peers`: the engine compared with other durable queues. Those in Rust are a separate workspace,
//! tests/bench/peers; DBOS is installed into a temporary virtual environment. The measuring program is
//! tests/bench/engine.rs.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The parameters.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds of all ways in turn
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Items for the engine and the peers in Rust
    #[arg(long, default_value_t = 200_000)]
    items: u32,
    /// Items for DBOS, which would need more than a quarter of an hour for 200,000
    #[arg(long, default_value_t = 5_000)]
    few: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let folder = root.join("tests/bench/peers");
    let target = root.join("target/peers");
    let mut cargo = crate::cargo::cargo();
    cargo.args(["build", "--release", "--quiet", "--locked", "--target-dir"]).arg(&target);
    if !cargo.arg("--manifest-path").arg(folder.join("Cargo.toml")).status()?.success() {
        return Ok(ExitCode::FAILURE);
    }
    let scratch = tempfile::tempdir()?;
    let python = dbos(&scratch.path().join("dbos"))?;
    let words = [
        ("--peers", target.join("release/clawback-peers").display().to_string()),
        ("--python", python.display().to_string()),
        ("--script", folder.join("dbos_items.py").display().to_string()),
        ("--items", options.items.to_string()),
        ("--few", options.few.to_string()),
        ("--rounds", options.rounds.to_string()),
    ];
    super::program("engine", &words)
}

/// Creates a Python environment that has DBOS with its dependencies, and nothing of the system's.
fn dbos(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let python = folder.join("bin/python");
    let steps = [
        Command::new("python3").args(["-m", "venv"]).arg(folder).status(),
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "dbos==3.4.0"]).status(),
    ];
    for step in steps {
        if !step.map_err(|error| format!("python3: {error}"))?.success() {
            return Err("DBOS could not be installed; on Debian it needs python3-venv".into());
        }
    }
    Ok(python)
}
