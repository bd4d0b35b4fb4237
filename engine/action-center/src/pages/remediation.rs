//! One remediation: the request, the approval, its events, its messages, and the actions that are possible now.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use clawback_app::Ballot;
use clawback_model::{
    Approval, Decision, InvestigationStatus, Outcome, Permission, PlanDigest, Remediation, RemediationId, Status,
    Target, Timestamp, visible,
};
use futures::stream;
use maud::{Markup, html};

use super::csv_file::{attachment, lines};
use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::passkey::{self, ToSign};
use super::shown::Shown;
use super::terms::terms;
use super::{charts, layout};
use crate::access::Caller;
use crate::body::{optional, word};
use crate::center::Center;
use crate::export_format::ExportFormat;
use crate::json::{MessageJson, UndoJson, event_in_words};
use crate::lookup::find;
use crate::problem::Problem;

/// Messages of a page.
const PAGE: u32 = 100;
/// The formats of its export as lines of JSON.
const EXPORTS: [(ExportFormat, &str); 3] = [
    (ExportFormat::Clawback, "Everything, with hashes"),
    (ExportFormat::Ocsf, "As OCSF events"),
    (ExportFormat::O365Air, "As Office 365 AIR records"),
];
/// Messages read at once for a file.
const READ: u32 = 5_000;

pub(crate) async fn page(
    State(center): State<Center>,
    Path(id): Path<String>,
    caller: Caller,
    Asked(query): Asked,
) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let found = find(&center, &id).await?;
    let id = &found.id;
    let history = &center.site().history;
    let request = &found.request;
    let after = optional("after", query.filled("after"))?;
    let mut pairs = history.messages(id, after, PAGE + 1).await?;
    let more = pairs.len() > PAGE as usize;
    pairs.truncate(PAGE as usize);
    let alert = history.alert(&request.alert_id).await?;
    let investigation = history.investigation(&request.investigation_id).await?;
    let undos = history.undos(id).await?;
    let body = html! {
        @if query.filled("submitted").is_some() {
            p .note role="status" {
                "Submitted. Approval ID: " strong { (request.approval_id) } ". It is planned now; the page follows it."
            }
        }
        div data-live={ "/remediations/" (id) "/live" } data-more=(if goes_on(&found) { "yes" } else { "no" }) {
            (state(&center, &found).await?)
        }
        @if goes_on(&found) { noscript { p { a href={ "/remediations/" (id) } { "Refresh" } } } }
        (buttons(&frame, &found, found.left_to_undo(&undos)))
        @if let Some(approval) = &found.approval { (votes(&frame, &found, approval, &ToSign::of(&center, &frame, &found)?)) }
        (terms(&center, &found).await?)
        h2 { "What was asked for" }
        (layout::facts(&[
            ("Description", layout::mail(&request.description)),
            ("Action", html! { (request.action) @if request.delete_senders_copy { ", and the sender's copy" } }),
            ("Severity", html! { (request.severity.as_str()) }),
            ("Action source", html! { (request.source.as_str()) }),
            ("Selection", html! { (request.mode.as_str()) ": " (layout::selection(&request.selection_in_words())) }),
            ("Playbook", html! { a href={ "/playbooks/" (crate::access::encoded(&request.playbook)) } { (request.playbook) } }),
            ("Inputs", html! { @for (name, value) in &request.inputs { div { (name) ": " (layout::mail(value)) } } }),
            ("Requested by", layout::mail(&request.requester_in_words())),
            ("Remediation ID", html! { code { (id) } }),
            ("Approval ID", html! { code { (request.approval_id) } }),
            ("Investigation", html! { a href={ "/investigations/" (request.investigation_id) } { code { (request.investigation_id) } }
                " " (InvestigationStatus::of(&found).as_str()) }),
            ("Entity", layout::mail(&investigation.entity)),
            ("Alert", html! { code { (alert.id) } " " (alert.name) }),
            ("Follows", html! { @if let Some(of) = request.origin.of() { (request.origin.as_str()) " of " a href={ "/remediations/" (of) } { code { (of) } } } }),
            ("Undone by", html! { @for undo in UndoJson::of(&undos) { div {
                a href={ "/remediations/" (undo.id) } { code { (undo.id) } } " " (undo.status) ", " (undo.succeeded) " put back"
            } } }),
        ]))
        h2 { "Batches" }
        (batches(&center, id).await?)
        h2 { "Timeline" }
        (timeline(&center, id).await?)
        h2 { "Messages" }
        (messages(&frame, id, &pairs))
        div .row {
            @if let Some((last, _)) = pairs.last().filter(|_| more) {
                a .button href={ "/remediations/" (id) "?after=" (last.seq) } { "More" }
            }
            a href={ "/remediations/" (id) "/clusters" } { "By sender, subject and mailbox" }
            a href={ "/remediations/" (id) "/messages.csv" } { "Download as CSV" }
            @for (format, name) in EXPORTS {
                a href={ "/remediations/" (id) "/export?format=" (format) } { (name) }
            }
        }
    };
    Ok(layout::page(&frame, "/history", &visible(&request.name), &body))
}

