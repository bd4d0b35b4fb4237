//! The API: from submit to undo, every way to evade two-step approval, concurrent votes, repeated requests.

use std::time::Duration;

use clawback_app::under_key;
use clawback_model::{Digest, PrincipalKind, Role};
use clawback_store::{Earlier, RequestKey};
use clawback_tests::committed;
use clawback_tests::site::{person, submission};
use serde_json::{Value, json};

use super::{SENDER, desk};

#[tokio::test]
async fn a_remediation_goes_from_submit_to_undo() {
    let desk = desk().await;
    let (center, ann, ben) = (&desk.center, &desk.ann, &desk.ben);
    let body = json!({ "playbook": "purge", "inputs": { "sender": SENDER } });
    let preview = center.call(ann, "POST", "/api/v1/previews", Some(body)).await.json();
    assert_eq!(
        (&preview["counts"]["submitted"], &preview["by_location"]["inbox"]),
        (&json!(3), &json!(3)),
        "{preview}"
    );
    let (id, digest) = desk.pending().await;
    assert_eq!(preview["plan_digest"], digest.as_str());
    let path = format!("/api/v1/remediations/{id}");
    let pending = center.call(ben, "GET", "/api/v1/remediations?pending=true", None).await.json();
    assert_eq!(pending["items"][0]["id"], id.as_str());
    let vote = json!({ "plan_digest": digest, "comment": "seen in three mailboxes" });
    let voted = center.call(ben, "POST", &format!("{path}/approve"), Some(vote)).await.json();
    assert_eq!(voted["remediation"]["status"], "approved", "{voted}");
    center.work().await;
    let shown = center.call(ann, "GET", &format!("{path}?wait=1"), None).await.json();
    assert_eq!(
        (&shown["remediation"]["status"], &shown["investigation_status"]),
        (&json!("completed"), &json!("remediated"))
    );
    let first = center.call(ann, "GET", &format!("{path}/messages?limit=2"), None).await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let rest = format!("{path}/messages?limit=2&after={}", first["next"].as_str().unwrap());
    let rest = center.call(ann, "GET", &rest, None).await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    let undone = center.call(ann, "POST", &format!("{path}/undo"), None).await;
    assert_eq!((undone.status, undone.json()["action"].as_str()), (202, Some("restore")));
    assert_eq!(center.call(ann, "GET", "/api/v1/verify", None).await.json()["holds"], true);
}

