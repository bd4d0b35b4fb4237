//! Playbooks: what they do, step by step, and their text.

use axum::extract::{Path, State};
use maud::{Markup, html};

use super::frame::Frame;
use super::{Shown, layout};
use crate::access::Caller;
use crate::center::Center;

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

pub(crate) async fn page(State(center): State<Center>, Path(name): Path<String>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let playbook = center.api().check(&name)?;
    let triggers = playbook.triggers();
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
            ("Schedule", html! { @if let Some(timetable) = &triggers.schedule { code { (timetable.cron) } " " (timetable.time_zone) } }),
            ("Digest", html! { code .digest { (playbook.digest()) } }),
        ]))
        p { a href={ "/history?name=" (crate::access::encoded(playbook.name())) } { "Its runs in the history" } }
        h2 { "Inputs" }
        (layout::table("Inputs", &columns, &inputs, "It takes none."))
        h2 { "Source" }
        pre tabindex="0" { code { (playbook.source()) } }
    };
    Ok(layout::page(&frame, "/playbooks", playbook.name(), &body))
}
