//! Alerts: one for each administrative action, and for each suggestion of a detector, with how people handle them.

use axum::extract::State;
use clawback_model::{Alert, AlertState, Classification, Remediation, Severity};
use clawback_store::{Cursor, HistoryFilter, Store, StoreError};
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
use crate::design::table::{Column, Row, Table};
use crate::design::words::classified;
use crate::design::{field, filter_bar, pill, text};
use crate::problem::Problem;

/// Rows read at once.
const READ: u32 = 100;
/// Largest number of rows of a CSV file.
const MOST_ROWS: usize = 200_000;
const COLUMNS: [Column; 10] = [
    Column::lead("Alert"),
    Column::short("State"),
    Column::short("Owner"),
    Column::medium("Classification").at_1240(),
    Column::short("Severity").at_720(),
    Column::short("Actor").at_1240(),
    Column::medium("Action").at_1240(),
    Column::medium("Remediation"),
    Column::fill("Kind").at_1540(),
    Column::time("Raised"),
];
/// The filters that a reader sets, each with its label.
const FILTERS: [(&str, &str); 7] = [
    ("text", "Name or ID"),
    ("state", "State"),
    ("owner", "Owner"),
    ("classification", "Classification"),
    ("actor", "Actor"),
    ("severity", "Severity"),
    ("days", "Raised"),
];

/// What a reader asks for.
#[derive(Debug, Clone, Default)]
struct Wanted {
    history: HistoryFilter,
    text: Option<String>,
    state: Option<AlertState>,
    owner: Option<String>,
    classification: Option<Classification>,
    actor: Option<String>,
    severity: Option<Severity>,
}

impl Wanted {
    fn of(center: &Center, query: &Fields) -> Result<Self, Problem> {
        let text = |name: &str| query.filled(name).map(str::to_owned);
        Ok(Self {
            // A schedule that finds nothing raises no alert.
            history: HistoryFilter {
                without_empty: true,
                since: listing::since(center, query)?,
                ..HistoryFilter::default()
            },
            text: text("text").map(|text| text.to_lowercase()),
            state: optional("state", query.filled("state"))?,
            owner: text("owner"),
            classification: optional("classification", query.filled("classification"))?,
            actor: text("actor"),
            severity: optional("severity", query.filled("severity"))?,
        })
    }

    fn lets_through(&self, remediation: &Remediation, alert: &Alert) -> bool {
        let has = |text: &String| {
            [&alert.name, &remediation.request.name].iter().any(|name| name.to_lowercase().contains(text))
                || alert.id.as_str().eq_ignore_ascii_case(text)
        };
        let handling = &remediation.alert;
        self.text.as_ref().is_none_or(has)
            && self.state.is_none_or(|state| state == handling.state)
            && self.owner.as_ref().is_none_or(|owner| handling.owner.as_ref() == Some(owner))
            && self.classification.is_none_or(|found| handling.classification == Some(found))
            && self.actor.as_ref().is_none_or(|actor| *actor == alert.actor)
            && self.severity.is_none_or(|severity| severity == alert.severity)
    }

    /// The alerts of one read, and where the next one begins. The severity of an alert and its handling are no columns of
    /// the history, so others are left out here.
    async fn read(
        &self,
        history: &Store,
        after: Option<Cursor>,
        most: u32,
    ) -> Result<(Vec<(Remediation, Alert)>, Option<Cursor>), StoreError> {
        let page = history.history(&self.history, after, most).await?;
        let alerts = history.alerts_of(&page.remediations).await?;
        let all = page.remediations.into_iter().zip(alerts);
        Ok((all.filter(|(of, alert)| self.lets_through(of, alert)).collect(), page.next))
    }
}

