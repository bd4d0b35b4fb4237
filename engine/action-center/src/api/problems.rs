//! The problems that any address may return, as the description of the API lists them.

use utoipa::IntoResponses;

use crate::problem::Problem;

/// The problems that any address may return.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum Problems {
    /// The request is invalid; the detail names what.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] Problem),
    /// No token, or one that is unknown, expired or revoked.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(#[to_schema] Problem),
    /// The caller's roles, or the two-step rule, do not allow it.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Problem),
    /// It does not exist.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// It is not possible in the current state.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// Messages or evidence were removed.
    #[response(status = 410, content_type = "application/problem+json")]
    Gone(#[to_schema] Problem),
    /// It has changed since the caller read it.
    #[response(status = 412, content_type = "application/problem+json")]
    Changed(#[to_schema] Problem),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// The body is not JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(#[to_schema] Problem),
    /// Understood, but not possible: inputs, limits, playbook.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(#[to_schema] Problem),
    /// A mail store did not answer.
    #[response(status = 502, content_type = "application/problem+json")]
    MailStore(#[to_schema] Problem),
    /// The database is busy or unavailable, or the answer took too long.
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(#[to_schema] Problem),
}
