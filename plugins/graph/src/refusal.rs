//! What an answer that is no success means.

use clawback_connector_sdk::{types::Error, web};

/// Codes of a mailbox that does not exist in the cloud, as opposed to a message or folder.
const NO_MAILBOX: [&str; 7] = [
    "MailboxNotEnabledForRESTAPI",
    "MailboxNotSupportedForRESTAPI",
    "ErrorInvalidUser",
    "ErrorNonExistentMailbox",
    "ErrorMailboxNotFound",
    "Request_ResourceNotFound",
    "ResourceNotFound",
];
/// Codes of a message or folder that is not there.
const NO_ITEM: [&str; 6] = [
    "ErrorItemNotFound",
    "itemNotFound",
    "ErrorInvalidIdMalformed",
    "ErrorFolderNotFound",
    "ErrorInvalidIdEmpty",
    // The id belongs to a mailbox that was deleted and created again.
    "ErrorInvalidMailboxItemId",
];
/// Codes of a mailbox that is full: no right is missing.
const FULL: [&str; 2] = ["ErrorQuotaExceeded", "ErrorMailboxQuotaExceeded"];
/// The code of an answer that is too large to be read.
pub(crate) const TOO_LARGE: &str = "TooLarge";
/// Codes of a mailbox that is busy, whatever the status.
const LATER: [&str; 4] =
    ["ErrorMailboxMoveInProgress", "MailboxMoveInProgress", "ErrorMailboxStoreUnavailable", "ErrorServerBusy"];

/// An answer to one request, alone or a part of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// 0 if the server left the part without an answer.
    pub(crate) status: u16,
    /// The error code of a refusal, bounded.
    pub(crate) code: String,
    /// How long the server asks to wait, in milliseconds.
    pub(crate) pause: Option<u64>,
    pub(crate) body: serde_json::Value,
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the message or folder is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.status, 400 | 404) && NO_ITEM.contains(&self.code.as_str())
    }

    /// Whether the request was not carried out and may come again later.
    pub(crate) fn is_throttled(&self) -> bool {
        self.status == 429 || self.status == 503 && self.pause.is_some()
    }

    /// An answer that is missing, or too large to be read.
    pub(crate) fn none(code: &str) -> Self {
        Self { status: 0, code: code.to_owned(), pause: None, body: serde_json::Value::Null }
    }

    /// Whether an act may still go on at the server: a gateway did not wait for its end.
    pub(crate) fn may_go_on(&self) -> bool {
        matches!(self.status, 0 | 408 | 502 | 504)
    }

    /// Whether nothing says that the request was or was not carried out.
    pub(crate) fn is_unclear(&self) -> bool {
        matches!(self.status, 0 | 408 | 425 | 500..=599)
    }

    /// Returns the error of the contract. `what` says what was refused.
    pub(crate) fn error(&self, what: &str) -> Error {
        if NO_MAILBOX.contains(&self.code.as_str()) {
            return Error::NotFound(format!("the user has no mailbox in the cloud ({})", self.code));
        }
        if self.code == TOO_LARGE || FULL.contains(&self.code.as_str()) {
            return Error::Permanent(self.why(what));
        }
        if self.status == 0 || LATER.contains(&self.code.as_str()) {
            return Error::Transient(self.why(what));
        }
        web::refused(self.status, self.pause, &self.why(what))
    }

    /// Returns the reason as a sentence.
    pub(crate) fn why(&self, what: &str) -> String {
        if self.code == TOO_LARGE {
            return format!("{what}: the server's answer is too large");
        }
        if self.status == 0 {
            return format!("{what}: the server left it without an answer");
        }
        if self.code.is_empty() { what.to_owned() } else { format!("{what}: {}", self.code) }
    }

    /// Returns the body as a value.
    pub(crate) fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde::Deserialize::deserialize(&self.body).map_err(|_: serde_json::Error| {
            Error::Permanent("the server's answer is not of the documented form".into())
        })
    }
}

/// Returns the error code of a body: letters, digits and few signs, and no long text.
pub(crate) fn code(body: &serde_json::Value) -> String {
    let refusal = <crate::wire::Refusal as serde::Deserialize>::deserialize(body).unwrap_or_default();
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-');
    refusal.error.code.chars().filter(is_plain).take(60).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(status: u16, code: &str) -> Reply {
        Reply { status, code: code.into(), pause: None, body: serde_json::Value::Null }
    }

    #[test]
    fn codes_decide_what_is_missing() {
        assert!(reply(404, "ErrorItemNotFound").is_missing() && reply(400, "ErrorInvalidIdMalformed").is_missing());
        for other in [reply(404, ""), reply(404, "MailboxNotEnabledForRESTAPI"), reply(403, "ErrorItemNotFound")] {
            assert!(!other.is_missing(), "{other:?}");
        }
        assert!(matches!(reply(404, "MailboxNotEnabledForRESTAPI").error("x"), Error::NotFound(_)));
        assert!(matches!(reply(404, "Other").error("x"), Error::Permanent(_)));
        assert!(matches!(reply(403, "ErrorAccessDenied").error("x"), Error::Denied(_)));
        assert!(matches!(reply(403, "ErrorQuotaExceeded").error("x"), Error::Permanent(_)), "a full mailbox");
        assert!(matches!(reply(504, "").error("x"), Error::Transient(_)));
        assert!(matches!(reply(0, "").error("x"), Error::Transient(_)));
    }

    #[test]
    fn a_code_holds_no_text() {
        let body = json!({ "error": { "code": "Error\u{1b}[31m: <b>token eyJ0</b>".repeat(9), "message": "no" } });
        let code = code(&body);
        assert!(
            code.len() <= 60 && code.chars().all(|one| one.is_ascii_alphanumeric() || "_.-".contains(one)),
            "{code}"
        );
        assert_eq!(super::code(&json!([])), "");
    }
}
