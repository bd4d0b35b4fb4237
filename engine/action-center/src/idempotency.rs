//! `Idempotency-Key`: a request that changes something and is sent again with the same key is carried out once, and
//! gets the same answer (draft-ietf-httpapi-idempotency-key-header).

use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clawback_app::under_key;
use clawback_model::{Digest, Principal};
use clawback_store::{Earlier, RequestKey};

use crate::access::Caller;
use crate::center::Center;
use crate::json::RemediationJson;
use crate::problem::Problem;

/// How long a key is remembered.
const REMEMBERED: Duration = Duration::from_hours(24);
/// How often a request under way renews its hold of the key.
const HELD_EVERY: Duration = Duration::from_secs(10);
/// Longest key.
const LONGEST_KEY: usize = 255;
/// Marks an answer that holds a secret: the problem that a repeated request gets instead. The answer itself is not
/// kept.
#[derive(Debug, Clone)]
pub(crate) struct NotRepeatable(pub(crate) Problem);

/// Largest body of a request with a key.
const LARGEST: usize = 4 << 20;
/// Largest answer that is kept.
const LARGEST_ANSWER: usize = 16 << 20;

pub(crate) async fn once(State(center): State<Center>, request: Request, next: Next) -> Response {
    let key = request.headers().get("idempotency-key").cloned();
    let caller = request.extensions().get::<Caller>().map(|caller| caller.who.clone());
    match (key, caller) {
        (Some(key), Some(who)) if request.method() == Method::POST => {
            // Carried out to its end even if the caller goes away, so that a repeated request gets the answer, not a
            // key that stays taken.
            let done = tokio::spawn(async move { with_key(&center, &key, &who, request, next).await }).await;
            done.unwrap_or_else(|_| Err(Problem::internal())).unwrap_or_else(IntoResponse::into_response)
        }
        _ => next.run(request).await,
    }
}

async fn with_key(
    center: &Center,
    key: &HeaderValue,
    who: &Principal,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let key = key.ok_or_else(|| Problem::bad_request("Idempotency-Key: 1 to 255 visible ASCII characters"))?.to_owned();
    let name = who.name.as_str();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.map_err(|error| Problem::unread(&error, "the body", LARGEST))?;
    // With the roles: a token with fewer roles does not get the answer to another token of the same owner.
    let roles: Vec<&str> = who.roles.iter().map(|role| role.as_str()).collect();
    let mut asked = format!("{} {}\n{}\n", parts.method, parts.uri, roles.join(",")).into_bytes();
    asked.extend_from_slice(&body);
    let now = center.now();
    let history = &center.site().history;
    match history.take_key(name, &key, &Digest::of(&asked), now, now.minus(REMEMBERED)).await? {
        Earlier::None => {}
        Earlier::Filed(id) => {
            let filed = RemediationJson::from(&history.load(&id).await?);
            return Ok((StatusCode::ACCEPTED, Json(filed)).into_response());
        }
        Earlier::UnderWay => {
            let detail = "the first request with this key has not been answered yet; send it again later";
            return Err(Problem::new(StatusCode::CONFLICT, "under-way", detail));
        }
        Earlier::Other => {
            let detail = "this key was used with another request; take a new one";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key-used", detail));
        }
        Earlier::Answered { status, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
            return Ok((status, [(header::CONTENT_TYPE, kind)], body).into_response());
        }
    }
    let of = RequestKey { principal: name.to_owned(), key: key.clone() };
    let mut carried_out = Box::pin(under_key(of.clone(), next.run(Request::from_parts(parts, Body::from(body)))));
    let (parts, answer) = loop {
        tokio::select! {
            answer = &mut carried_out => break answer.into_parts(),
            () = tokio::time::sleep(HELD_EVERY) => {}
        }
        // A passing error: the key is held for a while longer.
        if let Err(error) = history.hold_key(&of, center.now()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "An idempotency key was not renewed; trying again."
            );
        }
    };
    let bytes = match to_bytes(answer, LARGEST_ANSWER).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "An answer could not be kept.");
            history.keep_answer(name, &key, None).await?;
            return Err(Problem::internal());
        }
    };
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let kept = match parts.extensions.get::<NotRepeatable>() {
        Some(NotRepeatable(problem)) => Some((problem.status, serde_json::to_string(problem).unwrap_or_default())),
        // A failed request may be retried under the same key.
        None => parts.status.is_success().then(|| (parts.status.as_u16(), text.to_owned())),
    };
    history.keep_answer(name, &key, kept.as_ref().map(|(status, body)| (*status, body.as_str()))).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}
