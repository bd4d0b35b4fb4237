//! What people record of an investigation: how far they are with its alert, what they found, and the incident that it
//! belongs to.

use clawback_model::{
    AlertHandling, AlertState, Classification, Determination, Digest, Incident, Permission, visible_line,
};
use maud::{Markup, html};

use super::super::fields::Fields;
use super::super::frame::Frame;
use super::super::layout;
use super::found::Found;
use crate::body::{optional, word};
use crate::center::Center;
use crate::design::words::classified;
use crate::design::{facts, field, pill, text, toast};
use crate::problem::Problem;

/// The kind of the event that records it.
const KIND: &str = "alert-handled";
/// The field that names the version of what was recorded when the form was made.
const VERSION: &str = "handling_version";
/// The longest comment that a browser lets somebody type.
const LONGEST: u32 = 4_000;

/// The incident: a link if it has an address, else its number.
pub(super) fn incident(found: &Found) -> Markup {
    html! {
        @if let Some(incident) = &found.remediation.incident {
            @let shown = visible_line(incident.as_str(), 100);
            @if incident.host().is_some() {
                a href=(incident) rel="noopener noreferrer" { (shown) }
            } @else { (shown) }
        }
    }
}

/// What is recorded of the alert, by whom.
pub(super) async fn recorded(center: &Center, found: &Found) -> Result<Markup, Problem> {
    let handling = &found.remediation.alert;
    let entries = center.site().history.events(&found.remediation.id).await?;
    let Some(last) = entries.iter().rev().find(|entry| entry.link.kind == KIND) else { return Ok(html! {}) };
    Ok(html! {
        h2 { "Recorded of the alert" }
        (facts::list(&[
            ("State", pill::alert(handling.state)),
            ("Owner", html! { @if let Some(owner) = &handling.owner { (text::mail(owner)) } }),
            ("Classification", html! { (classified(handling)) }),
            ("Comment", html! { @if let Some(comment) = &handling.comment { (text::whole(comment)) } }),
            ("Recorded", html! { (text::time(last.link.at)) " by " (text::mail(&last.link.actor)) }),
        ]))
    })
}

/// The forms of the tab of alerts, for those who may record something. After a refused request they keep what was
/// `sent`, also if somebody else was faster.
pub(super) fn form(frame: &Frame, found: &Found, tab: &str, sent: &Fields, problem: Option<&Problem>) -> Markup {
    if tab != "alerts" || !frame.may(Permission::Control) {
        return html! {};
    }
    let handling = &found.remediation.alert;
    let known = |name: &str, known: &str| if sent.has(name) { sent.get(name).to_owned() } else { known.to_owned() };
    let number = found.remediation.incident.as_ref().map(Incident::as_str).unwrap_or_default();
    let is_changed = problem.is_some_and(|problem| problem.code == "alert-changed");
    let version = handling.version().to_string();
    // Who has seen the change may replace it.
    let version = if is_changed { version } else { known(VERSION, &version) };
    let wrong = |code: &str| problem.filter(|problem| problem.code == code).map(layout::in_words);
    let of = |classification: Classification| {
        let own = Determination::ALL.into_iter().filter(|one| one.classification() == classification);
        (classification.as_str(), own.map(Determination::as_str).collect())
    };
    let determined = known("determination", handling.determination.map_or("", Determination::as_str));
    html! {
        h2 { "Handle the alert" }
        form .form.card method="post" action={ (found.address()) "/alert" } {
            (layout::form_token(frame))
            input type="hidden" name="tab" value="alerts";
            input type="hidden" name=(VERSION) value=(version);
            @if is_changed { (toast::warning("This is what you typed. Saving it replaces what is recorded above.")) }
            div .two {
                (field::choice("state", "State", None, &AlertState::ALL.map(AlertState::as_str), &known("state", handling.state.as_str())))
                (field::text("owner", "Owner", &known("owner", handling.owner.as_deref().unwrap_or_default()), &frame.who.name, wrong("owner").as_deref()))
                (field::choice("classification", "Classification", Some("Not classified"), &Classification::ALL.map(Classification::as_str),
                    &known("classification", handling.classification.map_or("", Classification::as_str))))
                (field::choice_in_groups("determination", "Determination", "None", &Classification::ALL.map(of), &determined, wrong("determination").as_deref()))
            }
            (field::lines("comment", "Comment", &known("comment", handling.comment.as_deref().unwrap_or_default()), LONGEST))
            div .row { button { "Save" } }
        }
        h2 { "Incident" }
        form .form.card method="post" action={ (found.address()) "/incident" } {
            (layout::form_token(frame))
            input type="hidden" name="tab" value="alerts";
            (field::text("incident", "Address or number of the incident in your ticket system", &known("incident", number), "https://tickets.example/INC-1", None))
            div .row { button { "Save the incident" } }
        }
    }
}

/// Carries out one of the forms.
pub(super) async fn carry_out(
    center: &Center,
    frame: &Frame,
    found: &Found,
    verb: &str,
    fields: &Fields,
) -> Result<(), Problem> {
    let (api, who, id) = (center.api(), &frame.who, &found.remediation.id);
    match verb {
        "alert" => {
            let determination: Option<Determination> = optional("determination", fields.filled("determination"))?;
            let classification: Option<Classification> = optional("classification", fields.filled("classification"))?;
            let handling = AlertHandling {
                state: word("state", fields.get("state"))?,
                owner: fields.filled("owner").map(str::to_owned),
                // The determination says which.
                classification: classification.or(determination.map(Determination::classification)),
                determination,
                comment: fields.filled("comment").map(str::to_owned),
            };
            let seen: Option<Digest> = optional(VERSION, fields.filled(VERSION))?;
            let _ = api.handle_alert(who, id, handling, seen).await?;
        }
        "incident" => {
            let incident: Option<Incident> = optional("incident", fields.filled("incident"))?;
            let _ = api.link_incident(who, id, incident).await?;
        }
        _ => return Err(Problem::not_found()),
    }
    Ok(())
}
