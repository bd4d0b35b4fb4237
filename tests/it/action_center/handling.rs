//! What people record of an alert: what they found, a comment, and what happens if two do it at once.

use clawback_tests::hostile::PAYLOADS;
use serde_json::{Value, json};

use super::unsent::hidden;
use super::{Desk, desk};

/// The desk with an alert: its ID, the address of its form, and the cookie of ann.
async fn alert() -> (Desk, String, String, String) {
    let desk = desk().await;
    for name in ["ann", "ben"] {
        desk.center.password(name).await;
    }
    let (id, _) = desk.pending().await;
    let shown = desk.center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
    let text = |kind: &str| shown[kind]["id"].as_str().unwrap().to_owned();
    let (alert, form) = (text("alert"), format!("/investigations/{}/alert", text("investigation")));
    let cookie = desk.center.sign_in("ann").await;
    (desk, alert, form, cookie)
}

fn tab(form: &str) -> String {
    format!("{}?tab=alerts", form.trim_end_matches("/alert"))
}

async fn shown(desk: &Desk, alert: &str) -> Value {
    desk.center.call(&desk.ann, "GET", &format!("/api/v1/alerts/{alert}"), None).await.json()
}

#[tokio::test]
async fn an_alert_is_classified_on_the_page_and_by_the_api() {
    let (desk, alert, form, cookie) = alert().await;
    let center = &desk.center;
    let page = center.page(&cookie, &tab(&form)).await;
    assert!(page.text.contains("<optgroup label=\"True positive\">"), "{}", page.text);
    let fields = hidden(&page.text, &form);
    let send = async |rest: &str| center.form(&cookie, &form, &format!("{fields}&{rest}")).await;
    // The determination says which classification it is of.
    let saved =
        send("state=resolved&owner=&classification=&determination=phishing&comment=two+lines%0D%0Aof+text").await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let known = shown(&desk, &alert).await;
    assert_eq!((&known["classification"], &known["determination"]), (&json!("true-positive"), &json!("phishing")));
    assert_eq!(known["comment"], "two lines\r\nof text");
    let page = center.page(&cookie, &tab(&form)).await;
    for said in ["True positive: Phishing", "two lines", "by <bdi class=\"mail\">ann</bdi>"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    for (query, found) in [("classification=true-positive", true), ("classification=false-positive", false)] {
        let list = center.page(&cookie, &format!("/alerts?{query}")).await;
        assert_eq!(list.text.contains("True positive: Phishing"), found, "{query}");
        let file = center.page(&cookie, &format!("/alerts.csv?{query}")).await;
        assert!(file.text.contains("Classification,Determination,Actor"), "{}", file.text);
        assert_eq!(file.text.contains("resolved,,true-positive,phishing,ann,"), found, "{query}: {}", file.text);
    }

    let handling = format!("/api/v1/alerts/{alert}/handling");
    let put = async |body: Value| center.call(&desk.ann, "PUT", &handling, Some(body)).await;
    let mixed = put(json!({ "state": "new", "classification": "informational", "determination": "malware" })).await;
    assert_eq!((mixed.status, &mixed.json()["code"]), (422, &json!("determination")), "{}", mixed.text);
    assert!(mixed.text.contains("`true-positive`"), "{}", mixed.text);
    assert_eq!(put(json!({ "state": "new", "classification": "unknown" })).await.status, 400);
    let long = put(json!({ "state": "new", "comment": "x".repeat(4_001) })).await;
    assert_eq!((long.status, &long.json()["code"]), (422, &json!("too-long")), "{}", long.text);
    // What is put replaces everything, and is in the history.
    let cleared = put(json!({ "state": "new", "comment": " " })).await.json();
    let none = json!(null);
    assert_eq!([&cleared["classification"], &cleared["determination"], &cleared["comment"]], [&none, &none, &none]);
    let id = cleared["remediation_id"].as_str().unwrap();
    let events = center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}/events"), None).await.text;
    assert!(events.contains("true-positive (phishing): two lines"), "{events}");
    center.api.site().history.verify(None, |_| {}).await.unwrap();
}

