//! The API of a running `clawback serve`, over HTTP: it takes an address and a token, and no database.

use std::io::Write;
use std::time::Duration;

use clawback_runtime::http::{self, Broken};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::call::{Call, Problem};
use crate::args::Global;
use crate::failure::{Failure, clean};
use crate::open;

/// Silence before or within an answer after which the request fails. A server that works on an answer sends sooner.
const SILENCE: Duration = Duration::from_secs(150);
/// Time-out of a request. The largest histories take hours to verify.
const TIME_OUT: Duration = Duration::from_hours(24);
const CONNECT_TIME_OUT: Duration = Duration::from_secs(10);
/// Back-off before a request whose connection broke is sent again.
const AGAIN: Duration = Duration::from_millis(300);
/// How often, and at which interval, a request is repeated while the server still works on the first one with the same key.
const ASKS: u32 = 60;
const ASK: Duration = Duration::from_secs(1);
/// Bytes of an answer at most.
const LARGEST: usize = 64 << 20;

/// The API of a server, with the credential of a caller.
pub(super) struct Remote {
    client: Client,
    base: Url,
}

/// An answer of a server.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Remote {
    /// The server that is named, if one is.
    pub(super) fn of(global: &Global) -> Result<Option<Self>, Failure> {
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
            // Without TLS, the request must not leave this machine.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| Failure::failed(format!("no HTTP client: {}", said(error))))?;
        Ok(Some(Self { client, base }))
    }

    /// The address of the server.
    pub(super) fn base(&self) -> &str {
        self.base.as_str()
    }

    /// The body of the answer. A request whose connection broke is sent a second time with the same idempotency key.
    pub(super) async fn ask(&self, call: &Call<'_>) -> Result<Vec<u8>, Failure> {
        let key = format!("{:016x}{:016x}", open::random(), open::random());
        let answer = match self.send(call, &key).await {
            Err(Broken::Http(error)) if !error.is_timeout() && !error.is_builder() => {
                tokio::time::sleep(AGAIN).await;
                self.second_answer(call, &key).await
            }
            answer => answer,
        };
        match answer {
            Ok(answer) if answer.status.is_success() => Ok(answer.body),
            Ok(answer) => Err(self.refused(call, &answer)),
            Err(error) => Err(self.broken(error)),
        }
    }

    /// Writes the body of the answer as it comes.
    pub(super) async fn copy(&self, call: &Call<'_>, out: &mut (impl Write + Send)) -> Result<(), Failure> {
        let mut response = self.begin(call, "").await.map_err(|error| self.broken(error))?;
        if !response.status().is_success() {
            return Err(self.refused(call, &Answer::read(response).await.map_err(|error| self.broken(error))?));
        }
        while let Some(part) = response.chunk().await.map_err(|error| self.broken(error.into()))? {
            out.write_all(&part)?;
        }
        Ok(())
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

    /// The answer to a repeated request. The server may still work on the first one.
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
        let mut request = self.client.request(call.method.clone(), call.url(&self.base));
        if call.method == Method::POST {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        Ok(request.send().await?)
    }

    fn refused(&self, call: &Call<'_>, answer: &Answer) -> Failure {
        if let Some(problem) = answer.problem() {
            return call.refused(answer.status, &problem);
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

impl Answer {
    async fn read(mut response: Response) -> Result<Self, Broken> {
        let body = http::body(&mut response, LARGEST).await?;
        Ok(Self { status: response.status(), headers: response.headers().clone(), body })
    }

    fn problem(&self) -> Option<Problem> {
        Problem::of(self.status, &self.body)
    }
}

/// The URL of the server: over TLS, or on this machine.
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

/// The error without its URL, which the caller adds.
fn said(error: reqwest::Error) -> String {
    crate::failure::chain(&error.without_url()).replace("\n  caused by:", ":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

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
