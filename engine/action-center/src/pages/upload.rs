//! A message in a file (`.eml`, or `.msg` of Outlook) as the root of an investigation. The file is examined and not kept, and its name is not
//! read.

use axum::extract::multipart::{Multipart, MultipartError, MultipartRejection};
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use clawback_model::{ActionSource, Features, Permission, Principal, Root, visible_line};
use clawback_runtime::Submission;
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::message_file::LARGEST_MESSAGE;
use crate::problem::Problem;

/// The code of a file with an attached message, where the form does not say which of them is meant.
const WHICH: &str = "which-message";
/// The playbook that finds the copies of a message; it has an input `like`.
const INVESTIGATE: &str = "investigate";

/// What the form sends.
#[derive(Default)]
struct Sent {
    message: Vec<u8>,
    /// Which message is meant, if the form says it: the one that is attached to the file (`true`), or that of the file.
    is_attached: Option<bool>,
}

/// The form, for callers who may submit.
pub(crate) fn form(frame: &Frame) -> Markup {
    let attached = html! {
        label .box { input type="checkbox" name="attached" value="true"; "The message that is attached to it" }
    };
    form_with(frame, &attached)
}

/// The question which message of a file is meant, in the place of the box.
fn question(problem: &Problem) -> Markup {
    html! {
        fieldset aria-describedby="which" {
            legend { "Which message is meant?" }
            p .problem #which role="alert" { (visible_line(&problem.detail, 1_000)) }
            label .box { input type="radio" name="attached" value="true" required; "The message attached to it" }
            label .box { input type="radio" name="attached" value="false" required; "The message in the file" }
        }
    }
}

fn form_with(frame: &Frame, attached: &Markup) -> Markup {
    html! { @if frame.may(Permission::Submit) {
        section aria-label="Message file" {
            h2 { "Investigate a message in a file" }
            form .form.card method="post" action="/search/file" enctype="multipart/form-data" {
                (layout::form_token(frame))
                    label { "Message file (.eml or .msg), at most " (LARGEST_MESSAGE >> 20) " MiB"
                        input type="file" name="message" accept=".eml,.msg,message/rfc822,application/vnd.ms-outlook" required; }
                    (attached)
                p .hint { "The message is examined and not kept. Its copies are searched for, and a plan to remove them is made." }
                div .row { button { "Investigate" } }
            }
        }
    } }
}

/// Starts an investigation whose root is the message of the form. A mistake is shown above the form, and the question
/// which message is meant in it.
pub(crate) async fn investigate(State(center): State<Center>, caller: Caller, request: Request) -> Shown {
    match started(&center, &caller.who, request).await {
        Ok(response) => Ok(response),
        Err(problem) if problem.is_refusal() || problem.status().is_server_error() => Err(problem.into()),
        Err(problem) => {
            let frame = Frame::load(&center, caller).await?;
            let body = html! {
                @if problem.code == WHICH {
                    (form_with(&frame, &question(&problem)))
                } @else {
                    p .problem role="alert" { (visible_line(&problem.detail, 1_000)) }
                    (form(&frame))
                }
                p { a href="/search" { "Search" } }
            };
            let mut response = layout::page(&frame, "/search", "Investigate a message", &body);
            *response.status_mut() = problem.status();
            Ok(response)
        }
    }
}

async fn started(center: &Center, who: &Principal, request: Request) -> Result<Response, Problem> {
    let sent = Sent::of(Multipart::from_request(request, &()).await).await?;
    if sent.message.is_empty() {
        return Err(Problem::bad_request(
            "the file is empty, or none was chosen: choose a message file (.eml or .msg)",
        ));
    }
    let found = center.api().examine_raw(who, center.settings().host.as_deref(), &sent.message).await?;
    if found.len() > 1 && sent.is_attached.is_none() {
        let detail = "the file has a message, and another message is attached to it: choose the file again, and the one \
                      that is meant; of a mail that reports another, it is the attached one";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, WHICH, detail));
    }
    let features = found.get(usize::from(sent.is_attached == Some(true))).ok_or_else(|| {
        Problem::bad_request(
            "no message is attached to this one: leave the box open, and the message itself is investigated",
        )
    })?;
    investigation(center, who, features, ActionSource::Manual).await
}

/// Submits the investigation of a message, and leads to its page.
pub(super) async fn investigation(
    center: &Center,
    who: &Principal,
    features: &Features,
    source: ActionSource,
) -> Result<Response, Problem> {
    let submission = Submission::investigation(INVESTIGATE.to_owned(), &Root::of(features), source);
    let submitted = center.api().submit(who, submission).await?;
    Ok(Redirect::to(&format!("/remediations/{}?submitted=1", submitted.id)).into_response())
}

impl Sent {
    async fn of(form: Result<Multipart, MultipartRejection>) -> Result<Self, Problem> {
        let mut form = form.map_err(|error| unread(error.status(), &error.body_text()))?;
        let mut sent = Self::default();
        while let Some(field) = form.next_field().await.map_err(broken)? {
            match field.name() {
                Some("message") => sent.message = field.bytes().await.map_err(broken)?.into(),
                Some("attached") => sent.is_attached = field.text().await.map_err(broken)?.parse().ok(),
                _ => {}
            }
        }
        if sent.message.len() > LARGEST_MESSAGE {
            let detail = format!("the file is larger than {} MiB", LARGEST_MESSAGE >> 20);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body", detail));
        }
        Ok(sent)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn broken(error: MultipartError) -> Problem {
    unread(error.status(), &error.body_text())
}

fn unread(status: StatusCode, said: &str) -> Problem {
    Problem::new(status, "form", format!("the form cannot be read: {said}"))
}
