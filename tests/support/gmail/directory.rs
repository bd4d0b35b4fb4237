//! The directory of the Admin SDK: the users of the customer.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::state::{Gmail, Seen};
use super::tokens::who;
use super::{ADMIN, DIRECTORY};

/// `GET /admin/directory/v1/users`.
pub(super) async fn users(
    State(gmail): State<Gmail>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let answer = list(&gmail, &headers, &query);
    let status = if answer.is_ok() { 200 } else { 400 };
    let subject = who(&gmail, &headers).map(|(subject, _)| subject).unwrap_or_default();
    let request = "GET /admin/directory/v1/users".to_owned();
    gmail.lock().seen.push(Seen { subject, request, query: format!("{query:?}"), units: 0, status });
    answer.map_or_else(IntoResponse::into_response, |page| Json(page).into_response())
}

fn list(gmail: &Gmail, headers: &HeaderMap, query: &HashMap<String, String>) -> Result<Value, Refusal> {
    let (subject, scopes) = who(gmail, headers)?;
    if !scopes.iter().any(|scope| scope == DIRECTORY) {
        return Err(Refusal::no_scope());
    }
    if subject != ADMIN {
        let why = "Not Authorized to access this resource/api";
        return Err(Refusal::new(403, "forbidden", "PERMISSION_DENIED", why));
    }
    if query.get("customer").map(String::as_str) != Some("my_customer") {
        return Err(Refusal::invalid("Bad Request"));
    }
    let is_active = match query.get("query").map(String::as_str) {
        None => false,
        Some("isSuspended=false") => true,
        Some(_) => return Err(Refusal::invalid("Invalid Input: query")),
    };
    let most = query.get("maxResults").map_or(Ok(100), |most| most.parse::<usize>());
    let most = most.ok().filter(|most| (1..=500).contains(most)).ok_or_else(|| Refusal::invalid("maxResults"))?;
    let after = match query.get("pageToken") {
        Some(token) => Some(token.strip_prefix("after:").ok_or_else(|| Refusal::invalid("Invalid Input: pageToken"))?),
        None => None,
    };
    let shared = gmail.lock();
    let left = shared.mailboxes.iter().filter(|(name, mailbox)| {
        after.is_none_or(|after| name.as_str() > after) && !(is_active && mailbox.is_suspended)
    });
    let page: Vec<_> = left.clone().take(most).collect();
    let mut answer = json!({ "kind": "admin#directory#users" });
    if !page.is_empty() {
        let users = page.iter().map(|(name, mailbox)| {
            json!({ "primaryEmail": name, "isMailboxSetup": !mailbox.is_without_mail, "suspended": mailbox.is_suspended })
        });
        answer["users"] = users.collect();
    }
    if left.count() > page.len() {
        answer["nextPageToken"] = page.last().map(|(name, _)| json!(format!("after:{name}"))).unwrap_or_default();
    }
    Ok(answer)
}