#[tokio::test]
async fn the_requester_cannot_evade_the_second_person() {
    let desk = desk().await;
    let (center, ann) = (&desk.center, &desk.ann);
    center.password("ann").await;
    let (id, digest) = desk.pending().await;
    let path = format!("/api/v1/remediations/{id}");
    let vote = || Some(json!({ "plan_digest": digest }));
    let by_api = center.call(ann, "POST", &format!("{path}/approve"), vote()).await;
    assert_eq!((by_api.status, by_api.json()["code"].as_str()), (403, Some("two-step")));

    let history = &center.api.site().history;
    let second = clawback_runtime::NewToken::generate(clawback_tests::site::random);
    history
        .add_token("ann", &second.digest(), clawback_store::TokenTerms::labelled("second"), "ann", super::NOON)
        .await
        .unwrap();
    assert_eq!(center.call(second.reveal(), "POST", &format!("{path}/approve"), vote()).await.status, 403);

    let cookie = center.sign_in("ann").await;
    let token = center.page(&cookie, "/pending").await.form_token();
    let seen = center.call(ann, "GET", &path, None).await.header("etag").trim_matches('"').to_owned();
    for (place, fields) in [
        (format!("/remediations/{id}/decide"), format!("decision=approve&digest={digest}&seen={seen}")),
        ("/pending".to_owned(), format!("decision=approve&pick={id}+{digest}+{seen}")),
    ] {
        let answer = center.form(&cookie, &place, &format!("{fields}&form_token={token}")).await;
        assert_eq!(answer.status, 403, "{place}: {}", answer.text);
    }
    assert_eq!(center.refusals().await.len(), 4);
    let shown = center.call(ann, "GET", &path, None).await.json();
    assert_eq!(shown["remediation"]["status"], "pending-approval");
    assert!(shown["approval"]["votes"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn concurrent_votes_do_not_overwrite_each_other() {
    let desk = desk().await;
    let center = &desk.center;
    let cas = center.add("cas", PrincipalKind::Person, &[Role::Approver]).await;
    let (id, digest) = desk.pending().await;
    let path = format!("/api/v1/remediations/{id}");
    let old = json!({ "plan_digest": "0".repeat(64) });
    let stale = center.call(&cas, "POST", &format!("{path}/approve"), Some(old)).await;
    assert_eq!(stale.json()["code"], "stale-digest");
    let tag = center.call(&desk.ben, "GET", &path, None).await.header("etag").to_owned();
    center.clock.advance(Duration::from_secs(1));
    let vote = || Some(json!({ "plan_digest": digest }));
    let (rejects, approves) = (format!("{path}/reject"), format!("{path}/approve"));
    let with_tag = [("if-match", tag.as_str())];
    let (one, other) = tokio::join!(
        center.call_with(&desk.ben, "POST", &rejects, vote(), &with_tag),
        center.call_with(&cas, "POST", &approves, vote(), &with_tag),
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert!(matches!(statuses, [200, 409 | 412]), "{} {}", one.text, other.text);
}

#[tokio::test]
async fn the_same_key_submits_once() {
    let desk = desk().await;
    let (center, ann) = (&desk.center, &desk.ann);
    let body = || Some(json!({ "playbook": "purge", "inputs": { "sender": SENDER } }));
    let key = [("idempotency-key", "ticket-4711")];
    let first = center.call_with(ann, "POST", "/api/v1/remediations", body(), &key).await;
    let again = center.call_with(ann, "POST", "/api/v1/remediations", body(), &key).await;
    assert_eq!((first.status, again.status, &first.text), (202, 202, &again.text));
    let other = json!({ "playbook": "purge", "inputs": { "sender": "x@evil.example" } });
    let other = center.call_with(ann, "POST", "/api/v1/remediations", Some(other), &key).await;
    assert_eq!((other.status, other.json()["code"].as_str()), (422, Some("key-used")));
    // A token of the same owner with fewer roles does not get the answer to this one.
    let less = clawback_runtime::NewToken::generate(clawback_tests::site::random);
    let terms =
        clawback_store::TokenTerms { scope: Some(&[Role::Viewer]), ..clawback_store::TokenTerms::labelled("less") };
    center.api.site().history.add_token("ann", &less.digest(), terms, "test", super::NOON).await.unwrap();
    let told = center.call_with(less.reveal(), "POST", "/api/v1/remediations", body(), &key).await;
    assert_eq!((told.status, told.json()["code"].as_str()), (422, Some("key-used")));
    // The same key of another principal is another key.
    assert_eq!(center.call_with(&desk.ben, "POST", "/api/v1/remediations", body(), &key).await.status, 202);
    let all = center.call(ann, "GET", "/api/v1/remediations", None).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_of_a_dead_node_returns_what_was_filed_or_is_free() {
    let desk = desk().await;
    let (center, ann) = (&desk.center, &desk.ann);
    let body = || Some(json!({ "playbook": "purge", "inputs": { "sender": SENDER } }));
    let key = [("idempotency-key", "ticket-4711")];
    let post = async || center.call_with(ann, "POST", "/api/v1/remediations", body(), &key).await;
    let asked = Digest::of(format!("POST /api/v1/remediations\nanalyst,approver\n{}", body().unwrap()).as_bytes());
    let of = RequestKey { principal: "ann".to_owned(), key: key[0].1.to_owned() };
    let history = &center.api.site().history;
    let take = async || {
        let now = center.api.site().now();
        history.take_key(&of.principal, &of.key, &asked, now, now.minus(Duration::from_hours(24))).await.unwrap()
    };

    // A node takes the key, files, and dies before it has answered.
    assert_eq!(take().await, Earlier::None);
    let who = person("ann", &[Role::Analyst]);
    let filed =
        under_key(of.clone(), center.api.submit(&who, submission("purge", &[("sender", SENDER)]))).await.unwrap();
    let waits = post().await;
    assert_eq!((waits.status, waits.json()["code"].as_str()), (409, Some("under-way")), "it may be at work still");
    center.clock.advance(Duration::from_secs(20));
    history.hold_key(&of, center.api.site().now()).await.unwrap();
    center.clock.advance(Duration::from_secs(20));
    assert_eq!(post().await.status, 409, "it reports that it is");
    center.clock.advance(Duration::from_secs(11));
    let again = post().await;
    assert_eq!((again.status, again.json()["id"].as_str()), (202, Some(filed.id.as_str())), "{}", again.text);

    // Another dies before it has filed anything: one caller can take the key.
    history.keep_answer(&of.principal, &of.key, None).await.unwrap();
    assert_eq!(take().await, Earlier::None);
    center.clock.advance(Duration::from_secs(31));
    let (one, two) = tokio::join!(post(), post());
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert!(matches!(statuses, [202, 202 | 409]), "{statuses:?}");
    let all = center.call(ann, "GET", "/api/v1/remediations", None).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 2, "each was carried out once");
}

#[tokio::test]
async fn the_secret_of_a_token_is_returned_once() {
    let desk = desk().await;
    let center = &desk.center;
    let root = center.add("root", PrincipalKind::Person, &[Role::Admin]).await;
    let key = [("idempotency-key", "ticket-4711")];
    let order = || Some(json!({ "label": "prod", "days": 1, "roles": ["approver"] }));
    let made = center.call_with(&root, "POST", "/api/v1/principals/ben/tokens", order(), &key).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let secret = made.json()["token"].as_str().unwrap().to_owned();
    let again = center.call_with(&root, "POST", "/api/v1/principals/ben/tokens", order(), &key).await;
    assert_eq!((again.status, again.json()["code"].as_str()), (409, Some("told-once")), "{}", again.text);
    assert_eq!(again.header("content-type"), "application/problem+json");
    assert!(!again.text.contains(&secret), "{}", again.text);
    let me = center.call(&secret, "GET", "/api/v1/me", None).await.json();
    assert_eq!((&me["name"], &me["roles"]), (&"ben".into(), &json!(["approver"])));
}

#[tokio::test]
async fn a_token_with_fewer_roles_reads_and_does_no_more() {
    let desk = desk().await;
    let center = &desk.center;
    let root = center.add("root", PrincipalKind::Person, &[Role::Admin]).await;
    let make = async |order: Value| center.call(&root, "POST", "/api/v1/principals/ann/tokens", Some(order)).await;
    for days in [0, 3_651, u32::MAX] {
        assert_eq!(make(json!({ "days": days })).await.json()["code"], "days");
    }
    // Ann is an analyst and an approver, so she may read.
    let less = make(json!({ "label": "dashboard", "roles": ["viewer"] })).await.json();
    let less = less["token"].as_str().unwrap();
    assert_eq!(center.call(less, "GET", "/api/v1/me", None).await.json()["roles"], json!(["viewer"]));
    let code = async |token: &str, method: &str, path: &str, body: Value| {
        let answer = center.call(token, method, path, Some(body)).await;
        (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    let forbidden = (403, "forbidden".to_owned());
    let password = || json!({ "password": "correct horse battery staple" });
    let path = "/api/v1/principals/ann/password";
    for token in [less, &desk.ann, &desk.ben] {
        assert_eq!(code(token, "PUT", path, password()).await, forbidden, "a password outlives tokens");
    }
    assert_eq!(center.call(&root, "PUT", path, Some(password())).await.status, 204);
    let own = json!({ "label": "test" });
    assert_eq!(code(less, "POST", "/api/v1/principals/ann/revoke", own.clone()).await, forbidden, "not her others");
    assert_eq!(center.call(&desk.ann, "POST", "/api/v1/principals/ann/revoke", Some(own)).await.status, 204);
    let last = json!({ "roles": ["viewer"] });
    let answer = code(&root, "PUT", "/api/v1/principals/root/roles", last).await;
    assert_eq!(answer, (409, "last-administrator".to_owned()));
}

#[tokio::test]
async fn a_check_is_bounded() {
    let desk = desk().await;
    for body in [
        json!({ "name": "x".repeat(201), "source": "playbook: x" }),
        json!({ "name": "x", "source": "- a\n".repeat(20_000) }),
    ] {
        assert_eq!(desk.center.call(&desk.ann, "POST", "/api/v1/checks", Some(body)).await.status, 400);
    }
    let wrong = format!("playbook: x\n{}", (0..2_000).map(|key| format!("k{key}: 1\n")).collect::<String>());
    let body = json!({ "name": "x".repeat(200), "source": wrong });
    let checked = desk.center.call(&desk.ann, "POST", "/api/v1/checks", Some(body)).await;
    assert_eq!((checked.status, &checked.json()["ok"]), (200, &json!(false)));
    assert_eq!(checked.json()["diagnostics"].as_array().unwrap().len(), 100, "the first hundred mistakes");
    assert!(checked.text.len() < 1 << 18, "{}", checked.text.len());
}

#[tokio::test]
async fn a_caller_who_goes_away_finds_the_answer_later() {
    let desk = desk().await;
    let (center, ann) = (&desk.center, &desk.ann);
    let body = || Some(json!({ "playbook": "purge", "inputs": { "sender": SENDER } }));
    let keys: Vec<String> = (0..40).map(|number| format!("ticket-{number}")).collect();
    for (number, key) in keys.iter().enumerate() {
        let key = [("idempotency-key", key.as_str())];
        let asked = center.call_with(ann, "POST", "/api/v1/remediations", body(), &key);
        // Disconnects at another point each time, from before the key is taken until after the answer.
        let _ = tokio::time::timeout(Duration::from_micros(number as u64 * 250), asked).await;
        let mut status = 409;
        for _ in 0..200 {
            status = center.call_with(ann, "POST", "/api/v1/remediations", body(), &key).await.status;
            if status != 409 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(status, 202, "{key:?}");
    }
    let all = center.call(ann, "GET", "/api/v1/remediations", None).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), keys.len(), "each key submitted once");
}

#[tokio::test]
async fn a_detector_suggests_and_a_person_cannot_pose_as_one() {
    let desk = desk().await;
    let center = &desk.center;
    let air = center.add("air", PrincipalKind::Service, &[Role::Analyst]).await;
    let suggestion = |verdict: &str| {
        Some(json!({ "playbook": "purge", "verdict": verdict, "confidence": 0.9, "inputs": { "sender": SENDER } }))
    };
    let made = center.call(&air, "POST", "/api/v1/suggestions", suggestion("malicious")).await;
    assert_eq!((made.status, made.json()["action_source"].as_str()), (202, Some("air")));
    center.work().await;
    let shown =
        center.call(&air, "GET", &format!("/api/v1/remediations/{}", made.json()["id"].as_str().unwrap()), None).await;
    assert_eq!(shown.json()["remediation"]["status"], "pending-approval");
    // The related records, by their IDs and by the filters of the history.
    for (list, id, expected) in [
        ("investigations", &shown.json()["investigation"]["id"], ("status", "pending-action")),
        ("alerts", &shown.json()["alert"]["id"], ("action", "soft-delete")),
    ] {
        let id = id.as_str().unwrap();
        let one = center.call(&desk.ben, "GET", &format!("/api/v1/{list}/{id}"), None).await.json();
        assert_eq!((&one["id"], &one[expected.0]), (&json!(id), &json!(expected.1)), "{one}");
        let all = center.call(&desk.ben, "GET", &format!("/api/v1/{list}?action_source=air"), None).await.json();
        assert_eq!(all["items"], json!([one]));
        let none = center.call(&desk.ben, "GET", &format!("/api/v1/{list}?action_source=schedule"), None).await.json();
        assert_eq!(none["items"], json!([]));
    }
    let of = async |made: serde_json::Value, rest: &str| {
        let path = format!("/api/v1/remediations/{}{rest}", made["id"].as_str().unwrap());
        center.call(&air, "GET", &path, None).await.json()
    };
    let found = of(made.json(), "/messages").await;
    let one = &found["items"][0];
    let mut narrow = suggestion("malicious").unwrap();
    narrow["messages"] = json!([{
        "mailbox": one["mailbox"], "message_id": one["message_id"], "fingerprint": one["fingerprint"],
    }]);
    let made = center.call(&air, "POST", "/api/v1/suggestions", Some(narrow)).await;
    assert_eq!(made.status, 202, "{}", made.text);
    center.work().await;
    assert_eq!(of(made.json(), "").await["remediation"]["counts"]["submitted"], 1);
    assert_eq!(center.call(&air, "POST", "/api/v1/suggestions", suggestion("clean")).await.status, 422);
    assert_eq!(center.call(&desk.ann, "POST", "/api/v1/suggestions", suggestion("malicious")).await.status, 403);
}

#[tokio::test]
async fn bad_requests_are_named() {
    let desk = desk().await;
    let (center, ann) = (&desk.center, &desk.ann);
    let sent = |field: &str, value: Value| {
        let mut body = json!({ "playbook": "purge", "inputs": { "sender": SENDER } });
        body[field] = value;
        body
    };
    let unknown: std::collections::BTreeMap<String, &str> =
        (0..40_000).map(|number| (format!("n{number}"), "x")).collect();
    for (method, path, body, status, says) in [
        ("GET", "/api/v1/remediations?status=lost", None, 400, "status"),
        ("GET", "/api/v1/remediations?limit=0", None, 400, "limit"),
        ("GET", "/api/v1/remediations?colour=red", None, 400, "colour"),
        ("GET", "/api/v1/remediations?since=yesterday", None, 400, "since"),
        ("GET", "/api/v1/remediations/x", None, 400, "id"),
        ("GET", "/api/v1/remediations/R-000000000000", None, 404, "R-000000000000"),
        ("POST", "/api/v1/remediations", Some(json!({ "playbook": "none" })), 404, "none"),
        ("POST", "/api/v1/remediations", Some(json!({ "playbook": "../purge" })), 422, "path"),
        ("POST", "/api/v1/remediations", Some(json!({ "playbook": "purge" })), 422, "sender"),
        ("POST", "/api/v1/remediations", Some(json!({ "play": "purge" })), 400, "play"),
        ("POST", "/api/v1/remediations", None, 415, "JSON"),
        ("POST", "/api/v1/remediations", Some(json!({ "playbook": "n".repeat(10_000) })), 404, "nnn…"),
        ("GET", "/api/v1/playbooks/a%00b", None, 404, "a\\u{0}b"),
        ("GET", &format!("/api/v1/playbooks/{}", "n".repeat(10_000)), None, 404, "nnn…"),
        ("POST", "/api/v1/remediations", Some(sent("name", json!("x".repeat(201)))), 422, "200 characters"),
        ("POST", "/api/v1/remediations", Some(sent("description", json!("x".repeat(4_001)))), 422, "4000 characters"),
        ("POST", "/api/v1/remediations", Some(sent("inputs", json!(unknown))), 422, "100 names"),
        (
            "POST",
            "/api/v1/previews",
            Some(sent("inputs", json!({ "sender": "x".repeat(170_000) }))),
            422,
            "163840 bytes",
        ),
        ("POST", "/api/v1/previews", Some(sent("inputs", json!({ "sender": vec!["x"; 6_000] }))), 422, "5000 values"),
    ] {
        let answer = center.call(ann, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert!(answer.text.len() < 1_000, "{} bytes", answer.text.len());
        // An error must not contain paths of the server.
        assert!(!answer.text.contains("/tmp") && !answer.text.contains(".yaml"), "{}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(answer.json()["detail"].as_str().unwrap().contains(says), "{method} {path}: {}", answer.text);
    }
    let acts = desk.store.acts();
    assert_eq!(acts, 0);
}

#[test]
fn the_description_is_the_one_that_is_committed() {
    let now = serde_json::to_string_pretty(&clawback_action_center::openapi()).unwrap() + "\n";
    committed::check("engine/action-center/openapi.json", &now);
}
