//! A search that runs: its progress, its cancel, and a new one for conditions whose result is kept.

use axum::extract::State;
use axum::response::Redirect;
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::{layout, query};
use crate::access::Caller;
use crate::center::Center;
use crate::design::words::{counted, number};
use crate::searches::Progress;

/// The word of the address that a search was cancelled: the mailboxes that it had searched.
pub(super) const CANCELLED: &str = "cancelled";

/// Discards the kept result, and searches.
pub(crate) async fn again(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Redirect {
    let conditions = query::conditions(&query);
    center.searches().forget(&caller.who.name, &conditions);
    Redirect::to(&format!("/search?{}", query::kept(&query)))
}

/// Ends the search.
pub(crate) async fn cancel(State(center): State<Center>, caller: Caller, fields: Fields) -> Redirect {
    let conditions = query::conditions(&fields);
    let progress = center.searches().forget(&caller.who.name, &conditions);
    let searched = progress.map_or(0, |progress| progress.mailboxes);
    Redirect::to(&format!("/search?{}&{CANCELLED}={searched}", query::kept(&fields)))
}

/// How far the search is. Without script the page loads itself again.
pub(super) fn progress(frame: &Frame, query: &Fields, progress: Progress) -> Markup {
    html! {
        section aria-label="Progress" aria-live="polite" {
            h2 { "Searching" }
            p {
                @if progress.mailboxes == 0 { "The search begins." } @else {
                    (counted(progress.mailboxes, "mailbox")) " searched, " (counted(progress.found, "message")) " found."
                }
                span .quiet { " " (number(progress.takes.as_secs())) " s" }
            }
            form method="post" action="/search/cancel" {
                (layout::form_token(frame))
                @for (name, value) in query::inputs(query).pairs() { input type="hidden" name=(name) value=(value); }
                (query::saved(query))
                button .plain { "Cancel search" }
            }
            noscript {
                meta http-equiv="refresh" content="3";
                p { a href={ "/search?" (query::kept(query)) } { "Show the progress" } }
            }
        }
    }
}

/// The search that was cancelled.
pub(super) fn cancelled(query: &Fields) -> Markup {
    html! {
        section aria-label="Results" {
            h2 { "Search cancelled" }
            p { (counted(query.get(CANCELLED).parse().unwrap_or(0), "mailbox")) " had been searched; nothing is shown of them. "
                a .button.plain href={ "/search?" (query::kept(query)) } { "Search again" } }
        }
    }
}
