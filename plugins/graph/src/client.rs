//! Requests to Graph for one mailbox: alone, or up to twenty as a batch, one batch at a time.
//!
//! A request that was throttled comes again after the pause that the server asks for, as long as the pauses of a call
//! are short; the other parts of its batch keep their answers. After that the whole call is `throttled`. A part that only
//! reads comes again, too, if the server left it without an answer.

use std::cell::Cell;
use std::time::Duration;

use clawback_connector_sdk::{
    host::{Host, Http, HttpError, Memo, Request, Response},
    types::Error,
    web,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    lean::Lean,
    refusal::{self, Reply, TOO_LARGE},
    wire::Page,
};

/// The endpoint in the manifest.
const ENDPOINT: &str = "api";
/// The most parts of a batch.
const A_BATCH: usize = 20;
/// How many requests are sent at once: Microsoft accepts four in a mailbox.
pub(crate) const AT_ONCE: usize = 4;
/// The most bytes of an answer. More would not fit into the memory of a component once it is read.
const AN_ANSWER: u64 = 12 << 20;
/// How long the pauses of one call may be in all, in milliseconds.
const PATIENCE: u64 = 8_000;
/// The pause if the server names none, and the least one.
const A_PAUSE: u64 = 1_000;
const LEAST_PAUSE: u64 = 200;
/// How often a part that only reads is asked without an answer.
const TRIES: usize = 3;
/// Asks for ids that stay when a message moves.
const IMMUTABLE: &str = "IdType=\"ImmutableId\"";
/// Asks for pages of a tree of folders that are longer than the usual ten.
const LONG_PAGES: &str = "IdType=\"ImmutableId\", odata.maxpagesize=500";

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

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: "DELETE", path: path.into(), body: None }
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
    /// Whether parts of a batch were sent again because they were refused for their token.
    is_renewed: Cell<bool>,
}

/// Returns what to ask for in the answer to this path.
fn preference(path: &str) -> &'static str {
    let path = path.split('?').next().unwrap_or_default();
    if path.ends_with("/mailFolders/delta") { LONG_PAGES } else { IMMUTABLE }
}

/// Returns a GET for content that is no JSON.
fn content(path: &str) -> Request {
    let mut request = Request::get(ENDPOINT, format!("/v1.0{path}")).header("prefer", IMMUTABLE);
    request.headers.retain(|(name, _)| name != "accept");
    request
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
    body: Lean,
}

impl<'a, H: Host + Http + Memo> Client<'a, H> {
    pub(crate) fn new(host: &'a H, mailbox: &'a str) -> Self {
        Self { host, mailbox, waited: Cell::new(0), is_renewed: Cell::new(false) }
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
        self.bounded(&Request::get(ENDPOINT, format!("/v1.0{path}")).header("prefer", preference(path)))
    }

    /// Returns the answer; `None` if it is too large.
    fn bounded(&self, request: &Request) -> Result<Option<Response>, Error> {
        let response = self.patiently(|| self.host.send_prefix(request, AN_ANSWER).map_err(web::unanswered))?;
        let is_whole = (response.body.len() as u64) < AN_ANSWER;
        Ok(is_whole.then_some(response))
    }

    /// Sends a GET for at most `most` bytes that are no JSON.
    pub(crate) fn get_prefix(&self, path: &str, most: u64) -> Result<Response, Error> {
        let request = content(path);
        self.patiently(|| self.host.send_prefix(&request, most).map_err(web::unanswered))
    }

    /// Sends GETs for content that is no JSON, [`AT_ONCE`] of them at once. What is too large is sent again, for its first
    /// `most` bytes.
    pub(crate) fn get_some(&self, paths: &[String], most: u64) -> Result<Vec<Response>, Error> {
        let mut responses = Vec::with_capacity(paths.len());
        for some in paths.chunks(AT_ONCE) {
            let requests: Vec<Request> = some.iter().map(|path| content(path)).collect();
            for (path, response) in some.iter().zip(self.host.send_many(&requests)) {
                let response = match response {
                    Err(HttpError::TooLarge(_)) => None,
                    response => Some(response.map_err(web::unanswered)?),
                };
                match response {
                    Some(response) if self.throttle(&response).is_none() => responses.push(response),
                    response => {
                        if let Some(pause) = response.and_then(|response| self.throttle(&response)) {
                            self.pause(pause)?;
                        }
                        responses.push(self.get_prefix(path, most)?);
                    }
                }
            }
        }
        Ok(responses)
    }

