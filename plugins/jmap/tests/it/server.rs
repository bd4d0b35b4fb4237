//! A server in memory with one account, and the host that connects the connector to it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use clawback_connector_jmap::Jmap;
use clawback_connector_sdk::{
    Connector as _,
    host::{Host, Http, HttpError, Level, Memo, Request, Response, Scope},
    matching::everything,
    types::{Action, Effect, Message, MessageRef, Query, Target},
};
use serde_json::{Map, Value, json};

/// The time of the first message; each next one is a second older.
pub(crate) const NOON: i64 = 1_795_880_000;

/// A message of the server.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) id: String,
    pub(crate) folders: Vec<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) received: i64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) raw: Vec<u8>,
}

/// A folder of the server: id, name, parent, role.
pub(crate) type Folder = (String, String, Option<String>, Option<String>);

/// What happens to the next requests.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This status, with Retry-After in seconds if it is given.
    Status(u16, Option<u64>),
    /// This status with a problem of this kind, and Retry-After in seconds if it is given.
    Problem(u16, &'static str, Option<u64>),
    /// The messages of the next `Email/set` are deleted before it.
    Vanish,
    /// All calls of the next request with `Email/set` are answered with this error. Nothing is done.
    Refuse(&'static str),
    /// The next `Email/set` acts on every second message and answers `serverPartialFail`.
    Half,
    /// The next `Email/set` is done, and there is no answer.
    Cut,
}

#[derive(Default)]
pub(crate) struct Server {
    pub(crate) settings: HashMap<&'static str, String>,
    pub(crate) folders: RefCell<Vec<Folder>>,
    pub(crate) mails: RefCell<Vec<Mail>>,
    pub(crate) faults: RefCell<VecDeque<Fault>>,
    pub(crate) calls: Cell<usize>,
    pub(crate) objects: Cell<usize>,
    pub(crate) largest_answer: Cell<usize>,
    pub(crate) api: RefCell<String>,
    pub(crate) requests: RefCell<Vec<String>>,
    pub(crate) slept: RefCell<Vec<u64>>,
    /// Messages that `Email/get` leaves out without a word.
    pub(crate) omitted: RefCell<Vec<String>>,
    /// Whether properties of single fields are answered in lower case, and whether they are left out.
    pub(crate) is_lower: Cell<bool>,
    pub(crate) has_no_fields: Cell<bool>,
    /// Folders that are there after the next list of folders.
    pub(crate) late_folders: RefCell<Vec<Folder>>,
    /// How updates of keywords are refused.
    pub(crate) refused_keywords: Cell<Option<&'static str>>,
    /// Where downloads are, and the most bytes of one.
    pub(crate) downloads: RefCell<String>,
    pub(crate) longest_download: Cell<usize>,
    pub(crate) has_no_downloads: Cell<bool>,
    /// The largest answer.
    pub(crate) largest_sent: Cell<usize>,
    /// Microseconds that each request takes.
    pub(crate) tick: Cell<i64>,
    clock: Cell<i64>,
    /// The most requests that were sent at once.
    pub(crate) most_at_once: Cell<usize>,
    memo: RefCell<BTreeMap<(bool, String), Vec<u8>>>,
    made: Cell<usize>,
}

impl Server {
    pub(crate) fn new() -> Self {
        let server = Self::default();
        for (id, name, role) in [
            ("fi", "Inbox", Some("inbox")),
            ("fa", "Archive", Some("archive")),
            ("fj", "Junk", Some("junk")),
            ("ft", "Trash", Some("trash")),
            ("FP", "Projects", None),
        ] {
            let role = role.map(str::to_owned);
            server.folders.borrow_mut().push((id.into(), name.into(), None, role));
        }
        server.calls.set(16);
        server.objects.set(500);
        server.largest_answer.set(usize::MAX);
        *server.api.borrow_mut() = "/jmap/".into();
        *server.downloads.borrow_mut() = "/down".into();
        server.longest_download.set(usize::MAX);
        server
    }

    /// Puts a message into these folders. `header` has lines with `\n`.
    pub(crate) fn put(&self, id: &str, folders: &[&str], keywords: &[&str], header: &str) {
        let received = NOON - i64::try_from(self.mails.borrow().len()).unwrap();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in header.lines() {
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), headers.last_mut()) {
                *value += "\r\n";
                *value += line;
            } else {
                let (name, value) = line.split_once(':').unwrap();
                headers.push((name.into(), value.into()));
            }
        }
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let raw = format!("{}\r\n\r\nText\r\n", header.replace('\n', "\r\n")).into_bytes();
        let mail = Mail { id: id.into(), folders: own(folders), keywords: own(keywords), received, headers, raw };
        self.mails.borrow_mut().push(mail);
    }

    /// The folders and keywords of a message, sorted.
    pub(crate) fn state(&self, id: &str) -> Option<(Vec<String>, Vec<String>)> {
        let mails = self.mails.borrow();
        let mail = mails.iter().find(|mail| mail.id == id)?;
        let (mut folders, mut keywords) = (mail.folders.clone(), mail.keywords.clone());
        folders.sort();
        keywords.sort();
        Some((folders, keywords))
    }

    pub(crate) fn folder(&self, name: &str) -> String {
        self.folders.borrow().iter().find(|folder| folder.1 == name).unwrap().0.clone()
    }

    /// Loses what is kept between calls.
    pub(crate) fn forget(&self) {
        self.memo.borrow_mut().clear();
    }

    pub(crate) fn search(&self, query: &Query) -> Vec<Message> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = Jmap::new(self).search("ann@x", query, cursor.as_deref(), 100).unwrap();
            all.extend(page.messages);
            cursor = page.next;
            if cursor.is_none() {
                return all;
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<Message> {
        self.search(&everything())
    }

    pub(crate) fn apply(&self, action: Action, targets: &[Target]) -> Vec<Effect> {
        let outcomes = Jmap::new(self).apply("ann@x", action, targets).unwrap();
        assert_eq!(outcomes.len(), targets.len());
        outcomes.into_iter().map(|outcome| outcome.effect).collect()
    }

    fn answer(&self, call: &Value, earlier: &[Value]) -> Value {
        let refuse = |kind: &str| json!(["error", { "type": kind }, call[2]]);
        if call[1]["accountId"] != "a1" {
            return refuse("accountNotFound");
        }
        let name = call[0].as_str().unwrap();
        let arguments = match name {
            "Mailbox/get" => self.get_folders(&call[1]),
            "Mailbox/query" => {
                let from = usize::try_from(call[1]["position"].as_u64().unwrap()).unwrap();
                let ids: Vec<_> = self.folders.borrow().iter().map(|one| one.0.clone()).skip(from).take(3).collect();
                Ok(json!({ "ids": ids }))
            }
            "Mailbox/set" => Ok(self.make_folder(&call[1]["create"]["new"])),
            "Email/query" => self.query(&call[1]),
            "Email/get" => self.get(&call[1], earlier),
            "Email/set" => self.set(&call[1]),
            _ => Err("unknownMethod"),
        };
        match arguments {
            Ok(arguments) => json!([name, arguments, call[2]]),
            Err(kind) => refuse(kind),
        }
    }

    fn get_folders(&self, arguments: &Value) -> Result<Value, &'static str> {
        let folders = self.folders.borrow();
        let wanted = arguments["ids"].as_array();
        let all = folders.iter().filter(|one| wanted.is_none_or(|ids| ids.contains(&json!(one.0))));
        let list: Vec<Value> = all
            .map(|(id, name, parent, role)| json!({ "id": id, "name": name, "parentId": parent, "role": role }))
            .collect();
        if list.len() > self.objects.get() {
            return Err("requestTooLarge");
        }
        drop(folders);
        self.folders.borrow_mut().append(&mut self.late_folders.borrow_mut());
        Ok(json!({ "list": list }))
    }

    fn make_folder(&self, record: &Value) -> Value {
        let (name, parent) = (record["name"].as_str().unwrap(), record["parentId"].as_str().map(str::to_owned));
        let mut folders = self.folders.borrow_mut();
        if folders.iter().any(|one| one.1 == name && one.2 == parent) {
            return json!({ "notCreated": { "new": { "type": "invalidProperties", "properties": ["name"] } } });
        }
        self.made.set(self.made.get() + 1);
        let id = format!("new{}", self.made.get());
        folders.push((id.clone(), name.into(), parent, record["role"].as_str().map(str::to_owned)));
        json!({ "created": { "new": { "id": id } } })
    }

    fn matches(mail: &Mail, filter: &Value) -> bool {
        let time =
            |key: &str| filter[key].as_str().map(|text| clawback_connector_sdk::web::from_rfc3339(text).unwrap());
        let conditions = || filter["conditions"].as_array().unwrap().iter();
        match filter["operator"].as_str() {
            Some("AND") => return conditions().all(|one| Self::matches(mail, one)),
            Some("OR") => return conditions().any(|one| Self::matches(mail, one)),
            Some(other) => panic!("operator {other}"),
            None => {}
        }
        let received = mail.received * 1_000_000;
        filter["inMailbox"].as_str().is_none_or(|id| mail.folders.iter().any(|one| one == id))
            && time("after").is_none_or(|after| received >= after)
            && time("before").is_none_or(|before| received < before)
            // As on Cyrus: the last field of this name.
            && filter["header"].as_array().is_none_or(|condition| {
                let (name, part) = (condition[0].as_str().unwrap(), condition[1].as_str().unwrap());
                let mut fields = mail.headers.iter().rev();
                fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).is_some_and(|(_, value)| value.contains(part))
            })
    }

    fn query(&self, arguments: &Value) -> Result<Value, &'static str> {
        let known =
            ["accountId", "filter", "sort", "limit", "calculateTotal", "collapseThreads", "anchor", "anchorOffset"];
        assert!(arguments.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{arguments}");
        let mut mails = self.mails.borrow().clone();
        mails.sort_by_key(|mail| std::cmp::Reverse(mail.received));
        let ids: Vec<String> =
            mails.iter().filter(|mail| Self::matches(mail, &arguments["filter"])).map(|mail| mail.id.clone()).collect();
        let from = match arguments["anchor"].as_str() {
            Some(anchor) => ids.iter().position(|id| id == anchor).ok_or("anchorNotFound")? + 1,
            None => 0,
        };
        let limit = usize::try_from(arguments["limit"].as_u64().unwrap()).unwrap();
        let page: Vec<&String> = ids.iter().skip(from).take(limit).collect();
        Ok(json!({ "ids": page, "position": from, "total": ids.len() }))
    }

    fn get(&self, arguments: &Value, earlier: &[Value]) -> Result<Value, &'static str> {
        let ids = match arguments["#ids"]["resultOf"].as_str() {
            Some(of) => {
                let found = earlier.iter().find(|answer| answer[2] == of && answer[0] == "Email/query");
                found.ok_or("invalidResultReference")?[1]["ids"].clone()
            }
            None => arguments["ids"].clone(),
        };
        let ids: Vec<&str> = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        if ids.len() > self.objects.get() {
            return Err("requestTooLarge");
        }
        let properties: Vec<&str> =
            arguments["properties"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        let mails = self.mails.borrow();
        let (mut list, mut missing) = (Vec::new(), Vec::new());
        for id in ids.into_iter().filter(|id| !self.omitted.borrow().iter().any(|one| one == id)) {
            match mails.iter().find(|mail| mail.id == id) {
                Some(mail) => list.push(self.record(mail, &properties)),
                None => missing.push(id),
            }
        }
        Ok(json!({ "list": list, "notFound": missing }))
    }

    fn set(&self, arguments: &Value) -> Result<Value, &'static str> {
        let count = arguments["update"].as_object().map_or(0, Map::len);
        if count + arguments["destroy"].as_array().map_or(0, Vec::len) > self.objects.get() {
            return Err("requestTooLarge");
        }
        let (mut updated, mut refused) = (Map::new(), Map::new());
        for (id, patch) in arguments["update"].as_object().into_iter().flatten() {
            match self.update(id, patch.as_object().unwrap()) {
                Ok(()) => updated.insert(id.clone(), Value::Null),
                Err(kind) => refused.insert(id.clone(), json!({ "type": kind })),
            };
        }
        for id in arguments["destroy"].as_array().into_iter().flatten() {
            self.mails.borrow_mut().retain(|mail| mail.id != *id);
        }
        Ok(json!({ "updated": updated, "notUpdated": refused }))
    }

    fn record(&self, mail: &Mail, properties: &[&str]) -> Value {
        let mut record = record(mail, properties);
        let fields = record.as_object_mut().unwrap();
        if self.has_no_fields.get() {
            fields.retain(|key, _| !key.starts_with("header:"));
        }
        if self.is_lower.get() {
            let lower = |(key, value): (String, Value)| {
                let key = if key.starts_with("header:") { key.to_lowercase() } else { key };
                (key, value)
            };
            *fields = std::mem::take(fields).into_iter().map(lower).collect();
        }
        record
    }

    fn update(&self, id: &str, patch: &Map<String, Value>) -> Result<(), &'static str> {
        let folders = self.folders.borrow();
        let mut mails = self.mails.borrow_mut();
        let mail = mails.iter_mut().find(|mail| mail.id == id).ok_or("notFound")?;
        if let Some(kind) = self.refused_keywords.get().filter(|_| patch.keys().any(|key| key.starts_with("keywords")))
        {
            return Err(kind);
        }
        for (key, value) in patch {
            let names = || value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            match key.as_str() {
                "mailboxIds" => {
                    if names().is_empty() || names().iter().any(|id| folders.iter().all(|one| one.0 != *id)) {
                        return Err("invalidProperties");
                    }
                    mail.folders = names();
                }
                "keywords" => mail.keywords = names(),
                key => {
                    let keyword = key.strip_prefix("keywords/").ok_or("invalidPatch")?;
                    mail.keywords.retain(|one| one != keyword);
                    if *value == true {
                        mail.keywords.push(keyword.to_lowercase());
                    }
                }
            }
        }
        Ok(())
    }

    fn serve(&self, request: &Request) -> Result<Response, HttpError> {
        let response = |status: u16, body: Vec<u8>| Response { status, headers: Vec::new(), body };
        self.clock.set(self.clock.get() + self.tick.get());
        self.requests.borrow_mut().push(format!("{} {}", request.method, request.path));
        let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let is_set = request.body.windows(9).any(|window| window == b"Email/set");
        let fault = self.faults.borrow_mut().pop_front();
        let fault = match fault {
            Some(Fault::Status(status, pause)) => {
                let headers = pause.map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
                return Ok(Response { status, headers: headers.into_iter().collect(), body: Vec::new() });
            }
            Some(Fault::Problem(status, kind, pause)) => {
                let headers = pause.map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
                let body = json!({ "type": format!("urn:ietf:params:jmap:error:{kind}") }).to_string().into_bytes();
                return Ok(Response { status, headers: headers.into_iter().collect(), body });
            }
            Some(fault) if !is_set => {
                self.faults.borrow_mut().push_front(fault);
                None
            }
            fault => fault,
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/.well-known/jmap") => {
                let headers = vec![("location".into(), "https://mail.example/jmap/session".into())];
                return Ok(Response { status: 301, headers, body: Vec::new() });
            }
            ("GET", "/jmap/session") => return Ok(response(200, self.session().to_string().into_bytes())),
            ("GET", path) => {
                let start = format!("{}/a1/b", self.downloads.borrow());
                let id = path.strip_prefix(&start).and_then(|rest| rest.split('/').next()).unwrap_or_default();
                let mails = self.mails.borrow();
                let raw = mails.iter().find(|mail| mail.id == id && !self.has_no_downloads.get());
                let raw = raw.map(|mail| mail.raw[..mail.raw.len().min(self.longest_download.get())].to_vec());
                return Ok(raw.map_or_else(|| response(404, Vec::new()), |raw| response(200, raw)));
            }
            ("POST", path) if path == *self.api.borrow() => {}
            _ => return Ok(response(404, Vec::new())),
        }
        let calls = body["methodCalls"].as_array().unwrap().clone();
        if calls.len() > self.calls.get() {
            let problem = json!({ "type": "urn:ietf:params:jmap:error:limit", "limit": "maxCallsInRequest" });
            return Ok(response(400, problem.to_string().into_bytes()));
        }
        let refusal = |kind: &str| json!(["error", { "type": kind }, calls[0][2]]);
        let mut answers: Vec<Value> = Vec::new();
        match fault {
            Some(Fault::Refuse(kind)) => answers.push(refusal(kind)),
            Some(Fault::Vanish) => {
                let ids = body["methodCalls"][0][1]["update"].as_object().unwrap();
                self.mails.borrow_mut().retain(|mail| !ids.contains_key(&mail.id));
                answers.push(self.answer(&body["methodCalls"][0], &[]));
            }
            Some(Fault::Half) => {
                let update = body["methodCalls"][0][1]["update"].as_object_mut().unwrap();
                let half: Vec<String> = update.keys().skip(1).step_by(2).cloned().collect();
                update.retain(|id, _| !half.contains(id));
                self.answer(&body["methodCalls"][0], &[]);
                answers.push(refusal("serverPartialFail"));
            }
            fault => {
                for call in &calls {
                    let answer = self.answer(call, &answers);
                    answers.push(answer);
                }
                if fault.is_some() {
                    return Err(HttpError::Failed("the connection ended".into()));
                }
            }
        }
        let text = json!({ "methodResponses": answers, "sessionState": "0" }).to_string().into_bytes();
        self.largest_sent.set(self.largest_sent.get().max(text.len()));
        if text.len() > self.largest_answer.get() {
            return Err(HttpError::TooLarge(text.len() as u64));
        }
        Ok(response(200, text))
    }

    fn session(&self) -> Value {
        json!({
            "username": "ann@x", "apiUrl": format!("https://mail.example{}", self.api.borrow()),
            "downloadUrl": format!("https://mail.example{}/{{accountId}}/{{blobId}}/{{name}}?type={{type}}", self.downloads.borrow()),
            "capabilities": { "urn:ietf:params:jmap:core": {
                "maxCallsInRequest": self.calls.get(), "maxObjectsInGet": self.objects.get(),
                "maxObjectsInSet": self.objects.get(),
            } },
            "accounts": { "a1": { "name": "Ann@X", "isPersonal": true,
                "accountCapabilities": { "urn:ietf:params:jmap:mail": {} } } },
            "primaryAccounts": { "urn:ietf:params:jmap:mail": "a1" },
        })
    }
}

