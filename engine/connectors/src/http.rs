//! The import `http`: requests to the endpoints that the manifest names and the operator granted.
//!
//! **Invariant:** the guest names an endpoint and a path, never an origin. The host adds the authorization after its checks;
//! redirects are not followed, so no credential goes to another origin; nothing that could carry one comes back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};

use crate::bindings::clawback::mail_store::http::{self, HttpError, Request, Response};
use crate::config::{ConfigError, EndpointConfig};
use crate::dial;
use crate::gate::{self, Reach};
use crate::grant::{self, Ground};
use crate::guest::Guest;
use crate::limits::{RECORD_BYTES, SandboxLimits};
use crate::secret::{Secret, SecretSource};
use crate::trust::Trust;

/// Header fields and their bytes in one request; real ones have a dozen.
const MOST_HEADERS: usize = 64;
const MOST_HEADER_BYTES: usize = 32 << 10;

/// What the guest may not set: the host's own, and what speaks to proxies and connections instead of the endpoint.
const HOST_HEADERS: [&str; 15] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];
const HOST_PREFIXES: [&str; 2] = ["proxy-", "x-forwarded-"];

/// What the guest does not get to see.
const HIDDEN_HEADERS: [&str; 6] =
    ["authentication-info", "authorization", "set-cookie", "set-cookie2", "www-authenticate", "connection"];

/// What one store may reach: endpoints by the name in the manifest.
#[derive(Default)]
pub(crate) struct HttpGrants(BTreeMap<String, Arc<Endpoint>>);

struct Endpoint {
    origin: Url,
    client: Client,
    token: Option<SecretSource>,
}

impl HttpGrants {
    /// The endpoints that both the manifest names and the operator grants.
    pub(crate) fn of(ground: &Ground<'_>) -> Result<Self, ConfigError> {
        let wanted = &ground.manifest.endpoints;
        let granted = ground.config.endpoints.iter();
        let endpoints = granted.map(|(name, config)| {
            let key = format!("endpoints.{name}");
            let Some(wish) = wanted.get(name) else {
                let known = wanted.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let help = if known.is_empty() { "remove it".to_owned() } else { format!("it uses {known}") };
                return Err(ground.wrong(&key, "the connector's manifest names no such endpoint", help));
            };
            let endpoint = endpoint(ground, &key, config)?;
            if let Some(url) = &wish.url
                && origin(url, Reach::Private).map(|url| url.origin()) != Ok(endpoint.origin.origin())
            {
                let help = format!("write {}", clawback_model::visible_line(url, 200));
                return Err(ground.wrong(&format!("{key}.url"), "the manifest names another origin", help));
            }
            Ok((name.clone(), Arc::new(endpoint)))
        });
        endpoints.collect::<Result<_, _>>().map(Self)
    }
}

