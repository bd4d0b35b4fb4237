//! Search: build a query, see what it finds now, choose all of it, some of it, or all but some, and submit. The plan is made anew at
//! submit and frozen then; what is shown here is the state of this moment.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use clawback_model::{Action, ActionSource, LocationKind, Permission, Picked, SelectionMode, Severity, Target};
use clawback_runtime::{DryRun, Submission, silent};
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::{Shown, charts, layout};
use crate::access::Caller;
use crate::body::{optional, word};
use crate::center::Center;
use crate::problem::Problem;

/// Mailboxes in the chart of a search.
const MAILBOXES: usize = 20;

/// Messages that are shown to pick from: the limit of a query with exclusions.
const SHOWN: usize = 1_000;
/// Fields of the form: input of the playbook `manual`, label, example.
const FIELDS: [(&str, &str, &str); 14] = [
    ("from", "From address", "payroll@evil.example"),
    ("from_domain", "From domain", "evil.example"),
    ("subject", "Subject contains", "salary statement"),
    ("to", "To or Cc", "ann@corp.example"),
    ("message_id", "Message-ID", "<…@evil.example>"),
    ("attachment_name", "Attachment name contains", "invoice.zip"),
    ("since", "Received within", "7d"),
    ("received_after", "Received after", "2026-11-01T00:00:00Z"),
    ("received_before", "Received before", "2026-11-30T00:00:00Z"),
    ("mailbox", "Mailbox", "ann@corp.example"),
    ("folder", "Folder", "INBOX"),
    ("list_id", "List-Id contains", "news.example"),
    ("larger_than", "Larger than, bytes", "100000"),
    ("flag", "Flag", "\\Seen"),
];

pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let inputs = inputs(&query);
    let found = if inputs.is_empty() {
        None
    } else {
        // The action changes nothing of what is found; the plan is made for the one that is chosen.
        let submission = submission(&query, inputs, Action::SoftDelete, SelectionMode::Query, Vec::new())?;
        Some(center.api().dry_run(&frame.who, submission, SHOWN, &silent()).await?)
    };
    let body = html! {
        (form(&query))
        @match &found {
            None => p .empty { "Say which messages you mean; every condition that is filled in must hold. Nothing is stored by looking." },
            Some(found) => (results(&frame, &query, found)),
        }
    };
    Ok(layout::page(&frame, "/search", "Search", &body))
}

fn form(query: &Fields) -> Markup {
    let kinds = LocationKind::ALL.map(LocationKind::as_str);
    html! {
        form .filters method="get" action="/search" role="search" aria-label="Query" {
            @for (name, label, example) in FIELDS { (layout::text(name, label, query.get(name), example)) }
            (layout::choice("location", "Latest delivery location", Some("any"), &kinds, query.get("location")))
            (layout::choice("original_location", "Original delivery location", Some("any"), &kinds, query.get("original_location")))
            button { "Search" }
            a href="/search" { "Clear" }
        }
    }
}

/// The conditions that are filled in.
fn inputs(query: &Fields) -> BTreeMap<String, String> {
    let names = FIELDS.iter().map(|(name, ..)| *name).chain(["location", "original_location"]);
    names.filter_map(|name| Some((name.to_owned(), query.filled(name)?.to_owned()))).collect()
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
            @if let Some(searched) = plan.facts.searched { p { (searched) " mailboxes were searched." } }
            (layout::not_looked_at(&plan.facts))
            @if plan.facts.vips > 0 { p .note.wait { (plan.facts.vips) " of them lie in mailboxes of VIPs." } }
            (charts::locations(&found.by_location))
            (charts::timeline(&found.by_hour))
            @if found.by_mailbox.len() > 1 { details { summary { "By mailbox" } (charts::mailboxes(&found.by_mailbox, MAILBOXES)) } }
        }
        @if total > 0 {
            form method="post" action="/search/submit" {
                (layout::form_token(frame))
                @for (name, value) in inputs(query) { input type="hidden" name=(name) value=(value); }
                (table(&found.sample))
                @if total > found.sample.len() as u64 {
                    p .empty { "The first " (found.sample.len()) " are shown. To pick single ones, narrow the search; \"all of them\" means all " (total) "." }
                }
                @if frame.may(Permission::Submit) { (pane(plan.counts.submitted, found)) }
            }
        }
    }
}

