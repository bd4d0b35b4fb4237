//! The clusters of an investigation, and those that its root does not make.

use maud::{Markup, html};

use super::super::findings;
use super::found::Found;

/// The tab.
pub(super) fn tab(found: &Found) -> Markup {
    let Some(facts) = found.facts() else { return html! {} };
    html! {
        p { "A cluster is the messages that share something with the message that was looked into. The counts are those of the search, when the plan was made." }
        (findings::clusters(facts))
        @if !facts.left_out.is_empty() {
            h2 { "Left out" }
            ul { @for left in &facts.left_out { li { (crate::design::text::mail(&left.in_words())) } } }
        }
    }
}
