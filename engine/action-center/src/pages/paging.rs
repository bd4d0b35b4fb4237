//! Pages of the results of a search: which rows are shown, and the ways to the others.

use maud::{Markup, Render, html};

use super::fields::Fields;
use super::query::PAGE;
use crate::design::words::number;

/// Rows of a page. With so many, the page of a search is smaller than 150 kB, and a form with all of them ticked comes
/// back after a lost session.
pub(super) const ROWS: usize = 50;

/// The rows of the page that is shown, counted from 0, of so many in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    page: usize,
    all: usize,
}

impl Rows {
    /// The page that the address names, or the last one.
    pub(super) fn of(query: &Fields, all: usize) -> Self {
        let asked = query.filled(PAGE).and_then(|page| page.parse::<usize>().ok()).unwrap_or(1);
        Self { page: asked.saturating_sub(1).min(all.saturating_sub(1) / ROWS), all }
    }

    pub(super) const fn first(self) -> usize {
        self.page * ROWS
    }

    pub(super) fn end(self) -> usize {
        self.all.min(self.first() + ROWS)
    }

    pub(super) fn is_last(self) -> bool {
        self.end() == self.all
    }
}

/// Which rows are shown, and the ways to the others, at this address without the number of a page.
pub(super) fn pager(address: &str, rows: Rows, total: u64, note: impl Render) -> Markup {
    let at = |page: usize| format!("{address}&{PAGE}={page}");
    html! { @if rows.all > ROWS { div .pager {
        span { (number(rows.first() as u64 + 1)) " to " (number(rows.end() as u64)) " of " (number(total)) }
        @if rows.page > 0 { a .button.plain href=(at(rows.page)) { "Previous" } }
        @if !rows.is_last() { a .button.plain href=(at(rows.page + 2)) { "Next" } }
        (note)
    } } }
}
