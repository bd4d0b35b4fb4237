//! The frame of a page in HTML, and the parts that several pages share.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use clawback_model::{PlanFacts, Remediation, Status, Target, Timestamp, visible, visible_line};
use maud::{DOCTYPE, Markup, html};

use super::frame::Frame;
use crate::access::Caller;
use crate::problem::Problem;

/// Longest text of mail in a table; the export has the whole of it.
const LONGEST: usize = 200;

/// The tabs, in their order.
const TABS: [(&str, &str); 11] = [
    ("/search", "Search"),
    ("/pending", "Pending"),
    ("/history", "History"),
    ("/investigations", "Investigations"),
    ("/reports", "Reports"),
    ("/alerts", "Alerts"),
    ("/schedules", "Schedules"),
    ("/playbooks", "Playbooks"),
    ("/connectors", "Connectors"),
    ("/people", "People"),
    ("/audit", "Audit"),
];

/// A whole page. `tab` is the address of the tab that it belongs to.
pub(crate) fn page(frame: &Frame, tab: &str, title: &str, body: &Markup) -> Response {
    let inner = html! {
        header .top {
            a .brand href="/pending" { "Clawback" }
            nav aria-label="Sections" {
                ul { @for (address, name) in TABS {
                    li { a href=(address) aria-current=[(address == tab).then_some("page")] {
                        (name)
                        @if address == "/pending" && let Some(count) = frame.pending_label() { " " span .badge { (count) } }
                    } }
                } }
            }
            form .who method="post" action="/sign-out" {
                (form_token(frame))
                span { (visible(&frame.who.name)) }
                button .plain { "Sign out" }
            }
        }
        @if let Some(halt) = &frame.halted {
            p .halted role="alert" { "The site is " (visible(&halt.to_string())) ". Nothing is planned, started or acted on." }
        }
        main #main { h1 { (title) } (body) }
    };
    whole(title, &inner)
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
                link rel="stylesheet" href="/assets/style.css";
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                script src="/assets/live.js" defer {}
            }
            body { a .skip href="#main" { "Skip to content" } (inner) }
        }
    };
    fragment(page)
}

/// HTML as an answer.
pub(crate) fn fragment(markup: Markup) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], markup.into_string()).into_response()
}

/// A problem as a page.
pub(crate) fn error(caller: Option<&Caller>, problem: &Problem) -> Response {
    let body = html! {
        p .problem role="alert" { (visible(&problem.detail)) }
        p { a href="/pending" { @if caller.is_some() { "Pending remediations" } @else { "To the start page" } } }
    };
    let title = match problem.status {
        401 => "Please sign in",
        403 => "Not allowed",
        404 => "Nothing here",
        409 | 412 => "Not possible in the current state",
        500.. => "Server error",
        _ => "Request not possible",
    };
    let mut response = plain(title, &body);
    *response.status_mut() = problem.status();
    // For the layer that records refusals.
    response.extensions_mut().insert(problem.clone());
    response
}

/// The beginning of every form that changes something: a submit button that does nothing, and the hidden field without
/// which no form is accepted. Enter in a field or on a tick box presses the first submit button of a form that is not
/// disabled (HTML, implicit submission); this one submits to a dialog, and there is none. So only the button with the
/// label of an action carries it out.
pub(crate) fn form_token(frame: &Frame) -> Markup {
    html! {
        button type="submit" formmethod="dialog" formnovalidate hidden { "Nothing" }
        input type="hidden" name="form_token" value=(frame.form_token);
    }
}

/// A selection in words, as typed, in full, with hidden characters made visible.
pub(crate) fn selection(words: &str) -> Markup {
    html! { bdi .selection { (visible(words)) } }
}

/// Text that may come from mail: on one line, cut, with hidden characters made visible.
pub(crate) fn mail(text: &str) -> Markup {
    let shown = visible_line(text, LONGEST);
    // Isolated, so that letters of another direction do not reorder the text around them.
    html! { bdi .mail { (shown) } }
}

/// A time, in words for people and exactly for programs.
pub(crate) fn time(at: Timestamp) -> Markup {
    let exact = at.to_string();
    let shown = exact.replace('T', " ").replace('Z', " UTC");
    html! { time datetime=(exact) { (shown) } }
}

