//! The large numbers at the top of a page.

use maud::{Markup, html};

use super::pill::Tone;
use super::words::number;

/// One of them.
#[derive(Debug)]
pub(crate) struct Number {
    /// What is counted.
    pub(crate) label: &'static str,
    /// How many.
    pub(crate) count: u64,
    /// A remark below it.
    pub(crate) remark: String,
    /// Its colour.
    pub(crate) tone: Tone,
}

/// All of them in a row.
pub(crate) fn numbers(all: &[Number]) -> Markup {
    html! { dl .numbers { @for one in all {
        div class=(one.tone.class()) { dt { (one.label) } dd { (number(one.count)) @if !one.remark.is_empty() { small { (one.remark) } } } }
    } } }
}