fn record(mail: &Mail, properties: &[&str]) -> Value {
    let set = |names: &[String]| names.iter().map(|name| (name.clone(), json!(true))).collect::<Map<_, _>>();
    let mut record = Map::new();
    record.insert("id".into(), json!(mail.id));
    for property in properties {
        let value = match *property {
            "id" => json!(mail.id),
            "blobId" => json!(format!("b{}", mail.id)),
            "mailboxIds" => Value::Object(set(&mail.folders)),
            "keywords" => Value::Object(set(&mail.keywords)),
            "size" => json!(mail.raw.len()),
            "receivedAt" => json!(clawback_connector_sdk::web::to_rfc3339(mail.received * 1_000_000)),
            "headers" => mail.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect(),
            other => {
                let name = other.strip_prefix("header:").and_then(|rest| rest.strip_suffix(":all")).unwrap();
                let same = mail.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
                same.map(|(_, value)| json!(value)).collect()
            }
        };
        record.insert((*property).into(), value);
    }
    Value::Object(record)
}

impl Host for &Server {
    fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).cloned()
    }

    fn log(&self, _: Level, _: &str) {}

    fn now(&self) -> i64 {
        NOON * 1_000_000 + self.clock.get()
    }

    fn sleep(&self, time: Duration) {
        self.slept.borrow_mut().push(u64::try_from(time.as_millis()).unwrap());
    }
}

