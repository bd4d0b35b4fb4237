//! The result type of a page, and a problem as a page.

use axum::response::{IntoResponse, Response};

use super::layout;
use crate::access::Caller;
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

impl IntoResponse for PageProblem {
    fn into_response(self) -> Response {
        error_page(None, &self.0)
    }
}

/// A problem as a page, with a link to continue.
pub(crate) fn error_page(caller: Option<&Caller>, problem: &Problem) -> Response {
    layout::error(caller, problem)
}
