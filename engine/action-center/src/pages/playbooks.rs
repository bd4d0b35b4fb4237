//! Playbooks: what they do, step by step, and their text.

use axum::extract::{Path, State};
use clawback_model::Remediation;
use clawback_store::HistoryFilter;
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::problem::Problem;

/// Runs that are shown.
const RUNS: u32 = 10;

pub(crate) async fn list(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let mut rows: Vec<Markup> = Vec::new();
    for name in center.site().library.playbook_names() {
        let address = format!("/playbooks/{}", crate::access::encoded(&name));
        rows.push(match center.api().check(&name) {
            Ok(playbook) => html! { tr {
                td { a href=(address) { (name) } }
                td { (playbook.description()) }
                td { (playbook.severity().as_str()) }
                td { @if let Some(action) = playbook.action() { (action) } @else { "as asked" } }
                td { code { (playbook.digest().to_string().chars().take(12).collect::<String>()) } }
            } },
            Err(error) => html! { tr {
                td { a href=(address) { (name) } }
                td colspan="4" { span .problem { (error) } }
            } },
        });
    }
    let columns = ["Playbook", "What it does", "Severity", "Action", "Digest"];
    let body = layout::table("Playbooks", &columns, &rows, "There is no playbook.");
    Ok(layout::page(&frame, "/playbooks", "Playbooks", &body))
}

/// The remediations with the playbook's name, which is the default name.
async fn runs(center: &Center, name: &str) -> Result<Markup, Problem> {
    let filter = HistoryFilter { name: Some(name.to_owned()), without_empty: true, ..HistoryFilter::default() };
    let found = center.site().history.history(&filter, None, RUNS).await?;
    let row = |run: &Remediation| {
        html! { tr {
            td { (layout::link(run)) }
            td { (layout::status(run.status)) }
            td { (run.request.source.as_str()) }
            td .number { (run.counts.submitted) }
            td .number { (run.counts.succeeded) }
            td { (layout::time(run.created_at)) }
        } }
    };
    let rows: Vec<Markup> = found.remediations.iter().filter(|run| run.request.playbook == name).map(row).collect();
    let columns = ["Remediation", "Status", "Action source", "Messages", "Succeeded", "Submitted"];
    Ok(html! {
        (layout::table("Last runs", &columns, &rows, "No run has its name."))
        p { a href={ "/history?name=" (crate::access::encoded(name)) } { "All of this name in the history" } }
    })
}

pub(crate) async fn page(State(center): State<Center>, Path(name): Path<String>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let playbook = center.api().check(&name)?;
    let triggers = playbook.triggers();
    let runs = runs(&center, playbook.name()).await?;
    let columns = ["Input", "Type", "Required", "What it is"];
    let inputs: Vec<Markup> = playbook
        .inputs()
        .iter()
        .map(|input| {
            html! { tr {
                td { code { (input.name) } }
                td { (input.kind) }
                td { @if input.required { "yes" } }
                td { (input.description) }
            } }
        })
        .collect();
    let body = html! {
        p { (playbook.description()) }
        ol .steps aria-label="Steps" { @for step in playbook.steps_in_words() { li { (step) } } }
        (layout::facts(&[
            ("Severity", html! { (playbook.severity().as_str()) }),
            ("By hand", html! { @if triggers.manual { "yes" } @else { "no" } }),
            ("Suggestions", html! { (triggers.suggestion.join(", ")) }),
            ("Reports", html! { @if triggers.report { "yes" } @else { "no" } }),
            ("Schedule", html! { @if let Some(timetable) = &triggers.schedule { code { (timetable.cron) } " " (timetable.time_zone) } }),
            ("Digest", html! { code .digest { (playbook.digest()) } }),
        ]))
        h2 { "Last runs" }
        (runs)
        h2 { "Inputs" }
        (layout::table("Inputs", &columns, &inputs, "It takes none."))
        h2 { "Source" }
        pre tabindex="0" { code { (playbook.source()) } }
    };
    Ok(layout::page(&frame, "/playbooks", playbook.name(), &body))
}