/// A status with its colour.
pub(crate) fn status(status: Status) -> Markup {
    html! { span class={ "status " (status.as_str()) } { (status.as_str()) } }
}

/// The name of a remediation as a link to it.
pub(crate) fn link(remediation: &Remediation) -> Markup {
    html! { a href={ "/remediations/" (remediation.id) } { (mail(&remediation.request.name)) } }
}

/// A table that scrolls separately if the screen is narrow.
pub(crate) fn table(caption: &str, columns: &[&str], rows: &[Markup], empty: &str) -> Markup {
    if rows.is_empty() {
        return html! { p .empty { (empty) } };
    }
    html! {
        div .scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

/// Names and values.
pub(crate) fn facts(pairs: &[(&str, Markup)]) -> Markup {
    html! { dl .facts { @for (name, value) in pairs { div { dt { (name) } dd { (value) } } } } }
}

/// The clusters of a plan, largest first.
fn clusters(facts: &PlanFacts) -> Markup {
    let mut largest: Vec<_> = facts.clusters.iter().collect();
    largest.sort_by_key(|cluster| std::cmp::Reverse(cluster.messages));
    let rows: Vec<Markup> = largest
        .into_iter()
        .map(|cluster| {
            html! { tr {
                td { (cluster.by) }
                td { (mail(&cluster.value)) }
                td .number { (cluster.messages) }
                td .number { (cluster.alone) }
                td .number { (cluster.read) }
                td .number { (cluster.answered) }
                td { (cluster.places()) }
                td { @if let Some(at) = cluster.first_at { (time(at)) } }
                td { @if let Some(at) = cluster.last_at { (time(at)) } }
            } }
        })
        .collect();
    let columns = ["By", "Value", "Messages", "In no other", "Read", "Answered", "Where", "First", "Last"];
    html! {
        (table("Clusters of the investigated message", &columns, &rows, "The message makes no cluster."))
        @if !facts.clusters_not_made.is_empty() {
            details { summary { "Clusters that it does not make" }
                ul { @for (by, why) in &facts.clusters_not_made { li { (by) ": " (why) } } } }
        }
    }
}

/// What a search found and did not: the verdict, why the site asks for a vote, the clusters, what was not searched, and what was left out.
pub(crate) fn of_search(facts: &PlanFacts) -> Markup {
    let gaps = facts.not_looked_at();
    html! {
        @if !gaps.is_empty() {
            div .problem {
                p { "Not everything was searched. What was not searched does not count as clean." }
                ul { @for gap in &gaps { li { (mail(gap)) } } }
            }
        }
        @if let Some(verdict) = facts.verdict { p { "Verdict: " strong { (verdict) } } }
        @if facts.automatic { p { "The site's rules for automatic remediation are met." } }
        @if !facts.not_automatic.is_empty() {
            p { "The site asks for a vote:" }
            ul { @for reason in &facts.not_automatic { li { (reason.detail) } } }
        }
        @if !facts.clusters.is_empty() || !facts.clusters_not_made.is_empty() { (clusters(facts)) }
        @if !facts.left_out.is_empty() {
            details { summary { "Left out" } ul { @for left in &facts.left_out { li { (mail(&left.in_words())) } } } }
        }
    }
}

/// A playbook's script results for a message: the reason, and the word to group by.
pub(crate) fn script_words(target: &Target) -> Markup {
    html! {
        @if let Some(reason) = &target.script_reason { (mail(reason)) }
        @if let Some(tag) = &target.script_tag { " [" (mail(tag)) "]" }
    }
}

/// A list of words to choose from, the first of them "any".
pub(crate) fn choice(name: &str, label: &str, any: Option<&str>, words: &[&str], chosen: &str) -> Markup {
    html! {
        label { (label)
            select name=(name) {
                @if let Some(any) = any { option value="" { (any) } }
                @for word in words { option value=(word) selected[*word == chosen] { (word) } }
            }
        }
    }
}

/// A text field.
pub(crate) fn text(name: &str, label: &str, value: &str, hint: &str) -> Markup {
    html! { label { (label) input type="text" name=(name) value=(value) placeholder=(hint) autocomplete="off"; } }
}
