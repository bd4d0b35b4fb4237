//! Filters: chips that are links, each with its number, and the filters that are set, each with a way to take it away.

use maud::{Markup, html};

use super::icon::Icon;
use super::words::number;

/// A filter that is one press.
#[derive(Debug)]
pub(crate) struct Chip {
    /// Its words.
    pub(crate) label: String,
    /// How many it leaves, if that is known.
    pub(crate) count: Option<u64>,
    /// The address of the page with it.
    pub(crate) address: String,
    /// Whether it is set.
    pub(crate) is_set: bool,
}

/// A row of chips of which one is set.
pub(crate) fn chips(label: &str, chips: &[Chip]) -> Markup {
    html! {
        @if chips.len() > 1 { ul .chips aria-label=(label) { @for chip in chips { li {
            a .chip href=(chip.address) aria-current=[chip.is_set.then_some("true")] {
                (chip.label) @if let Some(count) = chip.count { " " span .quiet { (number(count)) } }
            }
        } } } }
    }
}

/// The filters that are set: what each says, and the address without it.
pub(crate) fn set(filters: &[(String, String)], clear: &str) -> Markup {
    html! {
        @if !filters.is_empty() { ul .chips aria-label="Filters that are set" {
            @for (says, without) in filters { li {
                a .chip href=(without) aria-label={ "Remove the filter " (says) } title=(says) { (says) " " (Icon::Cross) }
            } }
            li { a href=(clear) { "Clear filters" } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_escaped_links() {
        let one = |label: &str| Chip {
            label: label.to_owned(),
            count: Some(1_200),
            address: "/x?a=1&b=2".to_owned(),
            is_set: true,
        };
        assert_eq!(chips("Action", &[one("only")]).into_string(), "", "one choice is none");
        let shown = chips("Action", &[one("<b>"), one("b")]).into_string();
        assert!(
            shown.contains("href=\"/x?a=1&amp;b=2\"") && shown.contains("1,200") && !shown.contains("<b>"),
            "{shown}"
        );
        let shown = set(&[("name: \"<b>".to_owned(), "/history?".to_owned())], "/history").into_string();
        assert!(!shown.contains("<b>") && shown.contains("Clear filters"), "{shown}");
    }
}
