//! The Action Center in the test's own process: requests pass all of its layers, without a socket.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, header};
use clawback_action_center::{Center, Settings, hash_password};
use clawback_app::Api;
use clawback_model::{ManualClock, Principal, PrincipalKind, Role};
use clawback_runtime::{NewToken, Worker, silent};
use tower::ServiceExt as _;

use crate::site::{api, noon, person, site};

/// The password of every account.
pub const PASSWORD: &str = "correct horse battery";

/// A site with its Action Center.
pub struct TestCenter {
    /// The application layer of the site.
    pub api: Api,
    /// Sets the time.
    pub clock: Arc<ManualClock>,
    router: Router,
}

/// An answer with its whole body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: axum::http::HeaderMap,
    /// Body as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header's text; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The cookie that the answer sets under this name, as the browser sends it back.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.filter_map(|value| value.split(';').next());
        pairs.find(|pair| pair.split_once('=').is_some_and(|(key, _)| key == name)).map(str::to_owned)
    }

    /// The hidden field of the page's forms.
    pub fn form_token(&self) -> String {
        let marker = "name=\"form_token\" value=\"";
        let rest = self.text.split(marker).nth(1).expect("the page has a form");
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl TestCenter {
    /// Starts an Action Center with these stores and playbooks, over an empty history.
    pub fn start(
        history: clawback_store::Store,
        stores: Vec<Arc<dyn clawback_connectors::MailStore>>,
        playbooks: &[(&str, &str)],
    ) -> Self {
        Self::start_with(history, stores, playbooks, |_| {})
    }

    /// The same after a change of the site.
    pub fn start_with(
        history: clawback_store::Store,
        stores: Vec<Arc<dyn clawback_connectors::MailStore>>,
        playbooks: &[(&str, &str)],
        change: impl FnOnce(&mut clawback_runtime::Site),
    ) -> Self {
        let clock = noon();
        let mut site = site(history, stores, playbooks, Arc::clone(&clock) as _);
        change(&mut site);
        let api = api(site);
        let router = Center::new(api.clone(), Settings::default()).router();
        Self { api, clock, router }
    }

    /// Serves with these settings from now on.
    pub fn serve_with(&mut self, settings: Settings) {
        self.router = Center::new(self.api.clone(), settings).router();
    }

    /// Another node over the same database.
    #[must_use]
    pub fn twin(&self) -> Self {
        let router = Center::new(self.api.clone(), Settings::default()).router();
        Self { api: self.api.clone(), clock: Arc::clone(&self.clock), router }
    }

    /// Adds a principal, and returns a token of their own.
    pub async fn add(&self, name: &str, kind: PrincipalKind, roles: &[Role]) -> String {
        self.add_principal(Principal { kind, ..person(name, roles) }).await
    }

    /// Adds a service of this owner, and returns a token of its own.
    pub async fn add_service(&self, name: &str, roles: &[Role], owner: &str) -> String {
        self.add_principal(Principal::service(name, roles.to_vec(), owner)).await
    }

    async fn add_principal(&self, principal: Principal) -> String {
        let (history, name) = (&self.api.site().history, principal.name.as_str());
        let now = self.api.site().now();
        history.add_principal(&principal, "automation", now).await.unwrap();
        let token = NewToken::generate(self.api.site().random);
        history
            .add_token(name, &token.digest(), clawback_store::TokenTerms::labelled("test"), name, now)
            .await
            .unwrap();
        token.reveal().to_owned()
    }

    /// Sets the password of a principal, as their own.
    pub async fn password(&self, name: &str) {
        let hash = hash_password(PASSWORD).unwrap();
        self.api.site().history.set_password(name, &hash, name, self.api.site().now()).await.unwrap();
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// Calls the API with a token.
    pub async fn call(&self, token: &str, method: &str, path: &str, body: Option<serde_json::Value>) -> Answer {
        self.call_with(token, method, path, body, &[]).await
    }

    /// The same with more headers.
    pub async fn call_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<serde_json::Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    /// Loads a page with a cookie.
    pub async fn page(&self, cookie: &str, path: &str) -> Answer {
        self.send(Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await
    }

    /// Sends a form with a cookie.
    pub async fn form(&self, cookie: &str, path: &str, fields: &str) -> Answer {
        self.send(form(cookie, path, fields)).await
    }

    /// The same from an address.
    pub async fn form_from(&self, address: &str, cookie: &str, path: &str, fields: &str) -> Answer {
        let mut request = form(cookie, path, fields);
        let peer = SocketAddr::new(address.parse().unwrap(), 40_000);
        request.extensions_mut().insert(ConnectInfo(peer));
        self.send(request).await
    }

    /// Signs in, and returns the cookie.
    pub async fn sign_in(&self, name: &str) -> String {
        let answer = self.form("", "/sign-in", &format!("name={name}&password=correct+horse+battery")).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// Advances the remediations that are due.
    pub async fn work(&self) {
        let worker = Worker::new(Arc::clone(self.api.site()), silent());
        while worker.run_next().await.unwrap().is_some() {}
    }

    /// Refused requests, newest first, each as often as it was counted.
    pub async fn refusals(&self) -> Vec<String> {
        let refusals = self.api.site().history.refusals(100).await.unwrap();
        let lines = refusals.into_iter().flat_map(|refusal| {
            std::iter::repeat_n(
                format!("{}: {}", refusal.request, refusal.reason),
                usize::try_from(refusal.times).unwrap(),
            )
        });
        lines.collect()
    }
}

/// A form as a browser sends it.
pub fn form(cookie: &str, path: &str, fields: &str) -> Request<Body> {
    Request::post(path)
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(fields.to_owned()))
        .unwrap()
}