/// The part of the page that is refreshed.
pub(crate) async fn live(State(center): State<Center>, Path(id): Path<String>) -> Shown {
    let found = find(&center, &id).await?;
    let mut response = layout::fragment(state(&center, &found).await?);
    if goes_on(&found) {
        response.headers_mut().insert("x-more", axum::http::HeaderValue::from_static("yes"));
    }
    Ok(response)
}

fn goes_on(remediation: &Remediation) -> bool {
    !remediation.status.is_final() && !matches!(remediation.status, Status::PendingApproval | Status::Paused)
}

async fn state(center: &Center, remediation: &Remediation) -> Result<Markup, Problem> {
    let plan = remediation.plan.as_ref();
    let again = center.site().history.looked_again(remediation).await?;
    let batches = center.site().history.batches(&remediation.id).await?;
    let done = batches.iter().filter(|batch| batch.finished.is_some()).count();
    let speed = batches.iter().rev().find_map(|batch| {
        let (ended, ..) = batch.finished.as_ref()?;
        let micros = u64::try_from(ended.0 - batch.started_at.0).ok().filter(|micros| *micros > 0)?;
        Some(u64::from(batch.targets) * 1_000_000 / micros)
    });
    Ok(html! {
        p { (layout::status(remediation.status)) " since " (layout::time(remediation.updated_at))
            @if let Some(decided_by) = &remediation.decided_by {
                @if remediation.approval.is_some() { ", decided by " (layout::mail(decided_by)) }
                @else { ", without a vote of its own, for " (layout::mail(decided_by)) }
            } }
        @if let Some(asked) = &remediation.asked { p .note.wait role="status" { (visible(&asked.to_string())) } }
        @if let Some(at) = remediation.starts_at() { p .note.wait { "It waits as the playbook says, and begins at " (layout::time(at)) "." } }
        @if let Some(stop) = &remediation.stop { p .note.wait { (visible(&stop.to_string())) } }
        @if let Some(plan) = plan { (layout::of_search(&plan.facts)) }
        (charts::outcomes(&remediation.counts))
        (charts::throughput(&batches))
        (layout::facts(&[
            ("Submitted", html! { (remediation.counts.submitted) }),
            ("Remediable", html! { (remediation.counts.remediable) }),
            ("Not remediable", html! { (remediation.counts.not_remediable) }),
            ("Mailboxes", html! { @if let Some(plan) = plan { (plan.facts.mailboxes) } }),
            ("Looked at again", html! { @if let Some(again) = again { (again.to_string()) } }),
            ("VIP messages", html! { @if let Some(plan) = plan { (plan.facts.vips) } }),
            ("Searched", html! { @if let Some(searched) = plan.and_then(|plan| plan.facts.searched) { (searched) " mailboxes" } }),
            ("Batches", html! { (done) " of " (batches.len()) @if let Some(speed) = speed { ", " (speed) " messages/s" } }),
            ("Plan", html! { @if let Some(plan) = plan { code .digest { (plan.digest) } } }),
        ]))
    })
}

