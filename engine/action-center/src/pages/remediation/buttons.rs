//! What can be done with a remediation now, by this caller.

use axum::response::Response;
use clawback_model::{Permission, Remediation, Status};
use maud::{Markup, html};

use super::super::fields::Fields;
use super::super::frame::Frame;
use super::super::layout;
use crate::design::button::{Rank, act};
use crate::design::confirmation::Confirmation;
use crate::design::menu::menu;
use crate::design::words::{counted, verb as act_words};
use crate::export_format::ExportFormat;

/// The formats of its export as lines of JSON.
const EXPORTS: [(ExportFormat, &str); 3] = [
    (ExportFormat::Clawback, "JSON Lines, with hashes"),
    (ExportFormat::Ocsf, "OCSF events"),
    (ExportFormat::O365Air, "Office 365 AIR records"),
];

/// The buttons that are possible now, and the menu of exports.
pub(super) fn buttons(frame: &Frame, remediation: &Remediation, to_undo: u64, is_retried: bool) -> Markup {
    let mut verbs = Vec::new();
    if frame.may(Permission::Control) && remediation.asked.is_none() {
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
        let ended = matches!(remediation.status, Status::PartiallyCompleted | Status::Failed | Status::Cancelled);
        if ended && remediation.counts.failed > 0 && !is_retried {
            verbs.push("retry");
        }
        if still && to_undo > 0 {
            verbs.push("undo");
        }
    }
    let id = &remediation.id;
    let mut files = vec![
        ("Messages as CSV", format!("/remediations/{id}/messages.csv")),
        ("Group by sender and subject", format!("/remediations/{id}/clusters")),
    ];
    files.extend(EXPORTS.iter().map(|(format, name)| (*name, format!("/remediations/{id}/export?format={format}"))));
    html! {
        @for verb in verbs { (act(&frame.form_token, &format!("/remediations/{id}/{verb}"), rank(verb), label(verb), None)) }
        (menu("Export", &files))
    }
}

/// One button of the page stands out.
fn rank(verb: &str) -> Rank {
    match verb {
        "cancel" => Rank::Danger,
        "resume" | "retry" => Rank::Primary,
        _ => Rank::Plain,
    }
}

fn label(verb: &str) -> &'static str {
    match verb {
        "pause" => "Pause",
        "resume" => "Resume",
        "cancel" => "Cancel remediation",
        "replan" => "Rebuild plan",
        "undo" => "Undo",
        _ => "Retry failed",
    }
}

/// Whether a button is confirmed before it is carried out.
pub(super) fn is_confirmed_first(verb: &str) -> bool {
    matches!(verb, "cancel" | "undo" | "retry")
}

/// Asks once more, with the numbers.
pub(super) fn confirm(frame: &Frame, remediation: &Remediation, verb: &str, fields: &Fields) -> Response {
    let (counts, action) = (&remediation.counts, remediation.request.action);
    let (facts, label) = if verb == "undo" {
        let many = counted(counts.succeeded, "message");
        let facts = html! { p { "Put back " strong { (many) } " where they were before. This is a remediation of its own: it is planned, and may need an approval." } };
        (facts, format!("Put back {many}"))
    } else if verb == "retry" {
        let many = counted(counts.failed, "failed message");
        let facts = html! {
            p { (act_words(action)) ": " strong { (many) } ", once more. This is a remediation of its own, under the same approval while that is valid." }
            p { "What has been moved meanwhile counts as succeeded in it, too." }
        };
        (facts, format!("Retry {many}"))
    } else {
        let open = counted(counts.open, "message");
        let facts = html! {
            p { strong { (open) } " still waiting will not be acted on (" (act_words(action)) ")." }
            @if remediation.status == Status::InProgress { p { "It goes on until you confirm. To stop it first, go back and pause it." } }
            @if counts.acted() > 0 { p { (counted(counts.acted(), "message")) " acted on so far stay as they are." } }
        };
        (facts, "Cancel remediation".to_owned())
    };
    let back = format!("/remediations/{}", remediation.id);
    let body = Confirmation {
        address: &format!("{back}/{verb}"),
        fields: fields.pairs().collect(),
        facts,
        label: &label,
        is_danger: verb == "cancel",
        back: &back,
    };
    layout::page(frame, "/history", &format!("{label}?"), &html! { (body) })
}
