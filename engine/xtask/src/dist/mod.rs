//! The release files: the program, a Debian package, an archive for other systems, a bill of materials, and checksums.
//!
//! **Invariant:** the same program, commit and revision give the same bytes of every file.

mod bom;
mod contents;
mod deb;
mod program;
mod release;
mod stage;
mod sums;
mod tarball;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::test::{root, say};

const PROGRAM: &str = "clawback";
/// The profile of `Cargo.toml` that it is built with, and its folder in the target directory.
pub(crate) const PROFILE: &str = "release-lto";
const BOM: &str = "clawback.cdx.json";

/// Options of `cargo xtask dist`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The destination; default: target/dist
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Make the bill of materials and nothing else
    #[arg(long, conflicts_with = "program")]
    bom_only: bool,
    /// Package this program, and build none
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The revision of the Debian package: a second package of the same version has a higher one
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    revision: u32,
    /// How much the packages are compressed: 1 is fast, 9 is small
    #[arg(long, value_name = "LEVEL", default_value_t = 9, value_parser = clap::value_parser!(u8).range(1..=9))]
    level: u8,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let root = root()?;
    let folder = options.folder.clone().unwrap_or_else(|| root.join("target/dist"));
    fs::create_dir_all(&folder)?;
    let mut made = vec![BOM.to_owned()];
    fs::write(folder.join(BOM), format!("{:#}\n", bom::bill_of_materials(&root)?))?;
    if !options.bom_only {
        made.extend(packages(&root, &folder, options)?);
    }
    let sums = sums::write(&folder, &mut made)?;
    say(&format!("{sums}in {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// Makes the program and its packages in a folder. Returns their names.
fn packages(root: &Path, folder: &Path, options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let release = release::Release::of(root, options.revision, options.level)?;
    let built = match &options.program {
        Some(program) => program.clone(),
        None => program::build(root, &release)?,
    };
    let program = folder.join(PROGRAM);
    program::strip(&built, &program)?;
    let needs = program::Needs::of(&program)?;
    needs.check()?;
    say(&format!("the program needs glibc {} or newer", needs.glibc()));
    let staging = tempfile::tempdir()?;
    let contents = contents::Contents::of(root, &program, &folder.join(BOM), staging.path())?;
    Ok(vec![
        PROGRAM.to_owned(),
        deb::make(&contents, &release, &needs, &staging.path().join("deb"), folder)?,
        tarball::make(&contents, &release, &staging.path().join("tarball"), folder)?,
    ])
}

/// Runs a program of the system, and returns its standard output.
fn output(command: &mut Command, package: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {name}: {error} (Debian's package {package} has it)"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("{name} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim()).into())
}
