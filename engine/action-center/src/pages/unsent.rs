//! The page of a form that was not accepted: what is in it, and the button that sends it as the user who is signed in
//! now.

use axum::response::Response;
use clawback_model::visible_line;
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::shown::section;
use crate::access::Caller;
use crate::center::Center;
use crate::design::words::spoken;
use crate::design::{facts, text, toast};
use crate::problem::Problem;
use crate::unsent::{BACK, FIELD, TO, Unsent};

/// Longest name of a field that is shown.
const LONGEST_NAME: usize = 60;

/// Shows a form with the button that sends it. `why` says what became of it.
pub(super) async fn confirm(center: &Center, unsent: &Unsent, caller: Caller, why: &str) -> Result<Response, Problem> {
    let frame = Frame::load(center, caller).await?;
    let name = text::mail(&frame.who.name);
    let body = html! {
        (toast::warning(why))
        // Not a confirmation of `design`: the form must be the one that was sent, and an action may ask once more.
        form .form.card method="post" action=(unsent.to) {
            (layout::form_token(&frame))
            (hidden(unsent, ""))
            (facts::list(&[("Sent to", text::mail(&unsent.to)), ("Sent as", name.clone())]))
            (fields(unsent))
            div .row {
                button { "Send it now as " (name) }
                a .button.plain href=(unsent.back) { "Back without sending" }
            }
        }
    };
    let path = unsent.to.split('?').next().unwrap_or_default();
    Ok(layout::page(&frame, section(path), "Your form was not sent", &body))
}

/// What was filled in, in words.
pub(super) fn fields(unsent: &Unsent) -> Markup {
    let filled = unsent.fields.iter().filter(|(_, value)| !value.trim().is_empty());
    html! { dl .facts.list { @for (name, value) in filled { div {
        dt { bdi { (spoken(&visible_line(&name.replace('_', " "), LONGEST_NAME))) } }
        dd { (text::whole(value)) }
    } } } }
}

/// The fields, for the form itself or with the names that they have in the form of the sign-in.
pub(super) fn hidden(unsent: &Unsent, prefix: &str) -> Markup {
    html! { @for (name, value) in &unsent.fields { input type="hidden" name={ (prefix) (name) } value=(value); } }
}

/// The form in that of the sign-in.
pub(super) fn brought(unsent: &Unsent) -> Markup {
    html! {
        input type="hidden" name=(TO) value=(unsent.to);
        input type="hidden" name=(BACK) value=(unsent.back);
        (hidden(unsent, FIELD))
    }
}
