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
use crate::json::PickedJson;
use crate::problem::Problem;
use crate::unsent::{BACK, FIELD, TO, Unsent};

/// Fields that a page fills in, which say nothing to a reader.
const HIDDEN: [&str; 4] = ["digest", "seen", "total", "page"];
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
    let is_shown = |(name, value): &&(String, String)| !value.trim().is_empty() && !HIDDEN.contains(&name.as_str());
    html! { dl .facts.list { @for (name, value) in unsent.fields.iter().filter(is_shown) { div {
        dt { bdi { (spoken(&visible_line(&name.replace('_', " "), LONGEST_NAME))) } }
        dd { (said(value)) }
    } } } }
}

/// A value: a message that was picked by its Message-ID and its mailbox, and anything else as it was typed.
fn said(value: &str) -> Markup {
    match serde_json::from_str::<PickedJson>(value) {
        Ok(picked) => html! { (text::mail(&picked.message_id)) " in " (text::mail(&picked.mailbox)) },
        Err(_) => text::whole(value),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_shown_in_words() {
        let picked = r#"{"mailbox":"u1@corp.example","message_id":"<1@evil.example>","fingerprint":"ab"}"#;
        let fields = [("pick", picked), ("digest", "0f"), ("name", "Payroll"), ("comment", " ")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let unsent = Unsent { to: "/search/submit".to_owned(), back: "/search".to_owned(), fields };
        let shown = self::fields(&unsent).into_string();
        assert!(shown.contains("&lt;1@evil.example&gt;</bdi> in <bdi class=\"mail\">u1@corp.example"), "{shown}");
        assert!(shown.contains("Payroll") && !shown.contains("fingerprint") && !shown.contains("0f"), "{shown}");
        assert_eq!(shown.matches("<dt>").count(), 2, "{shown}");
    }
}
