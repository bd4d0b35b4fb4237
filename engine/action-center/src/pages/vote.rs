//! The vote on one plan: who may cast it, what was cast, and the form.

use clawback_model::{Action, Approval, Decision, Principal, Remediation, Status, Timestamp, VoteRefused};
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::passkey::ToSign;
use crate::center::Center;
use crate::design::words::{counted, number, spoken, verb};
use crate::design::{field, text, toast};
use crate::problem::Problem;

/// Those who can approve that are named.
const NAMED: usize = 5;

/// Whether the caller can approve a plan, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stance {
    /// It waits for this caller.
    May,
    /// The caller asked for it, or owns the service that did.
    Requested,
    /// The caller approved it at this time; others have to.
    Voted(Timestamp),
    /// Somebody else knows the caller's password or token, so it does not count.
    PasswordOfAnother,
    /// The caller may reject it; to approve a hard delete takes a further role.
    NotForPurge,
    /// The caller lacks the role, or it is too late.
    Cannot,
}

impl Stance {
    /// By the rule that the vote itself is checked by.
    pub(super) fn of(frame: &Frame, remediation: &Remediation, now: Timestamp) -> Self {
        let Some(approval) = remediation.approval.as_ref().filter(|_| remediation.status == Status::PendingApproval)
        else {
            return Self::Cannot;
        };
        match approval.trial(&frame.who, now) {
            Ok(_) if frame.who.own_credential("vote").is_err() => Self::PasswordOfAnother,
            Ok(_) if !frame.who.may_order(remediation.request.action) => Self::NotForPurge,
            Ok(_) => Self::May,
            Err(VoteRefused::RequesterExcluded { .. } | VoteRefused::OwnerExcluded { .. }) => Self::Requested,
            Err(VoteRefused::VotedAlready { .. }) => {
                let own = approval.votes.iter().find(|vote| vote.by == frame.who.name);
                own.map_or(Self::Cannot, |vote| Self::Voted(vote.at))
            }
            Err(_) => Self::Cannot,
        }
    }
}

/// "1 of 2".
pub(super) fn of(approval: &Approval) -> String {
    format!("{} of {}", number(approval.given().into()), number(approval.rule.votes.into()))
}

/// "1 of 2 approvals".
pub(super) fn tally(approval: &Approval) -> String {
    format!("{} approval{}", of(approval), if approval.rule.votes == 1 { "" } else { "s" })
}

/// The rule, the votes so far, who can still approve, and the form of a vote for those who may cast one.
pub(super) async fn approval(
    center: &Center,
    frame: &Frame,
    remediation: &Remediation,
    stance: &Stance,
    comment: &str,
) -> Result<Markup, Problem> {
    let Some(approval) = &remediation.approval else { return Ok(html! {}) };
    let to_sign = &ToSign::of(center, frame, remediation)?;
    let roles =
        approval.rule.from.iter().map(|role| spoken(role.as_str()).to_lowercase()).collect::<Vec<_>>().join(" or ");
    let waits = remediation.status == Status::PendingApproval;
    let principals = if waits { center.site().history.principals().await? } else { Vec::new() };
    let can = approval.can_approve(remediation.request.action, &principals, center.now());
    Ok(html! {
        p { strong { (tally(approval)) } " from " (roles)
            @if approval.rule.two_step { " other than the requester" }
            @if waits { ", by " (text::time(approval.deadline)) } "." }
        @if !approval.votes.is_empty() { ul { @for vote in &approval.votes {
            li { (text::mail(&vote.by)) @if vote.decision == Decision::Approve { " approved " } @else { " rejected " }
                (text::time(vote.at))
                @if vote.signature.is_some() { ", signed" }
                @if let Some(comment) = &vote.comment { ": " (text::lines(comment)) } }
        } } }
        @if waits { (others(approval, remediation.request.action, &can)) }
        @if waits { @match stance {
            Stance::May => (form(frame, remediation, approval, to_sign, comment, to_sign.can_approve())),
            Stance::Requested => (toast::warning("You submitted this, so somebody else must decide.")),
            Stance::Voted(at) => (toast::note(html! { "You approved " (text::time(*at)) ". It waits for others." })),
            Stance::PasswordOfAnother => (toast::warning(html! {
                "Somebody else set your password, so you cannot vote. " a href="/people" { "Change it on People" } " first." })),
            Stance::NotForPurge => {
                (toast::warning("Only an approver with the role purger can approve a hard delete. You can reject it."))
                (form(frame, remediation, approval, to_sign, comment, false))
            }
            Stance::Cannot => {}
        } }
    })
}

/// Who can still approve; a warning if they are too few.
fn others(approval: &Approval, action: Action, can: &[&Principal]) -> Markup {
    let (missing, found) = (u64::from(approval.missing()), can.len() as u64);
    let purger = if action == Action::HardDelete { " A hard delete takes the role purger as well." } else { "" };
    let rest = can.len().saturating_sub(NAMED);
    html! {
        @if found < missing { (toast::warning(html! {
            @if found == 0 { "Nobody can approve this now." } @else { (counted(missing, "approval")) " missing, and only " (counted(found, "person")) " can approve." }
            (purger) " An administrator gives the roles on the page " a href="/people" { "People" } "."
        })) }
        @if found > 0 { p .quiet { "Can approve: "
            @for (place, who) in can.iter().take(NAMED).enumerate() { @if place > 0 { ", " } (text::mail(&who.name)) }
            @if rest > 0 { " and " (number(rest as u64)) " more" } "." } }
    }
}

fn form(
    frame: &Frame,
    remediation: &Remediation,
    approval: &Approval,
    to_sign: &ToSign,
    comment: &str,
    can_approve: bool,
) -> Markup {
    let request = &remediation.request;
    let challenge = |decision| to_sign.challenge(frame, remediation, approval, decision);
    let digest = approval.digest.to_string();
    html! {
        (to_sign.advice(remediation))
        form .form method="post" action={ "/remediations/" (remediation.id) "/decide" } data-passkeys=[to_sign.passkeys()]
            data-host=[to_sign.host()] {
            (layout::form_token(frame))
            (to_sign.fields())
            input type="hidden" name="digest" value=(digest);
            input type="hidden" name="seen" value=(remediation.updated_at.0);
            fieldset .form {
                legend { "Your vote on plan " code title=(digest) { (digest.get(..12).unwrap_or_default()) "…" } }
                p { (verb(request.action)) " " (counted(remediation.counts.submitted, "message")) ": "
                    (text::selection(&request.selection_in_words())) }
                @if let Some(vips) = remediation.plan.as_ref().map(|plan| plan.facts.vips).filter(|vips| *vips > 0) {
                    p .note.wait { (counted(vips, "message")) " in mailboxes of VIPs." }
                }
                (field::lines("comment", "Comment", comment, 2_000))
                div .row {
                    @if can_approve {
                        button name="decision" value="approve" data-challenge=[challenge(Decision::Approve)] { "Approve" }
                    }
                    button .danger.plain name="decision" value="reject" data-challenge=[challenge(Decision::Reject)] { "Reject" }
                }
            }
        }
    }
}
