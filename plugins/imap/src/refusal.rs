//! The meaning of a server's refusal for the host. Response codes decide. In the text, only the phrases count by which
//! servers without a code ask to wait; the rest is passed on.

use clawback_connector_sdk::{host::StreamError, types::Error};
use imap_codec::imap_types::response::Code;

use crate::session::{Reply, Verdict};

/// Phrases of Microsoft, Gmail, Yahoo and other servers for throttling.
const THROTTLING: [&str; 13] = [
    "request is throttled",
    "backoff time",
    "too many simultaneous connections",
    "command or bandwidth limits",
    "bandwidth limit",
    "rate limit",
    "too many requests",
    "too many commands",
    "maximum number of connections",
    "too many connections",
    "connection limit exceeded",
    "throttled",
    "slow down",
];
/// Phrases before the time to wait.
const WAITS: [&str; 4] = ["backoff time:", "retry after", "try again in", "retry in"];

/// Returns the error of a command that was not answered with OK.
pub(crate) fn of(reply: &Reply, what: &str) -> Error {
    let text = format!("{what}: {}", reply.text);
    let code = code(reply);
    if may_throttle(&code)
        && let Some(error) = throttling(&reply.text)
    {
        return error;
    }
    match code.as_str() {
        "UNAVAILABLE" | "SERVERBUG" | "INUSE" | "EXPUNGEISSUED" | "CONTACTADMIN" => Error::Transient(text),
        "LIMIT" | "THROTTLED" => Error::Throttled(None),
        "NOPERM" | "AUTHORIZATIONFAILED" | "AUTHENTICATIONFAILED" | "PRIVACYREQUIRED" | "EXPIRED" => {
            Error::Denied(text)
        }
        "NONEXISTENT" => Error::NotFound(text),
        _ => Error::Permanent(text),
    }
}

/// Returns the error of a connection that the server ended with this text.
pub(crate) fn of_bye(text: &str) -> Error {
    throttling(text).unwrap_or_else(|| Error::Transient(format!("the server ended the connection: {text}")))
}

/// Returns whether the text of a refusal with this code counts. A code with another meaning takes precedence.
fn may_throttle(code: &str) -> bool {
    ["", "LIMIT", "THROTTLED", "OVERQUOTA", "UNAVAILABLE", "SERVERBUG", "INUSE", "CONTACTADMIN", "ALERT"]
        .contains(&code)
}

/// Returns throttling that is only in the text, with the time to wait if given.
fn throttling(text: &str) -> Option<Error> {
    let text = text.to_lowercase();
    THROTTLING.iter().any(|words| text.contains(words)).then(|| Error::Throttled(wait(&text)))
}

/// Parses the milliseconds to wait from a text such as `Suggested Backoff Time: 299961 milliseconds`.
fn wait(text: &str) -> Option<u64> {
    let rest = WAITS.iter().find_map(|words| text.split_once(words))?.1.trim_start();
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let (number, unit) = rest.split_at(end);
    let number: u64 = number.parse().ok()?;
    let factor = match unit.trim_start() {
        unit if unit.starts_with("milli") || unit.starts_with("ms") => 1,
        unit if unit.starts_with("min") => 60_000,
        _ => 1_000,
    };
    number.checked_mul(factor)
}

/// Returns whether the whole call should end, because the refusal does not concern this message or folder.
pub(crate) fn ends_call(reply: &Reply) -> bool {
    reply.verdict != Verdict::Ok && matches!(of(reply, ""), Error::Transient(_) | Error::Throttled(_))
}

/// Returns why one message failed, for its outcome.
pub(crate) fn text(reply: &Reply) -> String {
    match code(reply).as_str() {
        "" => reply.text.clone(),
        code => format!("[{code}] {}", reply.text),
    }
}

/// Returns why one message failed by a refusal of the act itself. Missing rights are named in the text, because the
/// outcome of one message has no case for them.
pub(crate) fn of_message(reply: &Reply) -> String {
    match code(reply).as_str() {
        "NOPERM" | "EXPIRED" => format!("denied: {}", text(reply)),
        _ => text(reply),
    }
}

/// Returns the response code of a refusal in upper case, without arguments.
pub(crate) fn code(reply: &Reply) -> String {
    match &reply.code {
        Some(Code::Other(other)) => {
            let text = String::from_utf8_lossy(other.inner()).to_uppercase();
            text.split(' ').next().unwrap_or_default().to_owned()
        }
        Some(Code::TryCreate) => "TRYCREATE".into(),
        Some(Code::OverQuota) => "OVERQUOTA".into(),
        Some(Code::BadCharset { .. }) => "BADCHARSET".into(),
        Some(Code::ReadOnly) => "READ-ONLY".into(),
        _ => String::new(),
    }
}

/// Maps the error of a stream.
pub(crate) fn of_stream(error: StreamError) -> Error {
    match error {
        StreamError::Denied(why) | StreamError::Unauthorized(why) => Error::Denied(why),
        StreamError::Closed(why) => Error::Transient(format!("the connection ended: {why}")),
        StreamError::TimedOut => Error::Transient("the server did not answer in time".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_in_words_is_throttling() {
        for (text, wait) in [
            ("Request is throttled. Suggested Backoff Time: 299961 milliseconds", Some(299_961)),
            ("Too many simultaneous connections. (Failure)", None),
            ("Account exceeded command or bandwidth limits. (Failure)", None),
            ("UID FETCH Rate limit hit. Try again in 30 seconds", Some(30_000)),
            ("Too many requests, retry after 2 minutes", Some(120_000)),
            ("Request is throttled. Suggested Backoff Time: 99999999999999999999 milliseconds", None),
        ] {
            assert_eq!(of_bye(text), Error::Throttled(wait), "{text}");
        }
        for text in ["Logging out", "Quota exceeded (mailbox for user is full)", "Try again in 3 seconds", ""] {
            assert!(matches!(of_bye(text), Error::Transient(_)), "{text}");
        }
    }
}
