//! A menu: a button that opens a list of links.

use maud::{Markup, html};

use super::icon::Icon;

/// The menu of these links.
pub(crate) fn menu(label: &str, links: &[(&str, String)]) -> Markup {
    html! {
        details .menu {
            summary .button.plain { (label) (Icon::Down) }
            ul { @for (name, address) in links { li { a href=(address) { (name) } } } }
        }
    }
}
