//! History: all remediations, by any combination of filters. The address is the saved view.

use axum::body::Body;
use axum::extract::State;
use clawback_model::{Action, ActionSource, Remediation, Status};
use clawback_store::{Cursor, HistoryFilter};
use futures::stream;
use maud::{Markup, html};

use super::csv_file::{attachment, lines};
use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::body::optional;
use crate::center::Center;
use crate::lookup::HistoryQuery;
use crate::problem::Problem;

/// Largest number of rows of a CSV file, as in the reference product's Explorer.
const MOST_ROWS: usize = 200_000;
/// Rows read at once for a CSV file.
const READ: u32 = 1_000;
/// Page sizes to choose from.
const SIZES: [&str; 4] = ["25", "50", "100", "500"];
/// Longest time range, in days.
const MOST_DAYS: u64 = 36_500;
/// The reference product's time filters, in days.
const TIMES: [(&str, &str); 4] =
    [("1", "last day"), ("7", "last week"), ("30", "last 30 days"), ("182", "last 6 months")];
/// A column of the history.
struct Column {
    /// Its word in the address.
    word: &'static str,
    name: &'static str,
    /// Whether the page shows it by default.
    usual: bool,
    /// Its text in a file, and on the page unless there is a `cell`.
    text: fn(&Remediation) -> String,
    cell: Option<fn(&Remediation) -> Markup>,
}

/// The columns of the reference product, and further ones of a file.
const COLUMNS: [Column; 18] = [
    column("name", "Remediation", |it| it.request.name.clone()).shown_as(layout::link),
    column("status", "Status", |it| it.status.to_string()).shown_as(|it| layout::status(it.status)),
    column("action", "Action type", |it| it.request.action.to_string()),
    column("messages", "Messages", |it| it.counts.submitted.to_string()),
    column("succeeded", "Succeeded", |it| it.counts.succeeded.to_string()),
    column("failed", "Failed", |it| it.counts.failed.to_string()),
    column("source", "Action source", |it| it.request.source.as_str().to_owned()),
    column("decided-by", "Decided by", |it| it.decided_by.clone().unwrap_or_default()),
    column("severity", "Severity", |it| it.request.severity.as_str().to_owned()),
    column("submitted", "Submitted", |it| it.created_at.to_string()).shown_as(|it| layout::time(it.created_at)),
    column("updated", "Updated", |it| it.updated_at.to_string()).shown_as(|it| layout::time(it.updated_at)),
    column("approval", "Approval ID", |it| it.request.approval_id.to_string())
        .shown_as(|it| html! { code { (it.request.approval_id) } }),
    column("investigation", "Investigation ID", |it| it.request.investigation_id.to_string()).shown_as(investigation),
    column("id", "Remediation ID", |it| it.id.to_string()).at_wish(),
    column("requested-by", "Requested by", |it| it.request.requested_by.clone()).at_wish(),
    column("playbook", "Playbook", |it| it.request.playbook.clone()).at_wish(),
    column("description", "Description", |it| it.request.description.clone()).at_wish(),
    column("stop-reason", "Stop reason", |it| it.stop.as_ref().map(ToString::to_string).unwrap_or_default()).at_wish(),
];

const fn column(word: &'static str, name: &'static str, text: fn(&Remediation) -> String) -> Column {
    Column { word, name, usual: true, text, cell: None }
}

impl Column {
    const fn shown_as(self, cell: fn(&Remediation) -> Markup) -> Self {
        Self { cell: Some(cell), ..self }
    }

    const fn at_wish(self) -> Self {
        Self { usual: false, ..self }
    }

