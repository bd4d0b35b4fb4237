//! An empty state: what is missing, and what to do about it.

use maud::{Markup, html};

use super::icon::Icon;

/// A sentence that names what is missing, and what to do next.
pub(crate) fn empty(icon: Icon, what: &str, next: impl maud::Render) -> Markup {
    html! { div .blank { (icon) p { strong { (what) } } p { (next) } } }
}
