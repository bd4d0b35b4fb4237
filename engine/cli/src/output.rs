//! Results on standard output, everything else on standard error. Text from mail passes through `visible` on its way.

use std::io::{IsTerminal as _, Write};

use clap::ValueEnum;
use clawback_model::{ascii_where_deceptive, csv_safe, visible};
use serde::Serialize;

use crate::failure::Failure;

/// Where the values of `name: value` lines begin: one column for all that a command prints.
const VALUES: usize = 18;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// Stable, documented fields.
    Json,
    /// For spreadsheets; formula-safe.
    Csv,
    /// Of `export`: events of the Open Cybersecurity Schema Framework.
    Ocsf,
    /// Of `export`: records as of the Office 365 Management Activity API.
    O365Air,
}

impl Format {
    /// Whether only `export` supports it.
    pub(crate) const fn is_of_export(self) -> bool {
        matches!(self, Self::Ocsf | Self::O365Air)
    }
}

/// Rows of CSV under these names, safe to open as a spreadsheet.
pub(crate) fn csv<Row: IntoIterator<Item = String>>(
    names: impl IntoIterator<Item = &'static str>,
    rows: impl IntoIterator<Item = Row>,
) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_writer(Out);
    writer.write_record(names).map_err(csv_failure)?;
    for row in rows {
        writer.write_record(row.into_iter().map(|cell| csv_safe(&cell))).map_err(csv_failure)?;
    }
    Ok(writer.flush()?)
}

/// Columns of the terminal that results are printed on; `None` where standard output is no terminal.
pub(crate) fn terminal_width() -> Option<u16> {
    comfy_table::Table::new().width()
}

/// Whether results have colours.
pub(crate) fn coloured() -> bool {
    let is_set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let dumb = is_set("TERM").is_some_and(|term| term == "dumb");
    wants_colour(
        is_set("NO_COLOR").is_some(),
        is_set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
        std::io::stdout().is_terminal() && !dumb,
    )
}

/// The rules of <https://no-color.org> and <https://bixense.com/clicolors>.
const fn wants_colour(refused: bool, forced: bool, terminal: bool) -> bool {
    !refused && (forced || terminal)
}

/// Prints a JSON document with every deceptive character as `\u….`: the same value, and safe on a terminal.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?;
    line(&ascii_where_deceptive(&text))
}

/// Standard output. The reader may close the pipe (`| head`): the process then ends, which is no failure.
pub(crate) struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        or_done(std::io::stdout().lock().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        or_done(std::io::stdout().lock().flush())
    }
}

fn or_done<T>(written: std::io::Result<T>) -> std::io::Result<T> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => written,
    }
}

/// One line of result.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    Ok(writeln!(Out, "{text}")?)
}

/// One line that is not a result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// `name: value` lines.
pub(crate) fn fields(pairs: &[(&str, String)]) -> Result<(), Failure> {
    let width = pairs.iter().map(|(name, _)| name.len() + 2).max().unwrap_or(0).max(VALUES);
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        line(&format!("{:width$}{}", format!("{name}:"), visible(value)))?;
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn csv_failure(error: csv::Error) -> Failure {
    Failure::failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_unless_somebody_says_otherwise() {
        for (refused, forced, terminal, wanted) in [
            (false, false, true, true),
            (false, false, false, false),
            (false, true, false, true),
            (true, false, true, false),
            (true, true, true, false),
        ] {
            assert_eq!(wants_colour(refused, forced, terminal), wanted, "{refused} {forced} {terminal}");
        }
    }
}
