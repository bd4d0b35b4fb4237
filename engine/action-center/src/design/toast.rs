//! What became of the last request, and what went wrong.

use maud::{Markup, Render, html};

/// A result that went well.
pub(crate) fn done(says: impl Render) -> Markup {
    html! { p .note.done role="status" { (says) } }
}

/// Something to know.
pub(crate) fn note(says: impl Render) -> Markup {
    html! { p .note { (says) } }
}

/// Something to look at before going on.
pub(crate) fn warning(says: impl Render) -> Markup {
    html! { p .note.wait { (says) } }
}

/// Something that went wrong.
pub(crate) fn problem(says: impl Render) -> Markup {
    html! { p .problem role="alert" { (says) } }
}