/// The actions that are possible now, and for whom.
fn buttons(frame: &Frame, remediation: &Remediation, to_undo: u64) -> Markup {
    let mut verbs = Vec::new();
    if frame.may(Permission::Control) {
        match remediation.status {
            Status::InProgress | Status::Approved => verbs.extend(["pause", "cancel"]),
            Status::Paused if remediation.may_be_resumed_by(&frame.who) => verbs.extend(["resume", "cancel"]),
            Status::PendingApproval => verbs.extend(["replan", "cancel"]),
            Status::Paused | Status::Queued | Status::Planning => verbs.push("cancel"),
            _ => {}
        }
    }
    if frame.may(Permission::Submit) {
        let still = remediation.status.is_final() || remediation.status == Status::Paused;
        if still && to_undo > 0 {
            verbs.push("undo");
        }
        let ended = matches!(remediation.status, Status::PartiallyCompleted | Status::Failed | Status::Cancelled);
        if ended && remediation.counts.failed > 0 {
            verbs.push("retry");
        }
    }
    let waits = remediation.status == Status::Paused && !remediation.may_be_resumed_by(&frame.who);
    html! {
    @if waits { p .note.wait { "A rule paused it, so an approver who did not ask for it decides whether it continues." } }
    @if !verbs.is_empty() { div .row { @for verb in verbs {
        form method="post" action={ "/remediations/" (remediation.id) "/" (verb) } {
            (layout::form_token(frame))
            button class=[(verb == "cancel").then_some("danger")] { (words(verb)) }
        }
    } } } }
}

fn words(verb: &str) -> &'static str {
    match verb {
        "pause" => "Pause",
        "resume" => "Resume",
        "cancel" => "Cancel what is open",
        "replan" => "Plan again",
        "undo" => "Undo: put messages back",
        _ => "Retry what failed",
    }
}

fn votes(frame: &Frame, remediation: &Remediation, approval: &Approval, to_sign: &ToSign) -> Markup {
    let roles = approval.rule.from.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ");
    let request = &remediation.request;
    let challenge = |decision| to_sign.challenge(frame, remediation, approval, decision);
    let own = approval.rule.two_step && approval.requester == frame.who.name;
    html! {
        h2 { "Approval" }
        p { (approval.rule.votes) " from " (roles) @if approval.rule.two_step { ", not the requester" }
            ", before " (layout::time(approval.deadline)) }
        @if !approval.votes.is_empty() { ul { @for vote in &approval.votes {
            li { (layout::mail(&vote.by)) @if vote.decision == Decision::Approve { " approved" } @else { " rejected" }
                " at " (layout::time(vote.at))
                @if vote.signature.is_some() { ", signed" }
                @if let Some(comment) = &vote.comment { ": " (layout::mail(comment)) } }
        } } }
        @if remediation.status == Status::PendingApproval && frame.may(Permission::Decide) {
            @if own { p .note.wait { "You asked for this, so somebody else decides." } }
            @else {
                (to_sign.advice(remediation))
                form method="post" action={ "/remediations/" (remediation.id) "/decide" } data-passkeys=[to_sign.passkeys()]
                    data-host=[to_sign.host()] {
                    (layout::form_token(frame))
                    (to_sign.fields())
                    input type="hidden" name="digest" value=(approval.digest);
                    input type="hidden" name="seen" value=(remediation.updated_at.0);
                    fieldset {
                        legend { "Your vote on plan " code .digest { (approval.digest) } }
                        p { (request.action) " of " (remediation.counts.submitted) " messages: " (layout::selection(&request.selection_in_words())) }
                        label { "Comment" textarea name="comment" maxlength="2000" {} }
                        div .row {
                            @if to_sign.can_approve() {
                                button name="decision" value="approve" data-challenge=[challenge(Decision::Approve)] { "Approve" }
                            }
                            button .danger name="decision" value="reject" data-challenge=[challenge(Decision::Reject)] { "Reject" }
                        }
                    }
                }
            }
        }
    }
}

