//! Writes the reference of commands, or checks that the committed one is what the program prints.
//!
//! The program itself writes the page (`clawback reference`), so this crate needs neither its dependencies nor its build.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use crate::test::root;

const PAGE: &str = "engine/cli/docs/commands.md";

/// Options of `cargo xtask docs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; exit 1 if `engine/cli/docs/commands.md` differs.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let root = root()?;
    let path = root.join(PAGE);
    let page = reference(&root)?;
    if !options.check {
        fs::write(path, page)?;
        return Ok(ExitCode::SUCCESS);
    }
    match fs::read_to_string(&path) {
        Ok(committed) if committed == page => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Err(format!("{PAGE} differs from the command line: run `cargo xtask docs` and commit it").into()),
    }
}

/// The page, as the program of this source prints it.
fn reference(root: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Of the whole workspace: with the features of one package alone, every dependency would be built again.
    cargo.current_dir(root).args(["build", "--quiet", "--workspace", "--bin", "clawback"]);
    if !cargo.status()?.success() {
        return Err("the program does not build".into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let printed = Command::new(target.join("debug/clawback")).arg("reference").output()?;
    if !printed.status.success() {
        return Err(format!("`clawback reference` fails: {}", String::from_utf8_lossy(&printed.stderr)).into());
    }
    Ok(String::from_utf8(printed.stdout)?)
}
