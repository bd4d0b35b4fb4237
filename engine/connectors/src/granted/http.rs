//! Requests to granted endpoints.
//!
//! **Invariant:** the guest names an endpoint and a path, never an origin. The host adds the authorization after its
//! checks. Redirects are not followed, so no credential goes to another origin, and headers that could contain one are
//! not returned.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response as Answer, StatusCode, Url};

use crate::granted::endpoint::{Endpoint, HttpGrants};
use crate::granted::headers;
use crate::granted::outbound::Unanswered;
use crate::granted::token::challenge;
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
        self.send_prefix(mailbox, request, room, u64::MAX).await
    }

    /// Like [`send`](Self::send), but ends the response after `most` bytes of its body.
    pub(crate) async fn send_prefix(
        &self,
        mailbox: Option<&str>,
        request: Request,
        room: &Room,
        most: u64,
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
        let mut headers = outgoing(&request.headers)?;
        endpoint.confinement.hold(mailbox, method.as_str(), &url, &mut headers, &request.body).map_err(denied)?;
        let is_batch = endpoint.confinement.takes_batch(mailbox, &url);
        // A credential that is slow to obtain holds up its own mailbox only, not those that wait for a permit.
        if let Some(tokens) = endpoint.tokens.as_ref().filter(|tokens| tokens.is_issued()) {
            tokens.credential(mailbox).await?;
        }
        // Held until the response is read.
        let _permit =
            endpoint.requests.acquire().await.map_err(|_| HttpError::Failed("the store is closing".into()))?;
        let request = endpoint.client.request(method, url).headers(headers).body(request.body);
        let (mut answer, credential) = endpoint.ask(mailbox, request).await?;
        let fields = size(answer.headers());
        let announced =
            fields.saturating_add(usize::try_from(answer.content_length().unwrap_or(0)).unwrap_or(usize::MAX));
        if !room.take(fields) {
            return Err(HttpError::TooLarge(announced as u64));
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut body = Vec::new();
        while body.len() < most
            && let Some(mut chunk) = answer.chunk().await.map_err(|error| Unanswered::from(&error))?
        {
            chunk.truncate(most - body.len());
            if !room.take(chunk.len()) {
                return Err(HttpError::TooLarge(announced.max(fields + body.len() + chunk.len()) as u64));
            }
            body.extend_from_slice(&chunk);
        }
        if is_batch
            && answer.status().is_success()
            && let (Some(tokens), Some(credential)) = (&endpoint.tokens, &credential)
            && let Some(refused) = challenge::in_batch(&body)
        {
            tokens.refuse_in_part(mailbox, credential, refused.claims).await;
        }
        let headers = incoming(answer.headers(), credential.as_ref());
        Ok(Response { status: answer.status().as_u16(), headers, body })
    }
}

impl Endpoint {
    /// Sends a request with the credential of the mailbox. If the endpoint refuses one that can be replaced, sends it
    /// once more with a new one, which has the claims that the refusal demands: a request that was not authorized had no
    /// effect.
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
        let claims = challenge::demanded(answer.headers());
        drop(answer);
        if !tokens.refuse(mailbox, &credential, claims.clone()).await {
            return Err(tokens.give_up(mailbox, &credential, claims.as_ref()).await.into());
        }
        let credential = tokens.credential(mailbox).await?;
        let answer = deliver(authorized(again, &credential)?).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let claims = challenge::demanded(answer.headers());
            return Err(tokens.give_up(mailbox, &credential, claims.as_ref()).await.into());
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
    let mut fields = HeaderMap::new();
    for (name, value) in given {
        let wrong = || denied("a header field is not valid".into());
        let name = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        if headers::is_of_the_host(name.as_str()) {
            continue;
        }
        fields.append(name, HeaderValue::try_from(value.as_str()).map_err(|_| wrong())?);
    }
    Ok(fields)
}

/// Returns the response's header fields without those that contain credentials.
fn incoming(fields: &HeaderMap, credential: Option<&Credential>) -> Vec<(String, String)> {
    fields
        .iter()
        .filter(|(name, _)| !HIDDEN_HEADERS.contains(&name.as_str()) && !headers::is_of_proxies(name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .filter(|(_, value)| credential.is_none_or(|credential| !credential.is_in(value)))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
