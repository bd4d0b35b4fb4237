//! Errors as the API returns them: problem details (RFC 9457) with a stable code.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clawback_model::SavedSearchRefused;
use clawback_runtime::{Error, UnsignedVote};
use clawback_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error_chain::chain;
use crate::oidc::OidcError;

/// An error, for programs and for people.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable code, for programs: `not-found`, `two-step`, `halted`, and so on.
    pub code: &'static str,
    /// One sentence with what to do next.
    pub detail: String,
    /// The error that the detail was made of. It is no part of the answer.
    #[serde(skip)]
    pub(crate) error: Option<Arc<Error>>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: status.as_u16(), code, detail: detail.into(), error: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub(crate) fn unauthenticated() -> Self {
        let detail = Error::Unauthenticated.to_string();
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request failed here; the log says why")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this address; see /api/v1/openapi.json")
    }

    /// The problem of a body that is too large, or was not sent completely.
    pub(crate) fn unread(error: &(dyn std::error::Error + 'static), what: &str, most: usize) -> Self {
        let said = chain(error);
        if said.contains("length limit") {
            let detail = format!("{what} is larger than {} MiB", most >> 20);
            return Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body", detail);
        }
        Self::new(StatusCode::REQUEST_TIMEOUT, "body", format!("{what} was not sent completely: {said}"))
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whether a rule refused the caller, as opposed to an invalid or failed request.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.status, 401 | 403 | 429)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status, 429 | 503) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code) = classify(&error);
        if status.is_server_error() {
            tracing::error!(error = chain(&error), "A request failed.");
        }
        // The database's own message is for the log; the caller gets the sentence.
        let detail = without_places(&error);
        Self { error: Some(Arc::new(error)), ..Self::new(status, code, detail) }
    }
}

