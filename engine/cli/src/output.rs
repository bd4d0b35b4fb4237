//! Results on standard output, everything else on standard error. Text from mail passes through `visible` on its way.

use std::io::{IsTerminal as _, Write};

use clawback_model::{ascii_where_deceptive, visible, visible_line};
use clawback_playbooks::Diagnostics;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::args::Format;
use crate::failure::Failure;

/// Longest cell of a table, in characters.
const CELL: usize = 64;

/// A list of rows in the format asked for.
pub(crate) fn rows<T: Serialize>(
    format: Format,
    columns: &[&str],
    items: &[T],
    next: Option<&str>,
    row: impl Fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    match format {
        Format::Json | Format::Ocsf | Format::O365Air => json(&serde_json::json!({ "items": items, "next": next })),
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Out);
            let header: Vec<String> = columns.iter().map(|name| name.to_lowercase().replace(' ', "_")).collect();
            writer.write_record(header).map_err(csv_failure)?;
            for item in items {
                let cells: Vec<String> = row(item).iter().map(|cell| clawback_model::csv_safe(cell)).collect();
                writer.write_record(cells).map_err(csv_failure)?;
            }
            Ok(writer.flush()?)
        }
        Format::Table => {
            if !items.is_empty() {
                line(&table(columns, items.iter().map(row)))?;
            }
            if let Some(next) = next {
                note(&format!("more: --after {next}"));
            }
            Ok(())
        }
    }
}

/// A borderless table, fitted to the terminal.
pub(crate) fn table(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(columns.iter().map(|name| name.to_uppercase()));
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| visible_line(cell, CELL)));
    }
    table.to_string().lines().map(|line| line.trim_end().trim_start_matches(' ')).collect::<Vec<_>>().join("\n")
}

/// A JSON document with every deceptive character as `\u….`: the same value, and safe to look at.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?;
    line(&ascii_where_deceptive(&text))
}

/// Standard output. Whoever reads may close the pipe (`| head`): then nothing is left to say, and that is no failure.
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
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        line(&format!("{:width$}{}", format!("{name}:"), visible(value)))?;
    }
    Ok(())
}

/// Mistakes in a playbook, as they are shown to a person.
pub(crate) fn diagnostics(found: &Diagnostics) -> String {
    found.render(std::io::stderr().is_terminal())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn csv_failure(error: csv::Error) -> Failure {
    Failure::failed(error.to_string())
}
