//! What people record of an investigation: how far they are with its alert, and the incident that it belongs to.

use clawback_model::{AlertState, Incident, Permission, visible_line};
use maud::{Markup, html};

use super::super::fields::Fields;
use super::super::frame::Frame;
use super::super::layout;
use super::found::Found;
use crate::body::{optional, word};
use crate::center::Center;
use crate::design::field;
use crate::problem::Problem;

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

/// The forms of the tab of alerts, for those who may record something.
pub(super) fn form(frame: &Frame, found: &Found, tab: &str, sent: &Fields) -> Markup {
    if tab != "alerts" || !frame.may(Permission::Control) {
        return html! {};
    }
    let handling = &found.remediation.alert;
    let known = |name: &str, known: &str| if sent.has(name) { sent.get(name).to_owned() } else { known.to_owned() };
    let number = found.remediation.incident.as_ref().map(Incident::as_str).unwrap_or_default();
    html! {
        h2 { "Handle the alert" }
        form .form.card method="post" action={ (found.address()) "/alert" } {
            (layout::form_token(frame))
            input type="hidden" name="tab" value="alerts";
            div .two {
                (field::choice("state", "State", None, &AlertState::ALL.map(AlertState::as_str), &known("state", handling.state.as_str())))
                (field::text("owner", "Owner", &known("owner", handling.owner.as_deref().unwrap_or_default()), &frame.who.name, None))
            }
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
            let state: AlertState = word("state", fields.get("state"))?;
            let _ = api.handle_alert(who, id, state, fields.filled("owner")).await?;
        }
        "incident" => {
            let incident: Option<Incident> = optional("incident", fields.filled("incident"))?;
            let _ = api.link_incident(who, id, incident).await?;
        }
        _ => return Err(Problem::not_found()),
    }
    Ok(())
}
