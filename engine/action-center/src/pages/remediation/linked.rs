//! Parts that several tabs of a remediation share.

use maud::{Markup, html};

use crate::design::text;

/// A link to another remediation by its ID.
pub(super) fn by_id(id: &impl std::fmt::Display) -> Markup {
    html! { a href={ "/remediations/" (id) } { code { (id) } } }
}

/// Text that a person wrote, or a word that there is none.
pub(super) fn written(words: &str) -> Markup {
    html! { @if words.trim().is_empty() { span .quiet { "None" } } @else { (text::lines(words)) } }
}
