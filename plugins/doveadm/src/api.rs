//! Requests to the API: commands in, one answer for each out. Within short waits where the server throttles.

use std::cell::Cell;
use std::time::Duration;

use clawback_connector_sdk::{
    host::{Host, Http, HttpError, Memo, Request, Response},
    types::Error,
    web::{self, Failure},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

use crate::command::Command;

/// The endpoint, and its only path.
const API: &str = "api";
const PATH: &str = "/doveadm/v1";
/// The most commands of one request; the host allows 1,000.
const COMMANDS: usize = 500;
/// The largest answer that is read. It, its records and what is made of them share the memory of a component.
const LARGEST: u64 = 8 * 1024 * 1024;
/// How long a call waits in all for a server that throttles, in milliseconds. A longer wait is the host's.
const PATIENCE: u64 = 6_000;
/// The shortest wait, and the one where the server names none.
const PAUSE: u64 = 500;

/// Exit codes of commands (`sysexits.h`).
const NO_USER: i64 = 67;
const NOT_FOUND: i64 = 68;
const TEMPORARY: i64 = 75;
const NO_PERMISSION: i64 = 77;

/// Why one command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    command: &'static str,
    kind: String,
    code: i64,
}

impl Refusal {
    /// Returns whether what the command names does not exist, such as a folder.
    pub(crate) fn is_absence(&self) -> bool {
        self.code == NOT_FOUND
    }

    /// Returns the reason in words.
    pub(crate) fn why(&self) -> String {
        let why = match self.code {
            NO_USER => "the server knows no such user",
            NOT_FOUND => "it does not exist",
            TEMPORARY => "the server reports a temporary failure; its log has the reason",
            NO_PERMISSION => "the server reports that a right is missing",
            _ if self.kind == "unknownMethod" => "this version of Dovecot does not know the command",
            _ => "the server refuses the command; its log has the reason",
        };
        format!("{why} ({}, exit code {})", self.command, self.code)
    }

    /// Returns it as an error of the call.
    pub(crate) fn error(&self) -> Error {
        match self.code {
            NO_USER => Error::NotFound(self.why()),
            // A folder that was there a moment ago. The contract's `not-found` is about the mailbox.
            NOT_FOUND | TEMPORARY => Error::Transient(self.why()),
            NO_PERMISSION => Error::Denied(self.why()),
            _ => Error::Permanent(self.why()),
        }
    }
}

/// The answer to one command: its text, which is whole. A command that failed on its way has no answer, although it may
/// have done a part.
pub(crate) type Answer = Result<Box<RawValue>, Refusal>;

/// The API for one user, or for the whole server.
#[derive(Debug)]
pub(crate) struct Api<'h, H> {
    pub(crate) host: &'h H,
    user: Option<String>,
    /// Milliseconds that are left of [`PATIENCE`].
    patience: Cell<u64>,
}

impl<'h, H: Host + Http + Memo> Api<'h, H> {
    /// Returns the API without a user.
    pub(crate) fn of_server(host: &'h H) -> Self {
        Self { host, user: None, patience: Cell::new(PATIENCE) }
    }

    /// Returns the API for one mailbox.
    pub(crate) fn of_mailbox(host: &'h H, mailbox: &str) -> Result<Self, Error> {
        if !is_user(mailbox) {
            return Err(Error::Permanent(
                "the name of the mailbox has a wildcard or a control character, so a command could name another user"
                    .into(),
            ));
        }
        Ok(Self { user: Some(mailbox.to_owned()), ..Self::of_server(host) })
    }

    /// Returns the answers to these commands, in order.
    pub(crate) fn run(&self, commands: &[Command]) -> Result<Vec<Answer>, Failure> {
        let mut all = Vec::with_capacity(commands.len());
        for commands in commands.chunks(COMMANDS) {
            let body = self.post(commands, LARGEST)?;
            if body.len() as u64 > LARGEST {
                return Err(Failure::TooLarge);
            }
            all.extend(answers(&body, commands)?);
        }
        if let Some(Err(refusal)) = all.iter().find(|answer| answer.as_ref().is_err_and(|one| one.code == NO_USER)) {
            return Err(Error::NotFound(refusal.why()).into());
        }
        Ok(all)
    }

    /// Returns the answer to one command.
    pub(crate) fn one(&self, command: Command) -> Result<Answer, Failure> {
        let answer = self.run(&[command])?.pop();
        Ok(answer.ok_or_else(|| Error::Transient("the server did not answer".into()))?)
    }

