//! Requests to granted endpoints.
//!
//! **Invariant:** the guest names an endpoint and a path, never an origin. The host adds the authorization after its
//! checks. Redirects are not followed, so no credential goes to another origin, and headers that could contain one are
//! not returned.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use crate::granted::endpoint::HttpGrants;
use crate::granted::gate;
use crate::granted::secret::{Secret, SecretSource};
use crate::limits::RECORD_BYTES;

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
    /// Sends a request. The bytes of the response are reserved from `room`.
    pub(crate) async fn send(&self, request: Request, room: &Room) -> Result<Response, HttpError> {
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

/// Maps an error without the URL, which may contain addresses.
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
pub(crate) mod tests {
    use super::*;
    use crate::granted::endpoint::tests::grants;

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
}
