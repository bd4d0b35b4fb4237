//! What benchmarks share: running programs and printing a table.

use std::error::Error;
use std::fs;
use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often the memory of a program is read.
const MEASURED_EVERY: Duration = Duration::from_millis(2);

/// One line of a table.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) times: Vec<Duration>,
}

impl Row {
    /// Sorts the times of one way.
    pub(super) fn new(name: String, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self { name, times }
    }

    pub(super) fn median(&self) -> f64 {
        let middle = self.times.len() / 2;
        match self.times.len() % 2 {
            0 => f64::midpoint(self.times[middle - 1].as_secs_f64(), self.times[middle].as_secs_f64()),
            _ => self.times[middle].as_secs_f64(),
        }
    }
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
pub(super) fn table(title: &str, basis: &str, rows: Vec<Row>) {
    let basis_median = rows.iter().find(|row| row.name == basis).map_or(f64::NAN, Row::median);
    println!("\n{title}");
    println!("{:<52} {:>10} {:>19} {:>9}", "way", "median, s", "min-max, s", "ratio");
    for row in rows {
        let range = format!(
            "{:.2}-{:.2}",
            row.times.first().map_or(0.0, Duration::as_secs_f64),
            row.times.last().map_or(0.0, Duration::as_secs_f64)
        );
        println!("{:<52} {:>10.2} {range:>19} {:>9.2}", row.name, row.median(), row.median() / basis_median);
    }
    println!("ratio: to {basis}");
}

/// Runs a command whose output matters only if it fails.
pub(super) fn check(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} ended with {}: {}", command.get_program().to_string_lossy(), output.status, words.trim()).into())
}

/// What a program took and wrote.
pub(super) struct Ran {
    pub(super) took: Duration,
    /// The most memory that it had, in bytes.
    pub(super) memory: u64,
    pub(super) output: Vec<u8>,
}

/// Runs a command and measures it. A command that finds nothing may end with status 1.
pub(super) fn measured(command: &mut Command) -> Result<Ran, Box<dyn Error>> {
    let (mut output, mut errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(errors.try_clone()?);
    let started = Instant::now();
    let mut child = command.spawn()?;
    let mut memory = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        memory = most_memory(child.id()).unwrap_or(0).max(memory);
        thread::sleep(MEASURED_EVERY);
    };
    let took = started.elapsed();
    let text = |file: &mut fs::File| -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    if !matches!(status.code(), Some(0 | 1)) {
        let (program, words) = (command.get_program().to_string_lossy(), text(&mut errors)?);
        return Err(format!("{program} ended with {status}: {}", String::from_utf8_lossy(&words).trim()).into());
    }
    Ok(Ran { took, memory, output: text(&mut output)? })
}

/// Returns the most memory that a process that runs has had, in bytes.
pub(super) fn most_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(most.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

#[expect(clippy::print_stderr, reason = "progress")]
pub(super) fn say(text: &str) {
    eprintln!("{text}");
}