#[tokio::test]
async fn an_unknown_owner_is_refused_with_the_names_that_are_nearly_so() {
    let (desk, alert, form, cookie) = alert().await;
    let center = &desk.center;
    let handling = format!("/api/v1/alerts/{alert}/handling");
    let body = json!({ "state": "in-progress", "owner": "Anne" });
    let refused = center.call(&desk.ann, "PUT", &handling, Some(body)).await;
    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("owner")), "{}", refused.text);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail, "owner: nobody is called `Anne`; nearly so: `ann`");
    let fields = hidden(&center.page(&cookie, &tab(&form)).await.text, &form);
    let page = center.form(&cookie, &form, &format!("{fields}&state=new&owner=nobody&comment=typed")).await;
    assert_eq!(page.status, 422);
    for said in ["id=\"wrong-owner\"", "value=\"nobody\"", ">typed</textarea>", "principals list"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    assert_eq!(shown(&desk, &alert).await["owner"], json!(null));
}

#[tokio::test]
async fn of_two_who_save_at_once_the_second_sees_both_and_loses_nothing() {
    let (desk, alert, form, cookie) = alert().await;
    let center = &desk.center;
    let fields = hidden(&center.page(&cookie, &tab(&form)).await.text, &form);
    let handling = format!("/api/v1/alerts/{alert}/handling");
    let version = shown(&desk, &alert).await["handling_version"].clone();
    let body = json!({ "state": "resolved", "owner": "ben", "comment": "of ben", "handling_version": version });
    let first = center.call(&desk.ben, "PUT", &handling, Some(body.clone())).await;
    assert_eq!(first.status, 200, "{}", first.text);

    let typed = "state=in-progress&owner=ann&comment=of+ann";
    let second = center.form(&cookie, &form, &format!("{fields}&{typed}")).await;
    assert_eq!(second.status, 409, "{}", second.text);
    for said in ["was changed meanwhile", "of ben", "by <bdi class=\"mail\">ben</bdi>", ">of ann</textarea>"] {
        assert!(second.text.contains(said), "{said}: {}", second.text);
    }
    let late = json!({ "state": "new", "handling_version": version });
    let late = center.call(&desk.ann, "PUT", &handling, Some(late)).await;
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("alert-changed")), "{}", late.text);
    assert_eq!(shown(&desk, &alert).await["comment"], "of ben", "nothing is replaced unseen");
    // Another mistake does not hide the change.
    let wrong = center.form(&cookie, &form, &format!("{fields}&state=new&owner=nobody")).await;
    let fields = hidden(&wrong.text, &form);
    assert_eq!(center.form(&cookie, &form, &format!("{fields}&{typed}")).await.status, 409);
    // Who has seen it may replace it.
    let fields = hidden(&second.text, &form);
    let again = center.form(&cookie, &form, &format!("{fields}&{typed}")).await;
    assert_eq!(again.status, 303, "{}", again.text);
    assert_eq!(shown(&desk, &alert).await["comment"], "of ann");
}

#[tokio::test]
async fn a_comment_is_no_markup_and_no_formula() {
    let (desk, alert, form, cookie) = alert().await;
    let center = &desk.center;
    let handling = format!("/api/v1/alerts/{alert}/handling");
    for payload in PAYLOADS {
        let body = json!({ "state": "new", "comment": payload });
        let saved = center.call(&desk.ann, "PUT", &handling, Some(body)).await;
        assert_eq!(saved.status, 200, "{payload:?}: {}", saved.text);
        let page = center.page(&cookie, &tab(&form)).await;
        // A browser returns what is in the field as it is.
        let (before, rest) = page.text.split_once("<textarea").unwrap();
        let shown = format!("{before}{}", rest.split_once("</textarea>").unwrap().1);
        for broken in ["<script>", "<img", "<svg onload", "<iframe", "\" onmouseover=\""] {
            assert!(!page.text.contains(broken), "{payload:?}: {}", page.text);
        }
        assert!(shown.chars().all(|c| !clawback_model::is_deceptive(c) || c == '\n'), "{payload:?}: {shown}");
        let file = center.page(&cookie, "/alerts.csv").await.text;
        let cell = file.lines().nth(1).unwrap_or_default();
        assert!(!cell.contains(",=") && !cell.contains(",\"="), "{payload:?}: {file}");
    }
}
