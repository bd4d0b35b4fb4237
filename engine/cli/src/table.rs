//! Tables: which columns a list has, which of them are printed, and how wide each may be.

use std::fmt;
use std::marker::PhantomData;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use clawback_model::visible_line;
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Color, ColumnConstraint, Width};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Format};

/// Longest text in a cell where nothing limits it.
const LONGEST: usize = 500;
/// Between two columns.
const GAP: u16 = 2;
/// A text is not cut below this while another can give way.
const LEAST: u16 = 12;
/// A mailbox is not cut below this while a text can give way.
const LEAST_MAILBOX: u16 = 28;
/// A column that is printed only where there is room leaves the texts before it this much.
const COMFORT: u16 = 24;

/// The kind of values of a column, which decides whether they may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An ID or a number: always whole.
    Whole,
    /// A word of a vocabulary: always whole; a status has a colour.
    Word,
    /// A time: whole, to the minute on a terminal.
    Time,
    /// Free text: cut to what remains of the line on a terminal.
    Text,
    /// A mailbox: as free text, but cut last.
    Mailbox,
}

/// When a column is printed without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Always,
    /// Where the terminal is wide enough for it, and where no terminal limits the line.
    IfRoom,
    /// With `--wide` and in CSV.
    Wide,
}

/// A column of a list of `Row`.
pub(crate) struct Column<Row> {
    /// As it is asked for, and as the head of CSV.
    name: &'static str,
    kind: Kind,
    shown: Shown,
    text: fn(&Row) -> String,
}

impl<Row> Clone for Column<Row> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Row> Copy for Column<Row> {}

/// An ID or a number.
pub(crate) const fn whole<Row>(name: &'static str, text: fn(&Row) -> String) -> Column<Row> {
    Column { name, kind: Kind::Whole, shown: Shown::Always, text }
}

/// A word of a vocabulary.
pub(crate) const fn word<Row>(name: &'static str, text: fn(&Row) -> String) -> Column<Row> {
    Column { name, kind: Kind::Word, shown: Shown::Always, text }
}

/// A time as RFC 3339.
pub(crate) const fn time<Row>(name: &'static str, text: fn(&Row) -> String) -> Column<Row> {
    Column { name, kind: Kind::Time, shown: Shown::Always, text }
}

/// Free text.
pub(crate) const fn text<Row>(name: &'static str, text: fn(&Row) -> String) -> Column<Row> {
    Column { name, kind: Kind::Text, shown: Shown::Always, text }
}

/// The column, printed only where there is room.
pub(crate) const fn if_room<Row>(column: Column<Row>) -> Column<Row> {
    Column { shown: Shown::IfRoom, ..column }
}

/// The column, printed only with `--wide`, by name, and in CSV.
pub(crate) const fn wide<Row>(column: Column<Row>) -> Column<Row> {
    Column { shown: Shown::Wide, ..column }
}

/// An address of a mailbox.
pub(crate) const fn mailbox<Row>(text: fn(&Row) -> String) -> Column<Row> {
    Column { name: "mailbox", kind: Kind::Mailbox, shown: Shown::Always, text }
}

impl<Row> Column<Row> {
    fn cell(&self, row: &Row) -> String {
        (self.text)(row)
    }
}

/// A list that is printed as a table.
pub(crate) trait Table: 'static {
    /// The value of a line.
    type Row: Serialize + 'static;
    /// Every column, in the order of CSV.
    const COLUMNS: &'static [Column<Self::Row>];
}

/// Which columns are printed.
#[derive(Args)]
pub(crate) struct Shape<T: Table> {
    /// Columns to print, in this order, between commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = names::<T>())]
    columns: Vec<String>,
    /// Every column, and no text cut
    #[arg(long, conflicts_with = "columns")]
    wide: bool,
    #[arg(skip)]
    of: PhantomData<fn() -> T>,
}

fn names<T: Table>() -> impl clap::builder::TypedValueParser<Value = String> {
    PossibleValuesParser::new(T::COLUMNS.iter().map(|column| PossibleValue::new(column.name))).map(|name| name)
}

