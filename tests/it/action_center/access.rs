//! Every route with every role: what is allowed and what is not, and that no route answers without a credential.

use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use axum::http::Request;
use clawback_model::{PrincipalKind, Role};
use serde_json::{Value, json};

use super::desk;

/// The callers of an address: everybody, those with any role, or those with one of these.
#[derive(Clone, Copy)]
enum May {
    Anybody,
    AnyRole,
    OneOf(&'static [Role]),
}

const WRITERS: May = May::OneOf(&[Role::Analyst, Role::Approver, Role::Admin]);
const APPROVERS: May = May::OneOf(&[Role::Approver]);
const ADMINS: May = May::OneOf(&[Role::Admin]);

/// Method and path as in the OpenAPI description.
const TABLE: [(&str, &str, May); 74] = [
    ("get", "/api/v1/openapi.json", May::Anybody),
    ("get", "/api/v1/me", May::AnyRole),
    ("get", "/api/v1/remediations", May::AnyRole),
    ("post", "/api/v1/remediations", WRITERS),
    ("post", "/api/v1/previews", WRITERS),
    ("post", "/api/v1/examinations", WRITERS),
    // It takes two roles: see `reading`.
    ("post", "/api/v1/messages", May::OneOf(&[])),
    ("get", "/api/v1/remediations/{id}", May::AnyRole),
    ("get", "/api/v1/remediations/{id}/messages", May::AnyRole),
    ("get", "/api/v1/remediations/{id}/messages/{seq}/raw", May::OneOf(&[Role::Examiner])),
    ("get", "/api/v1/remediations/{id}/events", May::AnyRole),
    ("get", "/api/v1/remediations/{id}/batches", May::AnyRole),
    ("post", "/api/v1/remediations/{id}/approve", APPROVERS),
    ("post", "/api/v1/remediations/{id}/reject", APPROVERS),
    ("post", "/api/v1/remediations/{id}/pause", WRITERS),
    ("post", "/api/v1/remediations/{id}/resume", WRITERS),
    ("post", "/api/v1/remediations/{id}/cancel", WRITERS),
    ("post", "/api/v1/remediations/{id}/replan", WRITERS),
    ("post", "/api/v1/remediations/{id}/undo", WRITERS),
    ("post", "/api/v1/remediations/{id}/retry", WRITERS),
    ("post", "/api/v1/suggestions", May::OneOf(&[Role::Analyst, Role::Approver, Role::Admin, Role::Suggester])),
    ("get", "/api/v1/reports", May::AnyRole),
    ("post", "/api/v1/reports", May::OneOf(&[Role::Analyst, Role::Approver, Role::Admin, Role::Suggester])),
    ("get", "/api/v1/investigations", May::AnyRole),
    ("get", "/api/v1/investigations/{id}", May::AnyRole),
    ("get", "/api/v1/alerts", May::AnyRole),
    ("get", "/api/v1/alerts/{id}", May::AnyRole),
    ("put", "/api/v1/alerts/{id}/handling", WRITERS),
    ("put", "/api/v1/investigations/{id}/incident", WRITERS),
    ("get", "/api/v1/saved-searches", WRITERS),
    ("post", "/api/v1/saved-searches", WRITERS),
    ("get", "/api/v1/saved-searches/{id}", WRITERS),
    ("put", "/api/v1/saved-searches/{id}", WRITERS),
    ("delete", "/api/v1/saved-searches/{id}", WRITERS),
    ("get", "/api/v1/schedules", May::AnyRole),
    ("get", "/api/v1/schedules/{name}/slots", May::AnyRole),
    ("post", "/api/v1/schedules/{name}/pause", WRITERS),
    ("post", "/api/v1/schedules/{name}/resume", WRITERS),
    ("post", "/api/v1/schedules/{name}/run", WRITERS),
    ("get", "/api/v1/playbooks", May::AnyRole),
    ("get", "/api/v1/playbooks/{name}", May::AnyRole),
    ("get", "/api/v1/nodes", May::AnyRole),
    ("get", "/api/v1/settings", ADMINS),
    ("get", "/api/v1/halt", May::AnyRole),
    ("post", "/api/v1/halt", ADMINS),
    ("delete", "/api/v1/halt", ADMINS),
    ("get", "/api/v1/verify", May::AnyRole),
    ("get", "/api/v1/refusals", ADMINS),
    ("get", "/api/v1/remediations/{id}/export", May::AnyRole),
    ("get", "/api/v1/remediations/{id}/plan", May::AnyRole),
    ("get", "/api/v1/texts/{sha256}", May::AnyRole),
    ("post", "/api/v1/indicators", WRITERS),
    ("get", "/api/v1/remediations/{id}/sightings", May::AnyRole),
    ("get", "/api/v1/block-lists/{kind}", May::AnyRole),
    ("get", "/api/v1/sweeps", May::AnyRole),
    ("post", "/api/v1/remediations/{id}/stop-sweep", WRITERS),
    ("get", "/api/v1/evidence", May::AnyRole),
    ("get", "/api/v1/evidence/{digest}", May::OneOf(&[Role::Examiner])),
    ("get", "/api/v1/remediations/{id}/messages/{seq}/evidence", May::OneOf(&[Role::Examiner])),
    ("get", "/api/v1/verify/evidence", May::AnyRole),
    ("post", "/api/v1/checks", WRITERS),
    ("get", "/api/v1/connectors", May::AnyRole),
    ("get", "/api/v1/stores", May::AnyRole),
    ("get", "/api/v1/stores/{name}", May::AnyRole),
    ("post", "/api/v1/stores/{name}/check", WRITERS),
    ("get", "/api/v1/principals", May::AnyRole),
    ("post", "/api/v1/principals", ADMINS),
    ("put", "/api/v1/principals/{name}/roles", ADMINS),
    ("post", "/api/v1/principals/{name}/roles/confirm", ADMINS),
    ("put", "/api/v1/principals/{name}/password", ADMINS),
    ("post", "/api/v1/principals/{name}/tokens", ADMINS),
    ("post", "/api/v1/principals/{name}/revoke", ADMINS),
    ("put", "/api/v1/take-over", May::AnyRole),
    ("get", "/api/v1/tokens", May::AnyRole),
];

fn body(path: &str) -> Option<Value> {
    let purge = json!({ "playbook": "purge", "inputs": { "sender": super::SENDER } });
    match path.rsplit('/').next().unwrap_or_default() {
        "remediations" | "previews" => Some(purge),
        "messages" if path == "/api/v1/messages" => {
            Some(json!({ "mailbox": "u1@corp.example", "message_id": "<1@evil.example>" }))
        }
        "examinations" => Some(json!({ "raw": "RnJvbTogYUBiDQoNCg==" })),
        "saved-searches" => Some(json!({ "name": "Payroll", "conditions": { "from": super::SENDER } })),
        "{id}" => {
            Some(json!({ "version": 1, "name": "Payroll", "is_shared": true, "conditions": { "from": "a@x.example" } }))
        }
        "reports" => Some(json!({ "raw": "RnJvbTogYUBiDQoNCg==", "reporter": "ann@corp.example" })),
        "indicators" => Some(json!({ "content": "evil.example" })),
        "suggestions" => {
            Some(json!({ "playbook": "purge", "verdict": "malicious", "inputs": { "sender": super::SENDER } }))
        }
        "halt" => Some(json!({ "reason": "a test" })),
        "checks" => Some(json!({ "name": "purge", "source": "playbook: [" })),
        "principals" => Some(json!({ "name": "new", "kind": "person", "roles": ["viewer"] })),
        "roles" => Some(json!({ "roles": ["viewer"] })),
        "handling" => Some(json!({ "state": "resolved" })),
        "incident" => Some(json!({ "incident": "INC-1" })),
        "password" => Some(json!({ "password": "correct horse battery" })),
        "tokens" => Some(json!({})),
        "take-over" => {
            Some(json!({ "password": clawback_tests::center::PASSWORD, "new_password": "a sentence of my own" }))
        }
        "revoke" => Some(json!({ "label": "test" })),
        _ => None,
    }
}

#[tokio::test]
async fn every_route_allows_and_denies_by_role() {
    let desk = desk().await;
    let described: BTreeSet<(String, String)> = {
        let description = serde_json::to_value(clawback_action_center::openapi()).unwrap();
        let paths = description["paths"].as_object().unwrap();
        let methods = |(path, item): (&String, &Value)| -> Vec<(String, String)> {
            item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())).collect()
        };
        paths.iter().flat_map(methods).collect()
    };
    let known = TABLE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described, known, "every route is in the table of this test");

    let mut callers = vec![("nobody", None, String::new()), ("no-role", Some(None), String::new())];
    callers[1].2 = desk.center.add("no-role", PrincipalKind::Person, &[]).await;
    // Only people vote, and only services suggest.
    let mut services = HashMap::new();
    for role in Role::ALL {
        let token = desk.center.add(role.as_str(), PrincipalKind::Person, &[role]).await;
        let service = desk.center.add(&format!("{role}-service"), PrincipalKind::Service, &[role]).await;
        services.insert(token.clone(), service);
        desk.center.password(role.as_str()).await;
        callers.push((role.as_str(), Some(Some(role)), token));
    }
    let (id, _) = desk.pending().await;
    desk.center.add("somebody", PrincipalKind::Person, &[]).await;
    let shown = desk.center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
    let of_record = |name: &str| shown[name]["id"].as_str().unwrap().to_owned();
    let (alert, investigation) = (of_record("alert"), of_record("investigation"));
    let digest = "0".repeat(64);
    for (method, path, may) in TABLE {
        let name = match path.split('/').nth(3) {
            Some("schedules") => "sweep-junk-worthy",
            Some("principals") => "somebody",
            Some("stores") => "corp",
            _ => "purge",
        };
        let id_of = match path.split('/').nth(3) {
            Some("alerts") => &alert,
            Some("investigations") => &investigation,
            // There is none: what is found depends on its owner (`saved_searches`).
            Some("saved-searches") => "S-000000000000",
            _ => &id,
        };
        let real = path.replace("{id}", id_of).replace("{name}", name).replace("{seq}", "1");
        let real = real.replace("{digest}", &digest).replace("{sha256}", &digest).replace("{kind}", "sender");
        for (name, role, token) in &callers {
            let allowed = match (may, role) {
                (May::Anybody, _) => true,
                (_, None | Some(None)) => false,
                (May::AnyRole, _) => true,
                (May::OneOf(roles), Some(Some(role))) => roles.contains(role),
            };
            let (mut real, mut sent) = (real.clone(), body(path).filter(|_| method != "get" && method != "delete"));
            if matches!(path.rsplit('/').next(), Some("approve" | "reject")) {
                // One vote ends it, so each caller votes on a remediation of their own, with a message that no other
                // has selected.
                desk.store.deliver("u3@corp.example", super::SENDER, "Salary", super::NOON);
                let (id, digest) = desk.pending().await;
                real = path.replace("{id}", &id);
                sent = Some(json!({ "plan_digest": digest }));
            }
            let token = services.get(token).filter(|_| path.ends_with("/suggestions")).unwrap_or(token);
            let answer = desk.center.call(token, &method.to_uppercase(), &real, sent).await;
            let denied = matches!(answer.status, 401 | 403);
            assert_eq!(denied, !allowed, "{name} {method} {path}: {} {}", answer.status, answer.text);
            assert_eq!(answer.status == 401, role.is_none() && !allowed, "{name} {method} {path}");
            assert!(answer.status < 500, "{name} {method} {path}: {} {}", answer.status, answer.text);
        }
    }
}

#[tokio::test]
async fn unknown_addresses_need_authentication() {
    let desk = desk().await;
    for path in ["/api/v1/nothing", "/api/v2/remediations", "/api/", "/api/v1/remediations/../halt"] {
        assert_eq!(desk.center.call("", "GET", path, None).await.status, 401, "{path}");
    }
    for path in ["/nothing", "/pending", "/history.csv", "/audit", "/sign-in/x", "/healthz/x"] {
        let answer = desk.center.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.header("location").starts_with("/sign-in?next=")), (303, true), "{path}");
    }
    assert_eq!(desk.center.call(&desk.ann, "GET", "/api/v1/nothing", None).await.status, 404);
    assert_eq!(desk.center.call(&desk.ann, "PATCH", "/api/v1/halt", None).await.status, 405);
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_recorded() {
    let desk = desk().await;
    desk.center.api.site().history.revoke_token("ben", "test", "test", super::NOON).await.unwrap();
    for token in [desk.ben.as_str(), "cbk_forged", "\u{e9}"] {
        let answer = desk.center.call(token, "GET", "/api/v1/me", None).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("unauthenticated")), "{token}");
    }
    assert_eq!(desk.center.refusals().await.len(), 3);
}
