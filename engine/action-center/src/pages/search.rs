//! Search: build a query, see what it finds, choose all of it, some of it, or all but some, and submit. The plan is
//! made again at submit and frozen then; this page shows the current state.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use clawback_model::{Action, ActionSource, Inputs, LocationKind, Permission, Picked, SelectionMode, Severity, Target};
use clawback_runtime::{DryRun, Submission};
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::shown::Shown;
use super::{charts, layout, upload};
use crate::access::Caller;
use crate::body::{optional, word};
use crate::center::Center;
use crate::json::PickedJson;
use crate::problem::Problem;

/// Mailboxes in the chart of a search.
const MAILBOXES: usize = 20;

/// Messages to pick from: the limit of a query with exclusions.
const SHOWN: usize = 1_000;
/// Fields of the form: input of the playbook `manual`, label, example. Each text is used as typed.
const FIELDS: [(&str, &str, &str); 19] = [
    ("from", "From address", "payroll@evil.example"),
    ("from_domain", "From domain", "evil.example"),
    ("subject", "Subject contains", "salary statement"),
    ("to", "To or Cc", "ann@corp.example"),
    ("message_id", "Message-ID", "<…@evil.example>"),
    ("attachment_name", "Attachment name contains", "invoice.zip"),
    ("url_host", "Link to host", "*.evil.example"),
    ("body_contains", "Text contains", "confirm your account"),
    ("attachment_sha256", "sha256 of an attachment", "64 hexadecimal digits"),
    ("reply_to", "Reply-To", "collect@evil.example"),
    ("like", "Copies of the root", "root1:… as `clawback examine` prints it"),
    ("since", "Received within", "7d"),
    ("received_after", "Received after", "2026-11-01T00:00:00Z"),
    ("received_before", "Received before", "2026-11-30T00:00:00Z"),
    ("mailbox", "Mailbox", "ann@corp.example"),
    ("folder", "Folder", "INBOX"),
    ("list_id", "List-Id contains", "news.example"),
    ("larger_than", "Larger than, bytes", "100000"),
    ("flag", "Flag", "\\Seen"),
];

/// Further fields, which are shown when they are asked for or one is filled in.
const FURTHER: [(&str, &str, &str); 13] = [
    ("from_name", "Sender's name contains", "Payroll"),
    ("recipients", "Recipient", "ann@corp.example"),
    ("subject_matches", "Subject matches", "^invoice \\d+$"),
    ("from_matches", "From address matches", "^billing\\d*@"),
    ("from_name_matches", "Sender's name matches", "pay ?roll"),
    ("attachment_name_matches", "Attachment name matches", "\\.pdf\\.\\w+$"),
    ("url_host_matches", "Host of a link matches", "^login-[a-z]+\\."),
    ("url", "Link", "https://pay.evil.example/a"),
    ("attachment_type", "Attachment of type", "image/*"),
    ("envelope_from", "Envelope sender", "bounce@evil.example"),
    ("delivered_to", "Delivered-To", "ann@corp.example"),
    ("sender_ip", "Sent from network", "192.0.2.0/24"),
    ("auth", "Result of authentication", "dmarc=fail"),
];

/// Inputs that take one value. For each of the others, an empty field is added after those that are filled in.
const SINGLE: [&str; 6] = ["like", "since", "received_after", "received_before", "list_id", "larger_than"];
/// Locations to choose from.
const LOCATIONS: [(&str, &str, &str); 2] = [
    ("location", "Latest delivery location", "any but recoverable items and quarantine"),
    ("original_location", "Original delivery location", "any"),
];

pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let inputs = inputs(&query);
    let found = if inputs.is_empty() {
        None
    } else {
        // The action does not change what is found; the plan is made for the chosen one.
        let submission = submission(&query, inputs, Action::SoftDelete, SelectionMode::Query, Vec::new())?;
        Some(center.preview(&frame.who, submission, SHOWN).await?)
    };
    let body = html! {
        (form(&query))
        @match &found {
            None => p .empty { "Say which messages you mean; every condition that is filled in must match. A search stores nothing." },
            Some(found) => (results(&frame, &query, found)),
        }
        (upload::form(&frame))
    };
    Ok(layout::page(&frame, "/search", "Search", &body))
}

fn form(query: &Fields) -> Markup {
    let kinds = LocationKind::ALL.map(LocationKind::as_str);
    html! {
        form .filters method="get" action="/search" role="search" aria-label="Query" {
            (texts(query, &FIELDS))
            @for (name, label, any) in LOCATIONS {
                @for (place, value) in offered(query, name).into_iter().enumerate() {
                    (layout::choice(name, &labelled(label, place), Some(if place == 0 { any } else { "" }), &kinds, value))
                }
            }
            details open[FURTHER.iter().any(|(name, ..)| query.filled(name).is_some())] {
                summary { "More conditions" }
                div .fields { (texts(query, &FURTHER)) }
            }
            button { "Search" }
            a href="/search" { "Clear" }
        }
    }
}

fn texts(query: &Fields, fields: &[(&str, &str, &str)]) -> Markup {
    html! {
        @for (name, label, example) in fields {
            @for (place, value) in offered(query, name).into_iter().enumerate() {
                (layout::text(name, &labelled(label, place), value, example))
            }
        }
    }
}

/// Values of the fields of a name: those that are filled in, and an empty one to fill in.
fn offered<'a>(query: &'a Fields, name: &'a str) -> Vec<&'a str> {
    let mut values: Vec<&str> = query.all(name).filter(|value| !value.trim().is_empty()).collect();
    if values.is_empty() || !SINGLE.contains(&name) {
        values.push("");
    }
    values
}

fn labelled(label: &str, place: usize) -> String {
    if place == 0 { label.to_owned() } else { format!("or: {label}") }
}

/// The conditions that are filled in, each text as typed.
fn inputs(query: &Fields) -> Inputs {
    let names = FIELDS.iter().chain(&FURTHER).map(|(name, ..)| *name).chain(LOCATIONS.map(|(name, ..)| name));
    let filled = |name| query.all(name).filter(|value| !value.trim().is_empty()).map(move |value| (name, value));
    names.flat_map(filled).collect()
}

fn results(frame: &Frame, query: &Fields, found: &DryRun) -> Markup {
    let total: u64 = found.by_location.values().sum();
    let plan = match &found.plan {
        Ok(plan) => plan,
        Err(reason) => return html! { p .problem role="alert" { (reason) } },
    };
    html! {
        section aria-label="Results" {
            h2 { (total) " messages in " (plan.facts.mailboxes) " mailboxes" }
            p { "Selection: " (layout::selection(&found.in_words)) ". "
                (found.searched) " mailboxes searched, " (total) " messages found." }
            @if let Some(left_out) = &found.left_out { (not_searched_for(left_out)) }
            (layout::of_search(&plan.facts))
            @for obstacle in &found.obstacles { p .problem { "Cannot be done: " (layout::mail(obstacle)) } }
            @if plan.facts.vips > 0 { p .note.wait { (plan.facts.vips) " of them lie in mailboxes of VIPs." } }
            (charts::locations(&found.by_location))
            (charts::timeline(&found.by_hour))
            @if found.by_mailbox.len() > 1 { details { summary { "By mailbox" } (charts::mailboxes(&found.by_mailbox, MAILBOXES)) } }
        }
        @if total > 0 {
            form method="post" action="/search/submit" {
                (layout::form_token(frame))
                @for (name, value) in inputs(query).pairs() { input type="hidden" name=(name) value=(value); }
                (table(&found.sample, frame.may(Permission::Submit)))
                @if total > found.sample.len() as u64 {
                    p .empty { "The first " (found.sample.len()) " are shown. To pick single ones, narrow the search; \"all of them\" means all " (total) "." }
                }
                @if frame.may(Permission::Submit) { (pane(plan.counts.submitted, found)) }
            }
        }
    }
}