/// The error behind an answer of [`Center::local_router`](crate::Center::local_router): with its causes and with the
/// paths of this machine, which the answer leaves out. `None` for a success, and for a refusal without a typed error.
pub fn error_behind(response: &Response) -> Option<&Error> {
    response.extensions().get::<Problem>()?.error.as_deref()
}

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Self {
        let (status, code) = match &error {
            OidcError::Config(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            OidcError::Provider(_) => (StatusCode::BAD_GATEWAY, "identity-provider"),
            OidcError::Answer(_) => (StatusCode::FORBIDDEN, "identity-provider"),
            OidcError::Name { .. } => (StatusCode::FORBIDDEN, "name"),
            OidcError::NoRole { .. } => (StatusCode::FORBIDDEN, "no-role"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

/// The text of an error without paths of the machine that serves.
fn without_places(error: &Error) -> String {
    match error {
        Error::UnknownPlaybook { name, known, .. } => format!("no playbook `{name}`; known are {known}"),
        Error::PlaybookPath { name, .. } => format!("`{name}` is a path; give the name of a playbook"),
        Error::Unsigned(UnsignedVote::Keys(_)) => {
            "the approvers' keys of this site cannot be read; the log says why".to_owned()
        }
        Error::File { .. } => "a file of this site cannot be read; the log says which".to_owned(),
        error => error.to_string(),
    }
}

/// The only table of codes.
fn classify(error: &Error) -> (StatusCode, &'static str) {
    use clawback_model::VoteRefused;
    match error {
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
        Error::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden"),
        Error::Unsigned(UnsignedVote::Keys(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        Error::Unsigned(UnsignedVote::Needed { .. }) => (StatusCode::FORBIDDEN, "signature-needed"),
        Error::Unsigned(_) => (StatusCode::FORBIDDEN, "signature"),
        Error::ForeignCredential(_) => (StatusCode::FORBIDDEN, "own-credential"),
        Error::TokenRolesExceeded { .. } => (StatusCode::FORBIDDEN, "more-than-it-brings"),
        Error::NotForAgents { .. } => (StatusCode::FORBIDDEN, "not-for-agents"),
        Error::NotAService { .. } => (StatusCode::FORBIDDEN, "not-a-service"),
        Error::Vote(VoteRefused::RequesterExcluded { .. } | VoteRefused::OwnerExcluded { .. }) => {
            (StatusCode::FORBIDDEN, "two-step")
        }
        Error::Vote(VoteRefused::Service { .. }) => (StatusCode::FORBIDDEN, "people-decide"),
        Error::Vote(VoteRefused::MissingRole { .. }) => (StatusCode::FORBIDDEN, "approver-role"),
        Error::Vote(VoteRefused::VotedAlready { .. }) => (StatusCode::CONFLICT, "voted-already"),
        Error::Vote(VoteRefused::StaleDigest { .. }) => (StatusCode::CONFLICT, "stale-digest"),
        Error::Vote(VoteRefused::Expired { .. }) => (StatusCode::CONFLICT, "expired"),
        Error::Changed { .. } => (StatusCode::PRECONDITION_FAILED, "changed"),
        Error::Refused(StoreError::NotFound { .. })
        | Error::UnknownPlaybook { .. }
        | Error::UnknownSchedule { .. }
        | Error::UnknownStore { .. }
        | Error::NoMessage { .. }
        | Error::NoPickedMessage { .. } => (StatusCode::NOT_FOUND, "not-found"),
        Error::Refused(StoreError::Altered { .. } | StoreError::NotItsEvents { .. }) => {
            (StatusCode::CONFLICT, "altered")
        }
        Error::Refused(StoreError::Name(_)) | Error::AgentName(_) => (StatusCode::UNPROCESSABLE_ENTITY, "name"),
        Error::Refused(StoreError::ConfirmRefused(_)) => (StatusCode::FORBIDDEN, "second-administrator"),
        Error::Refused(StoreError::NothingPending { .. }) => (StatusCode::CONFLICT, "nothing-pending"),
        Error::Refused(StoreError::SavedSearch(refused)) => of_saved_search(refused),
        Error::NotAsPlanned { .. } => (StatusCode::CONFLICT, "not-as-planned"),
        Error::Refused(_) => (StatusCode::CONFLICT, "exists"),
        Error::PlaybookPath { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "playbook-path"),
        Error::Playbook(_) | Error::Schedule { .. } | Error::NotForReports { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "playbook")
        }
        Error::Label { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "label"),
        Error::NoOwner { .. } | Error::Owner { .. } | Error::UnknownOwner { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "owner")
        }
        Error::Determination(_) => (StatusCode::UNPROCESSABLE_ENTITY, "determination"),
        Error::AlertChanged { .. } => (StatusCode::CONFLICT, "alert-changed"),
        Error::TokenDays { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "days"),
        Error::LastAdministrator { .. } => (StatusCode::CONFLICT, "last-administrator"),
        Error::Inputs(_) => (StatusCode::UNPROCESSABLE_ENTITY, "inputs"),
        Error::Picks(_) => (StatusCode::UNPROCESSABLE_ENTITY, "picks"),
        Error::TooLong(_) => (StatusCode::UNPROCESSABLE_ENTITY, "too-long"),
        Error::Indicators(_) => (StatusCode::UNPROCESSABLE_ENTITY, "indicators"),
        Error::Reporter(_) => (StatusCode::UNPROCESSABLE_ENTITY, "reporter"),
        Error::Limit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "limit"),
        Error::OutlookFile => (StatusCode::UNPROCESSABLE_ENTITY, "outlook-file"),
        Error::NoExaminer(None) => (StatusCode::UNPROCESSABLE_ENTITY, "no-examiner"),
        Error::NoEvidence => (StatusCode::UNPROCESSABLE_ENTITY, "no-evidence"),
        Error::NotExamined { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "not-examined"),
        Error::NothingSearched { .. } => (StatusCode::BAD_GATEWAY, "nothing-searched"),
        Error::Store(_) => (StatusCode::BAD_GATEWAY, "mail-store"),
        Error::NotPending { .. } => (StatusCode::CONFLICT, "not-pending"),
        Error::WrongStatus { .. } | Error::Transition(_) => (StatusCode::CONFLICT, "wrong-status"),
        Error::MessagesRemoved { .. } | Error::EvidenceLost { .. } | Error::Gone { .. } => (StatusCode::GONE, "gone"),
        Error::EvidenceUnavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "evidence-unavailable"),
        Error::Irreversible { .. } => (StatusCode::CONFLICT, "irreversible"),
        Error::NothingTo { .. } | Error::Undone { .. } | Error::Retried { .. } => {
            (StatusCode::CONFLICT, "nothing-to-do")
        }
        Error::Busy { .. } => (StatusCode::CONFLICT, "busy"),
        Error::ApprovalTooOld { .. } => (StatusCode::CONFLICT, "approval-too-old"),
        Error::Halted(_) => (StatusCode::CONFLICT, "halted"),
        Error::GuardNotLifted { .. } => (StatusCode::FORBIDDEN, "guard-stands"),
        Error::NoRoom(_) => (StatusCode::CONFLICT, "no-room"),
        Error::History(error) if error.is_retryable() => (StatusCode::SERVICE_UNAVAILABLE, "database"),
        Error::History(_)
        | Error::Bucket { .. }
        | Error::LaneWorker(_)
        | Error::LaneWorkerEnded
        | Error::NoExaminer(Some(_))
        | Error::File { .. }
        | Error::Notifier { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

const fn of_saved_search(refused: &SavedSearchRefused) -> (StatusCode, &'static str) {
    match refused {
        SavedSearchRefused::Length
        | SavedSearchRefused::WhiteSpace(_)
        | SavedSearchRefused::Invisible(_)
        | SavedSearchRefused::ReadsAsId(_) => (StatusCode::UNPROCESSABLE_ENTITY, "name"),
        SavedSearchRefused::NoCondition | SavedSearchRefused::NotACondition(_) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "inputs")
        }
        SavedSearchRefused::TooMany { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "limit"),
        SavedSearchRefused::NotTheOwner { .. } => (StatusCode::FORBIDDEN, "not-the-owner"),
        SavedSearchRefused::Taken { .. } => (StatusCode::CONFLICT, "exists"),
        SavedSearchRefused::Changed { .. } => (StatusCode::CONFLICT, "stale-version"),
    }
}
