//! The table: fixed columns, one line a row, a head that stays in view, cards on telephones. The script sorts the rows
//! that are shown by a press on the head of a column.

use maud::{Markup, Render, html};

/// How wide a column is. The columns that fill share what the others leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Tick,
    Icon,
    Count,
    Short,
    Medium,
    Long,
    Party,
    Time,
    Fill,
}

impl Width {
    const fn class(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Icon => "mark",
            Self::Count => "count",
            Self::Short => "short",
            Self::Medium => "medium",
            Self::Long => "long",
            Self::Party => "party",
            Self::Time => "time",
            Self::Fill => "fill",
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    name: &'static str,
    width: Width,
    /// The class of the narrowest table that shows it; empty for all.
    from: &'static str,
    is_lead: bool,
    /// Whether the lead takes the width that the others leave.
    is_widest: bool,
    is_tall: bool,
}

impl Column {
    const fn new(name: &'static str, width: Width) -> Self {
        Self { name, width, from: "", is_lead: false, is_widest: false, is_tall: false }
    }

    /// Its head.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    /// The column that names the row; the head of its card.
    pub(crate) const fn lead(name: &'static str) -> Self {
        Self { is_lead: true, ..Self::new(name, Width::Fill) }
    }

    /// A box to tick.
    pub(crate) const fn tick() -> Self {
        Self::new("Select", Width::Tick)
    }

    /// A button that is an icon.
    pub(crate) const fn icon(name: &'static str) -> Self {
        Self::new(name, Width::Icon)
    }

    /// A number.
    pub(crate) const fn count(name: &'static str) -> Self {
        Self::new(name, Width::Count)
    }

    /// A word or two.
    pub(crate) const fn short(name: &'static str) -> Self {
        Self::new(name, Width::Short)
    }

    /// An identifier, an action, a status.
    pub(crate) const fn medium(name: &'static str) -> Self {
        Self::new(name, Width::Medium)
    }

    /// An address.
    pub(crate) const fn long(name: &'static str) -> Self {
        Self::new(name, Width::Long)
    }

    /// An address in a table beside a pane.
    pub(crate) const fn party(name: &'static str) -> Self {
        Self::new(name, Width::Party)
    }

    /// A time.
    pub(crate) const fn time(name: &'static str) -> Self {
        Self::new(name, Width::Time)
    }

    /// As wide as there is room.
    pub(crate) const fn fill(name: &'static str) -> Self {
        Self::new(name, Width::Fill)
    }

    /// It takes the width that the others leave.
    pub(crate) const fn widest(self) -> Self {
        Self { is_widest: true, ..self }
    }

    /// Its cells may have several lines.
    pub(crate) const fn tall(self) -> Self {
        Self { is_tall: true, ..self }
    }

    /// Only in tables of 720 pixels and more, and on cards.
    pub(crate) const fn at_720(self) -> Self {
        Self { from: "from-720", ..self }
    }

    /// Only in tables of 960 pixels and more.
    pub(crate) const fn at_960(self) -> Self {
        Self { from: "from-960", ..self }
    }

    /// Only in tables of 1,240 pixels and more.
    pub(crate) const fn at_1240(self) -> Self {
        Self { from: "from-1240", ..self }
    }

    /// Only in tables of 1,840 pixels and more.
    pub(crate) const fn at_1840(self) -> Self {
        Self { from: "from-1840", ..self }
    }

    /// Only in tables of 1,540 pixels and more.
    pub(crate) const fn at_1540(self) -> Self {
        Self { from: "from-1540", ..self }
    }

    const fn width_class(self) -> &'static str {
        if self.is_lead && !self.is_widest { "lead" } else { self.width.class() }
    }

    /// Whether its head is for screen readers only.
    const fn is_bare(self) -> bool {
        matches!(self.width, Width::Tick | Width::Icon)
    }

    fn classes(self) -> Option<String> {
        let of = [
            if self.width == Width::Count { "number" } else { "" },
            if self.is_bare() { self.width.class() } else { "" },
            if self.is_lead { "lead" } else { "" },
            if self.is_tall { "tall" } else { "" },
            self.from,
        ];
        let classes = of.into_iter().filter(|class| !class.is_empty()).collect::<Vec<_>>().join(" ");
        (!classes.is_empty()).then_some(classes)
    }
}

