//! A host whose server is a function.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use clawback_connector_graph::Graph;
use clawback_connector_sdk::host::{Host, Http, HttpError, Level, Memo, Request, Response, Scope};
use clawback_connector_sdk::types::{Location, LocationKind, MessageRef, Target};
use serde_json::{Value, json};

pub(crate) const ANN: &str = "ann@acme.test";

/// An answer to one request: status, `Retry-After`, body.
pub(crate) type Answer = (u16, Option<u64>, Value);

/// Answers a request by its method and path; parts of batches are asked one by one.
pub(crate) type Server = Box<dyn Fn(&str, &str, &Value) -> Answer>;

pub(crate) struct Script {
    server: Server,
    memo: RefCell<HashMap<String, Vec<u8>>>,
    clock: Cell<i64>,
    latency: i64,
}

/// A connector on this server.
pub(crate) fn graph(server: impl Fn(&str, &str, &Value) -> Answer + 'static) -> Graph<Script> {
    slow_graph(0, server)
}

/// The same, with a time that each request takes, in microseconds.
pub(crate) fn slow_graph(latency: i64, server: impl Fn(&str, &str, &Value) -> Answer + 'static) -> Graph<Script> {
    let server = Box::new(server);
    Graph::new(Script { server, memo: RefCell::default(), clock: Cell::new(0), latency })
}

impl Script {
    fn answer(&self, request: &Request) -> Response {
        let has =
            |name: &str, value: &str| request.headers.iter().any(|field| field.0 == name && field.1.contains(value));
        assert!(has("prefer", "IdType=\"ImmutableId\""), "every request asks for immutable ids: {request:?}");
        self.clock.set(self.clock.get() + self.latency);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let (status, pause, answer) = if request.path == "/v1.0/$batch" {
            let parts = body["requests"].as_array().unwrap();
            assert!(!parts.is_empty() && parts.len() <= 20);
            let mut responses: Vec<Value> = Vec::new();
            for part in parts {
                assert!(part["headers"]["Prefer"].as_str().unwrap().contains("IdType=\"ImmutableId\""), "{part}");
                let (method, url) = (part["method"].as_str().unwrap(), part["url"].as_str().unwrap());
                let (status, pause, answer) = (self.server)(method, url, &part["body"]);
                let headers = pause.map(|pause| json!({ "Retry-After": pause.to_string() })).unwrap_or(json!({}));
                if status > 0 {
                    let response = json!({ "id": part["id"], "status": status, "headers": headers, "body": answer });
                    responses.insert(0, response);
                }
            }
            (200, None, json!({ "responses": responses }))
        } else {
            (self.server)(&request.method, request.path.trim_start_matches("/v1.0"), &body)
        };
        let headers = pause.map(|pause| ("retry-after".to_owned(), pause.to_string())).into_iter().collect();
        Response { status, headers, body: serde_json::to_vec(&answer).unwrap() }
    }
}

impl Host for Script {
    fn setting(&self, _: &str) -> Option<String> {
        None
    }

    fn log(&self, _: Level, _: &str) {}

    fn now(&self) -> i64 {
        self.clock.get()
    }

    fn sleep(&self, time: Duration) {
        assert!(time <= Duration::from_secs(8), "a long pause is the host's");
        assert!(time >= Duration::from_millis(200), "no server is asked without a pause");
        self.clock.set(self.clock.get() + i64::try_from(time.as_micros()).unwrap());
    }
}

impl Http for Script {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        Ok(self.answer(request))
    }

    fn send_many(&self, requests: &[Request]) -> Vec<Result<Response, HttpError>> {
        requests.iter().map(|request| self.send(request)).collect()
    }

    fn send_prefix(&self, request: &Request, most: u64) -> Result<Response, HttpError> {
        let mut response = self.send(request)?;
        response.body.truncate(usize::try_from(most).unwrap());
        Ok(response)
    }
}

impl Memo for Script {
    fn get(&self, _: Scope, key: &str) -> Option<Vec<u8>> {
        self.memo.borrow().get(key).cloned()
    }

    fn put(&self, _: Scope, key: &str, value: &[u8], _: Duration) -> bool {
        self.memo.borrow_mut().insert(key.into(), value.to_vec());
        true
    }
}

/// The path below the mailbox, without the query.
pub(crate) fn below(path: &str) -> Option<&str> {
    path.strip_prefix("/users/ann%40acme.test")?.split('?').next()
}

/// A folder as Graph shows it.
pub(crate) fn folder(id: &str, name: &str, parent: &str) -> Value {
    json!({ "id": id, "displayName": name, "parentFolderId": parent })
}

/// Answers about folders: the inbox `I` and junk `J`.
pub(crate) fn folders(path: &str) -> Option<Answer> {
    let path = path.strip_prefix("/users/ann%40acme.test/mailFolders")?.split('?').next()?;
    let folder = |id: &str, name: &str| folder(id, name, "R");
    Some(match path {
        "/msgfolderroot" => (200, None, folder("R", "Top")),
        "/inbox" => (200, None, folder("I", "Inbox")),
        "/junkemail" => (200, None, folder("J", "Junk Email")),
        "" | "/delta" => (200, None, json!({ "value": [] })),
        list if list.ends_with("/messages") => return None,
        _ => missing(),
    })
}

pub(crate) fn missing() -> Answer {
    (404, None, json!({ "error": { "code": "ErrorItemNotFound" } }))
}

pub(crate) fn mail(id: &str, folder: &str) -> Value {
    json!({ "id": id, "parentFolderId": folder, "subject": id, "internetMessageId": format!("<{id}@x>"), "isRead": false })
}

/// Targets in the inbox with the fingerprints that the connector gives them.
pub(crate) fn targets(ids: &[&str]) -> Vec<Target> {
    use clawback_connector_sdk::Connector as _;
    let known: Vec<Value> = ids.iter().map(|id| mail(id, "I")).collect();
    let finder = graph(move |_, path, _| folders(path).unwrap_or((200, None, json!({ "value": known }))));
    let found = finder.search(ANN, &clawback_connector_sdk::matching::everything(), None, 100).unwrap().messages;
    let location = Location { kind: LocationKind::Inbox, path: "Inbox".into() };
    let target = |ref_: MessageRef| Target { ref_, location: location.clone(), former: None };
    found.into_iter().map(|message| target(message.ref_)).collect()
}
