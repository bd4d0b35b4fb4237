//! What a response that is no success means. Google answers too many requests with 403 and with 429, and names the time
//! to come again in a header, in the text, or not at all.

use clawback_connector_sdk::{host::Response, types::Error, web};

use crate::api::{Failure, FailureBody};

/// The reasons of 403 and 429 that will pass.
const BUSY: [&str; 5] =
    ["userRateLimitExceeded", "rateLimitExceeded", "dailyLimitExceeded", "quotaExceeded", "concurrentLimitExceeded"];

/// The text before the time in the message of an error.
const RETRY_AFTER: &str = "Retry after ";

/// A request that had no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many requests; milliseconds to wait, if the server names them.
    Busy(Option<u64>),
    /// The server failed, or its answer was lost.
    Failed(String),
    /// No message has this id.
    Gone,
    /// Everything else: the request itself was refused.
    Other(Error),
}

impl Refused {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Busy(pause) => Error::Throttled(pause),
            Self::Failed(why) => Error::Transient(why),
            Self::Gone => Error::NotFound("the message is not in this mailbox".into()),
            Self::Other(error) => error,
        }
    }
}

/// Returns the meaning of a response. Its text is only searched, never quoted: it may repeat what the request said.
pub(crate) fn of(response: &Response, now: i64) -> Refused {
    let body = serde_json::from_slice::<Failure>(&response.body).unwrap_or_default().error;
    let pause = response.retry_after(now).or_else(|| pause_in(&body.message, now));
    let is_busy =
        body.status == "RESOURCE_EXHAUSTED" || body.errors.iter().any(|one| BUSY.contains(&one.reason.as_str()));
    let said = said(response.status, &body);
    match response.status {
        429 => Refused::Busy(pause),
        403 if is_busy => Refused::Busy(pause),
        503 if pause.is_some() => Refused::Busy(pause),
        404 | 410 if is_not_found(&body) => Refused::Gone,
        // Of a proxy, or of another server: it proves nothing about a message.
        404 | 410 => Refused::Failed(format!("the answer is not one of Gmail's{said}")),
        400 if body.message == "Invalid id value" => Refused::Gone,
        400 if has_no_mail(&body) => Refused::Other(Error::NotFound("this user has no Gmail mailbox".into())),
        401 => Refused::Other(Error::Denied(format!("Gmail refuses the token{said}"))),
        403 => Refused::Other(Error::Denied(format!(
            "Gmail denies this{said}; check the scopes that are delegated to the service account"
        ))),
        408 | 500 | 502..=504 => Refused::Failed(format!("Gmail failed{said}")),
        status => Refused::Other(web::refused(status, pause, &format!("Gmail refused the request{said}"))),
    }
}

/// Returns whether the API itself says that there is no such thing.
fn is_not_found(body: &FailureBody) -> bool {
    body.status == "NOT_FOUND" || body.errors.iter().any(|one| ["notFound", "deleted"].contains(&one.reason.as_str()))
}

fn has_no_mail(body: &FailureBody) -> bool {
    let is_precondition =
        body.status == "FAILED_PRECONDITION" || body.errors.iter().any(|one| one.reason == "failedPrecondition");
    is_precondition && body.message.contains("Mail service not enabled")
}

/// Returns the reason in brackets, if it is one word.
fn said(status: u16, body: &FailureBody) -> String {
    let reason = body.errors.first().map(|one| one.reason.as_str()).unwrap_or_default();
    let is_word = (1..=40).contains(&reason.len()) && reason.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word { format!(" ({status}, {reason})") } else { format!(" ({status})") }
}

/// Returns the milliseconds until the time in `.. Retry after 2026-11-28T16:00:00.120Z`.
fn pause_in(message: &str, now: i64) -> Option<u64> {
    let rest = &message[message.find(RETRY_AFTER)? + RETRY_AFTER.len()..];
    let until = web::from_rfc3339(rest.split_ascii_whitespace().next()?)?;
    // Rounded up: a request before that time is one too many.
    let pause = u64::try_from(until.saturating_sub(now)).unwrap_or(0).div_ceil(1_000);
    Some(pause.min(web::LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, reason: &str, state: &str, message: &str) -> Refused {
        let body = format!(
            r#"{{"error":{{"code":{status},"message":"{message}","errors":[{{"reason":"{reason}"}}],"status":"{state}"}}}}"#
        );
        of(&Response { status, headers: Vec::new(), body: body.into_bytes() }, 1_795_880_368_000_000)
    }

    #[test]
    fn too_many_by_reason_and_by_status() {
        for reason in BUSY {
            assert_eq!(refused(403, reason, "PERMISSION_DENIED", ""), Refused::Busy(None), "{reason}");
        }
        assert_eq!(refused(429, "", "RESOURCE_EXHAUSTED", "x"), Refused::Busy(None));
        let text = "User-rate limit exceeded.  Retry after 2026-11-28T15:39:29.500Z";
        assert_eq!(refused(403, "userRateLimitExceeded", "", text), Refused::Busy(Some(1_500)));
        let past = "Retry after 2026-11-28T15:00:00Z (Mail sending)";
        assert_eq!(refused(429, "rateLimitExceeded", "", past), Refused::Busy(Some(0)));
        assert_eq!(refused(429, "rateLimitExceeded", "", "Retry after soon"), Refused::Busy(None));
    }

    #[test]
    fn other_refusals() {
        let denied = refused(403, "insufficientPermissions", "PERMISSION_DENIED", "hunter2");
        let Refused::Other(Error::Denied(why)) = denied else { panic!("{denied:?}") };
        assert!(why.contains("insufficientPermissions") && !why.contains("hunter2"), "{why}");
        assert!(matches!(refused(401, "authError", "", ""), Refused::Other(Error::Denied(_))));
        assert_eq!(refused(404, "notFound", "NOT_FOUND", ""), Refused::Gone);
        assert_eq!(refused(400, "invalidArgument", "", "Invalid id value"), Refused::Gone);
        let none = refused(400, "failedPrecondition", "FAILED_PRECONDITION", "Mail service not enabled");
        assert!(matches!(none, Refused::Other(Error::NotFound(_))));
        assert!(matches!(refused(400, "failedPrecondition", "", "other"), Refused::Other(Error::Permanent(_))));
        assert!(matches!(refused(500, "backendError", "", ""), Refused::Failed(_)));
        let page = Response { status: 502, headers: Vec::new(), body: b"<html>".to_vec() };
        assert!(matches!(of(&page, 0), Refused::Failed(_)));
        for body in ["", "<html>not found</html>", "{}", r#"{"error":"x"}"#] {
            let page = Response { status: 404, headers: Vec::new(), body: body.into() };
            assert!(matches!(of(&page, 0), Refused::Failed(_)), "{body} is no word of the API about a message");
        }
    }
}
