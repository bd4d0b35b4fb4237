//! A stand-in for the mail of Microsoft Graph v1.0, on loopback: as strict as Microsoft's documentation, with state, and
//! with the token endpoint of its directory. **No behaviour in here was seen at Microsoft's servers.**
//!
//! Every request, every part of a batch and every answer is compared with an OpenAPI document that was made from
//! Microsoft's schema; [`Graph::check`] fails a test that broke it.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, Response, Uri, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

mod app;
mod batch;
mod event;
mod filter;
mod listing;
mod mailbox;
mod message;
mod prism;
mod request;
mod routes;
mod schema;
mod site;
mod traffic;

pub use app::{CLIENT, Right, SECRET};
pub use mailbox::State;
pub use prism::Prism;
pub use site::Options;
pub use traffic::Counts;

use mailbox::Mailbox;
use message::Mail;
use request::{Answer, Request};
use site::Site;

/// A message as the fake has it, for comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The id that does not change.
    pub id: String,
    /// Path of its folder, in the names that the owner sees.
    pub folder: String,
    /// Its subject.
    pub subject: String,
    /// Whether it was read, its flag and its categories.
    pub state: (bool, String, Vec<String>),
}

/// All mailboxes at one time.
#[derive(Debug, Clone)]
pub struct Snapshot(Vec<Mailbox>);

/// A running fake. It ends with the runtime of its test.
#[derive(Debug, Clone)]
pub struct Graph {
    site: Arc<Mutex<Site>>,
    port: u16,
}