/// How many more messages are in folders that "any folder" does not search.
fn not_searched_for(left_out: &BTreeMap<LocationKind, u64>) -> Markup {
    let more: Vec<String> = left_out.iter().map(|(kind, number)| format!("{number} in {}", kind.as_str())).collect();
    html! { @if !more.is_empty() {
        p .note.wait { "Not included: " (more.join(", ")) ". Choose the location to select these." }
    } }
}

fn table(sample: &[Target], may_submit: bool) -> Markup {
    let columns = ["Pick", "Mailbox", "Subject", "From", "Received", "Latest delivery location", "Original", "Script"];
    let columns: Vec<&str> = columns.into_iter().chain(may_submit.then_some("Copies")).collect();
    let (mut seen, mut twins) = (BTreeSet::new(), BTreeSet::new());
    for target in sample {
        if !seen.insert(key(target)) {
            twins.insert(key(target));
        }
    }
    let rows: Vec<Markup> = sample
        .iter()
        .enumerate()
        .map(|(place, target)| {
            let picked = pick(target, twins.contains(&key(target)));
            let this_copy = pick(target, true);
            html! {
                tr {
                    td { input type="checkbox" name="pick" value=(picked) aria-label={ "Message " (place + 1) }; }
                    td { (layout::mail(&target.mailbox)) }
                    td { (layout::mail(&target.subject)) }
                    td { (layout::mail(&target.from_address)) }
                    td { (layout::time(target.received_at)) }
                    td { (layout::mail(&target.location.to_string())) }
                    td { @if let Some(location) = &target.original_location { (layout::mail(&location.to_string())) } }
                    td { (layout::script_words(target)) }
                    @if may_submit { td {
                        button .small name="investigate" value=(this_copy) formaction="/search/investigate" formnovalidate
                            aria-label={ "Find copies of message " (place + 1) } { "Find copies" }
                    } }
                }
            }
        })
        .collect();
    html! {
        label .box { input type="checkbox" data-all="pick" hidden; "All that are shown" }
        (layout::table("Messages found", &columns, &rows, "No message matches."))
    }
}

fn key(target: &Target) -> (&str, &str) {
    (&target.mailbox, &target.reference.fingerprint)
}

/// The value of a row's box. A message is named by its fingerprint, which stays when it is moved; one of several copies
/// in a mailbox by its place as well.
fn pick(target: &Target, is_twin: bool) -> String {
    let reference = &target.reference;
    let picked = PickedJson {
        mailbox: target.mailbox.to_string(),
        message_id: reference.message_id.clone(),
        fingerprint: Some(reference.fingerprint.clone()),
        locator: is_twin.then(|| reference.locator.clone()),
    };
    serde_json::json!(picked).to_string()
}

/// The fields of the reference product's side pane.
fn pane(submitted: u64, found: &DryRun) -> Markup {
    let actions = Action::ALL.map(Action::as_str);
    let severities = Severity::ALL.map(Severity::as_str);
    html! {
        h2 { "Take action" }
        fieldset {
            legend { "On which messages" }
            label .box { input type="radio" name="mode" value="handpicked" checked; "Those that are ticked (at most 100)" }
            label .box { input type="radio" name="mode" value="query"; "All " (submitted) " of them" }
            label .box { input type="radio" name="mode" value="query-with-exclusions"; "All but those that are ticked (at most 100 of 1,000)" }
        }
        div .fields {
            (layout::choice("action", "Action", None, &actions, "soft-delete"))
            label .box { input type="checkbox" name="delete_senders_copy" value="true"; "Also the sender's copy (soft-delete)" }
        }
        div .fields {
            label { "Remediation name" input type="text" name="name" required maxlength="200"; }
            (layout::choice("severity", "Severity", None, &severities, "high"))
            label { "Description" textarea name="description" maxlength="2000" {} }
        }
        @if let Some(rule) = &found.approval {
            p .note.wait { "Asks for " (rule.votes) " approval" @if rule.votes > 1 { "s" } @if rule.two_step { " of somebody else" } " before anything is acted on." }
        }
        div .row { button { "Submit" } }
    }
}

