//! A server between the connector `doveadm` and a real Dovecot, with faults that a real one has rarely.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Json, Router};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The largest body.
const LARGEST: usize = 64 << 20;

/// What happens once, to the first request with a command of this name.
pub enum Fault {
    /// The next requests, this many, are answered with 503 and a pause of a second.
    Throttled(u64),
    /// It is done, and the connection ends before the answer.
    Lost(&'static str),
    /// The command is answered like a success, and nothing is done.
    Ignored(&'static str),
    /// Nothing is done, and the command is answered with this exit code.
    Refused(&'static str, i64),
    /// Its answer ends in the middle.
    Cut(&'static str),
    /// This is done before the request.
    Before(&'static str, Box<dyn Fn() + Send>),
}

struct Shared {
    server: SocketAddr,
    own: SocketAddr,
    client: Client<HttpConnector, Body>,
    state: Mutex<(Option<Fault>, Vec<Value>)>,
}

/// A running server.
#[derive(Clone)]
pub struct DoveadmProxy(Arc<Shared>);

impl DoveadmProxy {
    /// Starts one in front of `server`.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start(server: SocketAddr, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let own = listener.local_addr().expect("it has an address");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let proxy = Self(Arc::new(Shared { server, own, client, state: Mutex::new((fault, Vec::new())) }));
        let router = Router::new().fallback(any(answer)).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        proxy
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.0.own
    }

    /// The bodies of the requests so far, each a list of commands.
    pub fn requests(&self) -> Vec<Value> {
        self.state().1.clone()
    }

    /// Makes this fault the next one.
    pub fn set(&self, fault: Fault) {
        self.state().0 = Some(fault);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, (Option<Fault>, Vec<Value>)> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the fault if it is for this request.
    fn fault(&self, commands: &Value) -> Option<Fault> {
        let mut state = self.state();
        state.1.push(commands.clone());
        let has = |name: &str| commands.as_array().is_some_and(|all| all.iter().any(|one| one[0] == name));
        let is_now = match &mut state.0 {
            None => false,
            Some(Fault::Throttled(0)) => {
                state.0 = None;
                false
            }
            Some(Fault::Throttled(left)) => {
                *left -= 1;
                return Some(Fault::Throttled(1));
            }
            Some(
                Fault::Lost(name)
                | Fault::Ignored(name)
                | Fault::Refused(name, _)
                | Fault::Cut(name)
                | Fault::Before(name, _),
            ) => has(name),
        };
        if is_now { state.0.take() } else { None }
    }

    async fn forward(&self, headers: &HeaderMap, commands: &Value) -> (StatusCode, Bytes) {
        let mut request = Request::post(format!("http://{}/doveadm/v1", self.0.server));
        for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let request = request.body(Body::from(commands.to_string())).expect("the request is valid");
        match self.0.client.request(request).await {
            Ok(answer) => {
                let (parts, body) = answer.into_parts();
                (parts.status, to_bytes(Body::new(body), LARGEST).await.unwrap_or_default())
            }
            Err(_) => (StatusCode::BAD_GATEWAY, Bytes::new()),
        }
    }
}

async fn answer(State(proxy): State<DoveadmProxy>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    let mut commands: Value = serde_json::from_slice(&body).unwrap_or_default();
    let fault = proxy.fault(&commands);
    let mut named = None;
    match &fault {
        Some(Fault::Throttled(_)) => {
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response();
        }
        Some(Fault::Before(_, act)) => act(),
        Some(Fault::Ignored(name) | Fault::Refused(name, _)) => {
            // A query that finds nothing.
            let all = commands.as_array_mut().into_iter().flatten().enumerate();
            for (at, command) in all.filter(|(_, command)| command[0] == *name) {
                command[1]["query"] = json!(["mailbox-guid", "0".repeat(32), "uid", "1"]);
                named = named.or(Some(at));
            }
        }
        _ => {}
    }
    let (status, body) = proxy.forward(&parts.headers, &commands).await;
    match fault {
        Some(Fault::Lost(_)) => broken(&[]),
        Some(Fault::Cut(_)) => broken(&body[..body.len() / 2]),
        Some(Fault::Refused(_, code)) => {
            let mut told: Value = serde_json::from_slice(&body).unwrap_or_default();
            if let Some(at) = named {
                told[at] = json!(["error", { "type": "exitCode", "exitCode": code }, at.to_string()]);
            }
            (status, Json(told)).into_response()
        }
        _ => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
    }
}

/// Returns a response that breaks off after these bytes.
fn broken(start: &[u8]) -> Response {
    let start = Bytes::copy_from_slice(start);
    let parts = futures::stream::iter([Ok(start), Err(std::io::Error::other("the connection is gone"))]);
    Body::from_stream(parts).into_response()
}
