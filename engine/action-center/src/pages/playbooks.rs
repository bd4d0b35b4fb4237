//! Playbooks: what they do, step by step, their text, and the form that starts one.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use clawback_model::{Permission, Remediation};
use clawback_playbooks::Playbook;
use clawback_runtime::Error;
use clawback_store::HistoryFilter;
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::shown::Shown;
use super::{layout, mistakes, start};
use crate::access::Caller;
use crate::center::Center;
use crate::check;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::pill::{self, Tone};
use crate::design::table::{Column, Row, Table};
use crate::design::words::spoken;
use crate::design::{facts, text};
use crate::problem::Problem;

const COLUMNS: [Column; 5] = [
    Column::lead("Playbook"),
    Column::fill("Description"),
    Column::short("Severity"),
    Column::medium("Action"),
    Column::medium("Digest").at_960(),
];
const RUN_COLUMNS: [Column; 6] = [
    Column::lead("Remediation"),
    Column::medium("Status"),
    Column::short("Action source"),
    Column::count("Messages"),
    Column::count("Succeeded"),
    Column::time("Submitted"),
];
const INPUTS: [Column; 4] =
    [Column::lead("Input"), Column::short("Type"), Column::short("Required"), Column::fill("Description").tall()];
/// Runs that are shown.
const RUNS: u32 = 10;

pub(crate) async fn list(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let mut rows: Vec<Row> = Vec::new();
    for name in center.site().library.playbook_names() {
        let address = format!("/playbooks/{}", crate::access::encoded(&name));
        rows.push(match center.api().check(&name) {
            Ok(playbook) => Row::of([
                html! { a href=(address) { (name) } },
                html! { (playbook.description()) },
                pill::severity(playbook.severity()),
                html! { @if let Some(action) = playbook.action() { (action) } @else { "as asked" } },
                html! { code { (playbook.digest().to_string().chars().take(12).collect::<String>()) } },
            ]),
            Err(error) => {
                let said = error.to_string();
                Row::of([
                    html! { a href=(address) { (name) } },
                    html! { (pill::pill(Tone::Bad, Icon::Cross, "Broken")) " " (text::cell(&said)) },
                ])
            }
        });
    }
    let nothing = empty(Icon::Book, "No playbook", "Playbooks are files in the folder `workflows` of this site.");
    let body = html! { (Table::new("Playbooks", &COLUMNS, rows).or(nothing)) };
    let head = html! {
        h1 { "Playbooks" }
        @if frame.may(Permission::Submit) { div .actions { a .button.plain href="/playbook-check" { "Check a text" } } }
    };
    Ok(layout::page_with(&frame, "/playbooks", "Playbooks", &head, &body))
}

/// Its last runs.
async fn runs(center: &Center, name: &str) -> Result<Markup, Problem> {
    let filter = HistoryFilter { playbook: Some(name.to_owned()), without_empty: true, ..HistoryFilter::default() };
    let found = center.site().history.history(&filter, None, RUNS).await?;
    let row = |run: &Remediation| {
        Row::of([
            layout::link(run),
            pill::status(run.status),
            html! { (spoken(run.request.source.as_str())) },
            text::count(run.counts.submitted),
            text::count(run.counts.succeeded),
            text::time(run.created_at),
        ])
    };
    let rows: Vec<Row> = found.remediations.iter().map(row).collect();
    Ok(html! {
        (Table::new("Last runs", &RUN_COLUMNS, rows).or("No runs yet."))
        p { a href={ "/history?playbook=" (crate::access::encoded(name)) } { "View all runs" } }
    })
}

pub(crate) async fn page(
    State(center): State<Center>,
    Path(name): Path<String>,
    caller: Caller,
    Asked(query): Asked,
) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    match center.api().check(&name) {
        Ok(playbook) => Ok(show(&center, &frame, &playbook, &query, None).await?),
        Err(error @ Error::Playbook(_)) => {
            let (_, source) = center.site().library.playbook_source(&name)?;
            let checked = check::answer(Err(error))?;
            Ok(layout::page(&frame, "/playbooks", &name, &mistakes::broken(&frame, &name, &source, &checked)))
        }
        Err(error) => Err(Problem::from(error).into()),
    }
}

/// The page. `sent` has what is filled in to start it; after a refused start there is a problem.
async fn show(
    center: &Center,
    frame: &Frame,
    playbook: &Playbook,
    sent: &Fields,
    refused: Option<Problem>,
) -> Result<Response, Problem> {
    let (start, problem) = start::section(center, frame, playbook, sent, refused).await;
    let triggers = playbook.triggers();
    let runs = runs(center, playbook.name()).await?;
    let inputs: Vec<Row> = playbook
        .inputs()
        .iter()
        .map(|input| {
            Row::of([
                html! { code { (input.name) } },
                html! { (input.kind) },
                html! { @if input.required { "yes" } },
                html! { (input.description) },
            ])
        })
        .collect();
    let body = html! {
        p { (playbook.description()) }
        ol .steps aria-label="Steps" { @for step in playbook.steps_in_words() { li { (step) } } }
        (facts::facts(&[
            ("Severity", pill::severity(playbook.severity())),
            ("Manual start", html! { @if triggers.manual { "yes" } @else { "no" } }),
            ("Starts on verdict", html! { (triggers.suggestion.join(", ")) }),
            ("Reports", html! { @if triggers.report { "yes" } @else { "no" } }),
            ("Schedule", html! { @if let Some(timetable) = &triggers.schedule { code { (timetable.cron) } " " (timetable.time_zone) } }),
            ("Digest", html! { code .digest { (playbook.digest()) } }),
        ]))
        (start)
        h2 { "Last runs" }
        (runs)
        h2 { "Inputs" }
        (Table::new("Inputs", &INPUTS, inputs).or("No inputs."))
        h2 { "Source" }
        pre tabindex="0" { code { (playbook.source()) } }
        @if frame.may(Permission::Submit) {
            p { a href={ "/playbook-check?playbook=" (crate::access::encoded(playbook.name())) } { "Edit a copy and check it" } }
        }
    };
    let mut response = layout::page(frame, "/playbooks", playbook.name(), &body);
    if let Some(problem) = &problem {
        layout::of_problem(&mut response, problem);
    }
    Ok(response)
}

/// Starts a playbook. What is refused is said on its page, with what was typed.
pub(crate) async fn start(
    State(center): State<Center>,
    Path(name): Path<String>,
    caller: Caller,
    fields: Fields,
) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let playbook = center.api().check(&name)?;
    if !playbook.triggers().manual {
        let detail = format!("the playbook {} does not start by hand; it has no trigger `manual`", playbook.name());
        return Err(Problem::bad_request(detail).into());
    }
    match center.api().submit(&frame.who, start::submission(&playbook, &fields)).await {
        Ok(submitted) => Ok(Redirect::to(&format!("/remediations/{}?submitted=1", submitted.id)).into_response()),
        Err(error) => {
            let problem = Problem::from(error);
            if problem.is_refusal() || problem.status().is_server_error() {
                return Err(problem.into());
            }
            Ok(show(&center, &frame, &playbook, &fields, Some(problem)).await?)
        }
    }
}