fn messages(frame: &Frame, id: &RemediationId, pairs: &[(Target, Option<Outcome>)]) -> Markup {
    let mut columns =
        vec!["Mailbox", "Subject", "From", "Received", "Was in", "Outcome", "Reason", "Is now in", "Script"];
    let reads = frame.may(Permission::Examine);
    if reads {
        columns.push("Content");
    }
    let row = |(target, outcome): &(Target, Option<Outcome>)| {
        let receipt = outcome.as_ref().and_then(|outcome| outcome.receipt.as_ref());
        let now = receipt.map_or(Some(&target.location), |receipt| receipt.location.as_ref());
        html! {
            tr {
                td { (layout::mail(&target.mailbox)) }
                td { (layout::mail(&target.subject)) }
                td { (layout::mail(&target.from_address)) }
                td { (layout::time(target.received_at)) }
                td { (layout::mail(&target.location.to_string())) }
                td { @match outcome { Some(outcome) => { (outcome.kind.as_str()) }, None => { "open" } } }
                td { @if let Some(outcome) = outcome {
                    (outcome.reason.as_str())
                    @if let Some(detail) = &outcome.detail { ": " (layout::mail(detail)) }
                } }
                td { @match now { Some(location) => { (layout::mail(&location.to_string())) }, None => { "gone" } } }
                td { (layout::script_words(target)) }
                @if reads { td {
                    form method="post" action={ "/remediations/" (id) "/messages/" (target.seq) } {
                        (layout::form_token(frame))
                        button .plain aria-label={ "Read message " (target.seq) } { "Read" }
                    }
                } }
            }
        }
    };
    let rows: Vec<Markup> = pairs.iter().map(row).collect();
    layout::table("Messages", &columns, &rows, "No message is planned yet.")
}

async fn batches(center: &Center, id: &RemediationId) -> Result<Markup, Problem> {
    let found = center.site().history.batches(id).await?;
    let columns = ["Batch", "Messages", "Started", "Ended", "Succeeded", "Failed", "Throttled", "Digest of outcomes"];
    let rows: Vec<Markup> = found
        .iter()
        .map(|batch| {
            html! {
                tr {
                    td .number { (batch.number) }
                    td .number { (batch.targets) }
                    td { (layout::time(batch.started_at)) }
                    @match &batch.finished {
                        Some((at, report, digest)) => {
                            td { (layout::time(*at)) }
                            td .number { (report.counts.succeeded) }
                            td .number { (report.counts.failed) }
                            td .number { (report.throttled) }
                            td { code { (digest.to_string().chars().take(16).collect::<String>()) } }
                        }
                        None => { td colspan="5" { "under way" } }
                    }
                }
            }
        })
        .collect();
    Ok(layout::table("Batches", &columns, &rows, "No batch has begun."))
}

async fn timeline(center: &Center, id: &RemediationId) -> Result<Markup, Problem> {
    let events = center.site().history.events(id).await?;
    let rows: Vec<Markup> = events
        .iter()
        .map(|entry| {
            html! {
                tr {
                    td .number { (entry.link.seq) }
                    td { (layout::time(entry.link.at)) }
                    td { (entry.link.kind) }
                    td { (layout::mail(&event_in_words(entry))) }
                    td {
                        (layout::mail(&entry.link.actor))
                        @if let Some(credential) = entry.credential() { " (" (layout::mail(&credential.to_string())) ")" }
                    }
                    td { code title=(entry.hash) { (entry.hash.to_string().chars().take(16).collect::<String>()) } }
                }
            }
        })
        .collect();
    Ok(layout::table(
        "Timeline",
        &["Number", "When", "Event", "What it says", "By", "Hash"],
        &rows,
        "Nothing happened.",
    ))
}

