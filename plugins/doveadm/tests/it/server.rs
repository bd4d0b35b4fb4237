//! A host with one endpoint, whose answers a test decides command by command.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use clawback_connector_sdk::host::{Host, Http, HttpError, Level, Memo, Request, Response, Scope};
use serde_json::{Value, json};

/// The answer to one command: its name, its parameters. `Err` has an exit code.
pub(crate) type Script = Box<dyn Fn(&str, &Value) -> Result<Value, i64>>;

/// The host.
pub(crate) struct Server {
    script: Script,
    /// The most bytes of a response.
    pub(crate) room: Cell<usize>,
    /// The commands so far.
    pub(crate) commands: RefCell<Vec<Value>>,
    pub(crate) requests: Cell<usize>,
    kept: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl Server {
    pub(crate) fn new(script: impl Fn(&str, &Value) -> Result<Value, i64> + 'static) -> Self {
        Self {
            script: Box::new(script),
            room: Cell::new(usize::MAX),
            commands: RefCell::default(),
            requests: Cell::new(0),
            kept: RefCell::default(),
        }
    }
}

impl Host for &Server {
    fn setting(&self, _: &str) -> Option<String> {
        None
    }

    fn log(&self, _: Level, _: &str) {}

    fn now(&self) -> i64 {
        0
    }

    fn sleep(&self, _: Duration) {}
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

impl Http for &Server {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.requests.set(self.requests.get() + 1);
        let commands: Vec<Value> = serde_json::from_slice(&request.body).unwrap();
        let answer = |command: &Value| {
            self.commands.borrow_mut().push(command.clone());
            match (self.script)(command[0].as_str().unwrap(), &command[1]) {
                Ok(value) => json!(["doveadmResponse", value, command[2]]),
                Err(code) => json!(["error", { "type": "exitCode", "exitCode": code }, command[2]]),
            }
        };
        let body = serde_json::to_vec(&commands.iter().map(answer).collect::<Vec<_>>()).unwrap();
        if body.len() > self.room.get() {
            return Err(HttpError::TooLarge(body.len() as u64));
        }
        Ok(Response { status: 200, headers: Vec::new(), body })
    }

    fn send_many(&self, requests: &[Request]) -> Vec<Result<Response, HttpError>> {
        requests.iter().map(|request| self.send(request)).collect()
    }

    fn send_prefix(&self, request: &Request, most: u64) -> Result<Response, HttpError> {
        let mut response = self.send(request)?;
        response.body.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(response)
    }
}
