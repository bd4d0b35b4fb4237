//! The page of a message: of a remediation, and before there is one, from the results of a search. Each reading is
//! recorded as an event of the history first, so it is a form, which no other site can send. Nothing of a message is
//! markup here, and no link of it can be followed.

mod found;
mod view;

use axum::extract::{Path, State};
use axum::response::Response;
use clawback_model::{Digest, Picked, Target, visible_line};
use maud::{Markup, html};

use super::fields::Fields;
use super::frame::Frame;
use super::shown::Shown;
use super::{layout, query, search};
use crate::access::Caller;
use crate::center::Center;
use crate::design::text;
use crate::lookup::find;
use crate::message_file::message_file;
use crate::problem::Problem;
use view::View;

/// The field of the form that asks for the message as a file.
const FILE: &str = "file";

/// Where a page of a message belongs.
struct Place {
    /// The section of the navigation.
    section: &'static str,
    /// Where the form that reads it goes, and its fields.
    form: (String, Vec<(String, String)>),
    /// The address and the name of where the reader comes from.
    back: (String, &'static str),
    /// What it is a message of.
    of: Markup,
    /// The message as the root of an investigation.
    picked: Picked,
}

/// A message by its number in the plan, on a page or as a file.
pub(crate) async fn read(
    State(center): State<Center>,
    Path((id, seq)): Path<(String, u32)>,
    caller: Caller,
    fields: Fields,
) -> Shown {
    let id = find(&center, &id).await?.id;
    let (target, raw) = center.api().read_message(&caller.who, &id, seq).await?;
    if fields.filled(FILE).is_some() {
        return Ok(message_file(&format!("{id}-{seq}"), raw));
    }
    let frame = Frame::load(&center, caller).await?;
    let place = Place {
        section: "/history",
        form: (format!("/remediations/{id}/messages/{seq}"), Vec::new()),
        back: (format!("/remediations/{id}?tab=messages"), "Back to the messages"),
        of: html! { a href={ "/remediations/" (id) } { code { (id) } } ", message " (u64::from(seq) + 1) },
        // It may have been moved since.
        picked: Picked { locator: None, ..search::picked(&target, false) },
    };
    Ok(page(&center, &frame, &target, raw, &place).await?)
}

/// A message of the results of a search, on a page or as a file.
pub(crate) async fn read_found(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    center.api().may_read_found(&caller.who)?;
    let picked = search::read_picked(fields.get(search::VIEW))?;
    let target = found::in_results(&center, &caller.who, &fields, &picked).await?;
    let raw = center.api().read_found(&caller.who, &target).await?;
    if fields.filled(FILE).is_some() {
        return Ok(message_file("message", raw));
    }
    let frame = Frame::load(&center, caller).await?;
    let mut conditions = query::kept(&fields);
    let mut sent: Vec<(String, String)> =
        query::inputs(&fields).pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    sent.push((search::VIEW.to_owned(), fields.get(search::VIEW).to_owned()));
    if let Some(page) = fields.filled(query::PAGE).filter(|page| page.parse::<usize>().is_ok()) {
        conditions = format!("{conditions}&{}={page}", query::PAGE);
        sent.push((query::PAGE.to_owned(), page.to_owned()));
    }
    let place = Place {
        section: "/search",
        form: ("/search/message".to_owned(), sent),
        back: (format!("/search?{conditions}"), "Back to results"),
        of: html! { "None: a result of a search" },
        picked: search::picked(&target, true),
    };
    Ok(page(&center, &frame, &target, raw, &place).await?)
}

async fn page(
    center: &Center,
    frame: &Frame,
    target: &Target,
    raw: Vec<u8>,
    place: &Place,
) -> Result<Response, Problem> {
    let examined = center.api().examine_read(&frame.who, center.settings().host.as_deref(), &raw).await;
    let (size, digest) = (raw.len(), Digest::of(&raw));
    // The sender determines how long parsing takes, within the limit of the message's size.
    let content = tokio::task::spawn_blocking(move || clawback_mail::read(&raw)).await;
    let content = content.map_err(|_| Problem::bad_request("the message cannot be shown; download it"))?;
    let subject = content.as_ref().map_or(target.subject.as_str(), |content| content.subject.as_str());
    let title = if subject.trim().is_empty() { "(no subject)".to_owned() } else { visible_line(subject.trim(), 200) };
    let view = View {
        target,
        of: &place.of,
        content: content.as_ref(),
        examined: examined.map_err(|error| error.to_string()),
        trusts_a_server: !center.site().examination.authentication_servers.is_empty(),
        size,
        digest,
        may_search: frame.may(clawback_model::Permission::Submit),
    };
    let body = html! {
        p .note { "You read this message as " (text::mail(&frame.who.name)) ". This access is recorded." }
        div .row {
            a .button.plain href=(place.back.0) { (place.back.1) }
            form .inline method="post" action=(place.form.0) {
                (layout::form_token(frame))
                @for (name, value) in &place.form.1 { input type="hidden" name=(name) value=(value); }
                button .plain name=(FILE) value="yes" { "Download .eml" }
            }
            @if view.may_search {
                form .inline method="post" action="/search/investigate" {
                    (layout::form_token(frame))
                    button .plain name="investigate" value=(search::value(place.picked.clone())) { "Start an investigation" }
                }
            }
        }
        (view.markup())
    };
    let head = html! { h1 { bdi .mail { (title) } } };
    Ok(layout::page_with(frame, place.section, &title, &head, &body))
}