/// Carries out the buttons and votes of the page.
pub(crate) async fn act(
    State(center): State<Center>,
    Path((id, verb)): Path<(String, String)>,
    caller: Caller,
    fields: Fields,
) -> Shown {
    let (api, who) = (center.api(), &caller.who);
    let id = find(&center, &id).await?.id;
    let goes_to = match verb.as_str() {
        "pause" => api.pause(who, &id).await?.id,
        "resume" => api.resume(who, &id).await?.id,
        "cancel" => api.cancel(who, &id).await?.id,
        "replan" => api.replan(who, &id).await?.id,
        "undo" => return Ok(submitted(&api.undo(who, &id).await?.id)),
        "retry" => return Ok(submitted(&api.retry(who, &id).await?.id)),
        "decide" => {
            let decision = match fields.get("decision") {
                "approve" => Decision::Approve,
                "reject" => Decision::Reject,
                _ => return Err(Problem::bad_request("choose Approve or Reject").into()),
            };
            let digest: PlanDigest = word("digest", fields.get("digest"))?;
            let seen = Some(Timestamp(word("seen", fields.get("seen"))?));
            let comment = fields.filled("comment").map(str::to_owned);
            let signature = passkey::signature(&fields)?;
            api.vote(who, &id, Ballot { decision, digest: Some(digest), comment, seen, signature }).await?.id
        }
        _ => return Err(Problem::not_found().into()),
    };
    Ok(Redirect::to(&format!("/remediations/{goes_to}")).into_response())
}

fn submitted(id: &RemediationId) -> Response {
    Redirect::to(&format!("/remediations/{id}?submitted=1")).into_response()
}

/// Every message with its outcome, read and sent in pieces.
pub(crate) async fn messages_csv(State(center): State<Center>, Path(id): Path<String>) -> Shown {
    let found = find(&center, &id).await?;
    let name = format!("{}.csv", found.id);
    let begin = (Some(None), Some(lines([message_head()])));
    let pieces = stream::try_unfold(begin, move |(at, head): (Option<Option<u32>>, Option<Vec<u8>>)| {
        let (center, found) = (center.clone(), found.clone());
        async move {
            if let Some(head) = head {
                return Ok::<_, clawback_store::StoreError>(Some((head, (at, None))));
            }
            let Some(after) = at else { return Ok(None) };
            let pairs = center.site().history.messages(&found.id, after, READ).await?;
            let next = pairs.last().map(|(target, _)| Some(target.seq));
            let rows =
                pairs.iter().map(|(target, outcome)| message(&MessageJson::new(&found, target, outcome.as_ref())));
            Ok(Some((lines(rows), (next, None))))
        }
    });
    Ok(attachment(&name, Body::from_stream(pieces)))
}

fn message_head() -> Vec<String> {
    let names = [
        "Mailbox",
        "Message-ID",
        "Subject",
        "From",
        "Received",
        "Original delivery location",
        "Latest delivery location",
        "Store",
        "Location before",
        "Location after",
        "Action",
        "Outcome",
        "Reason",
        "Detail",
        "Evidence",
        "Batch",
        "Recorded",
    ];
    names.map(str::to_owned).to_vec()
}

fn message(row: &MessageJson) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        row.mailbox.clone(),
        row.message_id.clone(),
        row.subject.clone(),
        row.from.clone(),
        row.received_at.clone(),
        text(&row.original_delivery_location),
        text(&row.latest_delivery_location),
        row.store.clone(),
        row.location_before.clone(),
        text(&row.location_after),
        row.action.to_string(),
        row.outcome.as_deref().unwrap_or("open").to_owned(),
        row.reason.as_deref().unwrap_or_default().to_owned(),
        text(&row.detail),
        text(&row.evidence),
        row.batch.map(|batch| batch.to_string()).unwrap_or_default(),
        text(&row.recorded_at),
    ]
}
