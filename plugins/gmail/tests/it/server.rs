//! A mailbox of Gmail whose index lags behind: a message is in it as it was when it was indexed.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clawback_connector_sdk::{
    host::{Host, Http, HttpError, Level, Memo, Request, Response, Scope},
    types::{Message, Target},
};
use serde_json::{Value, json};

use crate::scripted::NOW;

const MINUTE: i64 = 60_000_000;

#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) labels: BTreeSet<String>,
    /// The labels that the index knows; nothing if it does not know the message.
    pub(crate) indexed: Option<BTreeSet<String>>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) raw: String,
    /// Microseconds since 1970.
    pub(crate) received: i64,
}

type Hook = Box<dyn Fn(&Request) -> Option<Result<Response, HttpError>>>;

#[derive(Default)]
pub(crate) struct Server {
    pub(crate) mails: RefCell<BTreeMap<u32, Mail>>,
    pub(crate) labels: RefCell<BTreeMap<String, String>>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) units: Cell<u32>,
    /// Answers instead of the server.
    pub(crate) hook: RefCell<Option<Hook>>,
    pub(crate) kept: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) passed: Cell<Duration>,
    /// How many answers to changes, which are made, get lost.
    pub(crate) lost: Cell<u32>,
    /// How long each request takes.
    pub(crate) takes: Cell<Duration>,
}

pub(crate) fn set(labels: &[&str]) -> BTreeSet<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

pub(crate) fn answer(status: u16, body: &(impl std::fmt::Display + ?Sized)) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

impl Server {
    pub(crate) fn new() -> Self {
        let server = Self::default();
        for label in ["INBOX", "TRASH", "SPAM", "SENT", "UNREAD", "STARRED"] {
            server.labels.borrow_mut().insert(label.into(), label.into());
        }
        server
    }

    /// Delivers a message that was received so many minutes ago; numbers are in the order of the times.
    pub(crate) fn deliver(&self, number: u32, from: &str, minutes: i64, is_indexed: bool) {
        let fields = [
            ("From", from.to_owned()),
            ("Subject", format!("mail {number}")),
            ("Message-ID", format!("<{number}@x>")),
            ("Content-Type", "text/plain".to_owned()),
        ];
        let raw = fields.iter().fold(String::new(), |raw, (name, value)| raw + name + ": " + value + "\r\n");
        let mail = Mail {
            labels: set(&["INBOX"]),
            indexed: is_indexed.then(|| set(&["INBOX"])),
            headers: fields.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            raw: format!("{raw}\r\ntext"),
            received: NOW - minutes * MINUTE,
        };
        self.mails.borrow_mut().insert(number, mail);
    }

    pub(crate) fn with(&self, number: u32, change: impl FnOnce(&mut Mail)) {
        change(self.mails.borrow_mut().get_mut(&number).unwrap());
    }

    pub(crate) fn labels_of(&self, number: u32) -> BTreeSet<String> {
        self.mails.borrow()[&number].labels.clone()
    }

    pub(crate) fn set_hook(&self, hook: impl Fn(&Request) -> Option<Result<Response, HttpError>> + 'static) {
        *self.hook.borrow_mut() = Some(Box::new(hook));
    }

    fn list(&self, query: &[(String, String)]) -> Value {
        let one = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let (q, label, token) = (one("q").unwrap_or_default(), one("labelIds"), one("pageToken"));
        let most: usize = one("maxResults").unwrap().parse().unwrap();
        let mails = self.mails.borrow();
        let found = mails.iter().rev().filter(|(number, mail)| {
            let labels = if q.is_empty() { Some(&mail.labels) } else { mail.indexed.as_ref() };
            labels.is_some_and(|labels| label.is_none_or(|label| labels.contains(label)))
                && token.is_none_or(|token| **number < token.parse().unwrap())
                && q.split(['{', '}']).enumerate().all(|(part, terms)| {
                    let mut terms = terms.split_whitespace().map(|term| holds(term, mail));
                    // What is in braces is a choice.
                    if part % 2 == 1 { terms.any(|holds| holds) } else { terms.all(|holds| holds) }
                })
        });
        let numbers: Vec<u32> = found.map(|(number, _)| *number).collect();
        let mut list = json!({ "resultSizeEstimate": numbers.len() });
        if !numbers.is_empty() {
            list["messages"] = numbers.iter().take(most).map(|number| json!({ "id": number.to_string() })).collect();
        }
        if numbers.len() > most {
            list["nextPageToken"] = json!(numbers[most - 1].to_string());
        }
        list
    }

