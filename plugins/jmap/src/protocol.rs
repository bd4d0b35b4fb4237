//! Requests and responses of JMAP (RFC 8620 3), and the errors of methods as errors of the contract.

use clawback_connector_sdk::types::Error;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

/// The capabilities that every request uses.
const USING: [&str; 2] = ["urn:ietf:params:jmap:core", MAIL];
/// The capability of accounts with mail.
pub(crate) const MAIL: &str = "urn:ietf:params:jmap:mail";
/// The most characters of a server's text in an error.
const LONGEST: usize = 200;

/// One call of a method. The account is added when it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) arguments: Value,
}

impl Call {
    pub(crate) fn new(method: &'static str, arguments: Value) -> Self {
        Self { method, arguments }
    }
}

/// The answer to one call, as its text: a tree of values takes many times the memory of records with small fields.
pub(crate) type Answer = Result<Box<RawValue>, Refusal>;

/// Begins the kind of an error of a whole request.
const PROBLEM: &str = "urn:ietf:params:jmap:error:";

/// An error of a method (RFC 8620 3.6.2), of a record (5.3), or of a whole request (3.6.1).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Refusal {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    properties: Option<Vec<String>>,
    /// The limit that a request exceeded.
    #[serde(default)]
    limit: Option<String>,
}

impl Refusal {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Returns whether the same call may succeed later.
    pub(crate) fn is_temporary(&self) -> bool {
        let known = ["serverUnavailable", "serverFail", "serverPartialFail", "rateLimit", "stateMismatch"];
        known.contains(&self.short())
    }

    /// Returns whether the server refuses keywords, or may do so.
    pub(crate) fn is_about_keywords(&self) -> bool {
        let mut properties = self.properties.iter().flatten();
        match self.short() {
            "tooManyKeywords" | "forbidden" => true,
            "invalidProperties" | "invalidPatch" => properties.any(|property| property.starts_with("keywords")),
            _ => false,
        }
    }

    /// Returns the problem that a response without success describes (RFC 8620 3.6.1), if it does.
    pub(crate) fn problem(body: &[u8]) -> Option<Self> {
        let problem: Self = serde_json::from_slice(body).ok()?;
        problem.kind.starts_with(PROBLEM).then_some(problem)
    }

    fn short(&self) -> &str {
        self.kind.strip_prefix(PROBLEM).unwrap_or(&self.kind)
    }

    /// Returns the error for people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("the server answers `{}`", plain(&self.kind));
        if let Some(properties) = self.properties.as_ref().filter(|properties| !properties.is_empty()) {
            text = format!("{text} for {}", plain(&properties.join(", ")));
        }
        match self.description.as_ref().or(self.limit.as_ref()) {
            Some(said) => format!("{text}: {}", plain(said)),
            None => text,
        }
    }

    /// Returns the error of the contract.
    pub(crate) fn error(&self) -> Error {
        match self.short() {
            "accountNotFound" => Error::NotFound("the server has no such account, or denies access to it".into()),
            "accountNotSupportedByMethod" | "accountReadOnly" | "forbidden" => Error::Denied(self.text()),
            "rateLimit" => Error::Throttled(None),
            "limit" if self.limit.as_deref() == Some("maxConcurrentRequests") => Error::Throttled(None),
            _ if self.is_temporary() => Error::Transient(self.text()),
            _ => Error::Permanent(self.text()),
        }
    }
}

/// Returns a text of a server for an error: one line, and not long.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(LONGEST).collect()
}

/// Returns the body of a request. The calls are named by their numbers, and may refer to each other by them.
pub(crate) fn request(account: &str, calls: &[Call]) -> Value {
    let calls = calls.iter().enumerate().map(|(number, call)| {
        let mut arguments = call.arguments.clone();
        arguments["accountId"] = json!(account);
        json!([call.method, arguments, number.to_string()])
    });
    json!({ "using": USING, "methodCalls": calls.collect::<Vec<_>>() })
}

