//! Requests with patience: those that were too many are sent again after the time that the server names, the others are
//! not. A wait that is too long for this call ends it, and the next call knows of it.

use std::{cell::Cell, collections::VecDeque, time::Duration};

use clawback_connector_sdk::{
    host::{Host, Http, HttpError, Memo, Request, Response, Scope},
    memo,
    types::Error,
    web,
};

use crate::refusal::{self, Refused};

/// The requests that run at once in one mailbox.
pub(crate) const AT_ONCE: usize = 4;
/// The longest single wait, and all waits of one call.
const LONGEST: Duration = Duration::from_secs(5);
const ALL: Duration = Duration::from_secs(12);
/// The wait where the server names none: doubled with each try.
const FIRST: Duration = Duration::from_millis(400);
/// How often a request is sent that the server has no time for, and one on which it fails.
const BUSY_TRIES: u32 = 8;
const FAILED_TRIES: u32 = 3;
/// Added to each wait, as clocks differ.
const MARGIN: Duration = Duration::from_millis(20);
/// After this time a call begins nothing that it can leave to the next one: it is ended from outside after a minute.
const LATE: Duration = Duration::from_secs(25);
/// The key of the end of a wait that was too long.
const WAIT: &str = "wait-until";

/// The answer to one request.
pub(crate) type Answer = Result<Response, Refused>;

/// The answers to several requests.
#[derive(Debug)]
pub(crate) struct Answers {
    /// In the order of the requests; `None` where there is no answer yet.
    pub(crate) done: Vec<Option<Answer>>,
    /// Why some have no answer.
    pub(crate) stopped: Option<Error>,
}

impl Answers {
    /// Returns the answers if there is one to each request.
    pub(crate) fn all(self) -> Result<Vec<Answer>, Error> {
        match self.stopped {
            Some(error) => Err(error),
            None => Ok(self.done.into_iter().flatten().collect()),
        }
    }
}

/// Sends the requests of one call.
pub(crate) struct Client<'h, H> {
    pub(crate) host: &'h H,
    /// `/gmail/v1/users/MAILBOX`.
    users: String,
    scope: Scope,
    waited: Cell<Duration>,
    /// When the call began, in microseconds since 1970.
    began: i64,
}

impl<'h, H: Host + Http + Memo> Client<'h, H> {
    /// Fails if the server asked an earlier call to wait longer than this one can.
    pub(crate) fn of_mailbox(host: &'h H, mailbox: &str) -> Result<Self, Error> {
        let users = format!("/gmail/v1/users/{}", web::escaped(mailbox));
        Self { host, users, scope: Scope::Mailbox, waited: Cell::default(), began: host.now() }.after_wait()
    }

    /// The same for a call without a mailbox.
    pub(crate) fn of_store(host: &'h H) -> Result<Self, Error> {
        let users = String::new();
        Self { host, users, scope: Scope::Store, waited: Cell::default(), began: host.now() }.after_wait()
    }

    fn after_wait(self) -> Result<Self, Error> {
        let until: Option<i64> = memo::recall(self.host, self.scope, WAIT);
        let left = until.map_or(0, |until| until.saturating_sub(self.host.now()));
        match u64::try_from(left) {
            Ok(left) if left > 0 => self.pause(Duration::from_micros(left))?,
            _ => {}
        }
        Ok(self)
    }

    /// Returns whether a page should end, so that the call ends in time.
    pub(crate) fn is_late(&self) -> bool {
        let passed = self.host.now().saturating_sub(self.began);
        u64::try_from(passed).is_ok_and(|passed| Duration::from_micros(passed) >= LATE)
    }

    /// A request to the Gmail API; `path` begins after the user.
    pub(crate) fn get(&self, path: &str) -> Request {
        Request::get("gmail", format!("{}{path}", self.users))
    }

    pub(crate) fn post(&self, path: &str, body: &impl serde::Serialize) -> Result<Request, Error> {
        Request::new("POST", "gmail", format!("{}{path}", self.users)).json(body)
    }

    /// Sends one request.
    pub(crate) fn one(&self, request: Request) -> Result<Answer, Error> {
        let mut answers = self.many(&[request]).all()?;
        answers.pop().ok_or_else(|| Error::Transient("a request has no answer".into()))
    }

    /// Sends one request and returns its answer if that is a success.
    pub(crate) fn success(&self, request: Request) -> Result<Response, Error> {
        self.one(request)?.map_err(Refused::into_error)
    }