fn endpoint(ground: &Ground<'_>, key: &str, config: &EndpointConfig) -> Result<Endpoint, ConfigError> {
    let wrong_url = |problem: String| {
        ground.wrong(&format!("{key}.url"), problem, "write `https://host` or `https://host:port`, without a path")
    };
    let allowed = if config.allow_private_network { Reach::Private } else { Reach::Public };
    let origin = origin(&config.url, allowed).map_err(wrong_url)?;
    let host = origin.host_str().unwrap_or_default();
    if origin.scheme() == "http" && !config.allow_cleartext && !clawback_model::is_loopback(host) {
        let problem = "plain http would send the token and mail to another machine in the clear";
        let help = "write `https://`; `allow-cleartext = true` allows it nevertheless";
        return Err(ground.wrong(&format!("{key}.url"), problem, help));
    }
    let reach = dial::reach(host, config.allow_private_network);
    let token = if config.token_file.is_none() && config.token_env.is_none() {
        None
    } else {
        let key = format!("{key}.token");
        Some(grant::secret(ground, &key, config.token_file.as_deref(), config.token_env.as_deref())?)
    };
    let ca_file = config.ca_file.as_deref().map(|path| ground.base.join(path));
    let tls = Trust::in_authorities(ca_file.as_deref()).config().map_err(|wrong| {
        ground.wrong(&format!("{key}.{}", wrong.key), wrong.problem, "name a PEM file of the authorities to trust")
    })?;
    let limits = &ground.config.limits;
    let client = Client::builder()
        .tls_backend_preconfigured((*tls).clone())
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(Arc::new(GatedResolver(reach)))
        .connect_timeout(limits.connect_timeout)
        .timeout(limits.io_timeout)
        .pool_idle_timeout(limits.idle_timeout)
        .user_agent(concat!("clawback/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ground.wrong(key, error.to_string(), "report this: the HTTP client cannot be made"))?;
    Ok(Endpoint { origin, client, token })
}

/// Scheme, host and port of a URL that has nothing else.
fn origin(url: &str, reach: Reach) -> Result<Url, String> {
    let shown = || clawback_model::visible_line(url, 200);
    let parsed = Url::parse(url).map_err(|error| format!("`{}` is not a URL: {error}", shown()))?;
    match parsed.scheme() {
        "https" => {}
        "http" if reach == Reach::Private => {}
        "http" => {
            return Err(format!("`{}` is not protected; plain http needs `allow-private-network = true`", shown()));
        }
        _ => return Err(format!("`{}` is not https", shown())),
    }
    let bare = parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    if !bare || !parsed.username().is_empty() || parsed.password().is_some() || !parsed.has_host() {
        return Err(format!("`{}` is more than an origin", shown()));
    }
    Ok(parsed)
}

/// Resolves names through the gate, so that the checked address is the dialled one.
struct GatedResolver(Reach);

impl Resolve for GatedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            // The client puts the port in.
            let addresses: Vec<SocketAddr> = gate::resolve(name.as_str(), 0, reach).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl http::Host for Guest {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        let room = Room::of(self.grants.limits.bulk_bytes);
        Ok(if self.may_send() { self.grants.http.send(request, &room).await } else { Err(self.too_many()) })
    }

    async fn send_many(&mut self, requests: Vec<Request>) -> wasmtime::Result<Vec<Result<Response, HttpError>>> {
        let SandboxLimits { bulk_bytes, http_parallel, .. } = self.grants.limits;
        // All answers together have to fit into the guest.
        let room = Room::of(bulk_bytes);
        let mut answers = Vec::with_capacity(requests.len());
        let mut waiting = requests.into_iter();
        let mut running = FuturesOrdered::new();
        loop {
            while running.len() < http_parallel
                && let Some(request) = waiting.next()
            {
                let refused = (!self.may_send()).then(|| self.too_many());
                let (grants, room) = (&self.grants.http, &room);
                running.push_back(async move {
                    match refused {
                        Some(refused) => Err(refused),
                        None => grants.send(request, room).await,
                    }
                });
            }
            match running.next().await {
                Some(answer) => answers.push(answer),
                None => break,
            }
        }
        Ok(answers)
    }
}

impl Guest {
    /// Counts a request of this call.
    fn may_send(&self) -> bool {
        self.requests.fetch_add(1, Ordering::Relaxed) < self.grants.limits.http_requests
    }

    fn too_many(&self) -> HttpError {
        denied(format!("more than {} requests in one call", self.grants.limits.http_requests))
    }
}

/// Bytes that answers may still take.
struct Room(AtomicUsize);

impl Room {
    fn of(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// Takes so many, or none.
    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

impl HttpGrants {
    async fn send(&self, request: Request, room: &Room) -> Result<Response, HttpError> {
        let shown = || clawback_model::visible_line(&request.endpoint, 60);
        let endpoint =
            self.0.get(&request.endpoint).ok_or_else(|| denied(format!("endpoint `{}` was not granted", shown())))?;
        let url = url(&endpoint.origin, &request.path)?;
        let method = match request.method.as_str() {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            _ => return Err(denied("this method is not allowed".into())),
        };
        let mut headers = outgoing(&request.headers)?;
        let token =
            endpoint.token.as_ref().map(SecretSource::read).transpose().map_err(|error| denied(error.to_string()))?;
        if let Some(token) = &token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .map_err(|_| denied("the token cannot be sent in a header".into()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let sent = endpoint.client.request(method, url).headers(headers).body(request.body).send().await;
        let mut answer = sent.map_err(|error| failed(&error))?;
        let fields = size(answer.headers());
        let announced =
            fields.saturating_add(usize::try_from(answer.content_length().unwrap_or(0)).unwrap_or(usize::MAX));
        if !room.take(fields) {
            return Err(HttpError::TooLarge(announced as u64));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
            if !room.take(chunk.len()) {
                return Err(HttpError::TooLarge(announced.max(fields + body.len() + chunk.len()) as u64));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: answer.status().as_u16(), headers: incoming(answer.headers(), token.as_ref()), body })
    }
}

/// What an answer takes in memory, less its body.
fn size(headers: &HeaderMap) -> usize {
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + RECORD_BYTES);
    fields.sum::<usize>() + RECORD_BYTES
}

fn denied(why: String) -> HttpError {
    HttpError::Denied(why)
}

/// The path beneath the origin; it must not leave it.
fn url(origin: &Url, path: &str) -> Result<Url, HttpError> {
    if !path.starts_with('/') || path.starts_with("//") || path.chars().any(char::is_control) || path.contains('\\') {
        return Err(denied("a path starts with one `/` and holds no control character or backslash".into()));
    }
    let url = origin.join(path).map_err(|error| denied(error.to_string()))?;
    if url.origin() != origin.origin() {
        return Err(denied("the path leaves the endpoint".into()));
    }
    Ok(url)
}

/// The guest's header fields, less those that are the host's to set.
fn outgoing(given: &[(String, String)]) -> Result<HeaderMap, HttpError> {
    let bytes: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if given.len() > MOST_HEADERS || bytes > MOST_HEADER_BYTES {
        return Err(denied(format!("at most {MOST_HEADERS} header fields of {MOST_HEADER_BYTES} bytes in all")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let wrong = || denied("a header field is not valid".into());
        let name = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        if HOST_HEADERS.contains(&name.as_str()) || HOST_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
        {
            continue;
        }
        headers.append(name, HeaderValue::try_from(value.as_str()).map_err(|_| wrong())?);
    }
    Ok(headers)
}

/// The answer's header fields, less those that carry credentials.
fn incoming(headers: &HeaderMap, token: Option<&Secret>) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| {
            !HIDDEN_HEADERS.contains(&name.as_str())
                && !HOST_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
        })
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .filter(|(_, value)| token.is_none_or(|token| !value.contains(token.expose())))
        .collect()
}

/// Without the URL, which may hold addresses.
fn failed(error: &reqwest::Error) -> HttpError {
    if error.is_timeout() {
        return HttpError::TimedOut;
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
        if let Some(gate::GateError::NotPublic { .. }) = cause.downcast_ref() {
            return HttpError::Denied(cause.to_string());
        }
    }
    HttpError::Failed(clawback_model::visible_line(&cause.to_string(), 200))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::guest::{Grants, Label};
    use crate::settings::Settings;

    #[test]
    fn a_path_stays_at_its_origin() {
        let origin = Url::parse("https://mail.example").unwrap();
        assert_eq!(url(&origin, "/v1/x?q=1").unwrap().as_str(), "https://mail.example/v1/x?q=1");
        assert_eq!(url(&origin, "/@evil.example/").unwrap().host_str(), Some("mail.example"));
        assert_eq!(url(&origin, "/../../x").unwrap().as_str(), "https://mail.example/x");
        for wrong in
            ["", "x", "//evil.example/", "/\\evil.example", "https://evil.example/", "/a\r\nHost: evil", "/\t/x"]
        {
            assert!(url(&origin, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_hosts_headers_are_the_hosts() {
        let given = [
            "Authorization",
            "HOST",
            "Cookie",
            "X-Forwarded-For",
            "Proxy-Authorization",
            "Transfer-Encoding",
            "Accept",
        ]
        .map(|name| (name.to_owned(), "x".to_owned()));
        let kept = outgoing(&given).unwrap();
        assert_eq!(kept.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
        assert!(outgoing(&[("a".into(), "b\r\nHost: evil".into())]).is_err());
        assert!(outgoing(&vec![("a".to_owned(), String::new()); MOST_HEADERS + 1]).is_err());
    }

    #[test]
    fn no_credential_comes_back() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("set-cookie", "a"), ("www-authenticate", "b"), ("x-echo", "Bearer t0ken"), ("etag", "e")]
        {
            headers.insert(name, HeaderValue::from_static(value));
        }
        assert_eq!(incoming(&headers, Some(&Secret::new("t0ken"))), [("etag".to_owned(), "e".to_owned())]);
    }

    #[test]
    fn origins_only() {
        assert!(origin("https://mail.example:8443", Reach::Public).is_ok());
        for wrong in
            ["http://mail.example", "https://mail.example/x", "https://u:p@mail.example", "ftp://x", "mail.example"]
        {
            assert!(origin(wrong, Reach::Public).is_err(), "{wrong}");
        }
        assert!(origin("http://mail.example", Reach::Private).is_ok());
    }

    /// A server that says one thing to everyone and keeps what it heard.
    async fn serve(answer: &'static str) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heard) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; 4096];
                let read = stream.read(&mut bytes).await.unwrap();
                let _ = tell.send(String::from_utf8_lossy(&bytes[..read]).into_owned());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (port, heard)
    }

    /// Grants of an endpoint of this machine.
    fn grants(port: u16, folder: &std::path::Path, rest: &str) -> Result<HttpGrants, ConfigError> {
        let token = folder.join("token");
        std::fs::write(&token, "t0ken").unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let text = format!(
            "connector = \"x\"\n[endpoints.api]\nurl = \"http://localhost:{port}\"\ntoken-file = {token:?}\n{rest}"
        );
        let config = toml::from_str(&text).unwrap();
        let manifest = crate::manifest::Manifest::parse("[endpoints.api]").unwrap();
        let limits = SandboxLimits::default();
        HttpGrants::of(&Ground { store: "corp", config: &config, manifest: &manifest, base: folder, limits })
    }

    fn get(path: &str) -> Request {
        let headers = vec![("authorization".to_owned(), "mine".to_owned()), ("x-kept".to_owned(), "yes".to_owned())];
        Request { endpoint: "api".into(), method: "GET".into(), path: path.into(), headers, body: Vec::new() }
    }

    #[tokio::test]
    async fn the_host_adds_the_token_and_follows_no_redirect() {
        let folder = tempfile::tempdir().unwrap();
        let (port, mut heard) = serve(
            "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
        )
        .await;
        let grants = grants(port, folder.path(), "allow-private-network = true").unwrap();
        let answer = grants.send(get("/v1?x=1"), &Room::of(1_000)).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (302, b"body".as_slice()));
        assert!(answer.headers.iter().all(|(name, _)| name != "set-cookie"));
        let asked = heard.recv().await.unwrap();
        assert!(asked.starts_with("GET /v1?x=1 HTTP/1.1") && asked.contains("authorization: Bearer t0ken"), "{asked}");
        assert!(asked.contains("x-kept: yes") && !asked.contains("mine"), "{asked}");
        let refused = grants.send(get("/"), &Room::of(3)).await.unwrap_err();
        assert!(matches!(refused, HttpError::TooLarge(size) if size > 4), "with its header fields: {refused:?}");
        let other = Request { endpoint: "other".into(), ..get("/") };
        assert!(matches!(grants.send(other, &Room::of(1_000)).await, Err(HttpError::Denied(_))));
    }

    async fn flood(limits: SandboxLimits, many: usize) -> Vec<Result<Response, HttpError>> {
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
        };
        let mut guest = Guest::new(Arc::new(grants), None, false);
        http::Host::send_many(&mut guest, vec![get("/"); many]).await.unwrap()
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

    #[tokio::test]
    async fn a_token_goes_nowhere_in_the_clear_without_leave() {
        let folder = tempfile::tempdir().unwrap();
        let grants = |url: &str, rest: &str| {
            let text =
                format!("connector = \"x\"\n[endpoints.api]\nurl = {url:?}\nallow-private-network = true\n{rest}");
            let config = toml::from_str(&text).unwrap();
            let manifest = crate::manifest::Manifest::parse("[endpoints.api]").unwrap();
            let limits = SandboxLimits::default();
            HttpGrants::of(&Ground { store: "corp", config: &config, manifest: &manifest, base: folder.path(), limits })
                .map(drop)
                .map_err(|error| error.to_string())
        };
        for here in ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "https://10.0.0.1"] {
            assert_eq!(grants(here, ""), Ok(()), "{here}");
        }
        for elsewhere in ["http://10.0.0.1", "http://mail.example"] {
            let refused = grants(elsewhere, "").unwrap_err();
            assert!(refused.contains("in the clear") && refused.contains("allow-cleartext"), "{refused}");
            assert_eq!(grants(elsewhere, "allow-cleartext = true"), Ok(()));
        }
    }

    #[tokio::test]
    async fn a_private_endpoint_needs_a_grant() {
        let folder = tempfile::tempdir().unwrap();
        let refused = grants(1, folder.path(), "").err().unwrap().to_string();
        assert!(refused.contains("`endpoints.api.url`") && refused.contains("allow-private-network"), "{refused}");
        let gated = GatedResolver(Reach::Public);
        let answer = gated.resolve("localhost".parse().unwrap()).await;
        assert!(answer.is_err());
    }
}
