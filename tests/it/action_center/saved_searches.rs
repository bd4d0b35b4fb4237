//! Saved searches over the API: what is saved, who opens and changes it, and which field is wrong.

use clawback_model::{PrincipalKind, Role};
use serde_json::{Value, json};

use super::forms::with_manual;
use super::{Desk, SENDER};

const PATH: &str = "/api/v1/saved-searches";

/// Another analyst, and an administrator.
async fn others(desk: &Desk) -> (String, String) {
    let cara = desk.center.add("cara", PrincipalKind::Person, &[Role::Analyst]).await;
    let root = desk.center.add("root", PrincipalKind::Person, &[Role::Admin]).await;
    (cara, root)
}

fn payroll(is_shared: bool) -> Value {
    json!({ "name": "Payroll", "is_shared": is_shared,
        "conditions": { "from": [SENDER, "mallory@evil.example"], "since": "7d" } })
}

#[tokio::test]
async fn a_search_is_saved_changed_and_removed() {
    let desk = with_manual().await;
    let (center, ann) = (&desk.center, &desk.ann);
    let made = center.call(ann, "POST", PATH, Some(payroll(false))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let saved = made.json();
    assert_eq!((&saved["owner"], &saved["version"], &saved["is_shared"]), (&json!("ann"), &json!(1), &json!(false)));
    assert_eq!(saved["conditions"], payroll(false)["conditions"], "as they were typed");
    let path = format!("{PATH}/{}", saved["id"].as_str().unwrap());
    assert_eq!(center.call(ann, "GET", &path, None).await.json(), saved);
    let listed = center.call(ann, "GET", PATH, None).await.json();
    assert_eq!((&listed[0]["name"], &listed[0]["conditions"]), (&json!("Payroll"), &Value::Null));

    let change = json!({ "version": 1, "name": "Salaries", "is_shared": true, "conditions": { "from": SENDER } });
    let changed = center.call(ann, "PUT", &path, Some(change.clone())).await;
    assert_eq!((changed.status, &changed.json()["version"]), (200, &json!(2)), "{}", changed.text);
    let stale = center.call(ann, "PUT", &path, Some(change)).await;
    assert_eq!((stale.status, stale.json()["code"].as_str()), (409, Some("stale-version")), "{}", stale.text);
    let said = stale.json()["detail"].as_str().unwrap().to_owned();
    assert!(said.starts_with("version: the saved search `Salaries` has changed since you opened it"), "{said}");

    assert_eq!(center.call(ann, "DELETE", &path, None).await.status, 204);
    for method in ["GET", "DELETE"] {
        let gone = center.call(ann, method, &path, None).await;
        assert_eq!((gone.status, gone.json()["code"].as_str()), (404, Some("not-found")), "{}", gone.text);
    }
    assert_eq!(center.call(ann, "GET", "/api/v1/verify", None).await.json()["holds"], true);
}

#[tokio::test]
async fn others_open_what_is_shared_and_change_nothing() {
    let desk = with_manual().await;
    let (center, ann) = (&desk.center, &desk.ann);
    let (cara, root) = others(&desk).await;
    let add = async |name: &str, is_shared: bool| {
        let body = json!({ "name": name, "is_shared": is_shared, "conditions": { "from": SENDER } });
        let made = center.call(ann, "POST", PATH, Some(body)).await.json();
        format!("{PATH}/{}", made["id"].as_str().unwrap())
    };
    let (private, shared) = (add("Private", false).await, add("Shared", true).await);
    let status = async |token: &str, method: &str, path: &str, body: Option<Value>| {
        center.call(token, method, path, body).await.status
    };
    let change = || Some(json!({ "version": 1, "name": "X", "is_shared": true, "conditions": { "from": SENDER } }));
    for token in [&cara, &root] {
        let listed = center.call(token, "GET", PATH, None).await.json();
        let names: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Shared"]);
        assert_eq!(status(token, "GET", &shared, None).await, 200);
        assert_eq!(status(token, "GET", &private, None).await, 404);
        assert_eq!(status(token, "PUT", &private, change()).await, 404);
        assert_eq!(status(token, "PUT", &shared, change()).await, 403);
    }
    let refused = center.call(&cara, "DELETE", &shared, None).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("not-the-owner")), "{}", refused.text);
    assert_eq!(status(&cara, "DELETE", &private, None).await, 404);
    assert_eq!(status(&root, "DELETE", &shared, None).await, 204);
    assert_eq!(status(&root, "DELETE", &private, None).await, 204);
    let viewer = center.add("vera", PrincipalKind::Person, &[Role::Viewer]).await;
    assert_eq!(status(&viewer, "GET", PATH, None).await, 403, "as a search itself");
}

#[tokio::test]
async fn a_refusal_names_the_field() {
    let desk = with_manual().await;
    let (center, ann) = (&desk.center, &desk.ann);
    assert_eq!(center.call(ann, "POST", PATH, Some(payroll(false))).await.status, 201);
    let body = |name: &str, conditions: Value| json!({ "name": name, "conditions": conditions });
    let from = || json!({ "from": SENDER });
    for (sent, status, code, said) in [
        (body("", from()), 422, "name", "name: a saved search has a name of 1 to 100 characters"),
        (body(" x", from()), 422, "name", "name: ` x` has white space at an end"),
        (body("x\u{202e}y", from()), 422, "name", "name: `x\\u{202e}y` has a control or invisible character"),
        (body("S-000000000000", from()), 422, "name", "name: `S-000000000000` reads as the ID"),
        (body("payROLL", from()), 409, "exists", "name: ann has a saved search `payROLL` already"),
        (body("x", json!({})), 422, "inputs", "conditions: there is none"),
        (body("x", json!({ "action": "hard-delete" })), 422, "inputs", "conditions: `action` says what is done"),
        (body("x", json!({ "form": SENDER })), 422, "inputs", "no input `form`; did you mean `from`?"),
        (body("x", json!({ "since": "soon" })), 422, "inputs", "input `since`"),
        (json!({ "name": "x", "conditions": from(), "owner": "ben" }), 400, "bad-request", "unknown field `owner`"),
        (json!({ "name": "x" }), 400, "bad-request", "missing field `conditions`"),
    ] {
        let refused = center.call(ann, "POST", PATH, Some(sent)).await;
        assert_eq!((refused.status, refused.header("content-type")), (status, "application/problem+json"), "{said}");
        let problem = refused.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
    let wrong = center.call(ann, "GET", &format!("{PATH}/R-000000000000"), None).await;
    let said = wrong.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(wrong.status, 400);
    assert!(said.starts_with("id: ") && said.contains("is not a saved search ID: expected S-"), "{said}");
    let listed = center.call(ann, "GET", PATH, None).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "nothing else was saved");
}
