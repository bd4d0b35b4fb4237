//! A JMAP server that has one large mailbox of equal messages and makes each page when it is asked for: a real server
//! takes half an hour to be filled with 200,000.

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Starts one for `mailbox`. Returns `http://127.0.0.1:PORT`.
pub(super) async fn start(mailbox: &str, messages: usize) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let mail = "urn:ietf:params:jmap:mail";
    let limits = json!({ "maxCallsInRequest": 16, "maxObjectsInGet": 500, "maxObjectsInSet": 500 });
    let session = Arc::new(json!({
        "username": mailbox,
        "capabilities": { "urn:ietf:params:jmap:core": limits, mail: {} },
        "accounts": { "a": {
            "name": mailbox, "isPersonal": true, "isReadOnly": false, "accountCapabilities": { mail: {} },
        } },
        "primaryAccounts": { mail: "a" },
        "apiUrl": format!("{origin}/jmap/"),
        "downloadUrl": format!("{origin}/download/{{accountId}}/{{blobId}}/{{name}}?type={{type}}"),
    }));
    let router = Router::new()
        .route("/.well-known/jmap", get(async move || Json(Value::clone(&session))))
        .route("/jmap/", post(async move |Json(request): Json<Value>| Json(answer(&request, messages))));
    tokio::spawn(async move { axum::serve(listener, router).await });
    origin
}

fn answer(request: &Value, messages: usize) -> Value {
    let (mut found, mut responses) = (Vec::new(), Vec::new());
    for call in request["methodCalls"].as_array().unwrap() {
        let (name, arguments) = (call[0].as_str().unwrap(), &call[1]);
        let result = match name {
            "Mailbox/get" => json!({ "list": [{ "id": "I", "name": "Inbox", "parentId": null, "role": "inbox" }] }),
            "Email/query" => {
                let anchor = arguments["anchor"].as_str().map_or(0, |anchor| number(anchor) + 1);
                let limit = arguments["limit"].as_u64().map_or(500, |limit| usize::try_from(limit).unwrap());
                found = (anchor..messages.min(anchor + limit)).map(|number| format!("M{number}")).collect();
                json!({ "ids": found, "position": anchor, "total": messages })
            }
            "Email/get" => {
                let ids = match arguments["ids"].as_array() {
                    Some(ids) => ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect(),
                    None => std::mem::take(&mut found),
                };
                json!({ "list": ids.iter().map(|id| email(number(id))).collect::<Vec<_>>(), "notFound": [] })
            }
            _ => panic!("{name}"),
        };
        responses.push(json!([name, result, call[2]]));
    }
    json!({ "methodResponses": responses, "sessionState": "0" })
}

fn number(id: &str) -> usize {
    id.trim_start_matches('M').parse().unwrap()
}

/// A message with all properties that the connector can ask for.
fn email(number: usize) -> Value {
    let raw = super::raw(number, "friend@acme.test");
    let text = String::from_utf8_lossy(&raw);
    let header = text.split("\r\n\r\n").next().unwrap();
    let fields: Vec<(&str, String)> = header
        .split("\r\n")
        .filter_map(|line| line.split_once(':').map(|(name, value)| (name, value.to_owned())))
        .collect();
    let headers: Vec<Value> = fields.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let mut email = json!({
        "id": format!("M{number}"), "blobId": format!("B{number}"), "mailboxIds": { "I": true }, "keywords": {},
        "size": raw.len(), "receivedAt": "2026-11-23T10:00:00Z", "headers": headers,
    });
    for (name, value) in fields {
        email[format!("header:{name}:all")] = json!([value]);
    }
    email
}
