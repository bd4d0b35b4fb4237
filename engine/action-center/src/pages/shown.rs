//! The result type of a page, and a problem as a page.

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::frame::Frame;
use super::layout;
use crate::access::{Caller, is_api};
use crate::center::Center;
use crate::problem::Problem;

/// The content of a page, or a problem that is shown as a page.
pub(crate) type Shown = Result<Response, PageProblem>;

/// A problem on a page.
#[derive(Debug)]
pub(crate) struct PageProblem(Problem);

impl<E: Into<Problem>> From<E> for PageProblem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// A problem that has no frame yet: a page without navigation, until [`in_frame`] puts it there.
#[derive(Debug, Clone, Copy)]
struct Unframed;

impl IntoResponse for PageProblem {
    fn into_response(self) -> Response {
        error_page(&self.0)
    }
}

/// A problem as a page without navigation, with a link to continue.
pub(crate) fn error_page(problem: &Problem) -> Response {
    let mut response = layout::error(None, "", problem);
    response.extensions_mut().insert(Unframed);
    response
}

/// Shows the problems of callers who are signed in with the navigation, and with a link to the section that they were in.
pub(crate) async fn in_frame(State(center): State<Center>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let uri = request.uri().clone();
    let response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    let is_unframed = is_json && !is_api(&uri) || matches!(response.extensions().get(), Some(Unframed));
    let Some(caller) = caller.filter(|_| is_unframed) else { return response };
    let Some(problem) = response.extensions().get::<Problem>().cloned() else { return response };
    match Frame::load(&center, caller).await {
        Ok(frame) => layout::error(Some(&frame), section(uri.path()), &problem),
        Err(_) => response,
    }
}

/// The section of an address: a remediation belongs to the history.
pub(super) fn section(path: &str) -> &str {
    match path.match_indices('/').nth(1).map_or(path, |(end, _)| &path[..end]) {
        "/remediations" => "/history",
        "/halt" => "/audit",
        section => section,
    }
}
