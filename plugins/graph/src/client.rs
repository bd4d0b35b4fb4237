//! Requests to Graph for one mailbox: alone, or up to twenty as a batch, one batch at a time.
//!
//! A request that was throttled comes again after the pause that the server asks for, as long as the pauses of a call
//! are short; the other parts of its batch keep their answers. After that the whole call is `throttled`.

use std::cell::Cell;
use std::time::Duration;

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Request, Response},
    types::Error,
    web,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    refusal::{self, Reply},
    wire::Page,
};

/// The endpoint in the manifest.
const ENDPOINT: &str = "api";
/// The most parts of a batch.
const A_BATCH: usize = 20;
/// The most bytes of an answer. More would not fit into the memory of a component once it is read.
const AN_ANSWER: u64 = 12 << 20;
/// How long the pauses of one call may be in all, in milliseconds.
const PATIENCE: u64 = 8_000;
/// The pause if the server names none.
const A_PAUSE: u64 = 1_000;
/// Asks for ids that stay when a message moves.
const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

/// A part of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) method: &'static str,
    /// Path and query below the mailbox, such as `/messages?$top=1`.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

impl Part {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: None }
    }

    pub(crate) fn post(path: impl Into<String>, body: Option<Value>) -> Self {
        Self { method: "POST", path: path.into(), body }
    }

    pub(crate) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self { method: "PATCH", path: path.into(), body: Some(body) }
    }
}

/// The requests of one call.
pub(crate) struct Client<'a, H> {
    pub(crate) host: &'a H,
    pub(crate) mailbox: &'a str,
    /// Milliseconds of this call spent waiting.
    waited: Cell<u64>,
}

#[derive(Debug, Deserialize)]
struct Responses {
    responses: Vec<PartResponse>,
}

#[derive(Debug, Deserialize)]
struct PartResponse {
    id: Value,
    status: u16,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    #[serde(default)]
    body: Value,
}

impl<'a, H: Host + Http + Memo> Client<'a, H> {
    pub(crate) fn new(host: &'a H, mailbox: &'a str) -> Self {
        Self { host, mailbox, waited: Cell::new(0) }
    }

    /// Returns the path of this mailbox: `/users/MAILBOX`.
    pub(crate) fn base(&self) -> String {
        format!("/users/{}", web::escaped(self.mailbox))
    }

    /// Sends a GET below `/v1.0` and returns the answer, which may be a refusal.
    pub(crate) fn get(&self, path: &str) -> Result<Reply, Error> {
        match self.get_bounded(path)? {
            Some(response) => Ok(self.reply(&response)),
            None => Err(Error::Permanent("the server's answer is too large".into())),
        }
    }

    /// Sends a GET for a page of a listing. `None` if the page is too large; the inner error is a refusal.
    pub(crate) fn get_page<T: DeserializeOwned>(&self, path: &str) -> Result<Option<Result<Page<T>, Reply>>, Error> {
        let Some(response) = self.get_bounded(path)? else { return Ok(None) };
        if !response.is_success() {
            return Ok(Some(Err(self.reply(&response))));
        }
        // Not by way of the values of a reply, which need several times the memory.
        response.json().map(|page| Some(Ok(page)))
    }

    fn get_bounded(&self, path: &str) -> Result<Option<Response>, Error> {
        self.bounded(&Request::get(ENDPOINT, format!("/v1.0{path}")).header("prefer", IMMUTABLE))
    }

    /// Returns the answer; `None` if it is too large.
    fn bounded(&self, request: &Request) -> Result<Option<Response>, Error> {
        let response = self.patiently(|| self.host.send_prefix(request, AN_ANSWER).map_err(web::unanswered))?;
        let is_whole = (response.body.len() as u64) < AN_ANSWER;
        Ok(is_whole.then_some(response))
    }

    /// Sends a GET for at most `most` bytes that are no JSON.
    pub(crate) fn get_prefix(&self, path: &str, most: u64) -> Result<Response, Error> {
        let mut request = Request::get(ENDPOINT, format!("/v1.0{path}")).header("prefer", IMMUTABLE);
        request.headers.retain(|(name, _)| name != "accept");
        self.patiently(|| self.host.send_prefix(&request, most).map_err(web::unanswered))
    }

