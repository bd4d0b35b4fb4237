//! `cargo xtask bench build`: what a stranger waits for. A clean build of the program and its demo, its size, the time before
//! `cargo xtask test` prints its first line, and a rebuild after a change of one file.

use std::error::Error;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::dist::PROFILE;
use crate::test::{root, say};

/// The changed file: in the crate that has the loops, which most of the engine is built on.
const CHANGED: &str = "engine/runtime/src/outbox.rs";
/// Rebuilds; the median is printed.
const REBUILDS: usize = 3;

/// Seconds that each may take on two cores, and the size of the program in bytes.
const FIRST_LINE: f64 = 30.0;
const DEMO: f64 = 360.0;
const REBUILD: f64 = 15.0;
const SIZE: u64 = 40_000_000;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Measure the rebuild alone, with what is built already
    #[arg(long)]
    rebuild_only: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let mut is_met = true;
    if !options.rebuild_only {
        is_met &= clean()?;
    }
    is_met &= rebuild()?;
    Ok(if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds into an empty folder, as after `git clone`.
fn clean() -> Result<bool, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let target = folder.path().join("target");
    let mut is_met = print("first line of `cargo xtask test`", first_line(&target.join("xtask"))?, FIRST_LINE);
    let build = timed(cargo(&["build", "--quiet", "--target-dir"]).arg(&target))?;
    let program = target.join("debug/clawback");
    let demo =
        timed(Command::new(&program).args([OsStr::new("demo"), "--folder".as_ref()]).arg(folder.path().join("demo")))?;
    is_met &= print("`cargo run -- demo`", build + demo, DEMO);
    timed(cargo(&["build", "--quiet", "--profile", PROFILE, "--bin", "clawback", "--target-dir"]).arg(&target))?;
    let size = fs::metadata(target.join(PROFILE).join("clawback"))?.len();
    say(&format!(
        "{:<44} {:>7.1} MB of {:>5.0} MB {}",
        "size of the program of `cargo xtask dist`",
        megabytes(size),
        megabytes(SIZE),
        verdict(size <= SIZE)
    ));
    Ok(is_met && size <= SIZE)
}

/// The time before the test command prints anything. It is Cargo that does: it names what it compiles.
fn first_line(target: &Path) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    let mut command = cargo(&["xtask", "test", "--help"]);
    let mut child = command.env("CARGO_TARGET_DIR", target).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let mut printed = BufReader::new(child.stderr.take().ok_or("no standard error")?);
    printed.read_line(&mut line)?;
    let waited = started.elapsed();
    // The rest is read, so that the child does not wait for a reader.
    io::copy(&mut printed, &mut io::sink())?;
    if child.wait()?.success() && !line.is_empty() { Ok(waited) } else { Err("`cargo xtask test` failed".into()) }
}

/// Builds again after a change of one file.
fn rebuild() -> Result<bool, Box<dyn Error>> {
    let build = || cargo(&["build", "--quiet", "--workspace", "--bin", "clawback"]);
    timed(&mut build())?;
    let changed = root()?.join(CHANGED);
    let text = fs::read(&changed)?;
    let mut times = Vec::new();
    for _ in 0..REBUILDS {
        // The same text, at another time: that is what Cargo compares.
        fs::write(&changed, &text)?;
        times.push(timed(&mut build())?);
    }
    times.sort_unstable();
    Ok(print(&format!("rebuild after a change of {CHANGED}"), times[REBUILDS / 2], REBUILD))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = crate::cargo::cargo();
    command.args(arguments);
    command
}

/// The time of a command that succeeds. Its output is not shown.
fn timed(command: &mut Command) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    Ok(started.elapsed())
}

fn print(what: &str, time: Duration, goal: f64) -> bool {
    let seconds = time.as_secs_f64();
    say(&format!("{what:<44} {seconds:>7.1} s  of {goal:>5.0} s  {}", verdict(seconds <= goal)));
    seconds <= goal
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "ok" } else { "MISSED" }
}

#[expect(clippy::cast_precision_loss, reason = "a size is far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
