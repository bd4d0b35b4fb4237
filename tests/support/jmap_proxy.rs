//! A server between a JMAP client and a real one, with the manners of others: small limits, absolute addresses,
//! downloads from another origin, throttling, acts that are done in part, and connections that end before the answer.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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

use super::mail::Random;

/// The largest body.
const LARGEST: usize = 64 << 20;

/// How the server behaves.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// `maxCallsInRequest`; none is the server's own.
    pub calls: Option<usize>,
    /// `maxObjectsInGet` and `maxObjectsInSet`.
    pub objects: Option<usize>,
    /// Of a hundred requests, those that are throttled.
    pub throttled: u64,
    /// How long a throttled client has to wait, in seconds.
    pub retry_after: u64,
    /// Each `Email/set` of this number in a row fails, by turns: `stateMismatch`, half of it done and
    /// `serverPartialFail`, half of the messages refused with `rateLimit`. 0 is none.
    pub failing: u64,
    /// Each `Email/set` of this number in a row is done, and the connection ends before the answer. 0 is none.
    pub cut: u64,
}

/// What the server has measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests.
    pub requests: u64,
    /// Those that were throttled.
    pub throttled: u64,
    /// Those that came before the time that a throttled client was told.
    pub impatient: u64,
    /// Downloads from the other origin.
    pub downloads: u64,
    /// Acts that failed or were cut.
    pub failed: u64,
    /// The most requests at once with one token.
    pub most_at_once: u64,
    /// Requests or methods beyond a limit.
    pub beyond: u64,
    /// Methods, by name.
    pub methods: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Shared {
    manners: Manners,
    server: SocketAddr,
    own: SocketAddr,
    downloads: SocketAddr,
    client: Client<HttpConnector, Body>,
    state: Mutex<Moving>,
}

#[derive(Debug)]
struct Moving {
    random: Random,
    seen: Seen,
    sets: u64,
    not_before: HashMap<String, Instant>,
    at_once: HashMap<String, u64>,
}

/// The running server; it ends with the runtime that it was started on.
#[derive(Clone, Debug)]
pub struct JmapProxy(Arc<Shared>);

