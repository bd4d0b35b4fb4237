//! Tabs of a page: links, so they work without a script and each has an address.

use maud::{Markup, html};

use super::words::number;

/// One tab.
#[derive(Debug)]
pub(crate) struct Tab {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its address.
    pub(crate) address: String,
    /// How many it has, if that is known.
    pub(crate) count: Option<u64>,
    /// Whether it is open.
    pub(crate) is_open: bool,
}

/// The tabs in their order.
pub(crate) fn tabs(label: &str, tabs: &[Tab]) -> Markup {
    html! { nav .tabs aria-label=(label) { @for tab in tabs {
        a href=(tab.address) aria-current=[tab.is_open.then_some("page")] {
            (tab.name) @if let Some(count) = tab.count { span .count { (number(count)) } }
        }
    } } }
}