/// Returns the argument that takes the ids of an earlier `Email/query` of the same request.
pub(crate) fn ids_of(number: usize) -> Value {
    json!({ "resultOf": number.to_string(), "name": "Email/query", "path": "/ids" })
}

#[derive(Deserialize)]
struct Responses {
    #[serde(rename = "methodResponses")]
    responses: Vec<(String, Box<RawValue>, String)>,
}

/// Returns the answer to each call, in order. A call without an answer is an error, because no answer is no "nothing".
pub(crate) fn answers(body: &[u8], calls: &[Call]) -> Result<Vec<Answer>, Error> {
    let wrong = || Error::Permanent("the server's response is no response of JMAP".into());
    let Responses { responses } = serde_json::from_slice(body).map_err(|_| wrong())?;
    let mut answers: Vec<Option<Answer>> = vec![None; calls.len()];
    for (name, arguments, id) in responses {
        let Some(at) = id.parse::<usize>().ok().filter(|at| *at < calls.len()) else { continue };
        // A method may cause others, whose answers come after its own with the same id.
        if name == "error" {
            answers[at] = Some(Err(serde_json::from_str(arguments.get()).map_err(|_| wrong())?));
        } else if name == calls[at].method && answers[at].is_none() {
            answers[at] = Some(Ok(arguments));
        }
    }
    answers.into_iter().map(|answer| answer.ok_or_else(|| missing(calls.len()))).collect()
}

fn missing(calls: usize) -> Error {
    Error::Transient(format!("the server did not answer each of {calls} calls"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Refusal {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn answers_are_taken_by_id_and_none_is_missing() {
        let calls = [Call::new("Email/query", json!({})), Call::new("Email/get", json!({}))];
        let sent = request("a1", &calls);
        assert_eq!(sent["methodCalls"][1], json!(["Email/get", { "accountId": "a1" }, "1"]));
        let body = json!({ "methodResponses": [["error", { "type": "serverFail" }, "1"], ["Email/query", { "ids": [] }, "0"]] });
        let answers = |body: &Value| answers(body.to_string().as_bytes(), &calls);
        let read = answers(&body).unwrap();
        assert_eq!(read[0].as_ref().unwrap().get(), r#"{"ids":[]}"#);
        assert!(read[1].as_ref().unwrap_err().is("serverFail"));
        let short = json!({ "methodResponses": [["Email/query", { "ids": [] }, "0"]] });
        assert!(matches!(answers(&short), Err(Error::Transient(_))));
        assert!(matches!(answers(&json!({ "type": "x" })), Err(Error::Permanent(_))));
    }

    #[test]
    fn errors_of_methods() {
        for (kind, error) in [
            ("accountNotFound", Error::NotFound(String::new())),
            ("accountReadOnly", Error::Denied(String::new())),
            ("rateLimit", Error::Throttled(None)),
            ("serverPartialFail", Error::Transient(String::new())),
            ("stateMismatch", Error::Transient(String::new())),
            ("unknownMethod", Error::Permanent(String::new())),
        ] {
            let read = refusal(&json!({ "type": kind }).to_string()).error();
            assert_eq!(std::mem::discriminant(&read), std::mem::discriminant(&error), "{kind}");
        }
        let limit = refusal(r#"{"type":"urn:ietf:params:jmap:error:limit","limit":"maxConcurrentRequests"}"#);
        assert_eq!(limit.error(), Error::Throttled(None));
        let busy = refusal(r#"{"type":"urn:ietf:params:jmap:error:serverUnavailable"}"#);
        assert!(matches!(busy.error(), Error::Transient(_)));
        let long = refusal(&json!({ "type": "x", "description": format!("a\r\n{}", "b".repeat(9_999)) }).to_string());
        assert!(long.text().len() < 300 && !long.text().contains('\n'));
    }
}
