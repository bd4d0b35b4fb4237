//! The top of the page of a remediation: four numbers, the steps, and what there is to know first.

use clawback_model::{Counts, Remediation, Status, StopReason, visible};
use clawback_store::Batch;
use maud::{Markup, html};

use super::super::vote;
use super::linked::by_id;
use crate::design::numbers::{Number, numbers};
use crate::design::pill::Tone;
use crate::design::stepper::{State, Step, stepper};
use crate::design::words::{counted, number, spoken};
use crate::design::{chart, text, toast};
use crate::json::UndoJson;

/// Everything that changes while it runs.
pub(super) fn state(
    remediation: &Remediation,
    batches: &[Batch],
    undos: &[Remediation],
    retries: &[Remediation],
) -> Markup {
    let speed = batches.iter().rev().find_map(|batch| {
        let (ended, ..) = batch.finished.as_ref()?;
        let micros = u64::try_from(ended.0 - batch.started_at.0).ok().filter(|micros| *micros > 0)?;
        Some(u64::from(batch.targets) * 1_000_000 / micros)
    });
    let undone = UndoJson::of(undos);
    html! {
        @if let Some(asked) = &remediation.asked { p .note.wait role="status" { (visible(&asked.to_string())) } }
        @if let Some(at) = remediation.starts_at() { (toast::warning(html! { "The playbook waits before it acts: it begins " (text::time(at)) "." })) }
        @if let Some(stop) = &remediation.stop { (toast::warning(visible(&stop.to_string()))) }
        @for undo in &undone { (toast::note(html! {
            @if undo.status.is_final() { "Undone by " } @else { "To be undone by " }
            (by_id(&undo.id)) ": " (counted(undo.succeeded, "message")) " put back (" (spoken(undo.status.as_str())) ")."
        })) }
        @for retry in ran(retries) { (toast::note(html! {
            "Retried by " (by_id(&retry.id)) ": " (counted(retry.counts.succeeded, "message")) " succeeded (" (spoken(retry.status.as_str())) ")."
        })) }
        (numbers(&four(remediation)))
        @if remediation.counts.acted() > 0 { (chart::outcomes(&remediation.counts)) }
        (stepper(&steps(remediation, speed)))
    }
}

/// The retries that acted on messages, or may yet.
pub(super) fn ran(retries: &[Remediation]) -> impl Iterator<Item = &Remediation> {
    retries.iter().filter(|retry| retry.may_act_or_has_acted())
}

fn four(remediation: &Remediation) -> [Number; 4] {
    let counts = &remediation.counts;
    let mailboxes = remediation.plan.as_ref().map(|plan| counted(plan.facts.mailboxes, "mailbox"));
    let Counts { submitted, succeeded, failed, open, .. } = *counts;
    let other = submitted - succeeded - failed - open;
    let waiting = match remediation.status {
        Status::Rejected | Status::Expired | Status::Failed => "not acted on",
        status if status.is_final() => "",
        _ => "not acted on yet",
    };
    let number = |label, count, remark: String, tone| Number { label, count, remark, tone };
    let others = if other == 0 { String::new() } else { format!("{} with another outcome", self::number(other)) };
    [
        number("Messages", submitted, mailboxes.unwrap_or_default(), Tone::Quiet),
        number(
            "Succeeded",
            succeeded,
            percent(succeeded, submitted),
            if succeeded > 0 { Tone::Good } else { Tone::Quiet },
        ),
        number("Failed", failed, others, if failed > 0 { Tone::Bad } else { Tone::Quiet }),
        number("Open", open, waiting.to_owned(), Tone::Quiet),
    ]
}

fn percent(part: u64, whole: u64) -> String {
    (part * 100).checked_div(whole).map(|share| format!("{share} %")).unwrap_or_default()
}

/// Planned, approved, running, verified.
fn steps(remediation: &Remediation, speed: Option<u64>) -> [Step; 4] {
    use Status::{
        Approved, Cancelled, Completed, Expired, Failed, InProgress, NothingToDo, PartiallyCompleted, Paused,
        PendingApproval, Planning, Queued, Rejected,
    };
    let (status, counts) = (remediation.status, &remediation.counts);
    let has_plan = remediation.plan.is_some();
    let acted = counts.acted();
    let began = remediation.progress.next_batch > 0;
    let planned = match status {
        Queued | Planning => State::Now,
        Failed | Cancelled if !has_plan => State::Stopped,
        _ => State::Done,
    };
    let approved = match status {
        PendingApproval => State::Now,
        Rejected | Expired => State::Stopped,
        Queued | Planning => State::Later,
        Failed | Cancelled | NothingToDo | Paused if remediation.approved_at.is_none() && !began => State::Later,
        _ => State::Done,
    };
    let all_acted = counts.open == 0;
    let running = match status {
        Approved | InProgress if !all_acted => State::Now,
        Approved | InProgress | Completed => State::Done,
        PartiallyCompleted | Failed | Cancelled if began => {
            if counts.failed > 0 || status == Cancelled {
                State::Stopped
            } else {
                State::Done
            }
        }
        Paused if matches!(remediation.stop, Some(StopReason::Person { .. })) => State::Now,
        Paused => State::Stopped,
        _ => State::Later,
    };
    let verified = match (remediation.progress.verified, status) {
        (Some((_, 0)), _) => State::Done,
        (Some(_), _) => State::Stopped,
        (None, InProgress) if all_acted && remediation.verify => State::Now,
        _ => State::Later,
    };
    let vote = match (&remediation.approval, status) {
        (Some(approval), _) => html! { (vote::tally(approval)) },
        (None, Queued | Planning | NothingToDo) => html! {},
        (None, _) if approved == State::Done => html! { "No approval needed" },
        _ => html! {},
    };
    let run = html! { @if began {
        (number(acted)) " of " (number(counts.remediable)) @if running == State::Now { " (" (percent(acted, counts.remediable)) ")" }
        @if let Some(speed) = speed { ", " (number(speed)) "/s" }
    } };
    let verification = html! { @match remediation.progress.verified {
        Some((confirmed, not)) => { (number(confirmed)) " confirmed, " (number(not)) " not" },
        None if !remediation.verify => "Not asked for",
        None => {}
    } };
    let plan = html! { @if let Some(plan) = &remediation.plan {
        (counted(counts.submitted, "message"))
        @if let Some(searched) = plan.facts.searched.filter(|searched| *searched > 0) { ", " (counted(searched, "mailbox")) " searched" }
    } @else if planned == State::Now { "since " (text::time(remediation.updated_at)) } };
    [
        Step { name: if planned == State::Done { "Planned" } else { "Planning" }, state: planned, says: plan },
        Step {
            name: if approved == State::Stopped { "Not approved" } else { "Approved" },
            state: approved,
            says: vote,
        },
        Step {
            name: match (status, running) {
                (Paused, _) => "Paused",
                (_, State::Now) => "Running",
                _ => "Run",
            },
            state: running,
            says: run,
        },
        Step { name: "Verified", state: verified, says: verification },
    ]
}
