//! The import `http`: the requests of one call, several of which run concurrently.

use std::sync::atomic::Ordering;

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;

use crate::granted::http::{HttpError, Request, Response, Room};
use crate::imports::bindings::clawback::mail_store::http;
use crate::imports::guest::Guest;
use crate::limits::SandboxLimits;

impl http::Host for Guest {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        self.send_prefix(request, u64::MAX).await
    }

    async fn send_prefix(
        &mut self,
        request: http::Request,
        most: u64,
    ) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        let room = Room::of(self.grants.limits.bulk_bytes);
        let sent = if self.may_send() {
            self.grants.http.send_prefix(self.mailbox.as_deref(), request.into(), &room, most).await
        } else {
            Err(self.too_many())
        };
        Ok(self.answered(sent))
    }

    async fn send_many(
        &mut self,
        requests: Vec<http::Request>,
    ) -> wasmtime::Result<Vec<Result<http::Response, http::HttpError>>> {
        let SandboxLimits { bulk_bytes, http_parallel, .. } = self.grants.limits;
        // All responses together must fit into the guest.
        let room = Room::of(bulk_bytes);
        let mut answers = Vec::with_capacity(requests.len());
        let mut waiting = requests.into_iter();
        let mut running = FuturesOrdered::new();
        loop {
            while running.len() < http_parallel
                && let Some(request) = waiting.next()
            {
                let refused = (!self.may_send()).then(|| self.too_many());
                let (grants, mailbox, room) = (&self.grants.http, self.mailbox.as_deref(), &room);
                running.push_back(async move {
                    match refused {
                        Some(refused) => Err(refused),
                        None => grants.send(mailbox, request.into(), room).await,
                    }
                });
            }
            match running.next().await {
                Some(answer) => answers.push(answer),
                None => break,
            }
        }
        drop(running);
        Ok(answers.into_iter().map(|answer| self.answered(answer)).collect())
    }
}

impl Guest {
    /// Counts a request of this call; returns whether it may be sent.
    fn may_send(&self) -> bool {
        self.requests.fetch_add(1, Ordering::Relaxed) < self.grants.limits.http_requests
    }

    fn too_many(&self) -> HttpError {
        HttpError::Denied(format!("more than {} requests in one call", self.grants.limits.http_requests))
    }

    /// Returns the contract's answer, and keeps what it cannot express.
    fn answered(&mut self, answer: Result<Response, HttpError>) -> Result<http::Response, http::HttpError> {
        if answer.is_ok() {
            // What a request before this one met has nothing to do with an error that follows.
            (self.trouble.no_account, self.trouble.throttle) = (None, None);
        }
        answer.map(http::Response::from).map_err(|error| match error {
            HttpError::Denied(why) => http::HttpError::Denied(why),
            HttpError::TimedOut => http::HttpError::TimedOut,
            HttpError::TooLarge(bytes) => http::HttpError::TooLarge(bytes),
            HttpError::Failed(why) => http::HttpError::Failed(why),
            HttpError::NoAccount(why) => {
                self.trouble.no_account = Some(why.clone());
                http::HttpError::Denied(why)
            }
            HttpError::Throttled(throttle) => {
                let why = throttle.why.clone();
                self.trouble.throttle = Some(throttle);
                http::HttpError::Failed(why)
            }
        })
    }
}

impl From<http::Request> for Request {
    fn from(http::Request { endpoint, method, path, headers, body }: http::Request) -> Self {
        Self { endpoint, method, path, headers, body }
    }
}

impl From<Response> for http::Response {
    fn from(Response { status, headers, body }: Response) -> Self {
        Self { status, headers, body }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HttpError;

    use super::http;
    use crate::granted::clock::SystemClock;
    use crate::granted::endpoint::tests::grants;
    use crate::granted::grants::{Grants, Settings};
    use crate::granted::http::tests::serve;
    use crate::granted::memo::Memo;
    use crate::imports::guest::Guest;
    use crate::label::Label;
    use crate::limits::SandboxLimits;

    async fn flood(limits: SandboxLimits, many: usize) -> Vec<Result<http::Response, HttpError>> {
        let folder = tempfile::tempdir().unwrap();
        let padding = "x".repeat(100_000);
        let answer =
            format!("HTTP/1.1 200 OK\r\nX-Padding: {padding}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let (port, _heard) = serve(answer.leak()).await;
        let http = grants(port, folder.path(), "allow-private-network = true").unwrap();
        let grants = Grants {
            label: Label::new("corp", "x"),
            limits,
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
            server: None,
            folder: None,
            http,
            memo: Memo::default(),
        };
        let request = http::Request {
            endpoint: "api".into(),
            method: "GET".into(),
            path: "/".into(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let mut guest = Guest::new(Arc::new(grants), None, false);
        http::Host::send_many(&mut guest, vec![request; many]).await.unwrap()
    }

    #[tokio::test]
    async fn headers_count_as_bodies_do() {
        let limits = SandboxLimits { bulk_bytes: 1 << 20, ..SandboxLimits::default() };
        let answers = flood(limits, 40).await;
        let taken = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!((answers.len(), taken), (40, 10), "ten times 100 kB is what fits into 1 MiB");
        assert!(
            answers
                .iter()
                .filter_map(|answer| answer.as_ref().err())
                .all(|error| matches!(error, HttpError::TooLarge(size) if *size > 100_000))
        );
    }

    #[tokio::test]
    async fn the_requests_of_a_call_have_a_limit() {
        let limits = SandboxLimits { http_requests: 5, ..SandboxLimits::default() };
        let answers = flood(limits, 8).await;
        assert!(answers[..5].iter().all(Result::is_ok));
        assert!(answers[5..].iter().all(|answer| matches!(answer, Err(HttpError::Denied(_)))), "{:?}", &answers[5..]);
    }
}
