//! A running `clawback serve`: the same requests over its API, with a token and no database.

use std::io::Write;
use std::time::Duration;

use clawback_action_center::json::{DetailJson, HaltedJson};
use clawback_model::Halt;
use clawback_runtime::http::{self, Broken};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::args::Global;
use crate::failure::{Exit, Failure, clean};
use crate::open;

/// Longer than a server is silent in front of any answer, or within it.
const SILENCE: Duration = Duration::from_secs(150);
/// Nothing takes longer; the largest histories take hours to verify.
const TIME_OUT: Duration = Duration::from_hours(24);
const CONNECT_TIME_OUT: Duration = Duration::from_secs(10);
/// Before a request whose connection broke is sent once more.
const AGAIN: Duration = Duration::from_millis(300);
/// How often it is asked whether the first of two such requests has been carried out by now, and how long each time.
const ASKS: u32 = 60;
const ASK: Duration = Duration::from_secs(1);
/// Rows that a server gives at once.
pub(crate) const LARGEST_PAGE: u32 = 1_000;
/// Largest answer.
const LARGEST: usize = 64 << 20;

/// The API of a server, and whoever calls.
pub(crate) struct Remote {
    client: Client,
    base: Url,
}

/// What is asked for.
struct Call<'a> {
    method: Method,
    /// After `/api/v1`.
    path: &'a [&'a str],
    query: &'a [(&'a str, String)],
    body: Option<Vec<u8>>,
    /// The `ETag` of what was looked at.
    seen: Option<HeaderValue>,
}

/// What a server said.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// An error as the API gives it.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

impl Remote {
    /// The server that is named, if one is.
    pub(crate) fn of(global: &Global) -> Result<Option<Self>, Failure> {
        let Some(given) = &global.server else { return Ok(None) };
        let base = address(given)?;
        let secret = open::named_secret(global)?.ok_or_else(|| {
            Failure::misuse("a server asks for a token, and none is named")
                .hint("--token-file FILE or the variable CLAWBACK_TOKEN; `clawback principals token NAME` makes one")
        })?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", secret.trim()))
            .map_err(|_| Failure::misuse("the token has characters that no token has"))?;
        bearer.set_sensitive(true);
        let mut client = http::client(TIME_OUT, global.server_ca.as_deref())
            .map_err(|said| Failure::misuse(said.replace("ca-file", "--server-ca")))?
            .read_timeout(SILENCE)
            .connect_timeout(CONNECT_TIME_OUT)
            .user_agent(concat!("clawback/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]));
        if base.scheme() == "http" {
            // What goes in the clear stays on this machine.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| Failure::failed(format!("no HTTP client: {}", said(error))))?;
        Ok(Some(Self { client, base }))
    }

    /// Reads.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T, Failure> {
        self.parse(&self.ask(Call { method: Method::GET, path, query, body: None, seen: None }).await?)
    }

    /// Asks for something to be done.
    pub(crate) async fn act<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.parse(&self.ask(Call { method: Method::POST, path, query: &[], body: None, seen: None }).await?)
    }

    /// Asks for something to be done, and says what.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        body: &impl Serialize,
        seen: Option<HeaderValue>,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::failed(error.to_string()))?;
        self.parse(&self.ask(Call { method: Method::POST, path, query, body: Some(body), seen }).await?)
    }

    /// Puts something in place of what is there.
    pub(crate) async fn put(&self, path: &[&str], body: &impl Serialize) -> Result<(), Failure> {
        self.answer_to_put(path, body).await?;
        Ok(())
    }

    /// The same where the answer says something.
    pub(crate) async fn put_for<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.parse(&self.answer_to_put(path, body).await?)
    }

    async fn answer_to_put(&self, path: &[&str], body: &impl Serialize) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::failed(error.to_string()))?;
        self.ask(Call { method: Method::PUT, path, query: &[], body: Some(body), seen: None }).await
    }

    /// Reads bytes of a bounded size: a message.
    pub(crate) async fn bytes(&self, path: &[&str]) -> Result<Vec<u8>, Failure> {
        Ok(self.ask(Call { method: Method::GET, path, query: &[], body: None, seen: None }).await?.body)
    }

    /// Reads any number of bytes, and writes them on as they come.
    pub(crate) async fn copy(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        out: &mut (impl Write + Send),
    ) -> Result<(), Failure> {
        let call = Call { method: Method::GET, path, query, body: None, seen: None };
        call.check()?;
        let mut response = self.begin(&call, "").await.map_err(|error| self.broken(error))?;
        if !response.status().is_success() {
            return Err(self.refused(&call, &Answer::read(response).await.map_err(|error| self.broken(error))?));
        }
        while let Some(part) = response.chunk().await.map_err(|error| self.broken(error.into()))? {
            out.write_all(&part)?;
        }
        Ok(())
    }

    /// Takes something back.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.parse(&self.ask(Call { method: Method::DELETE, path, query: &[], body: None, seen: None }).await?)
    }

    /// A remediation by its own ID or its approval ID, once it has settled or so many seconds have passed; and its `ETag`.
    pub(crate) async fn look(&self, id: &str, wait: u64) -> Result<(DetailJson, Option<HeaderValue>), Failure> {
        let id = open::any_id(id)?;
        let path = ["remediations", id.as_str()];
        let query = [("wait", wait.to_string())];
        let answer = self.ask(Call { method: Method::GET, path: &path, query: &query, body: None, seen: None }).await?;
        Ok((self.parse(&answer)?, answer.headers.get(ETAG).cloned()))
    }

    /// The halt that stands.
    pub(crate) async fn halted(&self) -> Result<Option<Halt>, Failure> {
        let halted: HaltedJson = self.get(&["halt"], &[]).await?;
        Ok(halted.halt())
    }

    /// Asks; a second time, with the same key, if the connection broke.
    async fn ask(&self, call: Call<'_>) -> Result<Answer, Failure> {
        call.check()?;
        let key = format!("{:016x}{:016x}", open::random(), open::random());
        let answer = match self.send(&call, &key).await {
            Err(Broken::Http(error)) if !error.is_timeout() && !error.is_builder() => {
                tokio::time::sleep(AGAIN).await;
                self.second_answer(&call, &key).await
            }
            answer => answer,
        };
        match answer {
            Ok(answer) if answer.status.is_success() => Ok(answer),
            Ok(answer) => Err(self.refused(&call, &answer)),
            Err(error) => Err(self.broken(error)),
        }
    }

    fn broken(&self, error: Broken) -> Failure {
        let base = &self.base;
        match error {
            Broken::TooLarge { .. } => Failure::failed(format!("{base}: the answer is larger than 64 MiB")),
            Broken::Http(error) if error.is_body() || error.is_decode() => {
                Failure::failed(format!("{base} broke off its answer: {}", clean(&said(error))))
                    .hint("the log of `clawback serve` there says why")
            }
            Broken::Http(error) => Failure::failed(format!("{base} cannot be reached: {}", clean(&said(error))))
                .hint("is `clawback serve` running there? --server names another address"),
        }
    }

    /// The server may still be busy with the first request.
    async fn second_answer(&self, call: &Call<'_>, key: &str) -> Result<Answer, Broken> {
        let mut answer = self.send(call, key).await?;
        for _ in 0..ASKS {
            if answer.problem().is_none_or(|problem| problem.code != "under-way") {
                break;
            }
            tokio::time::sleep(ASK).await;
            answer = self.send(call, key).await?;
        }
        Ok(answer)
    }

    async fn send(&self, call: &Call<'_>, key: &str) -> Result<Answer, Broken> {
        Answer::read(self.begin(call, key).await?).await
    }

    async fn begin(&self, call: &Call<'_>, key: &str) -> Result<Response, Broken> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = self.client.request(call.method.clone(), url);
        if call.method == Method::POST {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some(seen) = &call.seen {
            request = request.header(IF_MATCH, seen);
        }
        Ok(request.send().await?)
    }

    fn parse<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Failure> {
        let body = if answer.body.is_empty() { b"null".as_slice() } else { &answer.body };
        serde_json::from_slice(body).map_err(|error| {
            Failure::failed(format!("{} answered what was not expected: {}", self.base, clean(&error.to_string())))
                .hint("is it an Action Center, and of this version?")
        })
    }

    fn refused(&self, call: &Call<'_>, answer: &Answer) -> Failure {
        if let Some(problem) = answer.problem() {
            return Failure::new(exit_of(&problem.code, call.path), clean(&problem.detail));
        }
        let base = &self.base;
        match answer.headers.get(LOCATION).and_then(|place| place.to_str().ok()) {
            Some(place) if answer.status.is_redirection() => {
                Failure::misuse(format!("{base} sends to {}, and a token is sent nowhere else", clean(place)))
                    .hint("give that address as --server, if you trust it")
            }
            _ => Failure::misuse(format!("{base} answered {}, and not as an Action Center does", answer.status))
                .hint("--server is the address of its pages, such as https://clawback.example"),
        }
    }
}

