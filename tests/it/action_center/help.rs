//! Help and first steps; and what remains possible while the site is halted.

use clawback_model::{PrincipalKind, Role};
use serde_json::json;

use super::forms::with_manual;
use super::{NOON, SENDER, desk};

/// The row of a step.
fn step<'a>(page: &'a str, name: &str) -> &'a str {
    page.split("<tr").find(|row| row.contains(name)).unwrap_or_else(|| panic!("{name}: {page}"))
}

#[tokio::test]
async fn first_steps_are_checked_by_what_is_there() {
    let desk = desk().await;
    let _ = desk.center.add("root", PrincipalKind::Person, &[Role::Admin]).await;
    desk.center.password("root").await;
    let root = desk.center.sign_in("root").await;
    assert!(desk.center.page(&root, "/pending").await.text.contains("href=\"/first-steps\""));
    let page = desk.center.page(&root, "/first-steps").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(step(&page.text, "A mail store answers").contains("Done"), "{}", page.text);
    assert!(step(&page.text, "Two persons").contains("To do"), "the approvers cannot sign in: {}", page.text);
    assert!(step(&page.text, "A worker runs").contains("To do"), "{}", page.text);
    assert!(step(&page.text, "Approvers are notified").contains("1 notifier configured"), "{}", page.text);
    assert!(step(&page.text, "A first remediation").contains("To do"), "{}", page.text);

    desk.center.password("ann").await;
    let ann = desk.center.sign_in("ann").await;
    assert_eq!(desk.center.page(&ann, "/first-steps").await.status, 404);
    assert!(!desk.center.page(&ann, "/pending").await.text.contains("/first-steps"));
    let body = json!({ "playbook": "purge", "inputs": { "sender": SENDER } });
    assert_eq!(desk.center.call(&desk.ann, "POST", "/api/v1/remediations", Some(body)).await.status, 202);
    let site = desk.center.api.site();
    let until = clawback_model::Timestamp(NOON.0 + 3_600_000_000);
    site.history.node_alive("node-1", until, &clawback_model::NodeSetup::default()).await.unwrap();
    let page = desk.center.page(&root, "/first-steps").await.text;
    for name in ["Two persons", "A worker runs", "A first remediation"] {
        assert!(step(&page, name).contains("Done"), "{name}: {page}");
    }
    assert!(page.contains("This site has what it needs."), "{page}");
}

#[tokio::test]
async fn help_has_the_shortcuts_and_every_page_leads_to_it() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let page = desk.center.page(&cookie, "/help").await;
    assert!(page.text.contains("<kbd>g</kbd> then <kbd>h</kbd>"), "{}", page.text);
    assert!(
        page.text.contains("href=\"/help/configuration\">Configuration</a>") && !page.text.contains("/first-steps"),
        "{}",
        page.text
    );
    let page = desk.center.page(&cookie, "/help/sign-in").await;
    assert!(
        page.text.contains("<h1>Signing in</h1>") && page.text.contains("href=\"/help/configuration#"),
        "{}",
        page.text
    );
    assert_eq!(desk.center.page(&cookie, "/help/nothing").await.status, 404);
    for page in ["/pending", "/search", "/history"] {
        assert!(desk.center.page(&cookie, page).await.text.contains("href=\"/help\""), "{page}");
    }
}

#[tokio::test]
async fn a_halted_site_is_searched_and_what_is_submitted_waits() {
    let desk = with_manual().await;
    let root = desk.center.add("root", PrincipalKind::Person, &[Role::Admin]).await;
    let halted = desk.center.call(&root, "POST", "/api/v1/halt", Some(json!({ "reason": "a test" }))).await;
    assert_eq!(halted.status, 200, "{}", halted.text);
    let cookie = desk.center.sign_in("ann").await;
    let found = desk.center.page(&cookie, "/search?from=eve%40evil.example").await;
    assert!(found.text.contains("3 messages in 2 mailboxes"), "{}", found.text);
    assert!(found.text.contains("The site is halted"), "{}", found.text);
    let body = json!({ "playbook": "purge", "inputs": { "sender": SENDER } });
    let kept = desk.center.call(&desk.ann, "POST", "/api/v1/remediations", Some(body)).await;
    assert_eq!((kept.status, &kept.json()["status"]), (202, &json!("queued")), "{}", kept.text);
    assert_eq!(desk.center.call(&root, "DELETE", "/api/v1/halt", None).await.status, 200);
}
