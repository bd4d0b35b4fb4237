//! A request to the API, and how a refusal of it fails the command.

use axum::http::{Method, StatusCode};
use reqwest::Url;
use serde::Deserialize;

use crate::failure::{Exit, Failure, clean};

/// A request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// The segments after `/api/v1`.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, String)],
    /// JSON.
    pub(super) body: Option<Vec<u8>>,
}

/// An error as the API gives it.
#[derive(Deserialize)]
pub(super) struct Problem {
    pub(super) code: String,
    detail: String,
}

impl Call<'_> {
    /// Refuses segments that a URL resolves away: the request would go to another address.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            Some(part) => Err(Failure::misuse(format!("`{part}` is no name"))),
            None => Ok(()),
        }
    }

    /// Its URL under the address of a server.
    pub(super) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(self.path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        url
    }

    /// The failure of a request that the API refused.
    pub(super) fn refused(&self, status: StatusCode, problem: &Problem) -> Failure {
        Failure::new(exit_of(status, &problem.code, self.path), clean(&problem.detail))
    }
}

impl Problem {
    /// The problem that an answer is, if it is one.
    pub(super) fn of(status: StatusCode, body: &[u8]) -> Option<Self> {
        if status.is_success() { None } else { serde_json::from_slice(body).ok() }
    }
}

/// The exit code of a problem: that of the typed error which the API made it of (`From<&Error> for Failure`).
fn exit_of(status: StatusCode, code: &str, path: &[&str]) -> Exit {
    match code {
        "bad-request" | "body" | "days" | "inputs" | "label" | "limit" | "name" | "no-evidence" | "not-json"
        | "owner" | "picks" | "playbook" | "playbook-path" | "reporter" => Exit::Misuse,
        // One that does not match is refused (403); a new one that is too short is misuse.
        "password" if status == StatusCode::UNPROCESSABLE_ENTITY => Exit::Misuse,
        // No such playbook, schedule or store was named; what is not in the history is no misuse.
        "not-found"
            if matches!(
                path,
                ["checks" | "playbooks" | "previews" | "schedules" | "stores", ..] | ["remediations"]
            ) =>
        {
            Exit::Misuse
        }
        _ => Exit::Failed,
    }
}
