//! Forms do what their buttons say, on what was ticked, and nothing by a key alone.

use std::sync::Arc;

use clawback_model::{PrincipalKind, Role};
use clawback_store::Store;
use clawback_tests::center::{PASSWORD, TestCenter};
use clawback_tests::chromium::Chromium;
use serde_json::json;

use super::served::{Served, seed};
use super::{Desk, SENDER, desk};

/// The text of every form that sends something, from its start to its end.
fn forms(page: &str) -> impl Iterator<Item = &str> {
    page.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next()).filter(|form| {
        let tag = form.split('>').next().unwrap_or_default();
        tag.contains("method=\"post\"")
    })
}

/// Whether Enter in a field of the form does nothing: its first submit button submits to a dialog, and there is none.
fn is_guarded(form: &str) -> bool {
    let submits = |tag: &&str| {
        tag.starts_with("button") && !tag.contains("type=\"button\"")
            || tag.starts_with("input") && (tag.contains("type=\"submit\"") || tag.contains("type=\"image\""))
    };
    let first = form.split('<').skip(1).map(|tag| tag.split('>').next().unwrap_or_default()).find(submits);
    first.is_some_and(|tag| tag.contains("formmethod=\"dialog\""))
}

#[tokio::test]
async fn no_form_has_a_first_button_that_decides() {
    assert!(!is_guarded(
        "<form method=\"post\"><input type=\"text\"><button>Approve</button><button formmethod=\"dialog\">"
    ));
    let desk = desk().await;
    let seeds = seed(&desk).await;
    let _ = desk.center.add("eve", PrincipalKind::Person, &Role::ALL).await;
    desk.center.password("eve").await;
    let cookie = desk.center.sign_in("eve").await;
    let fixed = [
        "/pending",
        "/history",
        "/investigations",
        "/reports",
        "/alerts",
        "/schedules",
        "/playbooks",
        "/playbook-check?playbook=purge",
        "/block-lists",
        "/evidence",
        "/playbooks/purge",
        "/connectors",
        "/people",
        "/audit",
        "/settings",
        "/first-steps",
        "/help",
        "/help/working",
        "/search",
        "/search/saved",
        "/search?from=eve%40evil.example",
    ];
    let pages = fixed.into_iter().map(str::to_owned);
    let mut seen = 0;
    for page in pages.chain(seeds.iter().map(|seed| format!("/remediations/{}", seed.id))) {
        let answer = desk.center.page(&cookie, &page).await;
        assert_eq!(answer.status, 200, "{page}");
        for form in forms(&answer.text) {
            seen += 1;
            assert!(is_guarded(form), "{page}: Enter presses the first button of\n<form{form}");
        }
    }
    let message = super::message::open_first(&desk.center, &cookie, "from=eve%40evil.example").await;
    assert!(message.text.contains("This access is recorded"), "{}", message.text);
    assert!(forms(&message.text).all(is_guarded), "{}", message.text);
    assert!(seen > 40, "only {seen} forms were checked");
}

#[tokio::test(flavor = "multi_thread")]
async fn enter_on_a_tick_decides_nothing() {
    let desk = desk().await;
    let (id, _) = desk.pending().await;
    let _ = desk.center.add("eve", PrincipalKind::Person, &Role::ALL).await;
    desk.center.password("eve").await;
    let served = Served::start(&desk).await;
    let browser = Chromium::start(1280, 900).await;
    let at = |page: &str| format!("http://{}{page}", served.address);
    browser.sign_in(&at(""), "eve", PASSWORD).await;
    browser.sees("0 selected").await;
    let field = |css: &'static str| fantoccini::Locator::Css(css);
    // A button that does nothing looks like one, and the bar covers no row.
    let look = "const style = (css) => getComputedStyle(document.querySelector(css)); \
                return [style('button[value=reject]').backgroundColor === style('button[value=approve]').backgroundColor, \
                        style('.selection-bar').position];";
    let seen = browser.client.execute(look, vec![]).await.unwrap();
    assert_eq!(seen, json!([true, "static"]));
    let tick = browser.client.find(field("input[name=pick]")).await.unwrap();
    tick.send_keys(" \u{e007}").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let shown = desk.center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
    assert_eq!(shown["remediation"]["status"], "pending-approval");
    browser.go(&at("/search?from=eve%40evil.example")).await;
    browser.sees("3 messages in 2 mailboxes").await;
    browser.fill("name", "x").await;
    let name = browser.client.find(field("form[method=post] input[name=name]")).await.unwrap();
    name.send_keys("\u{e007}").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let all = desk.center.call(&desk.ann, "GET", "/api/v1/remediations", None).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    drop(browser);
    served.stop().await;
}

