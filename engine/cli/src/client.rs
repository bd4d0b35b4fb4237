//! The client of the API, through which commands act and read. Its requests go to a running `clawback serve` where `--server` names
//! one, and to the same routes in this process otherwise.

mod call;
mod local;
mod remote;

use std::io::Write;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use clawback_action_center::json::{DetailJson, HaltedJson, Page};
use clawback_model::Halt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::call::Call;
use self::local::Local;
use self::remote::Remote;
use crate::args::Global;
use crate::failure::{Failure, clean};
use crate::open::{Session, Stores, any_id};

/// Rows that the API gives in one answer.
const LARGEST_PAGE: u32 = 1_000;

/// The API with the credential of a caller.
pub(crate) struct Client(Transport);

enum Transport {
    Local(Box<Local>),
    Remote(Remote),
}

impl Client {
    /// The API of the server that is named, or of the site of this machine with these stores.
    pub(crate) async fn open(global: &Global, stores: Stores) -> Result<Self, Failure> {
        match Self::of_server(global)? {
            Some(client) => Ok(client),
            None => Ok(Self(Transport::Local(Box::new(Local::open(global, stores).await?)))),
        }
    }

    /// This API, for the caller of a request that it admitted.
    pub(crate) fn on_behalf_of(router: Router, request: &Request) -> Self {
        Self(Transport::Local(Box::new(Local::on_behalf_of(router, request))))
    }

    /// The API of the server that is named, if one is: for commands that need neither a token nor the history on this machine.
    pub(crate) fn of_server(global: &Global) -> Result<Option<Self>, Failure> {
        Ok(Remote::of(global)?.map(|remote| Self(Transport::Remote(remote))))
    }

    /// The site, where it is open in this process.
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.0 {
            Transport::Local(local) => local.session.as_ref(),
            Transport::Remote(_) => None,
        }
    }

    /// Reads.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T, Failure> {
        self.parse(Call { method: Method::GET, path, query, body: None }).await
    }

    /// Reads bytes of a bounded size: a message.
    pub(crate) async fn bytes(&self, path: &[&str]) -> Result<Vec<u8>, Failure> {
        self.ask(&Call { method: Method::GET, path, query: &[], body: None }).await
    }

    /// The same, of what a body names.
    pub(crate) async fn bytes_for(&self, path: &[&str], body: &impl Serialize) -> Result<Vec<u8>, Failure> {
        self.ask(&Call { method: Method::POST, path, query: &[], body: Some(json(body)?) }).await
    }

    /// Reads any number of bytes, and writes them as they come.
    pub(crate) async fn copy(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        out: &mut (impl Write + Send),
    ) -> Result<(), Failure> {
        let call = Call { method: Method::GET, path, query, body: None };
        call.check()?;
        match &self.0 {
            Transport::Local(local) => local.copy(&call, out).await,
            Transport::Remote(remote) => remote.copy(&call, out).await,
        }
    }

    /// Reads at most `limit` rows of a list, page by page, and the cursor of the next row.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        after: Option<String>,
        limit: u32,
    ) -> Result<Page<T>, Failure> {
        let mut page = Page { items: Vec::new(), next: after };
        let mut left = limit;
        loop {
            let mut query = query.to_vec();
            query.extend(page.next.take().map(|after| ("after", after)));
            query.push(("limit", left.min(LARGEST_PAGE).to_string()));
            let more: Page<T> = self.get(path, &query).await?;
            left = left.saturating_sub(u32::try_from(more.items.len()).unwrap_or(u32::MAX));
            page.items.extend(more.items);
            page.next = more.next;
            if left == 0 || page.next.is_none() {
                return Ok(page);
            }
        }
    }

    /// A remediation by its own ID, or by that of its approval, investigation or alert: as soon as it has settled, or after `wait`
    /// seconds.
    pub(crate) async fn look(&self, id: &str, wait: u64) -> Result<DetailJson, Failure> {
        self.get(&["remediations", &any_id(id)?], &[("wait", wait.to_string())]).await
    }

    /// The halt of the site, if it is halted.
    pub(crate) async fn halted(&self) -> Result<Option<Halt>, Failure> {
        let halted: HaltedJson = self.get(&["halt"], &[]).await?;
        Ok(halted.halt())
    }

    /// Asks for an action that has no parameters.
    pub(crate) async fn act<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.parse(Call { method: Method::POST, path, query: &[], body: None }).await
    }

    /// Asks for an action.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.parse(Call { method: Method::POST, path, query, body: Some(json(body)?) }).await
    }

    /// Replaces a value.
    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, Failure> {
        self.parse(Call { method: Method::PUT, path, query: &[], body: Some(json(body)?) }).await
    }

    /// Removes a value.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.parse(Call { method: Method::DELETE, path, query: &[], body: None }).await
    }

    /// The body of the answer.
    async fn ask(&self, call: &Call<'_>) -> Result<Vec<u8>, Failure> {
        call.check()?;
        match &self.0 {
            Transport::Local(local) => local.ask(call).await,
            Transport::Remote(remote) => remote.ask(call).await,
        }
    }

    /// The value in the body of the answer; an empty body is the unit.
    async fn parse<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Failure> {
        let body = self.ask(&call).await?;
        let body = if body.is_empty() { b"null".as_slice() } else { &body };
        serde_json::from_slice(body).map_err(|error| {
            let place = match &self.0 {
                Transport::Local(_) => "the API of this program",
                Transport::Remote(remote) => remote.base(),
            };
            Failure::failed(format!("{place} answered what was not expected: {}", clean(&error.to_string())))
                .hint("is it an Action Center, and of this version?")
        })
    }
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body).map_err(|error| Failure::failed(error.to_string()))
}
