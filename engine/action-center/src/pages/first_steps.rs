//! First steps: what a new site needs before a message can be removed from it. Each step is checked as the page is
//! loaded, against the stores, the principals and the history.

use axum::extract::State;
use clawback_model::{Permission, Principal, PrincipalKind, Role};
use clawback_runtime::compare_nodes;
use clawback_store::HistoryFilter;
use maud::html;

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::design::icon::Icon;
use crate::design::pill::{Tone, pill};
use crate::design::table::{Column, Row, Table};
use crate::design::text;
use crate::design::words::counted;
use crate::problem::Problem;

const COLUMNS: [Column; 4] =
    [Column::short("State"), Column::lead("Step").tall(), Column::fill("Found").tall(), Column::medium("Where")];

/// A step.
struct Step {
    name: &'static str,
    is_done: bool,
    /// A site works without it.
    is_optional: bool,
    /// What is there, or what is missing.
    found: String,
    /// The page on which to do it.
    page: (&'static str, &'static str),
}

pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    if !caller.who.may(Permission::Administer) {
        return Err(Problem::not_found().into());
    }
    let frame = Frame::load(&center, caller).await?;
    let steps = steps(&center, &frame.who).await?;
    let open = steps.iter().filter(|step| !step.is_done && !step.is_optional).count() as u64;
    let body = html! {
        p { @if open == 0 { "This site has what it needs." } @else { (counted(open, "step")) " left. Load the page again after each." } }
        (Table::new("First steps", &COLUMNS, steps.iter().map(row).collect()))
    };
    Ok(layout::page(&frame, "/help", "First steps", &body))
}

fn row(step: &Step) -> Row {
    let state = match (step.is_done, step.is_optional) {
        (true, _) => pill(Tone::Good, Icon::Check, "Done"),
        (false, false) => pill(Tone::Wait, Icon::Clock, "To do"),
        (false, true) => pill(Tone::Quiet, Icon::Clock, "Optional"),
    };
    let (address, name) = step.page;
    Row::of([state, html! { (step.name) }, text::cell(&step.found), html! { a href=(address) { (name) } }])
}

async fn steps(center: &Center, who: &Principal) -> Result<Vec<Step>, Problem> {
    let principals = center.site().history.principals().await?;
    Ok(vec![
        stores(center, who).await?,
        worker(center).await?,
        two_persons(center, &principals).await?,
        notifiers(center),
        first_remediation(center).await?,
    ])
}

/// Opens the first mailbox of each store.
async fn stores(center: &Center, who: &Principal) -> Result<Step, Problem> {
    let (api, stores) = (center.api(), &center.site().stores);
    let checks = stores.keys().map(|name| async move { Ok::<_, Problem>((name, api.check_store(who, name).await?)) });
    let answers = futures::future::try_join_all(checks).await?;
    let failed: Vec<String> = answers
        .iter()
        .filter_map(|(name, answer)| answer.as_ref().err().map(|why| format!("{name} does not answer: {why}")))
        .collect();
    let found = match (answers.len() as u64, failed.is_empty()) {
        (0, _) => "No store is configured. An operator adds one to clawback.toml, as Stores shows.".to_owned(),
        (1, true) => "1 store answers.".to_owned(),
        (many, true) => format!("All {many} stores answer."),
        (_, false) => failed.join("; "),
    };
    let is_done = !answers.is_empty() && failed.is_empty();
    Ok(Step { name: "A mail store answers", is_done, is_optional: false, found, page: ("/connectors", "Stores") })
}

async fn worker(center: &Center) -> Result<Step, Problem> {
    let alive = compare_nodes(center.site()).await?.iter().filter(|node| node.alive).count() as u64;
    let found = match alive {
        0 => "No node works on remediations. An operator starts one with clawback worker.".to_owned(),
        many => format!("{} work on remediations.", counted(many, "node")),
    };
    Ok(Step { name: "A worker runs", is_done: alive > 0, is_optional: false, found, page: ("/settings", "Settings") })
}

/// Checks for a person who submits, and another who approves. Both must be able to sign in.
async fn two_persons(center: &Center, principals: &[Principal]) -> Result<Step, Problem> {
    let mut persons = Vec::new();
    for person in principals.iter().filter(|one| one.kind == PrincipalKind::Person) {
        let has_sign_in =
            center.settings().oidc.is_some() || center.site().history.account(&person.name).await?.is_some();
        if has_sign_in {
            persons.push(person);
        }
    }
    let mut approvers = persons.iter().filter(|one| one.roles.contains(&Role::Approver));
    let pair = approvers.find_map(|approver| {
        let other = persons.iter().find(|one| one.name != approver.name && one.may(Permission::Submit))?;
        Some((&other.name, &approver.name))
    });
    let found = match pair {
        Some((one, other)) => format!("For example, {one} submits and {other} approves."),
        None => {
            "Nobody can approve what another submits. Add a person with the role approver, and set a first password."
                .to_owned()
        }
    };
    let name = "Two persons can sign in: one submits, the other approves";
    Ok(Step { name, is_done: pair.is_some(), is_optional: false, found, page: ("/people", "People") })
}

fn notifiers(center: &Center) -> Step {
    let site = center.site();
    let (many, notified) = (site.notifiers.len() as u64, site.approvals.notify.len() as u64);
    let found = match many {
        _ if notified > 0 => format!("{} notified of what waits.", counted(notified, "notifier")),
        0 => "No notifier is configured: approvers see what waits on Pending only. The page notifications.md of the \
              documentation shows how to add one."
            .to_owned(),
        many => {
            format!("{} configured, and none is named by the key notify of [approvals].", counted(many, "notifier"))
        }
    };
    Step {
        name: "Approvers are notified",
        is_done: notified > 0,
        is_optional: true,
        found,
        page: ("/settings", "Settings"),
    }
}

async fn first_remediation(center: &Center) -> Result<Step, Problem> {
    let found = center.site().history.history(&HistoryFilter::default(), None, 1).await?;
    let is_done = !found.remediations.is_empty();
    let found = if is_done {
        "The history has a remediation."
    } else {
        "Search for a harmless message of your own, and move it to Junk: Undo puts it back."
    };
    let name = "A first remediation was tried";
    Ok(Step { name, is_done, is_optional: false, found: found.to_owned(), page: ("/search", "Search") })
}
