//! Requests to granted endpoints.
//!
//! **Invariant:** the guest names an endpoint and a path, never an origin. The host adds the authorization after its
//! checks. Redirects are not followed, so no credential goes to another origin, and headers that could contain one are
//! not returned.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response as Answer, StatusCode, Url};

use crate::granted::endpoint::{Endpoint, HttpGrants};
use crate::granted::outbound::Unanswered;
use crate::granted::token::failure::TokenError;
use crate::granted::token::source::Credential;
use crate::limits::RECORD_BYTES;
use crate::throttle::Throttle;

/// A request of a guest.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The name of an endpoint in the manifest.
    pub(crate) endpoint: String,
    pub(crate) method: String,
    /// The path and query, from the first `/`.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The response of an endpoint, with any status.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HttpError {
    Denied(String),
    TimedOut,
    /// The size of the response in bytes, as far as known.
    TooLarge(u64),
    Failed(String),
    /// The token server knows no account of the mailbox. The contract's `denied`.
    NoAccount(String),
    /// The token server asks to wait. The contract's `failed`.
    Throttled(Throttle),
}

impl From<Unanswered> for HttpError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Denied(why) => Self::Denied(why),
            Unanswered::TimedOut => Self::TimedOut,
            Unanswered::Failed(why) => Self::Failed(why),
        }
    }
}

impl From<TokenError> for HttpError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::NoAccount(why) => Self::NoAccount(why),
            TokenError::Denied(why) => Self::Denied(why),
            TokenError::Throttled { why, after } => Self::Throttled(Throttle { why, after }),
            TokenError::Transient(why) => Self::Failed(why),
        }
    }
}

/// The most header fields of one request, and the most bytes of them; real requests have a dozen.
const MOST_HEADERS: usize = 64;
const MOST_HEADER_BYTES: usize = 32 << 10;

/// The headers that a guest may not set: the host's own, and those for proxies and connections instead of the endpoint.
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

/// The headers that are hidden from the guest.
const HIDDEN_HEADERS: [&str; 6] =
    ["authentication-info", "authorization", "set-cookie", "set-cookie2", "www-authenticate", "connection"];

/// The bytes that responses may still use.
pub(crate) struct Room(AtomicUsize);

impl Room {
    pub(crate) fn of(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// Reserves this many bytes, or none.
    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

impl HttpGrants {
    /// Sends a request of a call for `mailbox`, or for the whole store. The bytes of the response are reserved from
    /// `room`, after they are decoded.
    pub(crate) async fn send(
        &self,
        mailbox: Option<&str>,
        request: Request,
        room: &Room,
    ) -> Result<Response, HttpError> {
        let shown = || clawback_model::visible_line(&request.endpoint, 60);
        let endpoint =
            self.get(&request.endpoint).ok_or_else(|| denied(format!("endpoint `{}` was not granted", shown())))?;
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
        let headers = outgoing(&request.headers)?;
        let request = endpoint.client.request(method, url).headers(headers).body(request.body);
        let (mut answer, credential) = endpoint.ask(mailbox, request).await?;
        let fields = size(answer.headers());
        let announced =
            fields.saturating_add(usize::try_from(answer.content_length().unwrap_or(0)).unwrap_or(usize::MAX));
        if !room.take(fields) {
            return Err(HttpError::TooLarge(announced as u64));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| Unanswered::from(&error))? {
            if !room.take(chunk.len()) {
                return Err(HttpError::TooLarge(announced.max(fields + body.len() + chunk.len()) as u64));
            }
            body.extend_from_slice(&chunk);
        }
        let headers = incoming(answer.headers(), credential.as_ref());
        Ok(Response { status: answer.status().as_u16(), headers, body })
    }
}

impl Endpoint {
    /// Sends a request with the credential of the mailbox. If the endpoint refuses one that can be replaced, sends it
    /// once more with a new one: a request that was not authorized had no effect.
    async fn ask(
        &self,
        mailbox: Option<&str>,
        request: RequestBuilder,
    ) -> Result<(Answer, Option<Credential>), HttpError> {
        let Some(tokens) = &self.tokens else { return Ok((deliver(request).await?, None)) };
        let again = if tokens.is_issued() { request.try_clone() } else { None };
        let credential = tokens.credential(mailbox).await?;
        let answer = deliver(authorized(request, &credential)?).await?;
        let Some(again) = again.filter(|_| answer.status() == StatusCode::UNAUTHORIZED) else {
            return Ok((answer, Some(credential)));
        };
        drop(answer);
        if !tokens.refuse(mailbox, &credential).await {
            return Err(tokens.give_up(mailbox, &credential).await.into());
        }
        let credential = tokens.credential(mailbox).await?;
        let answer = deliver(authorized(again, &credential)?).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            return Err(tokens.give_up(mailbox, &credential).await.into());
        }
        Ok((answer, Some(credential)))
    }
}

fn authorized(request: RequestBuilder, credential: &Credential) -> Result<RequestBuilder, HttpError> {
    let text = format!("{} {}", credential.scheme.name(), credential.secret.expose());
    let mut value = HeaderValue::try_from(text).map_err(|_| denied("the token cannot be sent in a header".into()))?;
    value.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, value))
}

async fn deliver(request: RequestBuilder) -> Result<Answer, HttpError> {
    request.send().await.map_err(|error| Unanswered::from(&error).into())
}

/// Returns the memory of a response without its body.
fn size(headers: &HeaderMap) -> usize {
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + RECORD_BYTES);
    fields.sum::<usize>() + RECORD_BYTES
}

fn denied(why: String) -> HttpError {
    HttpError::Denied(why)
}

/// Returns the URL of a path below the origin; fails if the path leaves it.
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

/// Returns the guest's header fields without those that only the host may set.
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

/// Returns the response's header fields without those that contain credentials.
fn incoming(headers: &HeaderMap, credential: Option<&Credential>) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| {
            !HIDDEN_HEADERS.contains(&name.as_str())
                && !HOST_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
        })
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .filter(|(_, value)| credential.is_none_or(|credential| !credential.is_in(value)))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::granted::endpoint::tests::grants;
    use crate::granted::secret::Secret;
    use crate::granted::token::source::Scheme;

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
        let secret = Secret::new("t0ken");
        let credential = Credential { scheme: Scheme::Bearer, hidden: secret.clone(), secret };
        assert_eq!(incoming(&headers, Some(&credential)), [("etag".to_owned(), "e".to_owned())]);
    }

    /// Starts a server that always gives the same response and records what it receives.
    pub(crate) async fn serve(answer: &'static str) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
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
        let answer = grants.send(None, get("/v1?x=1"), &Room::of(1_000)).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (302, b"body".as_slice()));
        assert!(answer.headers.iter().all(|(name, _)| name != "set-cookie"));
        let asked = heard.recv().await.unwrap();
        assert!(asked.starts_with("GET /v1?x=1 HTTP/1.1") && asked.contains("authorization: Bearer t0ken"), "{asked}");
        assert!(asked.contains("x-kept: yes") && !asked.contains("mine"), "{asked}");
        let refused = grants.send(None, get("/"), &Room::of(3)).await.unwrap_err();
        assert!(matches!(refused, HttpError::TooLarge(size) if size > 4), "with its header fields: {refused:?}");
        let other = Request { endpoint: "other".into(), ..get("/") };
        assert!(matches!(grants.send(None, other, &Room::of(1_000)).await, Err(HttpError::Denied(_))));
    }
}
