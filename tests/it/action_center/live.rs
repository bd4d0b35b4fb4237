//! Live pages in Chromium: what others do appears without a reload, and what is ticked stays; a lost session is said.

use axum::body::Body;
use axum::http::{Request, header};
use clawback_model::{PrincipalKind, Role};
use clawback_tests::center::PASSWORD;
use clawback_tests::chromium::Chromium;
use serde_json::json;

use super::desk;
use super::served::Served;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_follows_what_others_do() {
    let desk = desk().await;
    let (first, digest) = desk.pending().await;
    desk.store.deliver("u3@corp.example", super::SENDER, "Salary", super::NOON);
    let (second, _) = desk.pending().await;
    let _ = desk.center.add("eve", PrincipalKind::Person, &Role::ALL).await;
    desk.center.password("eve").await;
    let served = Served::start(&desk).await;
    let browser = Chromium::start(1280, 900).await;
    let at = |page: &str| format!("http://{}{page}", served.address);
    browser.sign_in(&at(""), "eve", PASSWORD).await;
    browser.sees("2 remediations").await;
    let tick = format!("input[name=pick][value^='{second}']");
    browser.click(&tick).await;
    browser.sees("1 selected").await;
    browser.run("window.here = true").await;
    let vote = json!({ "plan_digest": digest });
    let voted = desk.center.call(&desk.ben, "POST", &format!("/api/v1/remediations/{first}/reject"), Some(vote)).await;
    assert_eq!(voted.status, 200, "{}", voted.text);
    browser.sees("1 remediation,").await;
    let kept = browser
        .run(&format!("return [window.here, document.querySelector(\"{tick}\").checked, document.activeElement.value]"))
        .await;
    assert_eq!((&kept[0], &kept[1]), (&json!(true), &json!(true)), "{kept}");
    assert!(kept[2].as_str().is_some_and(|value| value.starts_with(&second)), "the focus stays: {kept}");
    // A new password ends the session.
    desk.center.password("eve").await;
    browser.sees("Not live: you are signed out.").await;
    drop(browser);
    served.stop().await;
}

#[tokio::test]
async fn the_counts_of_tabs_are_in_a_live_part() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let (id, _) = desk.pending().await;
    let page = desk.center.page(&cookie, &format!("/remediations/{id}")).await;
    let tabs = page.text.split("<div id=\"remediation-tabs\" data-live><nav").nth(1).unwrap_or_default();
    let tabs = tabs.split("</nav>").next().unwrap();
    assert!(tabs.contains("Messages<span class=\"count\">3</span>"), "{}", page.text);
}

#[tokio::test]
async fn the_script_gets_no_part_that_it_would_not_replace() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let (id, digest) = desk.pending().await;
    let live = async |tab: &str| {
        let request = Request::get(format!("/remediations/{id}?tab={tab}"))
            .header(header::COOKIE, &cookie)
            .header("clawback-live", "1");
        let page = desk.center.send(request.body(Body::empty()).unwrap()).await;
        assert!(page.status == 200 && page.text.contains("id=\"remediation-state\""), "{}", page.text);
        page.text
    };
    let has_tab = |page: &str| page.contains("id=\"remediation-tab\"");
    let covers = "What the vote covers";
    let whole = async |tab: &str| desk.center.page(&cookie, &format!("/remediations/{id}?tab={tab}")).await.text;
    // While the plan waits for a vote, a comment may be typed on the first tab, so it is not replaced.
    assert!(whole("overview").await.contains(covers) && !has_tab(&live("overview").await));
    assert!(whole("plan").await.contains(covers) && !has_tab(&live("plan").await));
    assert!(has_tab(&live("messages").await));

    let vote = json!({ "plan_digest": digest });
    let voted = desk.center.call(&desk.ben, "POST", &format!("/api/v1/remediations/{id}/approve"), Some(vote)).await;
    assert_eq!(voted.status, 200, "{}", voted.text);
    let first = live("overview").await;
    assert!(has_tab(&first) && !first.contains(covers) && first.contains("?tab=plan"), "{first}");
    assert!(whole("plan").await.contains(covers));
}
