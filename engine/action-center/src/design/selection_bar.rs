//! The bar below a table with boxes: how many are ticked, and what is done with them. With a script its buttons are
//! disabled until one is ticked, and say the number.

use maud::{Markup, html};

/// The bar of these controls.
pub(crate) fn selection_bar(controls: &Markup) -> Markup {
    html! {
        div .selection-bar data-selection="pick" {
            span .count role="status" data-selected { "Selected" }
            (controls)
        }
    }
}