impl<T: Table> Default for Shape<T> {
    fn default() -> Self {
        Self { columns: Vec::new(), wide: false, of: PhantomData }
    }
}

impl<T: Table> fmt::Debug for Shape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shape").field("columns", &self.columns).field("wide", &self.wide).finish()
    }
}

impl<T: Table> Shape<T> {
    /// Whether the usual columns are printed.
    pub(crate) const fn is_usual(&self) -> bool {
        self.columns.is_empty() && !self.wide
    }

    /// Prints a list of rows in this format.
    pub(crate) fn print(&self, format: Format, rows: &[T::Row], next: Option<&str>) -> Result<(), Failure> {
        match format {
            Format::Json | Format::Ocsf | Format::O365Air => {
                output::json(&serde_json::json!({ "items": rows, "next": next }))
            }
            Format::Csv => self.csv(rows),
            Format::Table => {
                let terminal = output::terminal_width().filter(|_| !self.wide);
                let text = self.render(rows, terminal, output::coloured());
                if !text.is_empty() {
                    output::line(&text)?;
                }
                if let Some(next) = next {
                    output::note(&format!("more: --after {next}"));
                }
                Ok(())
            }
        }
    }

    fn csv(&self, rows: &[T::Row]) -> Result<(), Failure> {
        let columns: Vec<_> = self.chosen().unwrap_or_else(|| T::COLUMNS.iter().collect());
        let cells = |row| columns.iter().map(move |column| column.cell(row));
        output::csv(columns.iter().map(|column| column.name), rows.iter().map(cells))
    }

    /// The lines of a table for a terminal of this width, or for no terminal; no line where there is no row.
    fn render(&self, rows: &[T::Row], terminal: Option<u16>, coloured: bool) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let chosen = self.chosen();
        let columns = match (&chosen, self.wide) {
            (Some(chosen), _) => chosen.clone(),
            (None, true) => T::COLUMNS.iter().collect(),
            (None, false) => T::COLUMNS.iter().filter(|column| column.shown != Shown::Wide).collect(),
        };
        let drawn = columns.iter().map(|column| {
            let cells = rows.iter().map(|row| column.cell(row)).collect();
            Drawn::new(column, cells, terminal.is_some())
        });
        let drawn = arrange(drawn.collect(), terminal, chosen.is_some());
        draw(&drawn, coloured)
    }

    fn chosen(&self) -> Option<Vec<&'static Column<T::Row>>> {
        let by_name = |name: &String| T::COLUMNS.iter().find(|column| column.name == name);
        (!self.columns.is_empty()).then(|| self.columns.iter().filter_map(by_name).collect())
    }
}

/// A column with its cells.
struct Drawn {
    heading: String,
    kind: Kind,
    shown: Shown,
    cells: Vec<String>,
    width: u16,
}

impl Drawn {
    fn new<Row>(column: &Column<Row>, cells: Vec<String>, on_terminal: bool) -> Self {
        let shown = |text: String| match column.kind {
            Kind::Time if on_terminal => to_the_minute(&text),
            _ => visible_line(&text, LONGEST),
        };
        let mut drawn = Self {
            heading: column.name.replace('_', " ").to_uppercase(),
            kind: column.kind,
            shown: column.shown,
            cells: cells.into_iter().map(shown).collect(),
            width: 0,
        };
        drawn.width = comfy(std::slice::from_ref(&drawn), false).column_max_content_widths()[0];
        drawn
    }

    fn is_empty(&self) -> bool {
        self.shown == Shown::IfRoom && self.cells.iter().all(String::is_empty)
    }

    /// The width that it needs before an optional column is printed.
    fn need(&self) -> u16 {
        match self.kind {
            Kind::Text => self.width.min(COMFORT),
            Kind::Mailbox => self.width.min(LEAST_MAILBOX),
            Kind::Whole | Kind::Word | Kind::Time => self.width,
        }
    }

