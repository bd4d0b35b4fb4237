//! The check of a playbook's text before it becomes a file of the site. Nothing is run or kept.

use axum::extract::State;
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::layout;
use super::mistakes;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::check;
use crate::design::{field, toast};

/// The name of a text that has none.
const UNNAMED: &str = "new";

/// The form; with the name of a playbook of the site, its text.
pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let (name, source) = match query.filled("playbook") {
        Some(name) => (name.to_owned(), center.site().library.playbook_source(name)?.1),
        None => (String::new(), String::new()),
    };
    Ok(layout::page(&frame, "/playbooks", "Check a playbook", &form(&frame, &name, &source)))
}

/// The mistakes, above the form with what was sent.
pub(crate) async fn check(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let (name, source) = (fields.get("name"), fields.get("source"));
    let named = fields.filled("name").unwrap_or(UNNAMED).to_owned();
    let result = check::check(center.clone(), caller.who.clone(), named, Some(source.to_owned())).await;
    let frame = Frame::load(&center, caller).await?;
    let said = match &result {
        Ok(checked) => mistakes::mistakes(checked),
        Err(problem) if problem.is_refusal() || problem.status().is_server_error() => {
            return Err(problem.clone().into());
        }
        Err(problem) => toast::problem(layout::in_words(problem)),
    };
    let body = html! { (said) (form(&frame, name, source)) };
    let mut response = layout::page(&frame, "/playbooks", "Check a playbook", &body);
    if let Err(problem) = &result {
        layout::of_problem(&mut response, problem);
    }
    Ok(response)
}

fn form(frame: &Frame, name: &str, source: &str) -> Markup {
    html! {
        p { "The text is checked against the scripts, stores and limits of this site. Nothing is run or kept: "
            "a playbook becomes part of the site as a file in its folder " code { "workflows" } "." }
        form .form.source method="post" action="/playbook-check" {
            (layout::form_token(frame))
            (field::text("name", "Name", name, UNNAMED, None))
            label { "Text" textarea name="source" required rows="24" spellcheck="false" maxlength=(check::LARGEST_SOURCE) { "\n" (source) } }
            div .row { button { "Check" } }
        }
    }
}
