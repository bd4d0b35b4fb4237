//! `cargo xtask mutants`: how many small changes to `engine/model` the unit tests of that crate detect.
//!
//! cargo-mutants makes the changes, one at a time, in a copy of the tree, and runs the unit tests on each. The crate is
//! built alone, in a separate target folder, so that the build of the workspace is not invalidated.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::test::{root, say};

const VERSION: &str = "27.1.0";
const PACKAGE: &str = "clawback-model";
/// The shortest time after which a test counts as endless; the tests together take about a second.
const TIMEOUT_SECONDS: &str = "20";
/// The exit codes of cargo-mutants when it has tried all changes: all detected, some missed, some endless.
const TRIED: [i32; 3] = [0, 2, 3];

/// The changes to try, and the share that must be detected.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fail below this share of detected changes, in percent
    #[arg(long, default_value_t = 95.0, value_name = "PERCENT")]
    at_least: f64,
    /// Only changes to this file, such as engine/model/src/guard.rs; may be given several times
    #[arg(long, short, value_name = "PATH")]
    file: Vec<String>,
    /// Only changes to lines that differ from this revision of git
    #[arg(long, value_name = "REVISION")]
    since: Option<String>,
    /// How many changes are tried concurrently
    #[arg(long, short, default_value_t = 1)]
    jobs: u16,
}

/// The results of the changes that could be compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Score {
    noticed: usize,
    survivors: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let root = root()?;
    let folder = root.join("target/mutants");
    fs::create_dir_all(&folder)?;
    let tool = install(&root, &folder)?;
    let mut mutants = Command::new(tool);
    mutants
        .current_dir(&root)
        .args(["mutants", "--package", PACKAGE, "--gitignore", "true", "--minimum-test-timeout", TIMEOUT_SECONDS])
        .args(["--colors", "never", "--jobs", &options.jobs.to_string(), "--output"])
        .arg(&folder)
        .env("CARGO_TARGET_DIR", folder.join("build"))
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_INCREMENTAL", "1")
        // A snapshot that differs is a detected change; it must not be updated.
        .env("INSTA_UPDATE", "no");
    for file in &options.file {
        mutants.args(["--file", file]);
    }
    if let Some(revision) = &options.since {
        mutants.arg("--in-diff").arg(diff(&root, &folder, revision)?);
    }
    let status = mutants.args(["--", "--lib"]).stdin(Stdio::null()).status()?;
    if !status.code().is_some_and(|code| TRIED.contains(&code)) {
        return Err(format!("cargo-mutants ended with {status} before it had tried every change").into());
    }
    let score = Score::read(&folder.join("mutants.out"))?;
    for survivor in &score.survivors {
        say(&format!("not detected: {survivor}"));
    }
    say(&format!("==> {}", score.in_words()));
    if score.percent() < options.at_least {
        return Err(format!(
            "{:.1} % is less than {} %: add a unit test that fails for each change that was not detected, or, where a change \
             changes nothing, leave it out with the reason in .cargo/mutants.toml",
            score.percent(),
            options.at_least
        )
        .into());
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the path of cargo-mutants; builds it into `target/tools` unless this version is there.
fn install(root: &Path, folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let tools = root.join("target/tools");
    let tool = tools.join("bin/cargo-mutants");
    let wanted = format!("cargo-mutants {VERSION}");
    let is_there = |output: std::process::Output| String::from_utf8_lossy(&output.stdout).trim() == wanted;
    if Command::new(&tool).args(["mutants", "--version"]).output().is_ok_and(is_there) {
        return Ok(tool);
    }
    say(&format!("==> install {wanted}"));
    let mut cargo = crate::cargo::cargo();
    cargo.args(["install", "--quiet", "--locked", "--force", "cargo-mutants", "--version", VERSION, "--root"]);
    cargo.arg(&tools).arg("--target-dir").arg(folder.join("tool"));
    if !cargo.status()?.success() {
        return Err(format!("cargo could not install {wanted}").into());
    }
    Ok(tool)
}

/// Writes the difference of the crate from a revision to a file.
fn diff(root: &Path, folder: &Path, revision: &str) -> Result<PathBuf, Box<dyn Error>> {
    let output = Command::new("git").current_dir(root).args(["diff", revision, "--", "engine/model"]).output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("git shows no difference from `{revision}`: {}", why.trim()).into());
    }
    let path = folder.join("since.diff");
    fs::write(&path, output.stdout)?;
    Ok(path)
}

impl Score {
    /// Reads the lists that cargo-mutants writes. A change that makes a test endless is detected; one that does not
    /// compile does not count.
    fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let lines = |name: &str| -> Result<Vec<String>, Box<dyn Error>> {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        let noticed = lines("caught.txt")?.len() + lines("timeout.txt")?.len();
        Ok(Self { noticed, survivors: lines("missed.txt")? })
    }

    fn tried(&self) -> usize {
        self.noticed + self.survivors.len()
    }

    /// Returns the share of detected changes; none of none counts as all.
    #[expect(clippy::cast_precision_loss, reason = "there are thousands at most")]
    fn percent(&self) -> f64 {
        if self.tried() == 0 { 100.0 } else { self.noticed as f64 * 100.0 / self.tried() as f64 }
    }

    fn in_words(&self) -> String {
        format!("{} of {} changes were detected: {:.1} %", self.noticed, self.tried(), self.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_noticed_and_what_does_not_compile_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let lists = [("caught.txt", "a\nb\n"), ("timeout.txt", "c\n"), ("missed.txt", "d\n"), ("unviable.txt", "e\n")];
        for (name, text) in lists {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let score = Score::read(folder.path()).unwrap();
        assert_eq!(score, Score { noticed: 3, survivors: vec!["d".to_owned()] });
        assert_eq!(score.in_words(), "3 of 4 changes were detected: 75.0 %");
        fs::remove_file(folder.path().join("missed.txt")).unwrap();
        assert!(Score::read(folder.path()).unwrap_err().to_string().contains("missed.txt"));
    }

    #[test]
    fn where_there_is_nothing_to_try_all_is_well() {
        assert!(Score::default().percent() >= 100.0);
    }
}