    /// Returns the response to these commands, up to somewhat more than `most` bytes.
    pub(crate) fn post(&self, commands: &[Command], most: u64) -> Result<Vec<u8>, Failure> {
        let commands: Vec<Value> =
            commands.iter().enumerate().map(|(tag, command)| command.json(self.user.as_deref(), tag)).collect();
        let request = Request::new("POST", API, PATH).json(&commands)?;
        loop {
            let response = match self.host.send_prefix(&request, most.saturating_add(1)) {
                Ok(response) => response,
                Err(HttpError::TooLarge(_)) => return Err(Failure::TooLarge),
                Err(error) => return Err(web::unanswered(error).into()),
            };
            if response.is_success() {
                return Ok(response.body);
            }
            match refused(&response, self.host.now()) {
                // A request that is throttled had no effect.
                Error::Throttled(pause) if self.wait(pause) => {}
                error => return Err(error.into()),
            }
        }
    }

    fn wait(&self, pause: Option<u64>) -> bool {
        let pause = pause.unwrap_or(PAUSE).max(PAUSE);
        let Some(left) = self.patience.get().checked_sub(pause) else { return false };
        self.patience.set(left);
        self.host.sleep(Duration::from_millis(pause));
        true
    }
}

/// Returns whether a name is that of one user: a wildcard names several.
pub(crate) fn is_user(name: &str) -> bool {
    !name.is_empty() && name.len() <= 320 && !name.contains(['*', '?']) && !name.chars().any(char::is_control)
}

fn refused(response: &Response, now: i64) -> Error {
    match response.status {
        401 => Error::Denied("the server refuses the key of the API (status 401)".into()),
        404 => {
            Error::Permanent(format!("the server has no `{PATH}` (status 404): is it the port of doveadm over HTTP?"))
        }
        _ => response.refused("the server refuses the request", now),
    }
}

/// Reads a response: one answer for each command, in order.
pub(crate) fn answers(body: &[u8], commands: &[Command]) -> Result<Vec<Answer>, Error> {
    let wrong = || Error::Permanent("the server's response is not of the documented form".into());
    let parts: Vec<(String, Box<RawValue>, String)> = serde_json::from_slice(body).map_err(|_| wrong())?;
    let is_in_order = parts.iter().enumerate().all(|(tag, (_, _, told))| *told == tag.to_string());
    if !is_in_order || parts.len() != commands.len() {
        return Err(Error::Transient("the server did not answer each command".into()));
    }
    let read = |((kind, value, _), command): ((String, Box<RawValue>, String), &Command)| match kind.as_str() {
        "doveadmResponse" => Ok(Ok(value)),
        "error" => {
            let told: Value = serde_json::from_str(value.get()).map_err(|_| wrong())?;
            let kind = told["type"].as_str().unwrap_or_default().to_owned();
            Ok(Err(Refusal { command: command.name, kind, code: told["exitCode"].as_i64().unwrap_or_default() }))
        }
        _ => Err(wrong()),
    };
    parts.into_iter().zip(commands).map(read).collect()
}

/// Returns the content of an answer.
pub(crate) fn value<T: DeserializeOwned>(answer: &RawValue) -> Result<T, Error> {
    serde_json::from_str(answer.get())
        .map_err(|_| Error::Permanent("the server's answer is not of the documented form".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_errors_of_the_contract() {
        let body = br#"[["doveadmResponse",[],"0"],["error",{"type":"exitCode", "exitCode":68},"1"],
            ["error",{"type":"exitCode", "exitCode":75},"2"],["error",{"type":"exitCode","exitCode":77},"3"],
            ["error",{"type":"unknownMethod","exitCode":0},"4"]]"#;
        let commands = [Command::list(), Command::list(), Command::list(), Command::list(), Command::list()];
        let answers = answers(body, &commands).unwrap();
        assert_eq!(answers[0].as_ref().unwrap().get(), "[]");
        let error = |at: usize| answers[at].as_ref().unwrap_err().error();
        assert!(matches!(error(1), Error::Transient(_)) && matches!(error(2), Error::Transient(_)));
        assert!(matches!(error(3), Error::Denied(_)) && matches!(error(4), Error::Permanent(_)));
    }

    #[test]
    fn an_answer_too_few_or_out_of_order_is_none() {
        let commands = [Command::list(), Command::list()];
        for body in [
            r#"[["doveadmResponse",[],"0"]]"#,
            r#"[["doveadmResponse",[],"1"],["doveadmResponse",[],"0"]]"#,
            r#"[["doveadmResponse",[],"0"]["doveadmResponse",[],"1"]]"#,
            r#"[["doveadmResponse",[],"0"],["doveadmResponse",[{"uid":"1"}"#,
            r#"[["partial",[],"0"],["doveadmResponse",[],"1"]]"#,
            "",
        ] {
            assert!(answers(body.as_bytes(), &commands).is_err(), "{body}");
        }
    }

    #[test]
    fn a_wildcard_is_no_user() {
        for wrong in ["", "*", "u*@acme.test", "u?", "a\nb", "a\0"] {
            assert!(!is_user(wrong), "{wrong}");
        }
        assert!(is_user("ann@acme.test") && is_user("Ann O'Neil %n"));
    }
}
