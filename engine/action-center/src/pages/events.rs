//! The events of the site on the page Audit, newest first: who did what, who read which message. Filters are fields of
//! the address; the same list is a file.

use axum::extract::State;
use clawback_model::{Event, RemediationId, Timestamp};
use clawback_store::{Entry, EventFilter, SITE_EVENT_KINDS};
use maud::{Markup, html};

use super::csv_file::{attachment, in_pieces};
use super::fields::{Asked, Fields};
use super::shown::Shown;
use crate::access::{Caller, encoded};
use crate::body::optional;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::field::{self, Mistake};
use crate::design::filter_bar;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::text;
use crate::design::words::spoken;
use crate::problem::Problem;

/// Events of a page.
const PAGE: u32 = 50;
/// Events that are read at once for the file.
const READ: u32 = 500;
/// Rows of the file.
const MOST_ROWS: usize = 100_000;
const DAY: i64 = 86_400_000_000;
const COLUMNS: [Column; 4] =
    [Column::time("When"), Column::medium("Person"), Column::medium("Event"), Column::lead("What").tall().widest()];
/// The filters: the word in the address, and the label.
const FILTERS: [(&str, &str); 5] = [
    ("person", "Person"),
    ("kind", "Event"),
    ("remediation", "Remediation ID"),
    ("from", "From day"),
    ("until", "Until day"),
];

/// The filters, the events that they accept, and the way to older ones.
pub(super) async fn list(center: &Center, query: &Fields) -> Result<Markup, Problem> {
    let (shown, wrong) = match filter(query) {
        Ok(filter) => (page(center, &filter, query).await?, None),
        Err(mistake) => (html! {}, Some(mistake)),
    };
    Ok(html! {
        section #events aria-label="Events" {
            h2 { "Events" }
            (filters(query, wrong.as_ref()))
            (filter_bar::set(&set(query), "/audit#events"))
            (shown)
        }
    })
}

async fn page(center: &Center, filter: &EventFilter, query: &Fields) -> Result<Markup, Problem> {
    let before: Option<i64> = optional("before", query.filled("before"))?;
    let found = center.site().history.events_like(filter, before, PAGE).await?;
    let rows: Vec<Row> = found.events.iter().map(row).collect();
    let kept = query.query_without(&["before"]);
    let nothing = match found.next {
        Some(_) => empty(Icon::Search, "No event here matches", "Older events may; look at them."),
        None => empty(Icon::Search, "No event matches", html! { a href="/audit#events" { "Clear filters" } }),
    };
    Ok(html! {
        (Table::new("Events", &COLUMNS, rows).or(nothing))
        div .pager {
            @if before.is_some() { a .button.plain href={ "/audit?" (kept) "#events" } { "Newest" } }
            @if let Some(next) = found.next { a .button.plain href={ "/audit?" (kept) "&before=" (next) "#events" } { "Older" } }
            a .button.plain href={ "/audit/events.csv?" (kept) } { "Events as CSV" }
        }
    })
}

fn row(entry: &Entry) -> Row {
    let says = entry.in_words();
    Row::of([
        text::moment(entry.link.at),
        text::cell(&entry.link.actor),
        html! { (spoken(&entry.link.kind)) },
        html! {
            @if let Some(id) = entry.about() { a href={ "/remediations/" (id) } { code { (id) } } @if !says.is_empty() { ": " } }
            (text::mail(&says))
        },
    ])
}

/// The filter that the address asks for, or the field that cannot be read.
fn filter(query: &Fields) -> Result<EventFilter, Mistake> {
    let wrong = |field: &str, says: String| Mistake { field: field.to_owned(), says };
    let day = |name: &str| match query.filled(name) {
        None => Ok(None),
        Some(given) => match Timestamp::parse(given).filter(|_| given.len() == 10) {
            Some(day) => Ok(Some(day)),
            None => Err(wrong(name, "This is no day; write 2026-11-23.".to_owned())),
        },
    };
    let remediation = match query.filled("remediation").map(str::parse::<RemediationId>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(error)) => return Err(wrong("remediation", error.to_string())),
    };
    Ok(EventFilter {
        actor: query.filled("person").map(str::to_owned),
        kind: query.filled("kind").map(str::to_owned),
        remediation,
        since: day("from")?,
        until: day("until")?.map(|day| Timestamp(day.0.saturating_add(DAY))),
    })
}

fn filters(query: &Fields, wrong: Option<&Mistake>) -> Markup {
    let mut kinds: Vec<&str> = SITE_EVENT_KINDS.into_iter().chain(Event::KINDS).collect();
    kinds.sort_unstable();
    let text = |name: &str, label: &str, example: &str| {
        field::text(name, label, query.get(name), example, field::of(wrong, name))
    };
    html! {
        form .filters method="get" action="/audit#events" role="search" aria-label="Events" {
            div .bar {
                (text("person", "Person", "ann"))
                (field::choice("kind", "Event", Some("Any"), &kinds, query.get("kind")))
                (text("remediation", "Remediation ID", "R-…"))
                (text("from", "From day (UTC)", "2026-11-01"))
                (text("until", "Until day (UTC)", "2026-11-30"))
                button .plain { "Filter" }
            }
        }
    }
}

/// The filters that are set, each with the address without it.
fn set(query: &Fields) -> Vec<(String, String)> {
    let of = |(name, label): (&str, &str)| {
        let value = query.filled(name)?;
        let shown = if name == "kind" { spoken(value) } else { clawback_model::visible_line(value, 100) };
        Some((format!("{label}: {shown}"), format!("/audit?{}#events", query.query_without(&[name, "before"]))))
    };
    FILTERS.into_iter().filter_map(of).collect()
}

/// The events that the filters accept as a file, read and sent in pieces.
pub(crate) async fn csv(State(center): State<Center>, _caller: Caller, Asked(query): Asked) -> Shown {
    let filter = filter(&query)
        .map_err(|mistake| Problem::bad_request(format!("{}: {}", encoded(&mistake.field), mistake.says)))?;
    let names = ["Event no.", "When", "Person", "Event", "Remediation ID", "Message", "What"];
    let rows = in_pieces(names.map(str::to_owned).to_vec(), MOST_ROWS, READ, move |before, most| {
        let (center, filter) = (center.clone(), filter.clone());
        async move {
            let page = center.site().history.events_like(&filter, before, most).await?;
            Ok((page.events.iter().map(record).collect(), page.next))
        }
    });
    Ok(attachment("events.csv", rows))
}

fn record(entry: &Entry) -> Vec<String> {
    let link = &entry.link;
    vec![
        link.seq.to_string(),
        link.at.to_string(),
        link.actor.clone(),
        link.kind.clone(),
        entry.about().map(|id| id.to_string()).unwrap_or_default(),
        entry.read_message().map(|read| (u64::from(read.seq) + 1).to_string()).unwrap_or_default(),
        entry.in_words(),
    ]
}