pub(crate) async fn list(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let wanted = Wanted::of(&center, &query)?;
    let after = optional("after", query.filled("after"))?;
    let history = &center.site().history;
    let (all, next) = listing::full_page(after, |after| wanted.read(history, after, READ)).await?;
    let rows: Vec<Row> = all.iter().map(|(of, alert)| row(of, alert)).collect();
    let set = listing::set_filters("/alerts", &FILTERS, &query);
    let nothing = if set.is_empty() {
        empty(Icon::Bell, "No alert yet", "Each remediation raises one.")
    } else {
        empty(Icon::Search, "No alert matches", html! { a href="/alerts" { "Clear the filters" } })
    };
    let view = query.query_without(&["after"]);
    let body = html! {
        (filters(&query))
        (filter_bar::set(&set, "/alerts"))
        div #alerts data-live data-every="10" { (Table::new("Alerts", &COLUMNS, rows).or(nothing)) }
        (listing::pager("/alerts", &query, next))
    };
    let head = html! {
        h1 { "Alerts" }
        div .actions { a .button.plain href={ "/alerts.csv?" (view) } { "Download as CSV" } }
    };
    Ok(layout::page_with(&frame, "/alerts", "Alerts", &head, &body))
}

fn row(remediation: &Remediation, alert: &Alert) -> Row {
    Row::of([
        html! { a href={ "/investigations/" (alert.investigation_id) "?tab=alerts" } { (text::cell(&remediation.request.name)) } },
        pill::alert(remediation.alert.state),
        text::cell(remediation.alert.owner.as_deref().unwrap_or_default()),
        html! { (classified(&remediation.alert)) },
        pill::severity(alert.severity),
        text::cell(&alert.actor),
        pill::action(alert.action),
        html! { a href={ "/remediations/" (remediation.id) } { (pill::status(remediation.status)) } },
        text::cell(&alert.name),
        text::time(alert.created_at),
    ])
}

fn filters(query: &Fields) -> Markup {
    html! {
        form .filters method="get" action="/alerts" role="search" aria-label="Filters" {
            div .bar {
                label .first { "Name or ID" input type="search" name="text" value=(query.get("text")) placeholder="Part of the name, or L-…"; }
                (field::choice("state", "State", Some("Any"), &AlertState::ALL.map(AlertState::as_str), query.get("state")))
                (field::text("owner", "Owner", query.get("owner"), "a name", None))
                (field::choice("classification", "Classification", Some("Any"), &Classification::ALL.map(Classification::as_str), query.get("classification")))
                (field::choice("severity", "Severity", Some("Any"), &Severity::ALL.map(Severity::as_str), query.get("severity")))
                (field::text("actor", "Actor", query.get("actor"), "a name", None))
                (listing::times("Raised", query))
                button .plain { "Filter" }
            }
        }
    }
}

/// The alerts that the filters accept as a file, read and sent in pieces.
pub(crate) async fn csv(State(center): State<Center>, Asked(query): Asked) -> Shown {
    let wanted = Wanted::of(&center, &query)?;
    let names = [
        "Alert ID",
        "Kind",
        "Remediation",
        "Severity",
        "State",
        "Owner",
        "Classification",
        "Determination",
        "Actor",
        "Action",
        "Remediation status",
        "Remediation ID",
        "Investigation ID",
        "Incident",
        "Comment",
        "Raised",
    ];
    let rows = in_pieces(names.map(str::to_owned).to_vec(), MOST_ROWS, READ, move |after, most| {
        let (center, wanted) = (center.clone(), wanted.clone());
        async move {
            let (all, next) = wanted.read(&center.site().history, after, most).await?;
            Ok((all.iter().map(|(of, alert)| record(of, alert)).collect(), next))
        }
    });
    Ok(attachment("alerts.csv", rows))
}

fn record(remediation: &Remediation, alert: &Alert) -> Vec<String> {
    let handling = &remediation.alert;
    vec![
        alert.id.to_string(),
        alert.name.clone(),
        remediation.request.name.clone(),
        alert.severity.to_string(),
        handling.state.to_string(),
        handling.owner.clone().unwrap_or_default(),
        handling.classification.map(|found| found.to_string()).unwrap_or_default(),
        handling.determination.map(|found| found.to_string()).unwrap_or_default(),
        alert.actor.clone(),
        alert.action.to_string(),
        remediation.status.to_string(),
        remediation.id.to_string(),
        alert.investigation_id.to_string(),
        remediation.incident.as_ref().map(ToString::to_string).unwrap_or_default(),
        handling.comment.clone().unwrap_or_default(),
        alert.created_at.to_string(),
    ]
}
