//! Settings: what this node works by, and whether the other nodes do, for administrators.

use axum::extract::State;
use clawback_app::Setting;
use clawback_runtime::{ComparedNode, compare_nodes};
use maud::{Markup, html};
use serde_json::Value;

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::text;
use crate::design::words::number;

const NODES: [Column; 3] = [Column::lead("Node"), Column::short("State"), Column::fill("Differs from this node in")];
const SETTINGS: [Column; 3] = [Column::lead("Key"), Column::fill("Value"), Column::short("Default")];

pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let settings = center.api().settings(&frame.who)?;
    let nodes = compare_nodes(center.site()).await?;
    let body = html! {
        p { "The settings of the node that answers, from its " code { "clawback.toml" } ". An operator changes them there, "
            "on every node; a node takes them when it starts. Files with secrets, and where files are, are not shown." }
        h2 { "Nodes" }
        @if nodes.is_empty() { p { "No node works on remediations. An operator starts one with " code { "clawback worker" } "." } }
        @else { (Table::new("Nodes", &NODES, nodes.iter().map(node).collect())) }
        @for of in settings.chunk_by(|one, next| one.table == next.table) { (table(of)) }
    };
    Ok(layout::page(&frame, "/settings", "Settings", &body))
}

fn node(node: &ComparedNode) -> Row {
    let differs = match node.differs.as_deref() {
        None => "It runs an earlier version, which does not say.".to_owned(),
        Some([]) => "Nothing".to_owned(),
        Some(parts) => parts.join(", "),
    };
    Row::of([
        text::cell(&node.name),
        html! { (if node.alive { "Alive" } else { "Ended or silent" }) },
        text::cell(&differs),
    ])
}

fn table(of: &[Setting]) -> Markup {
    let name = of.first().map_or("", |setting| setting.table.as_str());
    let title = if name.is_empty() { "Above all tables".to_owned() } else { format!("[{name}]") };
    let row = |setting: &Setting| {
        let is_default = html! { (if setting.is_default { "Yes" } else { "No" }) };
        Row::of([text::cell(&setting.key), text::cell(&shown(&setting.value)), is_default])
    };
    html! { h2 { (title) } (Table::new(&title, &SETTINGS, of.iter().map(row).collect())) }
}

/// A value as a reader writes it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "Not set".to_owned(),
        Value::Bool(true) => "Yes".to_owned(),
        Value::Bool(false) => "No".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "None".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.as_u64().map_or_else(|| other.to_string(), number),
    }
}
