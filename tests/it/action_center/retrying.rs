//! A retry is asked for once more, and the original says what became of it.

use clawback_connectors::CallError;
use serde_json::json;

use super::desk;

#[tokio::test]
async fn a_retry_is_confirmed_once_and_linked_from_the_original() {
    let desk = desk().await;
    let center = &desk.center;
    let (id, digest) = desk.pending().await;
    desk.store.fail_next([CallError::Denied { store: "corp".into(), detail: "no right".into() }]);
    let act = async |verb: &str, body| {
        let answer = center.call(&desk.ben, "POST", &format!("/api/v1/remediations/{id}/{verb}"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        center.work().await;
        let shown = center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
        shown["remediation"]["status"].as_str().unwrap().to_owned()
    };
    let mut status = act("approve", Some(json!({ "plan_digest": digest }))).await;
    if status == "paused" {
        status = act("resume", None).await;
    }
    assert_eq!(status, "partially-completed");

    center.password("ann").await;
    let cookie = center.sign_in("ann").await;
    let address = format!("/remediations/{id}");
    let page = center.page(&cookie, &address).await;
    assert!(page.text.contains(">Retry failed</button>"), "{}", page.text);
    let count = async || {
        center.call(&desk.ann, "GET", "/api/v1/remediations", None).await.json()["items"].as_array().unwrap().len()
    };
    let token = format!("form_token={}", page.form_token());
    let asked = center.form(&cookie, &format!("{address}/retry"), &token).await;
    assert_eq!((asked.status, count().await), (200, 1), "{}", asked.text);
    assert!(asked.text.contains("name=\"confirmed\" value=\"yes\""), "{}", asked.text);
    assert!(asked.text.contains("failed message"), "{}", asked.text);

    let retried = center.form(&cookie, &format!("{address}/retry"), &format!("{token}&confirmed=yes")).await;
    assert_eq!((retried.status, count().await), (303, 2), "{}", retried.text);
    let retry = retried.header("location").trim_start_matches("/remediations/").trim_end_matches("?submitted=1");
    for _ in 0..2 {
        let page = center.page(&cookie, &address).await;
        let says = page.text.split("Retried by ").nth(1).unwrap_or_default();
        assert!(says.split("</p>").next().unwrap().contains(retry), "{}", page.text);
        assert!(!page.text.contains(">Retry failed</button>"), "{}", page.text);
        let related = center.page(&cookie, &format!("{address}?tab=related")).await;
        let row = related.text.split("<tbody>").nth(1).unwrap_or_default();
        assert!(row.contains(">Retry</td>") && row.contains(retry), "{}", related.text);
        center.work().await;
    }
}
