//! The frame of a page in HTML: the navigation, the head of the page, and the page of a problem.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use clawback_model::{Permission, Remediation, visible};
use maud::{DOCTYPE, Markup, html};

use super::frame::Frame;
use crate::design::icon::{Icon, sprite};
use crate::design::text::cell;
use crate::design::{button, toast};
use crate::problem::Problem;

/// A section: address, name, icon.
type Section = (&'static str, &'static str, Icon);

/// The sections in their two groups: the work of the day, and the site.
const GROUPS: [(&str, &[Section]); 2] = [
    (
        "Work",
        &[
            ("/search", "Search", Icon::Search),
            ("/pending", "Pending", Icon::Clock),
            ("/history", "History", Icon::List),
            ("/investigations", "Investigations", Icon::Folder),
            ("/reports", "Reports", Icon::Mail),
            ("/alerts", "Alerts", Icon::Bell),
        ],
    ),
    (
        "Site",
        &[
            ("/schedules", "Schedules", Icon::Calendar),
            ("/playbooks", "Playbooks", Icon::Book),
            ("/connectors", "Stores", Icon::Store),
            ("/people", "People", Icon::People),
            ("/block-lists", "Block lists", Icon::Block),
            ("/evidence", "Evidence", Icon::Archive),
            ("/audit", "Audit", Icon::Shield),
        ],
    ),
];

/// The keys that open a section after `g`, with its address and name. `assets/js/keys.js` finds them at the links.
pub(super) const KEYS: [(&str, &str, &str); 5] = [
    ("s", "/search", "Search"),
    ("p", "/pending", "Pending"),
    ("h", "/history", "History"),
    ("i", "/investigations", "Investigations"),
    ("a", "/alerts", "Alerts"),
];

/// The sections for administrators: the settings, and the page of components.
const FOR_ADMINISTRATORS: [Section; 2] =
    [("/settings", "Settings", Icon::Sliders), ("/design", "Design", Icon::Swatch)];

/// A whole page. `tab` is the address of the section that it belongs to.
pub(crate) fn page(frame: &Frame, tab: &str, title: &str, body: &Markup) -> Response {
    page_with(frame, tab, title, &html! { h1 { (title) } }, body)
}

/// The same with a head of its own: the title as `h1`, and what stands beside it.
pub(crate) fn page_with(frame: &Frame, tab: &str, title: &str, head: &Markup, body: &Markup) -> Response {
    let inner = html! {
        div .shell {
            header .side {
                a .brand href="/pending" { "Clawback" }
                nav aria-label="Sections" { (sections(frame, tab)) }
                form .who method="post" action="/sign-out" {
                    (form_token(frame))
                    span title=(visible(&frame.who.name)) { (visible(&frame.who.name)) }
                    button .plain.small { "Sign out" }
                }
                p .zone data-zone { "Times are in UTC." }
                p .about { a href="/help" title="Help and keyboard shortcuts (?)" { "Help" } " " span title="Version" { (frame.version) } }
            }
            div {
                @if let Some(halt) = &frame.halted {
                    p .halted role="alert" { "The site is " (visible(&halt.to_string())) ". Nothing is planned, started or acted on. Searching and reading continue; what is submitted waits for the end of the halt." }
                }
                main #main { div .head { (head) } (body) }
                p #live-state .live-state role="status" hidden {}
            }
        }
    };
    whole(title, &inner)
}

fn sections(frame: &Frame, tab: &str) -> Markup {
    let key = |address: &str| KEYS.iter().find(|(_, section, _)| *section == address).map(|(key, ..)| *key);
    let link = |(address, name, icon): &Section| {
        html! { li { a href=(address) data-key=[key(address)] aria-current=[(*address == tab).then_some("page")] {
            (icon) (name)
            @if *address == "/pending" { " " span #pending-count data-live { @if let Some(count) = frame.pending_label() { span .badge { (count) } } } }
        } } }
    };
    html! { @for (group, sections) in GROUPS {
        p { (group) }
        ul {
            @for section in sections { (link(section)) }
            @if group == "Site" && frame.may(Permission::Administer) {
                @for section in &FOR_ADMINISTRATORS { (link(section)) }
            }
        }
    } }
}

/// A page for callers who are not signed in.
pub(crate) fn plain(title: &str, body: &Markup) -> Response {
    whole(title, &html! { main #main .narrow { p .brand { "Clawback" } h1 { (title) } (body) } })
}

fn whole(title: &str, inner: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Clawback" }
                link rel="stylesheet" href="/assets/center.css";
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                script src="/assets/center.js" defer {}
            }
            body { (sprite()) a .skip href="#main" { "Skip to content" } (inner) }
        }
    };
    fragment(page)
}

/// HTML as an answer.
fn fragment(markup: Markup) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], markup.into_string()).into_response()
}

/// A problem as a page, in the frame of the site if the caller is known.
pub(crate) fn error(frame: Option<&Frame>, section: &str, problem: &Problem) -> Response {
    let name = GROUPS.iter().flat_map(|(_, sections)| *sections).find(|(address, ..)| *address == section);
    let (back, name) = name.map_or(("/pending", "Pending"), |(address, name, _)| (*address, *name));
    let body = html! {
        (toast::problem(in_words(problem)))
        p { @match frame {
            Some(_) => a .button.plain href=(back) { "Back to " (name) },
            None => a href="/pending" { "To the start page" },
        } }
    };
    let title = match problem.status {
        401 => "Please sign in",
        403 => "Not allowed",
        404 => "Page not found",
        409 | 412 => "This has changed",
        500.. => "Something went wrong",
        _ => "Check your input",
    };
    let mut response = match frame {
        Some(frame) => page(frame, back, title, &body),
        None => plain(title, &body),
    };
    of_problem(&mut response, problem);
    response
}

/// Gives a page the status of the problem that it shows, and the problem itself to the layer that records refusals.
pub(crate) fn of_problem(response: &mut Response, problem: &Problem) {
    *response.status_mut() = problem.status();
    response.extensions_mut().insert(problem.clone());
}

/// The sentence of a problem with a capital letter and a full stop.
pub(crate) fn in_words(problem: &Problem) -> String {
    let text = visible(&problem.detail);
    let text = match problem.code {
        "not-found" if text.contains("openapi.json") => "There is no page at this address.".to_owned(),
        "method" => "This page can only be opened from a button. Go back and try again.".to_owned(),
        _ => text,
    };
    let mut letters = text.chars();
    let mut said: String =
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    if !said.ends_with(['.', '!', '?', ')', '\n']) {
        said.push('.');
    }
    said
}

/// The beginning of every form that changes something: see [`button::guard`].
pub(crate) fn form_token(frame: &Frame) -> Markup {
    button::guard(&frame.form_token)
}

/// The name of a remediation as a link to it.
pub(crate) fn link(remediation: &Remediation) -> Markup {
    html! { a href={ "/remediations/" (remediation.id) } { (cell(&remediation.request.name)) } }
}
