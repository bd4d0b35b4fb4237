//! The inputs of a request in words. A root is long and means nothing to a reader; it is named by its message.

use std::collections::BTreeMap;

use clawback_model::{ROOT_PREFIX, Root};
use maud::{Markup, html};

use super::query;
use crate::design::text;
use crate::design::words::spoken;

/// The most values of a list that are shown.
const VALUES: usize = 20;

/// Each input on a line: its name, and its value.
pub(super) fn in_words(inputs: &BTreeMap<String, String>) -> Markup {
    html! { @for (name, value) in inputs { div {
        (text::mail(&query::label(name).map_or_else(|| spoken(name), str::to_owned))) ": " (said(value))
    } } }
}

/// The root among the inputs, if there is one.
pub(super) fn root(inputs: &BTreeMap<String, String>) -> Option<Root> {
    inputs.values().find(|value| value.starts_with(ROOT_PREFIX)).and_then(|value| value.parse().ok())
}

fn said(value: &str) -> Markup {
    if value.starts_with(ROOT_PREFIX) {
        let root = value.parse::<Root>().map(|root| root.in_words());
        return text::mail(root.as_deref().unwrap_or("a root that cannot be read"));
    }
    match serde_json::from_str::<Vec<String>>(value) {
        Ok(values) => html! {
            @for (place, one) in values.iter().take(VALUES).enumerate() { @if place > 0 { ", " } (text::mail(one)) }
            @if values.len() > VALUES { ", and " (values.len() - VALUES) " more" }
        },
        Err(_) => text::mail(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_named_by_its_message_and_a_list_by_its_values() {
        let inputs = [("like", "root1:AAAB"), ("by", "[\"body\",\"<b>\"]"), ("from", "eve@evil.example")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let shown = in_words(&inputs.clone().into()).into_string();
        assert!(!shown.contains("root1") && !shown.contains("<b>"), "{shown}");
        for part in ["a root that cannot be read", "body", "&lt;b&gt;", "From address", "eve@evil.example"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(root(&inputs.into()).is_none());
    }
}
