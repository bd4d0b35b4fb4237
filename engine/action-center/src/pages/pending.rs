//! Pending: the remediations that wait for a person. One or many of the same action are decided at once, each on the
//! plan that was shown.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use clawback_app::Ballot;
use clawback_model::{Decision, Permission, PlanDigest, Remediation, RemediationId, Status, Timestamp, visible};
use clawback_store::HistoryFilter;
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::body::{optional, word};
use crate::center::Center;
use crate::problem::Problem;

/// Rows of a page.
const PAGE: u32 = 100;
const COLUMNS: [&str; 11] = [
    "Pick",
    "Remediation",
    "Status",
    "Action type",
    "Selection",
    "Severity",
    "Messages",
    "Requested by",
    "Submitted",
    "Decide before",
    "Plan",
];

pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let filter = HistoryFilter {
        pending_only: true,
        action_type: optional("action_type", query.filled("action_type"))?,
        ..HistoryFilter::default()
    };
    let after = optional("after", query.filled("after"))?;
    let found = center.site().history.history(&filter, after, PAGE).await?;
    let rows: Vec<Markup> = found.remediations.iter().map(row).collect();
    let decides = frame.may(Permission::Decide) && found.remediations.iter().any(is_open);
    let body = html! {
        form method="post" action="/pending" {
            (layout::form_token(&frame))
            @if decides {
                label .box { input type="checkbox" data-all="pick" hidden; "All of this page" }
            }
            (layout::table("Pending actions", &COLUMNS, &rows, "Nothing waits for a person."))
            @if decides {
                fieldset {
                    legend { "Decide on those that are ticked" }
                    label { "Comment" textarea name="comment" maxlength="2000" {} }
                    div .row {
                        button name="decision" value="approve" { "Approve" }
                        button .danger name="decision" value="reject" { "Reject" }
                    }
                    p .empty { "All of them must be of one action type. A vote is for the plan that is shown; one that changed since is refused." }
                }
            }
        }
        @if let Some(next) = found.next {
            p .next { a href={ "/pending?after=" (next) } { "Older" } }
        }
    };
    Ok(layout::page(&frame, "/pending", "Pending", &body))
}

fn is_open(remediation: &Remediation) -> bool {
    remediation.status == Status::PendingApproval
}

fn row(remediation: &Remediation) -> Markup {
    let request = &remediation.request;
    let digest = remediation.plan.as_ref().map(|plan| plan.digest.to_string()).unwrap_or_default();
    let pick = format!("{} {digest} {}", remediation.id, remediation.updated_at.0);
    html! {
        tr {
            td { @if is_open(remediation) {
                input type="checkbox" name="pick" value=(pick) aria-label={ "Decide on " (request.name) };
            } }
            td { (layout::link(remediation)) }
            td { (layout::status(remediation.status))
                @if let Some(stop) = &remediation.stop { p .note.wait { (visible(&stop.to_string())) } } }
            td { (request.action) }
            td { (layout::selection(&request.selection_in_words())) }
            td { (request.severity.as_str()) }
            td .number { (remediation.counts.submitted) }
            td { (layout::mail(&request.requester_in_words())) }
            td { (layout::time(remediation.created_at)) }
            td { @if let Some(approval) = &remediation.approval { (layout::time(approval.deadline)) } }
            td { code title=(digest) { (digest.chars().take(12).collect::<String>()) } }
        }
    }
}

/// Votes on all that are ticked. Those that cannot be decided are listed; the rest is decided nevertheless.
pub(crate) async fn decide(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let decision = match fields.get("decision") {
        "approve" => Decision::Approve,
        "reject" => Decision::Reject,
        _ => return Err(Problem::bad_request("choose Approve or Reject").into()),
    };
    let picked: Vec<&str> = fields.all("pick").collect();
    if picked.is_empty() {
        return Err(Problem::bad_request("tick at least one remediation, then decide").into());
    }
    let mut ballots = Vec::with_capacity(picked.len());
    let mut actions = std::collections::BTreeSet::new();
    for pick in picked {
        let mut parts = pick.split(' ');
        let mut part = || parts.next().unwrap_or_default();
        let (id, digest, seen): (RemediationId, PlanDigest, i64) =
            (word("id", part())?, word("digest", part())?, word("time", part())?);
        actions.insert(center.site().history.load(&id).await?.request.action.as_str());
        ballots.push((id, digest, Timestamp(seen)));
    }
    if actions.len() > 1 {
        let actions = actions.into_iter().collect::<Vec<_>>().join(" and ");
        return Err(Problem::bad_request(format!(
            "what is ticked is of several action types ({actions}); decide on them one type at a time"
        ))
        .into());
    }
    let comment = fields.filled("comment").map(str::to_owned);
    let mut refused = Vec::new();
    let (many, mut worst) = (ballots.len(), None);
    for (id, digest, seen) in ballots {
        let ballot =
            Ballot { decision, digest: Some(digest), comment: comment.clone(), seen: Some(seen), signature: None };
        if let Err(error) = center.api().vote(&caller.who, &id, ballot).await {
            let problem = Problem::from(error);
            refused.push(format!("{id}: {}", problem.detail));
            worst.get_or_insert(problem);
        }
    }
    match worst {
        None if many == 1 => {
            let id = fields.get("pick").split(' ').next().unwrap_or_default();
            Ok(Redirect::to(&format!("/remediations/{id}")).into_response())
        }
        None => Ok(Redirect::to("/pending").into_response()),
        Some(problem) => {
            let decided = many - refused.len();
            let detail = format!("{decided} of {many} were decided. Not decided:\n{}", refused.join("\n"));
            Err(Problem { detail, ..problem }.into())
        }
    }
}
