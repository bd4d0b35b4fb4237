//! A host whose server answers in turn, and whose clock only moves when the connector waits.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use clawback_connector_sdk::host::{Host, Http, HttpError, Level, Memo, Request, Response, Scope};

/// 2026-11-28T15:39:28Z.
pub(crate) const NOW: i64 = 1_795_880_368_000_000;

#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) answers: RefCell<VecDeque<Result<Response, HttpError>>>,
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) waits: RefCell<Vec<Duration>>,
    kept: RefCell<BTreeMap<String, Vec<u8>>>,
    passed: Cell<Duration>,
}

impl Scripted {
    /// Answers with a status and a body each, in turn.
    pub(crate) fn of(answers: &[(u16, &str)]) -> Self {
        let scripted = Self::default();
        scripted.then(answers);
        scripted
    }

    pub(crate) fn then(&self, answers: &[(u16, &str)]) {
        let answer = |(status, body): &(u16, &str)| {
            Ok(Response { status: *status, headers: Vec::new(), body: body.as_bytes().to_vec() })
        };
        self.answers.borrow_mut().extend(answers.iter().map(answer));
    }
}

impl Host for &Scripted {
    fn setting(&self, _: &str) -> Option<String> {
        None
    }

    fn log(&self, _: Level, _: &str) {}

    fn now(&self) -> i64 {
        NOW + i64::try_from(self.passed.get().as_micros()).unwrap()
    }

    fn sleep(&self, time: Duration) {
        self.waits.borrow_mut().push(time);
        self.passed.set(self.passed.get() + time);
    }
}

impl Http for &Scripted {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.asked.borrow_mut().push(format!("{} {}", request.method, request.path));
        self.answers.borrow_mut().pop_front().expect("an answer for each request")
    }

    fn send_many(&self, requests: &[Request]) -> Vec<Result<Response, HttpError>> {
        assert!(requests.len() <= 4, "at most four at once");
        requests.iter().map(|request| self.send(request)).collect()
    }

    fn send_prefix(&self, request: &Request, _: u64) -> Result<Response, HttpError> {
        self.send(request)
    }
}

impl Memo for &Scripted {
    fn get(&self, _: Scope, key: &str) -> Option<Vec<u8>> {
        self.kept.borrow().get(key).cloned()
    }

    fn put(&self, _: Scope, key: &str, value: &[u8], _: Duration) -> bool {
        self.kept.borrow_mut().insert(key.to_owned(), value.to_vec());
        true
    }
}
