//! Evidence: the messages that were kept before they were deleted for good, the way to one by its digest, and their check.

use axum::extract::State;
use axum::response::IntoResponse as _;
use clawback_model::{Digest, Permission, visible};
use clawback_runtime::EvidenceReport;
use clawback_store::KeptMessage;
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::body::{optional, word};
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::words::number;
use crate::design::{text, toast};
use crate::message_file::message_file;
use crate::problem::Problem;

/// Kept messages of a page.
const PAGE: u32 = 100;
/// Problems of a check that are shown.
const PROBLEMS: usize = 100;

const COLUMNS: [Column; 6] = [
    Column::lead("Subject"),
    Column::long("Mailbox"),
    Column::medium("Remediation"),
    Column::count("Bytes"),
    Column::time("Kept"),
    Column::fill("sha256").at_1240(),
];

pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    show(&center, &frame, &query, None).await
}

/// Hashes every kept message and compares it with the history.
pub(crate) async fn verify(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let _turn = center.verifying_evidence().acquire().await.map_err(|_| Problem::internal())?;
    let report = center.api().verify_evidence().await?;
    show(&center, &frame, &Fields::default(), Some(&report)).await
}

/// A kept message as a file. The reader is recorded in the history first.
pub(crate) async fn message(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let digest: Digest = word("digest", fields.get("digest").trim())?;
    let raw = center.api().examine(&caller.who, &digest).await?;
    Ok(message_file(&digest.to_string(), raw).into_response())
}

async fn show(center: &Center, frame: &Frame, query: &Fields, report: Option<&EvidenceReport>) -> Shown {
    let after = optional("after", query.filled("after"))?;
    let (found, next) = center.site().history.evidence(None, after, PAGE).await?;
    let rows: Vec<Row> = found.iter().map(row).collect();
    let nothing = empty(Icon::Shield, "No message was kept", "Messages are kept before they are deleted for good.");
    let body = html! {
        p { "Messages that were kept before they were deleted for good, oldest first. Each is named by its sha256." }
        form .row method="post" action="/evidence" { (layout::form_token(frame)) button { "Verify all kept messages" } }
        @if let Some(report) = report { (result(report)) }
        (Table::new("Kept messages", &COLUMNS, rows).or(nothing))
        div .pager {
            @if query.filled("after").is_some() { a .button.plain href="/evidence" { "Oldest" } }
            @if let Some(next) = next { a .button.plain href={ "/evidence?after=" (next) } { "Next" } }
        }
        @if frame.may(Permission::Examine) { (by_digest(frame)) }
    };
    Ok(layout::page(frame, "/evidence", "Evidence", &body))
}

fn row(one: &KeptMessage) -> Row {
    let id = &one.remediation;
    Row::of([
        text::subject(one.subject.as_deref().unwrap_or_default()),
        text::cell(one.mailbox.as_deref().unwrap_or_default()),
        html! { a href={ "/remediations/" (id) "?tab=evidence" } { code { (id) } } },
        text::count(one.kept.bytes),
        text::time(one.kept.at),
        html! { code title=(one.kept.digest) { (one.kept.digest) } },
    ])
}

fn by_digest(frame: &Frame) -> Markup {
    html! {
        h2 { "Download by digest" }
        p { "The access is recorded." }
        form .form method="post" action="/evidence/message" {
            (layout::form_token(frame))
            label { "sha256"
                input type="text" name="digest" required pattern="[0-9a-fA-F]{64}" title="64 hexadecimal digits" autocomplete="off"; }
            div .row { button { "Download .eml" } }
        }
    }
}

/// What a check found.
fn result(report: &EvidenceReport) -> Markup {
    let bad = report.problems.iter().chain(&report.unavailable);
    let count = report.problems.len() + report.unavailable.len();
    html! {
        @if count == 0 {
            (toast::done(format!("{} kept messages are unchanged ({} bytes).", number(report.sound), number(report.bytes))))
        } @else {
            div .problem role="alert" {
                p { (number(report.sound)) " kept messages are unchanged. " (number(report.problems.len() as u64)) " are missing or changed, "
                    "and " (number(report.unavailable.len() as u64)) " could not be read." }
                ul { @for one in bad.take(PROBLEMS) { li { (visible(one)) } } }
                @if count > PROBLEMS { p { "The first 100 are shown; " code { "clawback evidence verify" } " prints all." } }
            }
        }
    }
}
