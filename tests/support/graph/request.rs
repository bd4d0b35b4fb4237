//! One request, alone or a part of a batch, and its answer.

use serde_json::{Value, json};

/// A request whose path is below `/v1.0`, decoded.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    /// The parts of the path after `/v1.0`.
    pub(super) path: Vec<String>,
    /// The parameters of the query, decoded, in order.
    pub(super) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Value>,
    /// Path and query as they came.
    pub(super) target: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
}

/// What an answer holds.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Nothing,
    Json(Value),
    Bytes(Vec<u8>),
}

impl Request {
    /// Reads the path and query of a request; `None` if it is not below `/v1.0`.
    pub(super) fn new(method: &str, target: &str, headers: Vec<(String, String)>, body: Option<Value>) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.strip_prefix("/v1.0/")?.split('/').map(decoded).collect();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(&value.replace('+', " ")))
        };
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
        let (method, target) = (method.to_owned(), target.to_owned());
        Some(Self { method, path, query, headers, body, target })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for ids that stay when a message moves.
    pub(super) fn is_immutable(&self) -> bool {
        self.header("prefer").is_some_and(|prefer| prefer.split(',').any(|one| one.trim() == "IdType=\"ImmutableId\""))
    }

    /// The user that the path names, if it does: `users/USER/..`, or `users('USER')/..`.
    pub(super) fn user(&self) -> Option<&str> {
        let quoted = self.path.first()?.strip_prefix("users('").and_then(|rest| rest.strip_suffix("')"));
        quoted.or_else(|| self.path.get(1).map(String::as_str).filter(|_| self.path[0] == "users"))
    }

    /// The parts of the path after the user.
    pub(super) fn rest(&self) -> Vec<&str> {
        let skip = if self.path.first().is_some_and(|first| first.starts_with("users('")) { 1 } else { 2 };
        self.path.iter().skip(skip).map(String::as_str).collect()
    }
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(super) fn nothing(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Nothing }
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, json!({ "error": { "code": code, "message": message } }))
    }

    pub(super) fn unauthorized() -> Self {
        Self::error(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
    }

    pub(super) fn throttled(seconds: u64) -> Self {
        let mut answer = Self::error(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.");
        answer.headers.push(("Retry-After".into(), seconds.to_string()));
        answer
    }
}

/// Undoes percent-encoding.
pub(super) fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let hex = (byte == b'%').then(|| rest.clone().take(2).map(char::from).collect::<String>());
        match hex.and_then(|hex| u8::from_str_radix(&hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest.nth(1);
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Percent-encodes all but letters, digits and what queries may hold unencoded.
pub(super) fn encoded(text: &str) -> String {
    let each = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'$' | b'@' | b'\'' | b'(' | b')' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(each).collect()
}
