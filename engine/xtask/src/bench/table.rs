//! What benchmarks share: running programs and printing a table.

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Duration;

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

#[expect(clippy::print_stderr, reason = "progress")]
pub(super) fn say(text: &str) {
    eprintln!("{text}");
}