impl Call<'_> {
    /// Refuses what an address leaves out: it would be another.
    fn check(&self) -> Result<(), Failure> {
        match self.path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            Some(part) => Err(Failure::misuse(format!("`{part}` is no name"))),
            None => Ok(()),
        }
    }
}

impl Answer {
    async fn read(mut response: Response) -> Result<Self, Broken> {
        let body = http::body(&mut response, LARGEST).await?;
        Ok(Self { status: response.status(), headers: response.headers().clone(), body })
    }

    fn problem(&self) -> Option<Problem> {
        if self.status.is_success() { None } else { serde_json::from_slice(&self.body).ok() }
    }
}

/// The exit code that the same mistake has on the machine of the site.
fn exit_of(code: &str, path: &[&str]) -> Exit {
    match code {
        "bad-request" | "body" | "days" | "inputs" | "limit" | "name" | "no-evidence" | "not-json" | "password"
        | "picks" | "playbook" | "playbook-path" => Exit::Misuse,
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

/// Where the server is: over TLS, or on this machine.
fn address(given: &str) -> Result<Url, Failure> {
    let wrong = |said: &str| {
        Failure::misuse(format!("--server {}: {said}", clean(given)))
            .hint("the address of the Action Center's pages, such as https://clawback.example or http://127.0.0.1:8025")
    };
    let url: Url = given.parse().map_err(|error| wrong(&format!("{error}")))?;
    match (url.scheme(), is_loopback(&url)) {
        ("https", _) | ("http", true) => {}
        ("http", false) => {
            return Err(wrong("a token would travel in the clear; https:// is needed beyond this machine"));
        }
        _ => return Err(wrong("it must start with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("a name, a password, a query or a fragment has no place in it"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Without the URL, which the caller names.
fn said(error: reqwest::Error) -> String {
    crate::failure::chain(&error.without_url()).replace("\n  caused by:", ":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_travel_over_tls_or_not_at_all() {
        for good in [
            "https://x.example",
            "https://x.example/clawback/",
            "http://127.0.0.1:8025",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://x.example",
            "http://127.0.0.1.x.example",
            "http://10.0.0.1",
            "http://localhost.x.example",
            "ftp://x",
            "x.example",
            "https://ann:pw@x.example",
            "https://x.example/?a=b",
            "",
        ] {
            assert_eq!(address(bad).err().map(|failure| failure.exit), Some(Exit::Misuse), "{bad}");
        }
    }
}
