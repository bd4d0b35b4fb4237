//! Requests: who asks, may they, what does it cost, and what goes wrong.

use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use serde_json::Value;

use super::faults::Fate;
use super::refusal::Refusal;
use super::state::{Gmail, Seen, Shared};
use super::{FULL, MODIFY, directory, labels, messages, tokens};

pub(super) fn router(gmail: Gmail) -> Router {
    Router::new()
        .route("/token", post(tokens::issue))
        .route("/admin/directory/v1/users", get(directory::users))
        .route("/gmail/v1/users/{user}/{*rest}", any(mail))
        .with_state(gmail)
}

/// Any request of the Gmail API.
async fn mail(
    State(gmail): State<Gmail>,
    Path((user, rest)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (subject, scopes) = match tokens::who(&gmail, &headers) {
        Ok(who) => who,
        Err(refusal) => return refusal.into_response(),
    };
    let arrived = Instant::now();
    let latency = {
        let mut shared = gmail.lock();
        let running = shared.running.entry(subject.clone()).or_default();
        *running += 1;
        let now = *running;
        shared.most_at_once = shared.most_at_once.max(now);
        shared.faults.latency
    };
    // Lets requests that are sent together overlap.
    tokio::time::sleep(latency.max(Duration::from_millis(1))).await;
    let mut shared = gmail.lock();
    let query = uri.query().unwrap_or_default().to_owned();
    let call = Call { arrived, subject: &subject, scopes: &scopes, user: &user, rest: &rest, method: &method };
    let (units, answer) = call.answer(&mut shared, &query, &body);
    let response = match answer {
        Ok(Some(answer)) => Json(answer).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.into_response(),
    };
    *shared.running.entry(subject.clone()).or_default() -= 1;
    let request = format!("{method} {rest}");
    shared.seen.push(Seen { subject, request, query, units, status: response.status().as_u16() });
    response
}

/// Requests that were sent together arrive within this time.
const TOGETHER: Duration = Duration::from_millis(50);

struct Call<'a> {
    arrived: Instant,
    subject: &'a str,
    scopes: &'a [String],
    user: &'a str,
    rest: &'a str,
    method: &'a Method,
}

impl Call<'_> {
    /// Returns the units of the request, and its answer.
    fn answer(&self, shared: &mut Shared, query: &str, body: &[u8]) -> (u64, Result<Option<Value>, Refusal>) {
        let is_closed = |(subject, from, until): &(String, Instant, Instant)| {
            subject == self.subject && self.arrived > *from && self.arrived < *until
        };
        shared.impatient += usize::from(shared.closed.iter().any(is_closed));
        let Some(units) = self.units() else { return (0, Err(Refusal::not_found())) };
        match shared.faults.draw() {
            Fate::Served => {}
            Fate::Failing => {
                return (0, Err(Refusal::new(503, "backendError", "UNAVAILABLE", "The service is unavailable.")));
            }
            Fate::Throttled(form) => {
                return (0, Err(self.throttle(shared, form, Duration::from_millis(120 + form / 4 % 160))));
            }
        }
        if let Some(wait) = shared.spend(self.subject, units) {
            return (0, Err(self.throttle(shared, 0, wait)));
        }
        (units, self.serve(shared, query, body))
    }

    fn throttle(&self, shared: &mut Shared, form: u64, wait: Duration) -> Refusal {
        let (refusal, wait) = Refusal::throttled(form, wait);
        if let Some(wait) = wait {
            let now = Instant::now();
            shared.closed.push((self.subject.to_owned(), now + TOGETHER, now + wait));
        }
        refusal
    }

    /// Returns what the request costs; `None` for one that is not modelled.
    fn units(&self) -> Option<u64> {
        let parts: Vec<&str> = self.rest.split('/').collect();
        Some(match (self.method.as_str(), parts.as_slice()) {
            ("GET", ["labels"]) => 1,
            ("GET", ["messages"]) | ("POST", ["labels"] | ["messages", _, "modify"]) => 5,
            ("POST", ["messages", "batchModify" | "batchDelete"]) => 50,
            ("GET", ["messages", _]) => 20,
            _ => return None,
        })
    }

    fn serve(&self, shared: &mut Shared, query: &str, body: &[u8]) -> Result<Option<Value>, Refusal> {
        let has = |scope: &str| self.scopes.iter().any(|known| known == scope);
        if !has(MODIFY) && !has(FULL) {
            return Err(Refusal::no_scope());
        }
        if self.user != "me" && !self.user.eq_ignore_ascii_case(self.subject) {
            let why = format!("Delegation denied for {}", self.subject);
            return Err(Refusal::new(403, "forbidden", "PERMISSION_DENIED", why));
        }
        let is_lying = shared.faults.is_lying;
        let mailbox = shared.mailboxes.get_mut(self.subject).ok_or_else(Refusal::not_found)?;
        if mailbox.is_without_mail {
            return Err(Refusal::new(400, "failedPrecondition", "FAILED_PRECONDITION", "Mail service not enabled"));
        }
        let parameters = parameters(query)?;
        let parse =
            || serde_json::from_slice::<Value>(body).map_err(|_| Refusal::invalid("Invalid JSON payload received."));
        let parts: Vec<&str> = self.rest.split('/').collect();
        match (self.method.as_str(), parts.as_slice()) {
            ("GET", ["labels"]) => Ok(Some(labels::list(mailbox))),
            ("POST", ["labels"]) => labels::create(mailbox, &parse()?).map(Some),
            ("GET", ["messages"]) => messages::list(mailbox, &parameters).map(Some),
            ("GET", ["messages", id]) => messages::get(mailbox, id, &parameters).map(Some),
            ("POST", ["messages", "batchModify"]) => {
                messages::batch_modify(mailbox, &parse()?, is_lying).map(|()| None)
            }
            ("POST", ["messages", "batchDelete"]) if !has(FULL) => Err(Refusal::no_scope()),
            ("POST", ["messages", "batchDelete"]) => {
                messages::batch_delete(mailbox, &parse()?, is_lying).map(|()| None)
            }
            ("POST", ["messages", id, "modify"]) => messages::modify(mailbox, id, &parse()?, is_lying).map(Some),
            _ => Err(Refusal::not_found()),
        }
    }
}

/// Returns the decoded parameters of a query.
fn parameters(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let decode = |text: &str| -> Option<String> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let mut digit = || char::from(rest.next()?).to_digit(16);
                    u8::try_from(digit()? * 16 + digit()?).ok()?
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).ok()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    });
    pairs.collect::<Option<Vec<_>>>().ok_or_else(|| Refusal::invalid("Invalid query"))
}