impl Graph {
    /// Starts one with these users, each with an empty mailbox.
    pub async fn start(options: Options, users: &[&str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut site = Site::new(options);
        site.origin = format!("http://127.0.0.1:{port}");
        site.mailboxes = users.iter().enumerate().map(|(number, user)| Mailbox::new(number, user)).collect();
        let graph = Self { site: Arc::new(Mutex::new(site)), port };
        let router = Router::new().fallback(serve).with_state(graph.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        graph
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The URL that issues tokens.
    pub fn token_url(&self) -> String {
        format!("{}/tenant/oauth2/v2.0/token", self.url())
    }

    fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap()
    }

    /// Changes how it behaves from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.site().options);
    }

    /// Lets links to next pages of messages begin with this text from now on.
    pub fn link_to_next(&self, start: &str) {
        self.site().links = Some(start.to_owned());
    }

    /// Puts a message into a folder, by its well-known name or its path, which is made. Returns its immutable id.
    pub fn deliver(&self, user: &str, folder: &str, raw: &[u8], received: i64) -> String {
        let mut site = self.site();
        let number = site.next_number;
        site.next_number += 1;
        let mailbox = site.mailbox(user);
        let folder = mailbox.at(folder);
        let is_own = matches!(mailbox.folder(&folder).map(|folder| folder.well_known), Some("sentitems" | "drafts"));
        let mut mail = Mail::new(number, folder, raw, received);
        if is_own {
            // What was never transported has no header fields of the transport.
            mail.shown.headers.clear();
        }
        let id = mail.immutable_id();
        if let Some(object) = mail.shown.invitation.as_deref().filter(|_| !is_own) {
            event::attend(mailbox, number, object);
        }
        mailbox.mails.push(mail);
        id
    }

    /// Answers changes of calendars by an error of the server from now on, or makes them again.
    pub fn break_calendars(&self, is_down: bool) {
        self.site().is_calendar_down = is_down;
    }

    /// Answers an invitation, as the owner of the calendar does.
    pub fn respond(&self, user: &str, subject: &str, response: &str) {
        let mut site = self.site();
        let mailbox = site.mailbox(user);
        let event = mailbox.events.iter_mut().find(|event| event.shown["subject"] == subject).unwrap();
        event.shown["responseStatus"]["response"] = json!(response);
    }

    /// Returns the entries of a calendar as Graph shows them, without ids, in the order in which they were made.
    pub fn entries(&self, user: &str) -> Vec<Value> {
        let mut site = self.site();
        let events = site.mailbox(user).events.iter().filter(|event| !event.is_deleted);
        events.map(|event| Value::Object(event.shown.clone())).collect()
    }

    /// Returns how many entries are among the deleted items.
    pub fn deleted_entries(&self, user: &str) -> usize {
        self.site().mailbox(user).events.iter().filter(|event| event.is_deleted).count()
    }

    /// Sets what the owner sets: whether it is read, its flag, its categories.
    pub fn mark(&self, user: &str, id: &str, is_read: bool, flag: &str, categories: &[&str]) {
        let mut site = self.site();
        let mailbox = site.mailbox(user);
        let at = mailbox.find(id).unwrap();
        let mail = &mut mailbox.mails[at];
        (mail.is_read, mail.flag) = (is_read, flag.to_owned());
        mail.categories = categories.iter().map(|one| (*one).to_owned()).collect();
    }

    /// Moves a message, as its owner does.
    pub fn move_to(&self, user: &str, id: &str, folder: &str) {
        let mut site = self.site();
        let mailbox = site.mailbox(user);
        let (at, folder) = (mailbox.find(id).unwrap(), mailbox.at(folder));
        mailbox.mails[at].folder = folder;
    }

    /// Deletes a message for good, as its owner does.
    pub fn remove(&self, user: &str, id: &str) {
        let mut site = self.site();
        let mailbox = site.mailbox(user);
        let at = mailbox.find(id).unwrap();
        mailbox.mails.remove(at);
    }

    /// Renames or removes (empty name) a folder with all that it has, as its owner does.
    pub fn rename_folder(&self, user: &str, path: &str, name: &str) {
        let mut site = self.site();
        let mailbox = site.mailbox(user);
        let id = mailbox.at(path);
        if name.is_empty() {
            mailbox.folders.retain(|folder| folder.id != id);
            mailbox.mails.retain(|mail| mail.folder != id);
        } else if let Some(folder) = mailbox.folders.iter_mut().find(|folder| folder.id == id) {
            name.clone_into(&mut folder.name);
        }
    }

    /// Changes a user of the directory: whether the mailbox can be opened, and whether the user is a guest.
    pub fn set_user(&self, user: &str, state: State, is_guest: bool, has_mail: bool) {
        let mut site = self.site();
        let mailbox = site.mailbox(user);
        (mailbox.state, mailbox.is_guest) = (state, is_guest);
        mailbox.mail = has_mail.then(|| user.to_owned());
    }

    /// Returns everything in a mailbox, in the order of delivery.
    pub fn kept(&self, user: &str) -> Vec<Kept> {
        let mut site = self.site();
        let mailbox = &*site.mailbox(user);
        let kept = |mail: &Mail| Kept {
            id: mail.immutable_id(),
            folder: mailbox.path(&mail.folder),
            subject: mail.shown.subject.clone(),
            state: (mail.is_read, mail.flag.clone(), mail.categories.clone()),
        };
        mailbox.mails.iter().map(kept).collect()
    }

    /// Keeps all mailboxes as they are now, for [`Graph::restore`].
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.site().mailboxes.clone())
    }

    /// Sets all mailboxes back.
    pub fn restore(&self, snapshot: &Snapshot) {
        self.site().mailboxes.clone_from(&snapshot.0);
    }

    /// Whether the folder at this path is hidden from its owner.
    pub fn is_hidden(&self, user: &str, path: &str) -> bool {
        let mut site = self.site();
        let mailbox = &*site.mailbox(user);
        mailbox.folders.iter().any(|folder| folder.is_hidden && mailbox.path(&folder.id) == path)
    }

    /// What was counted since the last call.
    pub fn counts(&self) -> Counts {
        std::mem::take(&mut self.site().traffic.counts)
    }

    /// The users whose mailboxes were asked for, each once.
    pub fn reached(&self) -> Vec<String> {
        let mut reached = self.site().reached.clone();
        reached.sort();
        reached.dedup();
        reached
    }

    /// Refuses tokens without these claims from now on, and says which they need.
    pub fn demand_claims(&self, claims: Value) {
        self.site().tokens.demanded = Some(claims);
    }

    /// Lets tokens lack the claims that were requested from now on.
    pub fn ignore_claims(&self) {
        self.site().tokens.ignores_claims = true;
    }

    /// Refuses the tokens issued so far in parts of batches, and nowhere else.
    pub fn refuse_in_parts(&self) {
        let mut site = self.site();
        site.tokens.refused_in_parts = site.tokens.count();
    }

    /// How many tokens were issued.
    pub fn tokens(&self) -> usize {
        self.site().tokens.count()
    }

    /// # Panics
    /// If a request or an answer did not fit Microsoft's schema.
    pub fn check(&self) {
        let violations = self.site().schema.violations.clone();
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// Answers a request, after the time that it takes.
    async fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &Bytes) -> Answer {
        let fields = headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned()));
        let is_json =
            headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let parsed: Option<Value> = if body.is_empty() { None } else { serde_json::from_slice(body).ok() };
        if !body.is_empty() && (!is_json || parsed.is_none()) {
            return Answer::error(415, "RequestBodyRead", "A body is JSON, and its Content-Type says so.");
        }
        let Some(request) = Request::new(method.as_str(), target, fields.collect(), parsed) else {
            return Answer::error(404, "UnknownError", "");
        };
        let (parts, load, rights, latency) = {
            let mut site = self.site();
            site.traffic.counts.requests += 1;
            if let Err(challenge) = site.tokens.check(request.header("authorization")) {
                let mut answer = Answer::unauthorized();
                answer.headers.push(("WWW-Authenticate".into(), challenge));
                return answer;
            }
            if let Err(why) = site.schema.check_request(&request) {
                return Answer::error(400, "BadRequest", &why);
            }
            let parts = if request.path == ["$batch"] {
                site.traffic.counts.batches += 1;
                match batch::parts(request.body.as_ref().unwrap_or(&Value::Null)) {
                    Ok(parts) => Some(parts),
                    Err(refused) => return refused,
                }
            } else {
                None
            };
            if parts.is_none() {
                site.traffic.came(&request);
            }
            let load = match &parts {
                Some(parts) => batch::load(parts),
                None => request.user().map(|user| (user.to_owned(), 1)).into_iter().collect(),
            };
            if parts.is_none() && site.throttles() {
                let seconds = site.options.retry_after;
                return site.traffic.throttle(&request, false, seconds);
            }
            (parts, load, site.options.rights.clone(), site.options.latency)
        };
        let busy: Vec<String> = {
            let mut site = self.site();
            let begun = load.iter().filter(|(user, count)| !site.traffic.begin(user, *count));
            begun.map(|(user, _)| user.clone()).collect()
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut site = self.site();
        let answer = match parts {
            Some(parts) => {
                let is_refused = site.tokens.is_refused_in_parts(request.header("authorization"));
                batch::answer(&mut site, &rights, parts, &busy, is_refused)
            }
            None if !busy.is_empty() => {
                let seconds = site.options.retry_after;
                site.traffic.throttle(&request, false, seconds)
            }
            None => routes::answer(&mut site, &rights, &request),
        };
        site.schema.check_answer(&request, &answer);
        for (user, count) in &load {
            site.traffic.end(user, *count);
        }
        answer
    }
}

async fn serve(
    Shared(graph): Shared<Graph>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    if target.ends_with("/oauth2/v2.0/token") {
        let (status, body) = {
            let mut site = graph.site();
            let lifetime = site.options.token_lifetime;
            site.tokens.issue(&body, lifetime)
        };
        let answer = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
        return answer.body(Body::from(body.to_string())).unwrap();
    }
    let answer = graph.answer(&method, &target, &headers, &body).await;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let json = |response: axum::http::response::Builder, body: &Value| {
        response.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
    };
    match answer.body {
        request::Body::Nothing => response.body(Body::empty()),
        request::Body::Json(body) => json(response, &body),
        request::Body::Bytes(bytes) => response.header(header::CONTENT_TYPE, "text/plain").body(Body::from(bytes)),
    }
    .unwrap_or_else(|_| json(Response::builder(), &json!({})).unwrap())
}
