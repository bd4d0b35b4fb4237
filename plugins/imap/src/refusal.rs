//! What a server's refusal means to the host. Response codes decide; the text is only repeated.

use clawback_connector_sdk::{host::StreamError, types::Error};
use imap_codec::imap_types::response::Code;

use crate::session::{Reply, Verdict};

/// The error of a command that was not answered with OK.
pub(crate) fn of(reply: &Reply, what: &str) -> Error {
    let text = format!("{what}: {}", reply.text);
    match code(reply).as_str() {
        "UNAVAILABLE" | "SERVERBUG" | "INUSE" | "EXPUNGEISSUED" | "CONTACTADMIN" => Error::Transient(text),
        "LIMIT" | "THROTTLED" => Error::Throttled(None),
        "NOPERM" | "AUTHORIZATIONFAILED" | "AUTHENTICATIONFAILED" | "PRIVACYREQUIRED" | "EXPIRED" => {
            Error::Denied(text)
        }
        "NONEXISTENT" => Error::NotFound(text),
        _ => Error::Permanent(text),
    }
}

/// Whether the whole call should end: what the server says is not about this message or folder.
pub(crate) fn ends_call(reply: &Reply) -> bool {
    reply.verdict != Verdict::Ok && matches!(of(reply, ""), Error::Transient(_) | Error::Throttled(_))
}

/// The text of an error, for an outcome or the log.
pub(crate) fn why(error: &Error) -> &str {
    match error {
        Error::Transient(why) | Error::Denied(why) | Error::NotFound(why) | Error::Permanent(why) => why,
        Error::Throttled(_) => "the server asks to wait",
    }
}

/// Why one message failed, for its outcome.
pub(crate) fn text(reply: &Reply) -> String {
    match code(reply).as_str() {
        "" => reply.text.clone(),
        code => format!("[{code}] {}", reply.text),
    }
}

/// The response code of a refusal, upper case, without arguments.
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

/// The error of a stream that failed.
pub(crate) fn of_stream(error: StreamError) -> Error {
    match error {
        StreamError::Denied(why) | StreamError::Unauthorized(why) => Error::Denied(why),
        StreamError::Closed(why) => Error::Transient(format!("the connection ended: {why}")),
        StreamError::TimedOut => Error::Transient("the server did not answer in time".into()),
    }
}
