//! Forms of the pages: which are accepted, how large they may be, and which go back to the browser.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use futures::StreamExt as _;

use crate::message_file::LARGEST_MESSAGE;
use crate::problem::Problem;
use crate::unsent::{self, Unsent};

/// Largest form, in bytes.
const LARGEST_FORM: usize = 1 << 20;
/// The same of a form with a file: a message, and the other fields.
pub(crate) const LARGEST_FILE_FORM: usize = LARGEST_MESSAGE + (64 << 10);
/// Bytes at the beginning of a form with a file in which its token must be: it is the first field.
const FIRST_FIELD: usize = 1 << 10;
/// Bytes of a form that is too large which are read and dropped: a browser shows the answer only if it could send all.
const LARGEST_DROPPED: usize = 64 << 20;

/// A form that is not accepted.
pub(crate) struct NotOurs {
    /// The reason.
    pub(crate) problem: Problem,
    /// The form, if it goes back to the browser.
    pub(crate) unsent: Option<Box<Unsent>>,
}

impl From<Problem> for NotOurs {
    fn from(problem: Problem) -> Self {
        Self { problem, unsent: None }
    }
}

/// What becomes of the form of a caller without a session.
#[derive(Debug)]
pub(crate) enum Kept {
    /// It goes back to the browser.
    Form(Box<Unsent>),
    /// It is larger than [`unsent::LARGEST`].
    TooLarge,
    /// It is not one that is returned.
    Not,
}

/// Checks that a form comes from our own pages: by what the browser reports, and by the token that only they have. A
/// form of an earlier session goes back to the browser.
pub(crate) async fn checked_form(request: Request, token: &str) -> Result<Request, NotOurs> {
    if is_from_elsewhere(request.headers()) {
        return Err(elsewhere().into());
    }
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let has_file = kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data");
    let bytes = whole_form(body, if has_file { LARGEST_FILE_FORM } else { LARGEST_FORM }, LARGEST_DROPPED).await?;
    if is_token_in(&bytes, has_file, token) {
        return Ok(Request::from_parts(parts, Body::from(bytes)));
    }
    let detail = "the form is not from a page of this session; go back, reload the page and send the form again";
    let problem = Problem::new(StatusCode::FORBIDDEN, "form-token", detail);
    let may_return = may_return(&parts.method, &parts.headers) && bytes.len() <= unsent::LARGEST;
    let unsent = may_return.then(|| Unsent::read(&parts.uri, &parts.headers, &bytes)).flatten();
    Err(NotOurs { problem, unsent: unsent.map(Box::new) })
}

/// Whether a form may go back to the browser: it is plain, and the browser says that it is of a page of ours.
fn may_return(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::POST && unsent::is_plain_form(headers) && is_from_here(headers)
}

/// The bytes of a form. Of one that is too large, some more are read and dropped.
async fn whole_form(body: Body, most: usize, dropped_at_most: usize) -> Result<Bytes, Problem> {
    let mut body = body.into_data_stream();
    let (mut bytes, mut dropped) = (Vec::new(), 0);
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| Problem::unread(&error, "the form", most))?;
        if dropped == 0 && bytes.len() + part.len() <= most {
            bytes.extend_from_slice(&part);
            continue;
        }
        dropped += part.len();
        if dropped > dropped_at_most {
            break;
        }
    }
    if dropped > 0 {
        let detail = format!("the form is larger than {} MiB", most >> 20);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body", detail));
    }
    Ok(bytes.into())
}

/// Whether a form has the token. It is hexadecimal, so nothing needs decoding to compare it.
fn is_token_in(form: &[u8], has_file: bool, token: &str) -> bool {
    if has_file {
        let field = format!("name=\"form_token\"\r\n\r\n{token}\r\n");
        let first = &form[..form.len().min(FIRST_FIELD)];
        return first.windows(field.len()).any(|bytes| bytes == field.as_bytes());
    }
    let mut fields = std::str::from_utf8(form).unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    fields.any(|(name, value)| name == "form_token" && value == token)
}

/// By Fetch Metadata (W3C), or by `Origin` if the browser does not send it.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    text("origin").is_some() && !has_own_origin(headers)
}

/// Whether the browser says that a page of this origin made the request. A request that does not say it may be of
/// anybody.
fn is_from_here(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => has_own_origin(headers),
    }
}

fn has_own_origin(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    origin.split_once("://").is_some_and(|(_, place)| place == host)
}

pub(crate) fn elsewhere() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "cross-site", "the request comes from another site; use the pages of this one")
}

/// What becomes of the form of a caller without a session.
pub(crate) async fn kept(parts: &Parts, body: Body) -> Kept {
    if !may_return(&parts.method, &parts.headers) {
        return Kept::Not;
    }
    match whole_form(body, unsent::LARGEST, LARGEST_FORM).await {
        Ok(bytes) => match Unsent::read(&parts.uri, &parts.headers, &bytes) {
            Some(unsent) => Kept::Form(Box::new(unsent)),
            None => Kept::Not,
        },
        Err(problem) if problem.status == 413 => Kept::TooLarge,
        Err(_) => Kept::Not,
    }
}
