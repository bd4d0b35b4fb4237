//! Requests to the API of one account: within the server's limits, with short waits where it throttles.

use std::cell::Cell;
use std::time::Duration;

use clawback_connector_sdk::{
    host::{Host, Http, HttpError, Memo, Request, Response},
    types::Error,
    web::{self, Failure},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

use crate::{
    protocol::{self, Answer, Call, Refusal},
    session::{self, API, Account, PATIENCE, PAUSE},
};

/// The largest answer that is read. It, its records and what is made of them share the memory of a component.
const LARGEST: usize = 8 * 1024 * 1024;
/// The most messages of one request for whole headers: a header has up to hundreds of kilobytes.
const A_PIECE: usize = 100;

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
    /// Whether the session was requested for this call.
    is_fresh: bool,
}

impl<'h, H: Host + Http + Memo> Api<'h, H> {
    pub(crate) fn new(host: &'h H, account: Account) -> Self {
        let (patience, has_acted, is_unknown) = (Cell::new(PATIENCE), Cell::new(false), Cell::new(false));
        Self { host, account, patience, has_acted, is_unknown, is_fresh: true }
    }

    /// Runs a task on the account of a mailbox. If the account as it was kept is not there, once more with a new session.
    pub(crate) fn on<T>(host: &'h H, mailbox: &str, task: impl Fn(&Self) -> Result<T, Error>) -> Result<T, Error> {
        if let Some(account) = session::recall(host, mailbox) {
            let api = Self { is_fresh: false, ..Self::new(host, account) };
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

    /// Returns the answer to one call, as its text.
    pub(crate) fn text(&self, call: Call) -> Result<Answer, Failure> {
        let answer = self.run(&[call])?.pop();
        Ok(answer.ok_or_else(|| Error::Transient("the server did not answer".into()))?)
    }

    /// Returns the answer to one call that has no records with headers.
    pub(crate) fn one(&self, call: Call) -> Result<Result<Value, Refusal>, Failure> {
        match self.text(call)? {
            Ok(text) => Ok(Ok(value(&text)?)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Waits as long as a server asks, if the rest of the patience allows it.
    pub(crate) fn wait(&self, pause: Option<u64>) -> bool {
        let pause = pause.unwrap_or(PAUSE).max(PAUSE);
        let Some(left) = self.patience.get().checked_sub(pause) else { return false };
        self.patience.set(left);
        self.host.sleep(Duration::from_millis(pause));
        true
    }

    /// Notes that the session may be another one by now. Returns whether the call begins again with a new one.
    pub(crate) fn note_old_session(&self) -> bool {
        self.is_unknown.set(true);
        !self.is_fresh && !self.has_acted.get()
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
            let error = if response.is_success() {
                if response.body.len() > LARGEST {
                    return Err(Failure::TooLarge);
                }
                let answers = protocol::answers(&response.body, calls)?;
                self.note_unknown(&answers);
                return Ok(answers);
            } else if response.status == 404 {
                self.is_unknown.set(true);
                Error::Permanent(format!(
                    "the session names the path `{}` for the API, and there is none at the endpoint; give the endpoint \
                     the origin that the session names",
                    protocol::plain(&self.account.api)
                ))
            } else {
                refused(&response, self.host.now())
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
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::with_capacity(ids.len());
        self.each(method, ids, properties, |records: Records<T>, _| {
            all.extend(records.list);
            Ok(())
        })?;
        Ok(all)
    }

    /// Reads these records in pieces, each with the ids that were asked for.
    pub(crate) fn each<T: DeserializeOwned>(
        &self,
        method: &'static str,
        ids: &[&str],
        properties: &[&str],
        mut read: impl FnMut(Records<T>, &[&str]) -> Result<(), Error>,
    ) -> Result<(), Failure> {
        let mut most = self.account.get;
        if properties.contains(&"headers") {
            most = most.min(A_PIECE);
        }
        let mut rest = ids;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(most));
            match self.text(Call::new(method, json!({ "ids": now, "properties": properties }))) {
                // The limit may be smaller than it was when the session was kept.
                Ok(Err(refusal)) if refusal.is("requestTooLarge") && now.len() > 1 => {
                    most = now.len() / 2;
                    continue;
                }
                Err(Failure::TooLarge) if now.len() > 1 => {
                    most = now.len() / 2;
                    continue;
                }
                Ok(answer) => read(records(answer)?, now)?,
                Err(failure) => return Err(failure),
            }
            rest = later;
        }
        Ok(())
    }
}

/// An answer to a `/get`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: DeserializeOwned")]
pub(crate) struct Records<T> {
    pub(crate) list: Vec<T>,
    /// The ids of the request that name nothing.
    #[serde(default)]
    pub(crate) not_found: Option<Vec<String>>,
}

/// Returns the records of an answer to a `/get`.
pub(crate) fn records<T: DeserializeOwned>(answer: Answer) -> Result<Records<T>, Error> {
    let answer = answer.map_err(|refusal| refusal.error())?;
    serde_json::from_str(answer.get())
        .map_err(|_| Error::Permanent("the server's records are not of the documented form".into()))
}

/// Returns an answer as a tree.
pub(crate) fn value(text: &RawValue) -> Result<Value, Error> {
    serde_json::from_str(text.get()).map_err(|_| Error::Permanent("the server's answer is too deep".into()))
}

/// Returns the error of a response without success: that of its problem (RFC 8620 3.6.1), or that of its status where
/// the problem is not one that is known.
fn refused(response: &Response, now: i64) -> Error {
    let by_status = response.refused("the server refuses the request", now);
    let Some(problem) = Refusal::problem(&response.body) else { return by_status };
    match (problem.error(), by_status) {
        (Error::Throttled(_), _) => Error::Throttled(response.retry_after(now)),
        (_, Error::Throttled(pause)) => Error::Throttled(pause),
        (Error::Permanent(why), Error::Denied(_)) => Error::Denied(why),
        (Error::Permanent(why), Error::Transient(_)) => Error::Transient(why),
        (error, _) => error,
    }
}
