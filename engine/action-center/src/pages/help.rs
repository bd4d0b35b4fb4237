//! Help: the keyboard shortcuts, where each task is done, the pages of the documentation, and the version.

use axum::extract::State;
use clawback_model::Permission;
use maud::{Markup, html};

use super::frame::Frame;
use super::shown::Shown;
use super::{documentation, layout};
use crate::access::Caller;
use crate::center::Center;
use crate::design::facts;

/// Further shortcuts of `assets/js/keys.js`, and those of the components.
const KEYS: [(&[&str], &str); 4] = [
    (&["?"], "Open this page"),
    (&["/"], "Go to the first field of the page: the search, or the filter"),
    (&["Esc"], "Close a menu"),
    (&["Tab", "Enter"], "Skip to the content, as the first step of each page"),
];

/// Tasks, with the page for each.
const TASKS: [(&str, &str, &str); 12] = [
    ("Find messages and see one before acting", "/search", "Search"),
    ("Remove messages, move them, or put them back", "/search", "Search"),
    ("Approve or reject", "/pending", "Pending"),
    ("Watch, pause, cancel, undo or retry a remediation", "/history", "History"),
    ("Follow one message to its campaign", "/investigations", "Investigations"),
    ("Start a playbook by hand", "/playbooks", "Playbooks"),
    ("Check the text of a playbook before it becomes a file", "/playbook-check", "Check a playbook"),
    ("Give a mail gateway what it may refuse", "/block-lists", "Block lists"),
    ("Get a message that was deleted for good, where messages are kept", "/evidence", "Evidence"),
    ("See who read a message, or changed a role", "/audit", "Audit"),
    ("Stop everything on every node", "/audit", "Audit"),
    ("Check that the mail stores answer", "/connectors", "Stores"),
];

pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let body = html! {
        h2 { "Keyboard" }
        p .quiet { "Shortcuts need a script, and do nothing while a field has the focus. Every page works without them." }
        (facts::facts(&layout::KEYS.map(|(key, _, name)| (name, shortcut(&["g", key])))))
        (facts::facts(&KEYS.map(|(keys, does)| (does, shortcut(keys)))))
        h2 { "Where to do what" }
        (facts::facts(&TASKS.map(|(task, address, name)| (task, html! { a href=(address) { (name) } }))))
        @if frame.may(Permission::Administer) {
            p { a href="/first-steps" { "First steps" } ": what this site still needs before it can be used." }
        }
        h2 { "Documentation" }
        (documentation::contents())
        h2 { "Version" }
        p { "Clawback " (frame.version) }
    };
    Ok(layout::page(&frame, "/help", "Help", &body))
}

/// Keys that are pressed one after the other.
fn shortcut(keys: &[&str]) -> Markup {
    html! { @for (place, key) in keys.iter().enumerate() { @if place > 0 { " then " } kbd { (key) } } }
}