    /// Returns the answers to these requests of the mailbox, in order.
    pub(crate) fn batch(&self, parts: &[Part]) -> Result<Vec<Reply>, Error> {
        let mut replies: Vec<Option<Reply>> = vec![None; parts.len()];
        let mut tries = vec![1; parts.len()];
        let mut open: Vec<usize> = (0..parts.len()).collect();
        while !open.is_empty() {
            let later = open.split_off(open.len().min(A_BATCH));
            let mut again = Vec::new();
            let (mut pause, mut renews) = (0, false);
            for (at, reply) in open.iter().zip(self.send(parts, &open)?) {
                let reads = parts[*at].method == "GET" && reply.is_unclear() && reply.code != TOO_LARGE;
                if reply.status == 401 && (renews || !self.is_renewed.get()) {
                    renews = true;
                    again.push(*at);
                } else if reply.is_throttled() {
                    pause = pause.max(reply.pause.unwrap_or(A_PAUSE)).max(LEAST_PAUSE);
                    again.push(*at);
                } else if reads && tries[*at] < TRIES && self.has_patience(pause.max(reply.pause.unwrap_or(A_PAUSE))) {
                    tries[*at] += 1;
                    pause = pause.max(reply.pause.unwrap_or(A_PAUSE)).max(LEAST_PAUSE);
                    again.push(*at);
                } else {
                    replies[*at] = Some(reply);
                }
            }
            if renews {
                // The host has dropped the token, and sends the next request with another.
                self.is_renewed.set(true);
            }
            if pause > 0 {
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
                let mut headers = json!({ "Prefer": preference(&part.path) });
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
        let mut replies: Vec<Reply> = some.iter().map(|_| Reply::none("")).collect();
        let Some(response) = self.bounded(&request)? else {
            // Messages with thousands of recipients: fewer of them at once.
            if some.len() > 1 && some.iter().all(|at| parts[*at].method == "GET") {
                let (first, second) = some.split_at(some.len() / 2);
                replies = self.send(parts, first)?;
                replies.extend(self.send(parts, second)?);
                return Ok(replies);
            }
            // A moved message is answered with its text. It may have been done: it is asked for afterwards.
            return Ok(some.iter().map(|_| Reply::none(TOO_LARGE)).collect());
        };
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
            let Lean(mut body) = part.body;
            let code = if part.status < 300 { String::new() } else { refusal::code(&body) };
            if let (false, Some(body)) = (parts[some[place]].method == "GET", body.as_object_mut()) {
                body.remove("toRecipients");
            }
            replies[place] = Reply { status: part.status, code, pause, body };
        }
        Ok(replies)
    }

    /// Sends a request until it is not throttled, or the patience of the call ends.
    fn patiently(&self, send: impl Fn() -> Result<Response, Error>) -> Result<Response, Error> {
        loop {
            let response = send()?;
            let Some(pause) = self.throttle(&response) else { return Ok(response) };
            self.pause(pause)?;
        }
    }

    /// Returns how long to wait before a throttled request comes again; `None` if it was not throttled.
    fn throttle(&self, response: &Response) -> Option<u64> {
        let pause = response.retry_after(self.host.now());
        let is_throttled = response.status == 429 || response.status == 503 && pause.is_some();
        is_throttled.then(|| pause.unwrap_or(A_PAUSE))
    }

    /// Waits, or ends the call if it has waited long enough.
    pub(crate) fn pause(&self, milliseconds: u64) -> Result<(), Error> {
        if !self.has_patience(milliseconds) {
            return Err(Error::Throttled(Some(milliseconds)));
        }
        let milliseconds = milliseconds.max(LEAST_PAUSE);
        self.waited.set(self.waited.get() + milliseconds);
        self.host.sleep(Duration::from_millis(milliseconds));
        Ok(())
    }

    /// Whether the call may wait for this long.
    pub(crate) fn has_patience(&self, milliseconds: u64) -> bool {
        self.waited.get().saturating_add(milliseconds.max(LEAST_PAUSE)) <= PATIENCE
    }

    fn reply(&self, response: &Response) -> Reply {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let code = if response.is_success() { String::new() } else { refusal::code(&body) };
        Reply { status: response.status, code, pause: response.retry_after(self.host.now()), body }
    }
}