pub(crate) async fn submit(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let action: Action = word("action", fields.get("action"))?;
    // The ticks select the messages.
    let mode = optional("mode", fields.filled("mode"))?.unwrap_or(SelectionMode::Handpicked);
    let picked = fields.all("pick").map(read_picked).collect::<Result<Vec<_>, _>>()?;
    let mut inputs = inputs(&fields);
    let picked = match mode {
        SelectionMode::Query if picked.is_empty() => Vec::new(),
        SelectionMode::Query => {
            let detail = format!(
                "{} messages are ticked, and all of them are chosen: take the ticks away, or choose those that are ticked",
                picked.len()
            );
            return Err(Problem::bad_request(detail).into());
        }
        _ if picked.is_empty() => {
            return Err(Problem::bad_request("no message is ticked: tick some, or choose all of them").into());
        }
        SelectionMode::Handpicked => {
            inputs = of_picked(&inputs, &picked);
            picked
        }
        SelectionMode::QueryWithExclusions => picked,
    };
    if inputs.is_empty() {
        return Err(Problem::bad_request("no messages are selected; search first").into());
    }
    let submission = submission(&fields, inputs, action, mode, picked)?;
    let submitted = center.api().submit(&caller.who, submission).await?;
    Ok(Redirect::to(&format!("/remediations/{}?submitted=1", submitted.id)).into_response())
}

/// Starts an investigation whose root is one message of the results.
pub(crate) async fn investigate(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let picked = read_picked(fields.get("investigate"))?;
    let features = center.api().examine_picked(&caller.who, &picked).await?;
    Ok(upload::investigation(&center, &caller.who, &features, ActionSource::Explorer).await?)
}

/// Picked messages are found by their own list; the mailboxes narrow the search and are recorded. Hidden folders are
/// searched only if they are named.
fn of_picked(query: &Inputs, picked: &[Picked]) -> Inputs {
    let unique: BTreeSet<&str> = picked.iter().map(|one| one.mailbox.as_str()).collect();
    let mut inputs: Inputs = unique.into_iter().map(|mailbox| ("mailbox", mailbox)).collect();
    let hidden = [LocationKind::RecoverableItems, LocationKind::Quarantine].map(LocationKind::as_str);
    let locations = query.get("location").unwrap_or_default();
    if locations.iter().any(|kind| hidden.contains(&kind.as_str())) {
        for kind in locations {
            inputs.push("location", kind);
        }
    } else if locations.is_empty() {
        query.get("folder").unwrap_or_default().iter().for_each(|folder| inputs.push("folder", folder));
    }
    inputs
}

fn submission(
    fields: &Fields,
    mut inputs: Inputs,
    action: Action,
    mode: SelectionMode,
    picked: Vec<Picked>,
) -> Result<Submission, Problem> {
    inputs.push("action", action.to_string());
    inputs.push("delete_senders_copy", (fields.get("delete_senders_copy") == "true").to_string());
    Ok(Submission {
        playbook: "manual".to_owned(),
        inputs,
        name: fields.filled("name").map(str::to_owned),
        severity: optional("severity", fields.filled("severity"))?,
        description: fields.filled("description").map(str::to_owned),
        source: ActionSource::Explorer,
        agent: None,
        mode,
        picked,
    })
}

fn read_picked(value: &str) -> Result<Picked, Problem> {
    serde_json::from_str::<PickedJson>(value)
        .map(Picked::from)
        .map_err(|_| Problem::bad_request("a ticked message is not what the page sent; load it again"))
}