    /// The width below which it is not cut while other columns can be cut; `None` where it is never cut.
    fn least(&self) -> Option<u16> {
        match self.kind {
            Kind::Text => Some(LEAST),
            Kind::Mailbox => Some(LEAST_MAILBOX),
            Kind::Whole | Kind::Word | Kind::Time => None,
        }
    }
}

/// `2026-11-23T08:00:00Z` without its seconds; anything else as it is.
fn to_the_minute(time: &str) -> String {
    match time.get(..16) {
        Some(minute) if time.len() == 20 && time.is_ascii() => minute.replace('T', " "),
        _ => visible_line(time, LONGEST),
    }
}

/// The columns that are printed, each as wide as a terminal allows. Columns that were asked for by name all stay.
fn arrange(mut drawn: Vec<Drawn>, terminal: Option<u16>, asked_for: bool) -> Vec<Drawn> {
    if let Some(terminal) = terminal {
        if !asked_for {
            drawn.retain(|column| !column.is_empty());
            leave_out(&mut drawn, terminal);
        }
        fit(&mut drawn, terminal);
    }
    drawn
}

fn line_of(widths: impl Iterator<Item = u16>) -> u16 {
    let widths: Vec<u16> = widths.collect();
    let gaps = GAP.saturating_mul(u16::try_from(widths.len().saturating_sub(1)).unwrap_or(u16::MAX));
    widths.into_iter().fold(gaps, u16::saturating_add)
}

/// Removes the columns that do not fit, the last first.
fn leave_out(drawn: &mut Vec<Drawn>, terminal: u16) {
    while line_of(drawn.iter().map(Drawn::need)) > terminal {
        let Some(last) = drawn.iter().rposition(|column| column.shown == Shown::IfRoom) else { return };
        drawn.remove(last);
    }
}

/// Cuts texts, the widest first, until the line fits: first down to their least, then any.
fn fit(drawn: &mut [Drawn], terminal: u16) {
    for any in [false, true] {
        while line_of(drawn.iter().map(|column| column.width)) > terminal {
            let gives =
                |column: &&mut Drawn| column.least().is_some_and(|least| column.width > if any { 1 } else { least });
            let Some(widest) = drawn.iter_mut().filter(gives).max_by_key(|column| column.width) else { break };
            widest.width -= 1;
        }
    }
}

fn draw(drawn: &[Drawn], coloured: bool) -> String {
    let table = comfy(drawn, coloured);
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn comfy(drawn: &[Drawn], coloured: bool) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_preset(NOTHING).force_no_tty().set_truncation_indicator("…");
    table.style_text_only();
    if coloured {
        table.enforce_styling();
    }
    // A text is cut where the line ends, not between two words.
    table.set_delimiter('\0');
    let heading = drawn.iter().map(|column| Cell::new(&column.heading));
    let mut header = comfy_table::Row::from(heading.collect::<Vec<_>>());
    header.max_height(1);
    table.set_header(header);
    for number in 0..drawn.iter().map(|column| column.cells.len()).max().unwrap_or(0) {
        let cells = drawn.iter().map(|column| {
            let text = &column.cells[number];
            match colour(text).filter(|_| column.kind == Kind::Word) {
                Some(colour) => Cell::new(text).fg(colour),
                None => Cell::new(text),
            }
        });
        let mut row = comfy_table::Row::from(cells.collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    for (column, of) in table.column_iter_mut().zip(drawn) {
        column.set_padding((0, GAP));
        if of.width > 0 {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(of.width.saturating_add(GAP))));
        }
    }
    table
}

/// Green is a success, yellow needs attention, red is a failure.
fn colour(word: &str) -> Option<Color> {
    Some(match word {
        "completed" | "succeeded" | "already-in-destination" | "remediated" | "active" => Color::Green,
        "pending-approval"
        | "pending-action"
        | "paused"
        | "partially-completed"
        | "partially-remediated"
        | "moved-since"
        | "not-found"
        | "not-remediable"
        | "medium" => Color::Yellow,
        "failed" | "rejected" | "expired" | "high" | "terminated-by-system" => Color::Red,
        "in-progress" | "planning" | "approved" | "queued" | "running" | "starting" => Color::Cyan,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