    fn get(&self, id: &str, query: &[(String, String)]) -> Option<Value> {
        let mails = self.mails.borrow();
        let mail = mails.get(&id.parse().ok()?)?;
        if query.iter().any(|(name, value)| name == "format" && value == "raw") {
            return Some(json!({ "raw": data_encoding::BASE64URL.encode(mail.raw.as_bytes()) }));
        }
        let headers: Vec<Value> =
            mail.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let received = (mail.received / 1_000).to_string();
        Some(json!({ "id": id, "labelIds": mail.labels, "internalDate": received, "payload": { "headers": headers } }))
    }

    fn serve(&self, request: &Request) -> (u32, Option<Value>) {
        let path = request.path.strip_prefix("/gmail/v1/users/a%40x").unwrap_or(&request.path);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), unescaped(value))
        };
        let query: Vec<(String, String)> = query.split('&').filter(|one| !one.is_empty()).map(pair).collect();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        match (request.method.as_str(), path.split('/').skip(1).collect::<Vec<_>>().as_slice()) {
            ("GET", ["labels"]) => {
                let labels = self.labels.borrow();
                let list: Vec<Value> = labels.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
                (1, Some(json!({ "labels": list })))
            }
            ("POST", ["labels"]) => {
                let id = format!("Label_{}", self.labels.borrow().len());
                self.labels.borrow_mut().insert(id.clone(), body["name"].as_str().unwrap().to_owned());
                (5, Some(json!({ "id": id })))
            }
            ("GET", ["messages"]) => (5, Some(self.list(&query))),
            ("POST", ["messages", "batchDelete"]) => {
                for id in texts(&body["ids"]) {
                    self.mails.borrow_mut().remove(&id.parse().unwrap());
                }
                (50, Some(json!({})))
            }
            ("GET", ["messages", id]) => (20, self.get(id, &query)),
            ("POST", ["messages", id, "modify"]) => {
                let mut mails = self.mails.borrow_mut();
                let Some(mail) = mails.get_mut(&id.parse().unwrap()) else { return (5, None) };
                mail.labels.extend(texts(&body["addLabelIds"]));
                let remove = texts(&body["removeLabelIds"]);
                mail.labels.retain(|label| !remove.contains(label));
                (5, Some(json!({ "id": id, "labelIds": mail.labels })))
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Returns whether a term of a search holds.
fn holds(term: &str, mail: &Mail) -> bool {
    let (name, value) = term.split_once(':').unwrap();
    let field = |name: &str| &mail.headers.iter().find(|(known, _)| known == name).unwrap().1;
    let seconds = || value.parse::<i64>().unwrap() * 1_000_000;
    match name {
        "from" => field("From").contains(value),
        "rfc822msgid" => *field("Message-ID") == format!("<{value}>"),
        "after" => mail.received > seconds(),
        "before" => mail.received < seconds(),
        _ => panic!("{term}"),
    }
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut all = parts.next().unwrap().to_owned();
    for part in parts {
        all.push(char::from(u8::from_str_radix(&part[..2], 16).unwrap()));
        all.push_str(&part[2..]);
    }
    all
}

/// A target where it is in the inbox.
pub(crate) fn target(message: &Message) -> Target {
    Target { ref_: message.ref_.clone(), location: message.location.clone(), former: None }
}

impl Host for &Server {
    fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).cloned()
    }

    fn log(&self, _: Level, _: &str) {}

    fn now(&self) -> i64 {
        NOW + i64::try_from(self.passed.get().as_micros()).unwrap()
    }

    fn sleep(&self, time: Duration) {
        self.passed.set(self.passed.get() + time);
    }
}

impl Http for &Server {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.asked.borrow_mut().push(format!("{} {}", request.method, request.path));
        self.passed.set(self.passed.get() + self.takes.get());
        if let Some(answer) = self.hook.borrow().as_ref().and_then(|hook| hook(request)) {
            return answer;
        }
        let (units, body) = self.serve(request);
        self.units.set(self.units.get() + units);
        if request.path.contains("/modify") && self.lost.get() > 0 {
            self.lost.set(self.lost.get() - 1);
            return Err(HttpError::TimedOut);
        }
        match body {
            Some(body) => Ok(answer(200, &body)),
            None => {
                Ok(answer(404, &json!({ "error": { "status": "NOT_FOUND", "errors": [{ "reason": "notFound" }] } })))
            }
        }
    }

    fn send_many(&self, requests: &[Request]) -> Vec<Result<Response, HttpError>> {
        assert!(requests.len() <= 4, "at most four at once");
        requests.iter().map(|request| self.send(request)).collect()
    }

    fn send_prefix(&self, request: &Request, _: u64) -> Result<Response, HttpError> {
        self.send(request)
    }
}

impl Memo for &Server {
    fn get(&self, _: Scope, key: &str) -> Option<Vec<u8>> {
        self.kept.borrow().get(key).cloned()
    }

    fn put(&self, _: Scope, key: &str, value: &[u8], _: Duration) -> bool {
        self.kept.borrow_mut().insert(key.to_owned(), value.to_vec());
        true
    }
}
