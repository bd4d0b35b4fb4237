//! One investigation: its graph, and its tabs. A tab is an address, reads only what it shows, and is there only if
//! something is recorded for it.

mod actions;
mod activities;
mod alerts;
mod clusters;
mod entities;
mod found;
mod graph;
mod handled;
mod log;
mod mailboxes;
mod overview;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use clawback_model::{InvestigationId, InvestigationStatus, visible};
use maud::html;

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::layout;
use super::remediation::records;
use super::shown::Shown;
use crate::access::Caller;
use crate::body::word;
use crate::center::Center;
use crate::design::tabs::{Tab, tabs};
use crate::design::{pill, toast};
use crate::problem::Problem;
use found::Found;

/// The tabs: the word in the address, and the name.
const TABS: [(&str, &str); 8] = [
    ("overview", "Overview"),
    ("alerts", "Alerts"),
    ("clusters", "Clusters"),
    ("entities", "Entities"),
    ("mailboxes", "Mailboxes"),
    ("evidence", "Evidence"),
    ("log", "Log"),
    ("actions", "Actions"),
];

pub(crate) async fn page(
    State(center): State<Center>,
    Path(id): Path<String>,
    caller: Caller,
    Asked(query): Asked,
) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let id: InvestigationId = word("id", &id)?;
    Ok(show(&center, &frame, &id, &query, &Fields::default(), None).await?)
}

/// Carries out a form of the page. What is refused is said on it.
pub(crate) async fn record(
    State(center): State<Center>,
    Path((id, verb)): Path<(String, String)>,
    caller: Caller,
    fields: Fields,
) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let id: InvestigationId = word("id", &id)?;
    let found = Found::load(&center, &id).await?;
    match handled::carry_out(&center, &frame, &found, &verb, &fields).await {
        Ok(()) => Ok(Redirect::to(&found.tab("alerts")).into_response()),
        Err(problem) if verb != "incident" && verb != "alert" => Err(problem.into()),
        Err(problem) => Ok(show(&center, &frame, &id, &Fields::default(), &fields, Some(&problem)).await?),
    }
}

/// The page. After a refused request it says why, and keeps what was `sent`.
async fn show(
    center: &Center,
    frame: &Frame,
    id: &InvestigationId,
    query: &Fields,
    sent: &Fields,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let found = Found::load(center, id).await?;
    let wanted = sent.filled("tab").or(query.filled("tab"));
    let open = shown_tabs(&found).find(|(word, _)| wanted == Some(*word)).map_or("overview", |(word, _)| word);
    let base = found.address();
    let content = match open {
        "alerts" => alerts::tab(center, &found).await?,
        "clusters" => clusters::tab(&found),
        "entities" => entities::tab(center, &found).await?,
        "mailboxes" => mailboxes::tab(center, &found).await?,
        "evidence" => records::evidence(center, &found.remediation.id, query, &base).await?,
        "log" => log::tab(center, &found).await?,
        "actions" => actions::tab(center, &found).await?,
        _ => overview::tab(center, &found).await?,
    };
    let remediation = &found.remediation;
    let pace = if remediation.status.is_final() { "30" } else { "3" };
    let body = html! {
        @if let Some(problem) = problem { (toast::problem(layout::in_words(problem))) }
        div #investigation-tabs data-live data-every=(pace) { (tabs("Parts of the investigation", &tab_list(&found, open))) }
        div #investigation-tab data-live { (content) }
        (handled::form(frame, &found, open, sent, problem))
    };
    let name = visible(&remediation.request.name);
    let status = InvestigationStatus::of(remediation);
    let head = html! {
        h1 { (name) }
        span #investigation-pill data-live aria-live="polite" { (pill::investigation(status)) }
        (pill::severity(remediation.request.severity))
        div .actions { a .button.plain href={ "/remediations/" (remediation.id) } { "Open the remediation" } }
    };
    let title = format!("Investigation {name} · {}", status.title());
    let mut response = layout::page_with(frame, "/investigations", &title, &head, &body);
    if let Some(problem) = problem {
        layout::of_problem(&mut response, problem);
    }
    Ok(response)
}

/// The tabs for which something is recorded.
fn shown_tabs(found: &Found) -> impl Iterator<Item = (&'static str, &'static str)> {
    TABS.into_iter().filter(|(word, _)| found.has(word))
}

fn tab_list(found: &Found, open: &str) -> Vec<Tab> {
    let of = |(word, name)| Tab {
        name,
        address: format!("{}?tab={word}", found.address()),
        count: found.count(word),
        is_open: word == open,
    };
    shown_tabs(found).map(of).collect()
}
