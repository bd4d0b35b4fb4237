//! The first tab of a remediation: the vote, what the plan found, what the vote covers, and the request.

use clawback_model::{Origin, Picked, Remediation, Request, SelectionMode, Status};
use clawback_store::Batch;
use maud::{Markup, html};

use super::super::fields::Fields;
use super::super::findings;
use super::super::frame::Frame;
use super::super::inputs;
use super::super::terms::terms;
use super::super::vote::{self, Stance};
use super::linked::{by_id, written};
use crate::center::Center;
use crate::design::words::{counted, number, spoken, verb};
use crate::design::{chart, facts, pill, text, toast};
use crate::problem::Problem;

/// The tab.
pub(super) async fn tab(
    center: &Center,
    frame: &Frame,
    remediation: &Remediation,
    batches: &[Batch],
    sent: &Fields,
) -> Result<Markup, Problem> {
    let (request, history) = (&remediation.request, &center.site().history);
    let plan = remediation.plan.as_ref();
    let again = history.looked_again(remediation).await?;
    let stance = Stance::of(frame, remediation, center.now());
    let approval = vote::approval(center, frame, remediation, &stance, sent.get("comment")).await?;
    // To compare the plan with the one that was approved last is dear, and nobody votes any more afterwards.
    let is_pending = remediation.status == Status::PendingApproval;
    let waits = remediation.status == Status::Paused && !remediation.may_be_resumed_by(&frame.who);
    Ok(html! {
        @if waits { (toast::warning("A rule paused it, so an approver who did not ask for it decides whether it continues.")) }
        @if remediation.approval.is_some() { section aria-label="Approval" {
            h2 { "Approval" }
            (approval)
        } }
        @if let Some(plan) = plan { (findings::of_search(&plan.facts)) }
        h2 { "Request" }
        (facts::list(&[
            ("Description", written(&request.description)),
            ("Action", html! { (verb(request.action)) @if request.delete_senders_copy { ", and the sender's copy" } }),
            ("Severity", pill::severity(request.severity)),
            ("Selection", html! { (spoken(request.mode.as_str())) ": " (text::selection(&request.selection_in_words())) }),
            ("Excluded messages", excluded(request)),
            ("Requested by", html! { (text::mail(&request.requester_in_words())) " " (text::time(remediation.created_at)) " (" (spoken(request.source.as_str())) ")" }),
            ("Decided by", html! { @if let Some(decided_by) = &remediation.decided_by { (text::mail(decided_by))
                @if remediation.approval.is_none() { span .quiet { " (no separate vote was needed)" } } } }),
            ("Playbook", html! { a href={ "/playbooks/" (crate::access::encoded(&request.playbook)) } { (request.playbook) } }),
            // Those of an undo are of what it undoes, whose action is another.
            ("Inputs", if matches!(request.origin, Origin::Undo { .. }) { html! {} } else { inputs::in_words(&request.inputs) }),
            ("VIP messages", html! { @if let Some(plan) = plan { (number(plan.facts.vips)) } }),
            ("Looked at again", html! { @if let Some(again) = again { (again.to_string()) } }),
            ("Follows", html! { @if let Some(of) = request.origin.of() { (spoken(request.origin.as_str())) " of " (by_id(of)) } }),
            ("Remediation ID", html! { code { (remediation.id) } }),
            ("Approval ID", html! { code { (request.approval_id) } }),
            ("Plan", html! { @if plan.is_some() { a href={ "/remediations/" (remediation.id) "?tab=plan" } { "What its digest covers" } } }),
            ("Last change", text::moment(remediation.updated_at)),
        ]))
        @if is_pending { (terms(center, remediation).await?) }
        (chart::throughput(batches))
    })
}

/// The messages that a person excluded from the selection: approvers see which.
fn excluded(request: &Request) -> Markup {
    if request.mode != SelectionMode::QueryWithExclusions {
        return Markup::default();
    }
    let name = |one: &Picked| match (one.message_id.as_str(), &one.locator) {
        ("", Some(locator)) => locator.clone(),
        (message_id, _) => message_id.to_owned(),
    };
    html! {
        details {
            summary { (counted(request.picked.len() as u64, "message")) }
            ul { @for one in &request.picked { li { (text::mail(&one.mailbox)) " " (text::mail(&name(one))) } } }
        }
    }
}