/// The values of a search's boxes, as the form sends them.
fn boxes(page: &str) -> Vec<String> {
    let values = page.split("name=\"pick\" value=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let plain = values
        .map(|value| value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
    plain.map(|value| value.bytes().map(|byte| format!("%{byte:02X}")).collect()).collect()
}

pub(super) const MANUAL: &str = include_str!("../../../workflows/manual.yaml");

/// A desk with the playbook `manual`.
pub(super) async fn with_manual() -> Desk {
    let Desk { store, .. } = desk().await;
    let folder = tempfile::tempdir().unwrap();
    let history = Store::open(&format!("sqlite:{}", folder.path().join("manual.db").display())).await.unwrap();
    let playbooks = [("manual", MANUAL), ("purge", super::PLAYBOOK)];
    let center = TestCenter::start(history, vec![Arc::clone(&store) as _], &playbooks);
    let ann = center.add("ann", PrincipalKind::Person, &[Role::Analyst]).await;
    center.password("ann").await;
    Desk { center, store, ann, ben: String::new(), folder }
}

#[tokio::test]
async fn ticks_select_messages_and_a_contradiction_is_refused() {
    let desk = with_manual().await;
    let center = &desk.center;
    let cookie = center.sign_in("ann").await;
    let page = center.page(&cookie, "/search?from=eve%40evil.example").await;
    let (token, boxes) = (page.form_token(), boxes(&page.text));
    assert_eq!(boxes.len(), 3, "{}", page.text);
    assert!(page.text.contains("Selection: "), "{}", page.text);
    let condition = "asks for an approval first if <code>plan.count &gt; 10 || plan.vips &gt; 0 || ";
    assert!(page.text.contains(condition), "{}", page.text);
    let playbook = center.page(&cookie, "/playbooks/manual").await;
    assert!(playbook.text.contains(", if plan.count &gt; 10 || plan.vips"), "{}", playbook.text);
    let send = async |rest: String| {
        let fields =
            format!("form_token={token}&from=eve%40evil.example&action=soft-delete&name=x&severity=high{rest}");
        center.form(&cookie, "/search/submit", &fields).await
    };
    let (one, other) = (&boxes[0], &boxes[2]);
    let refused = send(format!("&mode=query&pick={one}")).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("1 message selected, and all results are chosen"), "{}", refused.text);
    assert_eq!(send("&mode=handpicked".to_owned()).await.status, 400, "nothing is ticked");
    // The default choice of the page.
    let checked = page.text.split("checked").next().unwrap().rsplit("value=\"").next().unwrap();
    assert!(checked.starts_with("handpicked"), "{checked}");
    let accepted = send(format!("&mode=handpicked&pick={one}&pick={other}")).await;
    assert_eq!(accepted.status, 303, "{}", accepted.text);
    center.work().await;
    let all = center.call(&desk.ann, "GET", "/api/v1/remediations", None).await.json();
    assert_eq!(
        (all["items"].as_array().unwrap().len(), &all["items"][0]["counts"]["submitted"]),
        (1, &json!(2)),
        "{all}"
    );
    assert!(all["items"][0]["selection"].as_str().unwrap().starts_with("2 picked messages; "), "{all}");
    let excluding = send(format!("&mode=query-with-exclusions&pick={other}")).await;
    assert_eq!(excluding.status, 303, "{}", excluding.text);
    let shown = center.page(&cookie, excluding.header("location")).await;
    let excluded = shown.text.split("Excluded messages").nth(1).unwrap_or_else(|| panic!("{}", shown.text));
    assert!(excluded.contains("<summary>1 message</summary>") && excluded.contains("@corp.example"), "{excluded}");
    let body = json!({ "playbook": "purge", "inputs": { "sender": SENDER }, "selection": "query",
        "messages": [{ "mailbox": "u1@corp.example", "message_id": "<1@x>" }] });
    let refused = center.call(&desk.ann, "POST", "/api/v1/remediations", Some(body)).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (422, Some("picks")), "{}", refused.text);
    let body =
        json!({ "playbook": "purge", "inputs": { "sender": SENDER }, "messages": [{ "mailbox": "u1@corp.example" }] });
    let refused = center.call(&desk.ann, "POST", "/api/v1/remediations", Some(body)).await;
    assert_eq!(refused.status, 422, "a pick that matches nothing: {}", refused.text);
}

#[tokio::test]
async fn a_field_is_one_text_and_repeated_several() {
    let desk = with_manual().await;
    for subject in ["Lunch, dinner", "Lunch", "dinner for two"] {
        desk.store.deliver("u1@corp.example", "cook@corp.example", subject, super::NOON);
    }
    let cookie = desk.center.sign_in("ann").await;
    for (query, found) in
        [("subject=Lunch%2C+dinner", 1), ("subject=Lunch&subject=dinner+for", 3), ("subject=&subject=Lunch", 2)]
    {
        let page = desk.center.page(&cookie, &format!("/search?{query}")).await;
        let message = if found == 1 { "message" } else { "messages" };
        assert!(page.text.contains(&format!("{found} {message} in 1 mailbox")), "{query}: {}", page.text);
    }
    for (subject, found) in [(json!("Lunch, dinner"), 1), (json!(["Lunch", "dinner for"]), 3)] {
        let body = json!({ "playbook": "manual", "inputs": { "action": "soft-delete", "subject": subject } });
        let preview = desk.center.call(&desk.ann, "POST", "/api/v1/previews", Some(body)).await;
        assert_eq!(preview.json()["counts"]["submitted"], found, "{}", preview.text);
    }
}