fn table(sample: &[Target]) -> Markup {
    let columns = ["Pick", "Mailbox", "Subject", "From", "Received", "Latest delivery location", "Original", "Script"];
    let rows: Vec<Markup> = sample
        .iter()
        .enumerate()
        .map(|(place, target)| {
            let picked =
                format!("{}\t{}\t{}", target.mailbox, target.reference.message_id, target.reference.fingerprint);
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
                }
            }
        })
        .collect();
    html! {
        label .box { input type="checkbox" data-all="pick" hidden; "All that are shown" }
        (layout::table("Messages found", &columns, &rows, "No message matches."))
    }
}

/// What the reference product's side pane asks for.
fn pane(submitted: u64, found: &DryRun) -> Markup {
    let actions = Action::ALL.map(Action::as_str);
    let severities = Severity::ALL.map(Severity::as_str);
    html! {
        h2 { "Take action" }
        fieldset {
            legend { "On which messages" }
            label .box { input type="radio" name="mode" value="query" checked; "All " (submitted) " of them" }
            label .box { input type="radio" name="mode" value="handpicked"; "Only those that are picked (at most 100)" }
            label .box { input type="radio" name="mode" value="query-with-exclusions"; "All but those that are picked (at most 100 of 1,000)" }
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
            p .note.wait { "Asks for " (rule.votes) " approval" @if rule.votes > 1 { "s" } @if rule.two_step { " of somebody else" } " before anything is touched." }
        }
        div .row { button { "Submit" } }
    }
}

pub(crate) async fn submit(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let action: Action = word("action", fields.get("action"))?;
    let mode: SelectionMode = word("mode", fields.get("mode"))?;
    let picked = fields.all("pick").map(read_picked).collect::<Result<Vec<_>, _>>()?;
    let mut inputs = inputs(&fields);
    let picked = match mode {
        SelectionMode::Query => Vec::new(),
        _ if picked.is_empty() => {
            return Err(Problem::bad_request("no message is picked: tick some, or choose all of them").into());
        }
        SelectionMode::Handpicked => {
            // Found by their own list; the mailboxes narrow the search and stand in the record.
            let unique: std::collections::BTreeSet<&str> = picked.iter().map(|one| one.mailbox.as_str()).collect();
            let mailboxes = unique.into_iter().collect::<Vec<_>>().join(",");
            inputs = [("mailbox".to_owned(), mailboxes)].into();
            picked
        }
        SelectionMode::QueryWithExclusions => picked,
    };
    if inputs.is_empty() {
        return Err(Problem::bad_request("nothing says which messages are meant; search first").into());
    }
    let submission = submission(&fields, inputs, action, mode, picked)?;
    let submitted = center.api().submit(&caller.who, submission).await?;
    Ok(Redirect::to(&format!("/remediations/{}?submitted=1", submitted.id)).into_response())
}

fn submission(
    fields: &Fields,
    mut inputs: BTreeMap<String, String>,
    action: Action,
    mode: SelectionMode,
    picked: Vec<Picked>,
) -> Result<Submission, Problem> {
    inputs.insert("action".to_owned(), action.to_string());
    inputs.insert("delete_senders_copy".to_owned(), (fields.get("delete_senders_copy") == "true").to_string());
    Ok(Submission {
        playbook: "manual".to_owned(),
        inputs,
        name: fields.filled("name").map(str::to_owned),
        severity: optional("severity", fields.filled("severity"))?,
        description: fields.filled("description").map(str::to_owned),
        source: ActionSource::Explorer,
        mode,
        picked,
    })
}

fn read_picked(value: &str) -> Result<Picked, Problem> {
    let mut parts = value.split('\t').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(mailbox), Some(message_id), fingerprint) => Ok(Picked { mailbox, message_id, fingerprint }),
        _ => Err(Problem::bad_request("a picked message is not what the page sent; load it again")),
    }
}
