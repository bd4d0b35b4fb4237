//! History: all remediations, by any combination of filters. The address is the saved view.

use axum::extract::State;
use clawback_model::{Action, ActionSource, Remediation, Status};
use clawback_store::{Cursor, HistoryFilter};
use maud::{Markup, html};

use super::csv_file::{attachment, in_pieces};
use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::shown::Shown;
use super::{layout, listing};
use crate::access::Caller;
use crate::body::optional;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{self, Row, Table};
use crate::design::words::spoken;
use crate::design::{field, filter_bar, pill, text};
use crate::lookup::HistoryQuery;
use crate::problem::Problem;

/// Largest number of rows of a CSV file, as in the reference product's Explorer.
const MOST_ROWS: usize = 200_000;
/// Rows read at once for a CSV file.
const READ: u32 = 1_000;
/// Page sizes to choose from.
const SIZES: [&str; 4] = ["25", "50", "100", "500"];
/// The filters that a reader sets, each with its label.
const FILTERS: [(&str, &str); 12] = [
    ("name", "Name"),
    ("status", "Status"),
    ("action_type", "Action"),
    ("days", "Submitted"),
    ("approval_id", "Approval"),
    ("investigation_id", "Investigation"),
    ("action_source", "Source"),
    ("decided_by", "Decided by"),
    ("requested_by", "Requested by"),
    ("playbook", "Playbook"),
    ("mailbox", "Mailbox"),
    ("message_id", "Message-ID"),
];

/// A column of the history.
struct Column {
    /// Its word in the address.
    word: &'static str,
    /// Its place on the page.
    shown: table::Column,
    /// Whether the page shows it by default.
    usual: bool,
    /// Its text in a file, and on the page unless there is a `cell`.
    text: fn(&Remediation) -> String,
    cell: Option<fn(&Remediation) -> Markup>,
}

/// The columns of the reference product, and further ones of a file.
const COLUMNS: [Column; 18] = [
    column("name", table::Column::lead("Remediation"), |it| it.request.name.clone()).shown_as(layout::link),
    column("status", table::Column::medium("Status"), |it| it.status.to_string())
        .shown_as(|it| pill::status(it.status)),
    column("action", table::Column::medium("Action type"), |it| it.request.action.to_string())
        .shown_as(|it| pill::action(it.request.action)),
    column("messages", table::Column::count("Messages"), |it| it.counts.submitted.to_string())
        .shown_as(|it| text::count(it.counts.submitted)),
    column("succeeded", table::Column::count("Succeeded").at_1240(), |it| it.counts.succeeded.to_string())
        .shown_as(|it| text::count(it.counts.succeeded)),
    column("failed", table::Column::count("Failed"), |it| it.counts.failed.to_string())
        .shown_as(|it| text::count(it.counts.failed)),
    column("source", table::Column::short("Action source").at_1540(), |it| it.request.source.as_str().to_owned())
        .shown_as(|it| html! { (spoken(it.request.source.as_str())) }),
    column("decided-by", table::Column::short("Decided by").at_1240(), |it| it.decided_by.clone().unwrap_or_default()),
    column("severity", table::Column::short("Severity"), |it| it.request.severity.as_str().to_owned())
        .shown_as(|it| pill::severity(it.request.severity)),
    column("submitted", table::Column::time("Submitted"), |it| it.created_at.to_string())
        .shown_as(|it| text::time(it.created_at)),
    column("updated", table::Column::time("Updated").at_1840(), |it| it.updated_at.to_string())
        .shown_as(|it| text::time(it.updated_at)),
    column("approval", table::Column::medium("Approval ID").at_1540(), |it| it.request.approval_id.to_string())
        .shown_as(|it| html! { code { (it.request.approval_id) } }),
    column("investigation", table::Column::medium("Investigation ID").at_1840(), |it| {
        it.request.investigation_id.to_string()
    })
    .shown_as(investigation),
    column("id", table::Column::medium("Remediation ID"), |it| it.id.to_string()).at_wish(),
    column("requested-by", table::Column::short("Requested by"), |it| it.request.requested_by.clone()).at_wish(),
    column("playbook", table::Column::medium("Playbook"), |it| it.request.playbook.clone()).at_wish(),
    column("description", table::Column::long("Description"), |it| it.request.description.clone()).at_wish(),
    column("stop-reason", table::Column::long("Stop reason"), |it| {
        it.stop.as_ref().map(ToString::to_string).unwrap_or_default()
    })
    .at_wish(),
];

const fn column(word: &'static str, shown: table::Column, text: fn(&Remediation) -> String) -> Column {
    Column { word, shown, usual: true, text, cell: None }
}

impl Column {
    const fn shown_as(self, cell: fn(&Remediation) -> Markup) -> Self {
        Self { cell: Some(cell), ..self }
    }

    const fn at_wish(self) -> Self {
        Self { usual: false, ..self }
    }

    fn cell(&self, remediation: &Remediation) -> Markup {
        match self.cell {
            Some(cell) => cell(remediation),
            None => text::cell(&(self.text)(remediation)),
        }
    }
}

fn investigation(remediation: &Remediation) -> Markup {
    let id = &remediation.request.investigation_id;
    html! { a href={ "/investigations/" (id) } { code { (id) } } }
}

/// The columns that the address chooses; empty if it chooses none.
fn chosen(query: &Fields) -> Vec<&'static Column> {
    COLUMNS.iter().filter(|column| query.all("column").any(|word| word == column.word)).collect()
}

pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let (filter, limit) = filter(&center, &query)?;
    let after = optional("after", query.filled("after"))?;
    let found = center.site().history.history(&filter, after, limit).await?;
    let mut columns = chosen(&query);
    if columns.is_empty() {
        columns.extend(COLUMNS.iter().filter(|column| column.usual));
    }
    let row = |it: &Remediation| Row::of(columns.iter().map(|column| column.cell(it)).collect::<Vec<_>>());
    let rows: Vec<Row> = found.remediations.iter().map(row).collect();
    let shown: Vec<table::Column> = columns.iter().map(|column| column.shown).collect();
    let view = query.query_without(&["after"]);
    let set = listing::set_filters("/history", &FILTERS, &query);
    let nothing = if set.is_empty() {
        empty(
            Icon::List,
            "No remediation yet",
            html! { "Each search that is submitted, each playbook that runs and each report that is acted on is kept here. "
            a href="/search" { "Search for messages" } },
        )
    } else {
        empty(Icon::Search, "No remediation matches", html! { a href="/history" { "Clear the filters" } })
    };
    let body = html! {
        (filters(&query))
        (filter_bar::set(&set, "/history"))
        div #history data-live data-every="10" {
            (Table::new("History", &shown, rows).scrolling(query.filled("column").is_some()).or(nothing))
        }
        (listing::pager("/history", &query, found.next))
    };
    let head = html! {
        h1 { "History" }
        div .actions { a .button.plain href={ "/history.csv?" (view) } { "Download as CSV" } }
    };
    Ok(layout::page_with(&frame, "/history", "History", &head, &body))
}

/// The filter in the query, and the rows of a page.
fn filter(center: &Center, query: &Fields) -> Result<(HistoryFilter, u32), Problem> {
    let text = |name: &str| query.filled(name).map(str::to_owned);
    let asked = HistoryQuery {
        name: text("name"),
        approval_id: text("approval_id"),
        investigation_id: text("investigation_id"),
        status: text("status"),
        action_source: text("action_source"),
        action_type: text("action_type"),
        decided_by: text("decided_by"),
        requested_by: text("requested_by"),
        playbook: text("playbook"),
        mailbox: text("mailbox"),
        message_id: text("message_id"),
        since: text("since"),
        until: text("until"),
        empty: optional("empty", query.filled("empty"))?,
        limit: optional("limit", query.filled("limit"))?,
        ..HistoryQuery::default()
    };
    let mut filter = asked.filter()?;
    if let Some(since) = listing::since(center, query)? {
        filter.since = Some(since);
    }
    Ok((filter, asked.limit()?))
}

fn filters(query: &Fields) -> Markup {
    let words = |all: &[&'static str], name: &'static str, label: &str| {
        field::choice(name, label, Some("Any"), all, query.get(name))
    };
    let text = |name: &str, label: &str, example: &str| field::text(name, label, query.get(name), example, None);
    let further =
        ["approval_id", "investigation_id", "action_source", "decided_by", "requested_by", "mailbox", "message_id"];
    html! {
        form .filters method="get" action="/history" role="search" aria-label="Filters" {
            div .bar {
                label .first { "Remediation name" input type="search" name="name" value=(query.get("name")) placeholder="Contains…"; }
                (words(&Status::ALL.map(Status::as_str), "status", "Status"))
                (words(&Action::ALL.map(Action::as_str), "action_type", "Action type"))
                (listing::times("Submitted", query))
                button .plain { "Filter" }
            }
            details open[further.iter().any(|name| query.filled(name).is_some())] {
                summary { "More filters" }
                div .fields {
                    (text("approval_id", "Approval ID", "A-…"))
                    (text("investigation_id", "Investigation ID", "I-…"))
                    (words(&ActionSource::ALL.map(ActionSource::as_str), "action_source", "Action source"))
                    (text("decided_by", "Decided by", "a name, or automation"))
                    (text("requested_by", "Requested by", "a name"))
                    (text("mailbox", "Mailbox", "ann@corp.example"))
                    (text("message_id", "Message-ID", "<…@…>"))
                    (field::choice("limit", "Rows", None, &SIZES, query.filled("limit").unwrap_or("50")))
                }
                (field::tick("empty", "true", "Also scheduled runs that found nothing", query.get("empty") == "true"))
            }
            details open[query.filled("column").is_some()] {
                summary { "Columns" }
                div .boxes {
                    @for column in &COLUMNS {
                        (field::tick("column", column.word, column.shown.name(), query.all("column").any(|word| word == column.word)))
                    }
                }
            }
        }
    }
}

/// The same view as a file, read and sent in pieces; with every column, unless some are chosen.
pub(crate) async fn csv(State(center): State<Center>, Asked(query): Asked) -> Shown {
    let (filter, _) = filter(&center, &query)?;
    let mut columns = chosen(&query);
    if columns.is_empty() {
        columns.extend(&COLUMNS);
    }
    let head = columns.iter().map(|column| column.shown.name().to_owned()).collect();
    let rows = in_pieces(head, MOST_ROWS, READ, move |after: Option<Cursor>, most| {
        let (center, filter, columns) = (center.clone(), filter.clone(), columns.clone());
        async move {
            let page = center.site().history.history(&filter, after, most).await?;
            let record = |it: &Remediation| columns.iter().map(|column| (column.text)(it)).collect();
            Ok((page.remediations.iter().map(record).collect(), page.next))
        }
    });
    Ok(attachment("history.csv", rows))
}