    /// Sends one request and returns at most `most` bytes of the body.
    pub(crate) fn prefix(&self, request: Request, most: u64) -> Result<Answer, Error> {
        let send = |requests: &[Request]| requests.iter().map(|one| self.host.send_prefix(one, most)).collect();
        let mut answers = self.deliver(&[request], send).all()?;
        answers.pop().ok_or_else(|| Error::Transient("a request has no answer".into()))
    }

    /// Sends several requests, a few at once.
    pub(crate) fn many(&self, requests: &[Request]) -> Answers {
        self.deliver(requests, |requests| self.host.send_many(requests))
    }

    /// Sends several requests, and reads each answer before the next few are sent: memory never holds all of them.
    pub(crate) fn each(
        &self,
        requests: &[Request],
        mut read: impl FnMut(usize, Answer) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (number, few) in requests.chunks(AT_ONCE).enumerate() {
            for (at, answer) in self.many(few).all()?.into_iter().enumerate() {
                read(number * AT_ONCE + at, answer)?;
            }
        }
        Ok(())
    }

    fn deliver(
        &self,
        requests: &[Request],
        deliver: impl Fn(&[Request]) -> Vec<Result<Response, HttpError>>,
    ) -> Answers {
        let mut done: Vec<Option<Answer>> = requests.iter().map(|_| None).collect();
        let (mut tries, mut failures) = (vec![0_u32; requests.len()], vec![0_u32; requests.len()]);
        let mut open: VecDeque<usize> = (0..requests.len()).collect();
        while !open.is_empty() {
            let now: Vec<usize> = open.drain(..open.len().min(AT_ONCE)).collect();
            let sent: Vec<Request> = now.iter().map(|at| requests[*at].clone()).collect();
            let (mut again, mut pause, mut is_over) = (Vec::new(), Duration::ZERO, None);
            // Why the server failed, unless it also has too many requests.
            let (mut failed, mut is_busy) = (None, false);
            for (at, answer) in now.into_iter().zip(deliver(&sent)) {
                let answer = self.read(answer);
                tries[at] += 1;
                let usual = FIRST * 2_u32.pow(tries[at].min(5) - 1);
                match &answer {
                    Err(Refused::Busy(wait)) => {
                        pause = pause.max(wait.map_or(usual, Duration::from_millis));
                        is_busy = true;
                        again.push(at);
                        if tries[at] >= BUSY_TRIES {
                            is_over = Some(pause);
                        }
                    }
                    Err(Refused::Failed(why)) if failures[at] + 1 < FAILED_TRIES => {
                        failed = Some(why.clone());
                        failures[at] += 1;
                        pause = pause.max(usual);
                        again.push(at);
                    }
                    _ => done[at] = Some(answer),
                }
            }
            if !again.is_empty() {
                let paused = match (is_over, failed) {
                    // A failure asks for no wait of the next call.
                    (None, Some(why)) if !is_busy => {
                        if self.has_time(pause) {
                            self.pause(pause)
                        } else {
                            Err(Error::Transient(why))
                        }
                    }
                    (Some(pause), _) => Err(self.put_off(pause)),
                    (None, _) => self.pause(pause),
                };
                if let Err(error) = paused {
                    return Answers { done, stopped: Some(error) };
                }
            }
            again.into_iter().rev().for_each(|at| open.push_front(at));
        }
        Answers { done, stopped: None }
    }

    fn read(&self, answer: Result<Response, HttpError>) -> Answer {
        match answer {
            Ok(response) if response.is_success() => Ok(response),
            Ok(response) => Err(refusal::of(&response, self.host.now())),
            Err(error) => Err(match web::unanswered(error) {
                Error::Transient(why) => Refused::Failed(why),
                error => Refused::Other(error),
            }),
        }
    }

    /// Waits, or fails if that is too long for this call.
    fn pause(&self, pause: Duration) -> Result<(), Error> {
        if !self.has_time(pause) {
            return Err(self.put_off(pause));
        }
        self.waited.set(self.waited.get() + pause);
        self.host.sleep(pause + MARGIN);
        Ok(())
    }

    fn has_time(&self, pause: Duration) -> bool {
        pause <= LONGEST && self.waited.get() + pause <= ALL
    }

    /// Notes the end of a wait for the next call.
    fn put_off(&self, pause: Duration) -> Error {
        let until = self.host.now().saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX));
        memo::keep(self.host, self.scope, WAIT, &until, pause + Duration::from_secs(1));
        Error::Throttled(Some(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)))
    }
}