impl Http for &Server {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.serve(request)
    }

    fn send_many(&self, requests: &[Request]) -> Vec<Result<Response, HttpError>> {
        self.most_at_once.set(self.most_at_once.get().max(requests.len()));
        requests.iter().map(|request| self.serve(request)).collect()
    }

    fn send_prefix(&self, request: &Request, most: u64) -> Result<Response, HttpError> {
        let mut response = self.serve(request)?;
        response.body.truncate(usize::try_from(most).unwrap());
        Ok(response)
    }
}

impl Memo for &Server {
    fn get(&self, scope: Scope, key: &str) -> Option<Vec<u8>> {
        self.memo.borrow().get(&(matches!(scope, Scope::Store), key.to_owned())).cloned()
    }

    fn put(&self, scope: Scope, key: &str, value: &[u8], _: Duration) -> bool {
        self.memo.borrow_mut().insert((matches!(scope, Scope::Store), key.to_owned()), value.to_vec());
        true
    }
}

pub(crate) fn aim(message: &Message) -> Target {
    Target { ref_: message.ref_.clone(), location: message.location.clone(), former: None }
}

pub(crate) fn nowhere() -> MessageRef {
    MessageRef { locator: "nowhere".into(), message_id: "<nowhere@x>".into(), fingerprint: "0".repeat(40) }
}
