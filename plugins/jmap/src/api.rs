//! Requests to the API of one account: within the server's limits, with short waits where it throttles.

use std::cell::Cell;
use std::time::Duration;

use clawback_connector_sdk::{
    host::{Host, Http, HttpError, Memo, Request},
    types::Error,
    web,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    protocol::{self, Answer, Call, Refusal},
    session::{self, API, Account, PATIENCE},
};

/// The wait where the server names none.
const PAUSE: u64 = 500;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The answer is larger than a call can hold: fewer records fit.
    TooLarge,
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooLarge => Self::Permanent("the server's answer is too large".into()),
            Failure::Error(error) => error,
        }
    }
}

/// The API for one account.
#[derive(Debug)]
pub(crate) struct Api<'h, H> {
    pub(crate) host: &'h H,
    pub(crate) account: Account,
    /// Milliseconds that are left of [`PATIENCE`].
    patience: Cell<u64>,
    /// Whether a change was requested.
    has_acted: Cell<bool>,
    /// Whether the server did not know the account, or the path of its API.
    is_unknown: Cell<bool>,
}

impl<'h, H: Host + Http + Memo> Api<'h, H> {
    pub(crate) fn new(host: &'h H, account: Account) -> Self {
        let (patience, has_acted, is_unknown) = (Cell::new(PATIENCE), Cell::new(false), Cell::new(false));
        Self { host, account, patience, has_acted, is_unknown }
    }

    /// Runs a task on the account of a mailbox. If the account as it was kept is not there, once more with a new session.
    pub(crate) fn on<T>(host: &'h H, mailbox: &str, task: impl Fn(&Self) -> Result<T, Error>) -> Result<T, Error> {
        if let Some(account) = session::recall(host, mailbox) {
            let api = Self::new(host, account);
            let result = task(&api);
            if result.is_ok() || !api.is_unknown.get() || api.has_acted.get() {
                return result;
            }
        }
        task(&Self::new(host, session::renew(host, mailbox)?))
    }

    /// Returns the answers to these calls, in as many requests as the server's limit makes them. Calls that refer to
    /// each other are at most [`Account::calls`].
    pub(crate) fn run(&self, calls: &[Call]) -> Result<Vec<Answer>, Failure> {
        let mut all = Vec::with_capacity(calls.len());
        for calls in calls.chunks(self.account.calls) {
            all.extend(self.post(calls)?);
        }
        Ok(all)
    }

    /// Returns the answer to one call.
    pub(crate) fn one(&self, call: Call) -> Result<Answer, Failure> {
        let answer = self.run(&[call])?.pop();
        Ok(answer.ok_or_else(|| Error::Transient("the server did not answer".into()))?)
    }

    /// Waits as long as a server asks, if the rest of the patience allows it.
    pub(crate) fn wait(&self, pause: Option<u64>) -> bool {
        let pause = pause.unwrap_or(PAUSE).max(1);
        let Some(left) = self.patience.get().checked_sub(pause) else { return false };
        self.patience.set(left);
        self.host.sleep(Duration::from_millis(pause));
        true
    }

    pub(crate) fn note_act(&self) {
        self.has_acted.set(true);
    }

    fn post(&self, calls: &[Call]) -> Result<Vec<Answer>, Failure> {
        let request = Request::new("POST", API, self.account.api.as_str());
        let request = request.json(&protocol::request(&self.account.id, calls))?;
        loop {
            let response = match self.host.send(&request) {
                Ok(response) => response,
                Err(HttpError::TooLarge(_)) => return Err(Failure::TooLarge),
                Err(error) => return Err(web::unanswered(error).into()),
            };
            let now = self.host.now();
            let error = if response.is_success() {
                let answers = protocol::answers(response.json()?, calls)?;
                self.note_unknown(&answers);
                return Ok(answers);
            } else if response.status == 404 {
                self.is_unknown.set(true);
                Error::Permanent(format!(
                    "the session names the path `{}` for the API, and there is none at the endpoint; give the endpoint \
                     the origin that the session names",
                    protocol::plain(&self.account.api)
                ))
            } else if let Some(problem) = problem(&response.body).filter(|_| response.status != 429) {
                problem.error()
            } else {
                response.refused("the server refuses the request", now)
            };
            // A request that is throttled had no effect.
            match error {
                Error::Throttled(pause) if self.wait(pause) => {}
                error => return Err(error.into()),
            }
        }
    }

    fn note_unknown(&self, answers: &[Answer]) {
        if answers.iter().any(|answer| answer.as_ref().is_err_and(|refusal| refusal.is("accountNotFound"))) {
            self.is_unknown.set(true);
        }
    }

    /// Returns these records, in any order; those that do not exist are left out.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        method: &'static str,
        ids: &[&str],
        properties: &[&str],
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::with_capacity(ids.len());
        let mut most = self.account.get;
        let mut rest = ids;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(most));
            match self.one(Call::new(method, json!({ "ids": now, "properties": properties }))) {
                // The limit may be smaller than it was when the session was kept.
                Ok(Err(refusal)) if refusal.is("requestTooLarge") && now.len() > 1 => {
                    most = now.len() / 2;
                    continue;
                }
                Err(Failure::TooLarge) if now.len() > 1 => {
                    most = now.len() / 2;
                    continue;
                }
                Ok(answer) => all.extend(list::<T>(answer)?),
                Err(failure) => return Err(failure.into()),
            }
            rest = later;
        }
        Ok(all)
    }
}

/// Returns the records of an answer to a `/get`.
pub(crate) fn list<T: DeserializeOwned>(answer: Answer) -> Result<Vec<T>, Error> {
    let mut answer = answer.map_err(|refusal| refusal.error())?;
    serde_json::from_value(answer["list"].take())
        .map_err(|_| Error::Permanent("the server's records are not of the documented form".into()))
}

/// Returns the problem that a response without success describes (RFC 8620 3.6.1), if it does.
fn problem(body: &[u8]) -> Option<Refusal> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let problem: Refusal = serde_json::from_value(value).ok()?;
    problem.kind.starts_with("urn:ietf:params:jmap:error:").then_some(problem)
}
