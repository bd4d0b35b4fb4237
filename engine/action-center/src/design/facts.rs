//! Names and values.

use maud::{Markup, html};

/// Several in a row, as many as fit.
pub(crate) fn facts(pairs: &[(&str, Markup)]) -> Markup {
    pairs_in("facts", pairs)
}

/// One a line. Those without a value are left out.
pub(crate) fn list(pairs: &[(&str, Markup)]) -> Markup {
    pairs_in("facts list", pairs)
}

fn pairs_in(class: &str, pairs: &[(&str, Markup)]) -> Markup {
    let filled = pairs.iter().filter(|(_, value)| !value.0.is_empty());
    html! { dl class=(class) { @for (name, value) in filled { div { dt { (name) } dd { (value) } } } } }
}