    /// Returns the answers to these requests of the mailbox, in order.
    pub(crate) fn batch(&self, parts: &[Part]) -> Result<Vec<Reply>, Error> {
        let mut replies: Vec<Option<Reply>> = vec![None; parts.len()];
        let mut open: Vec<usize> = (0..parts.len()).collect();
        while !open.is_empty() {
            let later = open.split_off(open.len().min(A_BATCH));
            let mut again = Vec::new();
            let mut pause = 0;
            for (at, reply) in open.iter().zip(self.send(parts, &open)?) {
                if reply.is_throttled() {
                    pause = pause.max(reply.pause.unwrap_or(A_PAUSE));
                    again.push(*at);
                } else {
                    replies[*at] = Some(reply);
                }
            }
            if !again.is_empty() {
                self.pause(pause)?;
            }
            again.extend(later);
            open = again;
        }
        Ok(replies.into_iter().flatten().collect())
    }

    /// Sends one batch; returns the answers in the order of `some`.
    fn send(&self, parts: &[Part], some: &[usize]) -> Result<Vec<Reply>, Error> {
        let base = self.base();
        let requests: Vec<Value> = some
            .iter()
            .map(|at| {
                let part = &parts[*at];
                let mut headers = json!({ "Prefer": IMMUTABLE });
                let mut request =
                    json!({ "id": at.to_string(), "method": part.method, "url": format!("{base}{}", part.path) });
                if let Some(body) = &part.body {
                    headers["Content-Type"] = json!("application/json");
                    request["body"] = body.clone();
                }
                request["headers"] = headers;
                request
            })
            .collect();
        let request = Request::new("POST", ENDPOINT, "/v1.0/$batch").header("prefer", IMMUTABLE);
        let request = request.json(&json!({ "requests": requests }))?;
        let unanswered = |_: &usize| Reply { status: 0, code: String::new(), pause: None, body: Value::Null };
        let mut replies: Vec<Reply> = some.iter().map(unanswered).collect();
        // A moved message is answered with its text. What is too large may have been done: it is asked for afterwards.
        let Some(response) = self.bounded(&request)? else { return Ok(replies) };
        if !response.is_success() {
            return Err(self.reply(&response).error("the server refused a batch"));
        }
        let now = self.host.now();
        let responses: Responses = response.json()?;
        drop(response);
        for part in responses.responses {
            let id = part.id.as_str().map_or_else(|| part.id.to_string(), str::to_owned);
            // The answers have any order.
            let Some(place) = some.iter().position(|at| at.to_string() == id) else { continue };
            let field = part.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
            let value = field.map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            let pause = value.and_then(|value| web::retry_after(&value, now));
            let code = if part.status < 300 { String::new() } else { refusal::code(&part.body) };
            replies[place] = Reply { status: part.status, code, pause, body: part.body };
        }
        Ok(replies)
    }

    /// Sends a request until it is not throttled, or the patience of the call ends.
    fn patiently(&self, send: impl Fn() -> Result<Response, Error>) -> Result<Response, Error> {
        loop {
            let response = send()?;
            let pause = response.retry_after(self.host.now());
            if response.status != 429 && !(response.status == 503 && pause.is_some()) {
                return Ok(response);
            }
            self.pause(pause.unwrap_or(A_PAUSE))?;
        }
    }

    /// Waits, or ends the call if it has waited long enough.
    fn pause(&self, milliseconds: u64) -> Result<(), Error> {
        let waited = self.waited.get().saturating_add(milliseconds);
        if waited > PATIENCE {
            return Err(Error::Throttled(Some(milliseconds)));
        }
        self.waited.set(waited.max(self.waited.get() + 1));
        self.host.sleep(Duration::from_millis(milliseconds));
        Ok(())
    }

    fn reply(&self, response: &Response) -> Reply {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let code = if response.is_success() { String::new() } else { refusal::code(&body) };
        Reply { status: response.status, code, pause: response.retry_after(self.host.now()), body }
    }
}
