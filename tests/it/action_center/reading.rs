//! Reading the content of a message: needs a permission of its own, is recorded before anything is returned, and is
//! never markup.

use clawback_model::{PrincipalKind, Role};

use super::desk;

#[tokio::test]
async fn content_is_for_examiners_and_each_read_is_an_event() {
    let desk = desk().await;
    let center = &desk.center;
    let (id, _) = desk.pending().await;
    let eva = center.add("eva", PrincipalKind::Person, &[Role::Examiner]).await;
    center.password("eva").await;
    let listed = center.call(&eva, "GET", &format!("/api/v1/remediations/{id}/messages"), None).await.json();
    let seq = listed["items"][0]["seq"].as_u64().unwrap();
    let raw = format!("/api/v1/remediations/{id}/messages/{seq}/raw");
    let events = async || center.api.site().history.head().await.unwrap().seq;

    let before = events().await;
    assert_eq!(center.call(&desk.ann, "GET", &raw, None).await.status, 403);
    assert_eq!(events().await, before);
    let read = center.call(&eva, "GET", &raw, None).await;
    assert_eq!((read.status, read.header("content-type")), (200, "application/octet-stream"));
    assert!(read.header("content-disposition").contains(&format!("{id}-{seq}.eml")));
    assert!(read.text.contains("Salary"), "{}", read.text);
    assert_eq!(events().await, before + 1);
    let missing = center.call(&eva, "GET", &format!("/api/v1/remediations/{id}/messages/99/raw"), None).await;
    assert_eq!(missing.status, 404, "{}", missing.text);

    let cookie = center.sign_in("eva").await;
    assert_eq!(events().await, before + 2, "a sign-in is an event too");
    let page = center.page(&cookie, &format!("/remediations/{id}?tab=messages")).await;
    let address = format!("/remediations/{id}/messages/{seq}");
    assert!(page.text.contains(&address), "{}", page.text);
    assert_eq!(center.page(&cookie, &address).await.status, 405, "nothing is read by following a link");
    let shown = center.form(&cookie, &address, &format!("form_token={}", page.form_token())).await;
    assert!(shown.status == 200 && shown.text.contains("You read this message as"), "{}", shown.text);
    assert_eq!(events().await, before + 3);
    center.api.site().history.verify(None, |_| {}).await.unwrap();

    center.password("ann").await;
    let cookie = center.sign_in("ann").await;
    let page = center.page(&cookie, &format!("/remediations/{id}?tab=messages")).await;
    assert!(!page.text.contains(&address), "{}", page.text);
    let refused = center.form(&cookie, &address, &format!("form_token={}", page.form_token())).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn what_became_of_a_calendar_entry_is_on_the_page_and_in_the_record() {
    let desk = desk().await;
    desk.store.keep_calendar();
    let (center, (id, digest)) = (&desk.center, desk.pending().await);
    let vote = serde_json::json!({ "plan_digest": digest });
    let eve = center.add("eve", PrincipalKind::Person, &[Role::Approver]).await;
    let voted = center.call(&eve, "POST", &format!("/api/v1/remediations/{id}/approve"), Some(vote)).await;
    assert!(voted.status < 300, "{}", voted.text);
    center.work().await;
    let listed = center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}/messages"), None).await.json();
    let rows = listed["items"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["calendar_entry"] == "removed"), "{listed}");
    assert!(rows[0]["calendar_entry_detail"].is_null(), "{listed}");
    center.password("ann").await;
    let cookie = center.sign_in("ann").await;
    let page = center.page(&cookie, &format!("/remediations/{id}?tab=messages")).await;
    assert_eq!(page.text.matches("Calendar entry: removed").count(), rows.len(), "{}", page.text);
    let file = center.page(&cookie, &format!("/remediations/{id}/messages.csv")).await;
    assert!(file.text.lines().next().unwrap().contains("Calendar entry"), "{}", file.text);
    assert!(file.text.contains(",removed,"), "{}", file.text);
}