/// A row: a cell for each column.
#[derive(Debug, Default)]
pub(crate) struct Row {
    cells: Vec<Markup>,
    is_open: bool,
}

impl Row {
    /// The row of these cells.
    pub(crate) fn of(cells: impl Into<Vec<Markup>>) -> Self {
        Self { cells: cells.into(), is_open: false }
    }

    /// The same without its first cell: the box of a row that cannot be chosen.
    pub(crate) fn without_first(mut self) -> Self {
        self.cells.remove(0);
        self
    }

    /// The row whose details are shown beside the table.
    pub(crate) fn opened(self, is_open: bool) -> Self {
        Self { is_open, ..self }
    }
}

/// A table, or what is shown in its place while it has no row.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    caption: &'a str,
    columns: &'a [Column],
    rows: Vec<Row>,
    empty: Markup,
    scrolls: bool,
}

impl<'a> Table<'a> {
    /// The table of these rows.
    pub(crate) fn new(caption: &'a str, columns: &'a [Column], rows: Vec<Row>) -> Self {
        Self { caption, columns, rows, empty: Markup::default(), scrolls: false }
    }

    /// What is shown if there is no row: a sentence, or an empty state.
    pub(crate) fn or(self, empty: impl Render) -> Self {
        Self { empty: html! { (empty) }, ..self }
    }

    /// Shows every column, however narrow the window is.
    pub(crate) fn scrolling(self, scrolls: bool) -> Self {
        Self { scrolls, ..self }
    }
}

impl Render for Table<'_> {
    fn render(&self) -> Markup {
        if self.rows.is_empty() {
            return self.empty.clone();
        }
        let name = |column: &Column| if column.width == Width::Tick { "" } else { column.name };
        html! {
            div .table .scrolls[self.scrolls] tabindex=[self.scrolls.then_some("0")] role=[self.scrolls.then_some("region")]
                aria-label=[self.scrolls.then_some(self.caption)] {
                table data-sorts aria-label=(self.caption) {
                    colgroup { @for column in self.columns {
                        col class={ (column.width_class()) " " (column.from) };
                    } }
                    thead { tr { @for column in self.columns {
                        th scope="col" class=[column.classes()] {
                            @if column.width == Width::Tick { input type="checkbox" data-all="pick" hidden aria-label="Select all on this page"; }
                            @if column.is_bare() { span .unseen { (column.name) } } @else { (column.name) }
                        }
                    } } }
                    tbody { @for row in &self.rows {
                        tr class=[row.is_open.then_some("open")] { @for (column, cell) in self.columns.iter().zip(&row.cells) {
                            td class=[column.classes()] data-label=(name(column)) { (cell) }
                        } }
                    } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [Column::tick(), Column::lead("Name"), Column::count("Messages").at_1240()];

    #[test]
    fn a_table_has_a_cell_for_each_column_and_escapes_them() {
        let row = Row::of([html! {}, html! { ("<script>") }, html! { (7) }]);
        let shown = Table::new("A \"table\"", &COLUMNS, vec![row]).render().into_string();
        assert_eq!(
            (shown.matches("<th ").count(), shown.matches("<td ").count(), shown.matches("<col ").count()),
            (3, 3, 3)
        );
        assert!(shown.contains("&lt;script&gt;") && shown.contains("aria-label=\"A &quot;table&quot;\""), "{shown}");
        assert!(shown.contains("class=\"number from-1240\" data-label=\"Messages\""), "{shown}");
        let icon =
            Table::new("Copies", &[Column::icon("Copies")], vec![Row::of([html! { "x" }])]).render().into_string();
        assert!(icon.contains("<td class=\"mark\" data-label=\"Copies\">"), "{icon}");
        let empty = Table::new("A table", &COLUMNS, Vec::new()).or("Nothing.").render().into_string();
        assert_eq!(empty, "Nothing.");
    }
}
