//! The mistakes in the text of a playbook: a table, and the text around each.

use clawback_model::{Permission, visible};
use maud::{Markup, html};
use serde_json::Value;

use super::frame::Frame;
use crate::access::encoded;
use crate::design::table::{Column, Row, Table};
use crate::design::words::counted;
use crate::design::{text, toast};
use crate::json::CheckedJson;

const COLUMNS: [Column; 4] =
    [Column::count("Line"), Column::count("Column"), Column::lead("Mistake").tall(), Column::fill("Hint").tall()];

/// The page of a playbook of the site that has mistakes.
pub(super) fn broken(frame: &Frame, name: &str, source: &str, checked: &CheckedJson) -> Markup {
    html! {
        p { "It is not run until its file is mended." }
        (mistakes(checked))
        h2 { "Source" }
        pre tabindex="0" { code { (source) } }
        @if frame.may(Permission::Submit) {
            p { a href={ "/playbook-check?playbook=" (encoded(name)) } { "Edit a copy and check it" } }
        }
    }
}

/// What a check found.
pub(super) fn mistakes(checked: &CheckedJson) -> Markup {
    if checked.ok {
        return toast::done("No mistakes.");
    }
    let number = |one: &Value, name: &str| text::count(one[name].as_u64().unwrap_or_default());
    let words = |one: &Value, name: &str| html! { bdi .mail { (visible(one[name].as_str().unwrap_or_default())) } };
    let row =
        |one: &Value| Row::of([number(one, "line"), number(one, "column"), words(one, "message"), words(one, "hint")]);
    let rows: Vec<Row> = checked.diagnostics.iter().map(row).collect();
    let title = counted(rows.len() as u64, "mistake");
    html! {
        (toast::problem(format!("{title}.")))
        (Table::new("Mistakes", &COLUMNS, rows))
        details { summary { "The mistakes in the text" }
            pre tabindex="0" { code { @for line in checked.text.lines() { (visible(line)) "\n" } } } }
    }
}