impl JmapProxy {
    /// Starts one in front of `server`. `seed` determines which requests are throttled.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start(server: SocketAddr, manners: Manners, seed: u64) -> Self {
        let api = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let downloads = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = |listener: &TcpListener| listener.local_addr().expect("it has an address");
        let moving = Moving {
            random: Random::new(seed),
            seen: Seen::default(),
            sets: 0,
            not_before: HashMap::new(),
            at_once: HashMap::new(),
        };
        let proxy = Self(Arc::new(Shared {
            manners,
            server,
            own: address(&api),
            downloads: address(&downloads),
            client: Client::builder(TokioExecutor::new()).build_http(),
            state: Mutex::new(moving),
        }));
        for (listener, router) in [
            (api, Router::new().fallback(any(answer)).with_state(proxy.clone())),
            (downloads, Router::new().fallback(any(download)).with_state(proxy.clone())),
        ] {
            tokio::spawn(async move { axum::serve(listener, router).await });
        }
        proxy
    }

    /// Where the API is.
    pub fn address(&self) -> SocketAddr {
        self.0.own
    }

    /// Where downloads are.
    pub fn downloads(&self) -> SocketAddr {
        self.0.downloads
    }

    /// What it has measured so far.
    pub fn seen(&self) -> Seen {
        self.moving().seen.clone()
    }

    fn moving(&self) -> std::sync::MutexGuard<'_, Moving> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(&self, request: Request<Body>, body: Bytes) -> (StatusCode, HeaderMap, Bytes) {
        let (mut parts, _) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = format!("http://{}{path}", self.0.server).parse().expect("the path of a request");
        for name in [header::ACCEPT_ENCODING, header::CONTENT_LENGTH, header::HOST] {
            parts.headers.remove(name);
        }
        match self.0.client.request(Request::from_parts(parts, Body::from(body))).await {
            Ok(answer) => {
                let (parts, body) = answer.into_parts();
                let body = to_bytes(Body::new(body), LARGEST).await.unwrap_or_default();
                (parts.status, parts.headers, body)
            }
            Err(_) => (StatusCode::BAD_GATEWAY, HeaderMap::new(), Bytes::new()),
        }
    }

    /// Returns the answer of a client that is throttled or too early.
    fn admit(&self, token: &str) -> Option<Response> {
        let mut moving = self.moving();
        moving.seen.requests += 1;
        let now = Instant::now();
        if moving.not_before.get(token).is_some_and(|until| now < *until) {
            moving.seen.impatient += 1;
        }
        let manners = &self.0.manners;
        if manners.throttled > 0 && moving.random.chance(manners.throttled) {
            moving.seen.throttled += 1;
            moving.not_before.insert(token.to_owned(), now + Duration::from_secs(manners.retry_after));
            let wait = manners.retry_after.to_string();
            return Some((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, wait)]).into_response());
        }
        let at_once = moving.at_once.entry(token.to_owned()).or_default();
        *at_once += 1;
        let most = *at_once;
        moving.seen.most_at_once = moving.seen.most_at_once.max(most);
        None
    }

    fn leave(&self, token: &str) {
        if let Some(at_once) = self.moving().at_once.get_mut(token) {
            *at_once -= 1;
        }
    }

    /// Returns the session with this server's addresses and limits.
    fn session(&self, mut session: Value) -> Value {
        let Shared { own, downloads, manners, .. } = &*self.0;
        for (key, origin) in [("apiUrl", own), ("downloadUrl", downloads), ("uploadUrl", own)] {
            let path = session[key].as_str().unwrap_or_default().to_owned();
            session[key] = json!(format!("http://{origin}{path}"));
        }
        let core = &mut session["capabilities"]["urn:ietf:params:jmap:core"];
        if let Some(calls) = manners.calls {
            core["maxCallsInRequest"] = json!(calls);
        }
        if let Some(objects) = manners.objects {
            core["maxObjectsInGet"] = json!(objects);
            core["maxObjectsInSet"] = json!(objects);
        }
        session
    }

    /// Returns how many `Email/set` there were before this one, and counts methods.
    fn note(&self, calls: &[Value]) -> Option<u64> {
        let mut moving = self.moving();
        for call in calls {
            *moving.seen.methods.entry(call[0].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let is_set = calls.iter().any(|call| call[0] == "Email/set");
        is_set.then(|| {
            moving.sets += 1;
            moving.sets
        })
    }

    async fn api(&self, request: Request<Body>, body: Bytes) -> Response {
        let mut asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let calls = asked["methodCalls"].as_array().cloned().unwrap_or_default();
        let manners = self.0.manners.clone();
        if manners.calls.is_some_and(|most| calls.len() > most) {
            self.moving().seen.beyond += 1;
            let problem =
                json!({ "type": "urn:ietf:params:jmap:error:limit", "limit": "maxCallsInRequest", "status": 400 });
            return (StatusCode::BAD_REQUEST, Json(problem)).into_response();
        }
        let every = |number: u64, of: u64| of > 0 && number.is_multiple_of(of);
        let set = self.note(&calls);
        let fault = set.filter(|number| every(*number, manners.failing)).map(|number| number / manners.failing % 3);
        let mut kept = Value::Null;
        if let Some(fault) = fault {
            self.moving().seen.failed += 1;
            if fault == 1 {
                return error(&calls, "stateMismatch");
            }
            kept = halve(&mut asked);
        }
        let id = &calls.first().map(|call| call[2].clone()).unwrap_or_default();
        let too_large = calls.iter().any(|call| {
            let count = |key: &str| call[1][key].as_object().map_or(0, serde_json::Map::len);
            let destroyed = call[1]["destroy"].as_array().map_or(0, Vec::len);
            manners.objects.is_some_and(|most| count("update") + count("create") + destroyed > most)
        });
        if too_large {
            self.moving().seen.beyond += 1;
            return error(&calls, "requestTooLarge");
        }
        let body = Bytes::from(asked.to_string());
        let (status, _, body) = self.forward(request, body).await;
        if set.is_some_and(|number| every(number, manners.cut)) {
            self.moving().seen.failed += 1;
            return cut();
        }
        let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match fault {
            Some(2) => answer["methodResponses"] = json!([["error", { "type": "serverPartialFail" }, id]]),
            Some(_) => {
                let refused = kept.as_object().into_iter().flatten();
                let refused = refused.map(|(id, _)| (id.clone(), json!({ "type": "rateLimit" })));
                answer["methodResponses"][0][1]["notUpdated"] = Value::Object(refused.collect());
            }
            None => self.limit(&mut answer),
        }
        (status, Json(answer)).into_response()
    }

    /// Refuses each `/get` that returns more records than the limit.
    fn limit(&self, answer: &mut Value) {
        let Some(most) = self.0.manners.objects else { return };
        for response in answer["methodResponses"].as_array_mut().into_iter().flatten() {
            if response[1]["list"].as_array().is_some_and(|list| list.len() > most) {
                self.moving().seen.beyond += 1;
                *response = json!(["error", { "type": "requestTooLarge" }, response[2]]);
            }
        }
    }
}

/// Takes every second message out of an update. Returns those.
fn halve(asked: &mut Value) -> Value {
    let update = &mut asked["methodCalls"][0][1]["update"];
    let Some(all) = update.as_object().cloned() else { return Value::Null };
    let (kept, left): (Vec<_>, Vec<_>) = all.into_iter().enumerate().partition(|(number, _)| number % 2 == 0);
    let object = |part: Vec<(usize, (String, Value))>| Value::Object(part.into_iter().map(|(_, one)| one).collect());
    *update = object(kept);
    object(left)
}

fn error(calls: &[Value], kind: &str) -> Response {
    let answers: Vec<Value> = calls.iter().map(|call| json!(["error", { "type": kind }, call[2]])).collect();
    Json(json!({ "methodResponses": answers, "sessionState": "0" })).into_response()
}

/// An answer whose connection ends in the middle.
fn cut() -> Response {
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"{\"meth")), Err(std::io::Error::other("cut"))]);
    Body::from_stream(broken).into_response()
}

fn token(headers: &HeaderMap) -> String {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

async fn answer(State(proxy): State<JmapProxy>, request: Request<Body>) -> Response {
    let token = token(request.headers());
    if let Some(refused) = proxy.admit(&token) {
        return refused;
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    let is_session = parts.method == axum::http::Method::GET;
    let request = Request::from_parts(parts, Body::empty());
    let response = if is_session {
        let (status, headers, body) = proxy.forward(request, body).await;
        match serde_json::from_slice::<Value>(&body) {
            Ok(session) if status.is_success() => Json(proxy.session(session)).into_response(),
            _ => (status, headers, body).into_response(),
        }
    } else {
        proxy.api(request, body).await
    };
    proxy.leave(&token);
    response
}

async fn download(State(proxy): State<JmapProxy>, request: Request<Body>) -> Response {
    proxy.moving().seen.downloads += 1;
    let (status, _, body) = proxy.forward(request, Bytes::new()).await;
    (status, body).into_response()
}
