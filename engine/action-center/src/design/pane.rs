//! A pane beside a list: the details of one row, or what is to be done with those that are selected. On narrow screens
//! it is above or below.

use maud::{Markup, html};

use super::icon::Icon;

/// A list with the pane beside it, if there is one.
pub(crate) fn beside(list: &Markup, pane: Option<&Markup>) -> Markup {
    html! { div .beside .with-pane[pane.is_some()] { div { (list) } @if let Some(pane) = pane { (pane) } } }
}

/// A pane. `close` is the address of the page without it; a pane with one comes first on narrow screens.
pub(crate) fn pane(title: &Markup, close: Option<&str>, body: &Markup) -> Markup {
    html! {
        aside .pane .first[close.is_some()] aria-label="Details" {
            header { h2 { (title) } @if let Some(close) = close {
                a .button.plain.small href=(close) aria-label="Close the details" { (Icon::Cross) }
            } }
            (body)
        }
    }
}