    fn cell(&self, remediation: &Remediation) -> Markup {
        let is_number = matches!(self.word, "messages" | "succeeded" | "failed");
        html! { td .number[is_number] { @match self.cell {
            Some(cell) => (cell(remediation)),
            None => (layout::mail(&(self.text)(remediation))),
        } } }
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
    let row = |it: &Remediation| html! { tr { @for column in &columns { (column.cell(it)) } } };
    let rows: Vec<Markup> = found.remediations.iter().map(row).collect();
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let view = query.query_without(&["after"]);
    let body = html! {
        (filters(&query))
        (layout::table("History", &names, &rows, "No remediation matches. Remove a filter."))
        div .row {
            @if let Some(next) = found.next { a .button href={ "/history?" (view) "&after=" (next) } { "Older" } }
            @if query.filled("after").is_some() { a href={ "/history?" (view) } { "Newest" } }
            a href={ "/history.csv?" (view) } { "Download as CSV" }
        }
    };
    Ok(layout::page(&frame, "/history", "History", &body))
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
    if let Some(days) = optional::<u64>("days", query.filled("days"))? {
        if days > MOST_DAYS {
            return Err(Problem::bad_request(format!("days: at most {MOST_DAYS}")));
        }
        filter.since = Some(center.now().minus(std::time::Duration::from_hours(days * 24)));
    }
    Ok((filter, asked.limit()?))
}

fn filters(query: &Fields) -> Markup {
    let words = |all: &[&'static str], name: &'static str, label: &str| {
        layout::choice(name, label, Some("any"), all, query.get(name))
    };
    html! {
        form .filters method="get" action="/history" role="search" aria-label="Filters" {
            (layout::text("name", "Remediation name", query.get("name"), "part of it"))
            (layout::text("approval_id", "Approval ID", query.get("approval_id"), "A-…"))
            (layout::text("investigation_id", "Investigation ID", query.get("investigation_id"), "I-…"))
            (words(&Status::ALL.map(Status::as_str), "status", "Status"))
            (words(&ActionSource::ALL.map(ActionSource::as_str), "action_source", "Action source"))
            (words(&Action::ALL.map(Action::as_str), "action_type", "Action type"))
            (layout::text("decided_by", "Decided by", query.get("decided_by"), "a name, or automation"))
            (layout::text("requested_by", "Requested by", query.get("requested_by"), "a name"))
            (layout::text("mailbox", "Mailbox", query.get("mailbox"), "with a message of the plan"))
            (layout::text("message_id", "Message-ID", query.get("message_id"), "<…@…>"))
            label { "Time"
                select name="days" {
                    option value="" { "any" }
                    @for (days, name) in TIMES { option value=(days) selected[query.get("days") == days] { (name) } }
                }
            }
            (layout::choice("limit", "Rows", None, &SIZES, query.filled("limit").unwrap_or("50")))
            label .box {
                input type="checkbox" name="empty" value="true" checked[query.get("empty") == "true"];
                "Also scheduled runs that found nothing"
            }
            details open[query.filled("column").is_some()] {
                summary { "Columns: only these, if any is ticked" }
                @for column in &COLUMNS {
                    label .box {
                        input type="checkbox" name="column" value=(column.word)
                            checked[query.all("column").any(|word| word == column.word)];
                        (column.name)
                    }
                }
            }
            button { "Filter" }
            a href="/history" { "Clear" }
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
    let head = lines([columns.iter().map(|column| column.name.to_owned()).collect()]);
    let begin = (Some(None), MOST_ROWS, Some(head));
    let pieces =
        stream::try_unfold(begin, move |(at, left, head): (Option<Option<Cursor>>, usize, Option<Vec<u8>>)| {
            let (center, filter, columns) = (center.clone(), filter.clone(), columns.clone());
            async move {
                if let Some(head) = head {
                    return Ok::<_, clawback_store::StoreError>(Some((head, (at, left, None))));
                }
                let Some(after) = at.filter(|_| left > 0) else { return Ok(None) };
                let most = READ.min(u32::try_from(left).unwrap_or(READ));
                let page = center.site().history.history(&filter, after, most).await?;
                let read = page.remediations.len();
                let record = |it: &Remediation| columns.iter().map(|column| (column.text)(it)).collect();
                let lines = lines(page.remediations.iter().map(record));
                Ok(Some((lines, (page.next.map(Some), left - read, None))))
            }
        });
    Ok(attachment("history.csv", Body::from_stream(pieces)))
}
