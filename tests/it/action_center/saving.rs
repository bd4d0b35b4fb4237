//! Saved searches of the page Search: saved, opened, changed, shared and removed by forms.

use clawback_model::{PrincipalKind, Role, is_deceptive};
use clawback_tests::center::{Answer, PASSWORD, TestCenter};
use clawback_tests::chromium::Chromium;
use serde_json::{Value, json};

use super::forms::{MANUAL, with_manual};
use super::served::Served;
use super::{Desk, NOON, SENDER};

const FROM: &str = "from=eve%40evil.example";

/// Somebody else who may search; returns their cookie.
async fn other(desk: &Desk, name: &str, role: Role) -> String {
    let _ = desk.center.add(name, PrincipalKind::Person, &[role]).await;
    desk.center.password(name).await;
    desk.center.sign_in(name).await
}

/// Sends a form of the page Search.
async fn send(desk: &Desk, cookie: &str, path: &str, fields: &str) -> Answer {
    let token = desk.center.page(cookie, "/search?from=x%40y.example").await.form_token();
    desk.center.form(cookie, path, &format!("form_token={token}&{fields}")).await
}

/// Saves a search; returns the address that opens it, and its ID.
async fn save(desk: &Desk, cookie: &str, fields: &str) -> (String, String) {
    let saved = send(desk, cookie, "/search/save", &format!("{fields}&as=new")).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let way = saved.header("location").to_owned();
    let id = way.strip_prefix("/search?saved=").and_then(|rest| rest.strip_suffix("&done=saved")).unwrap().to_owned();
    (way, id)
}

#[tokio::test]
async fn a_search_is_saved_and_opened_with_one_click() {
    let desk = with_manual().await;
    let cookie = desk.center.sign_in("ann").await;
    let empty = desk.center.page(&cookie, "/search").await.text;
    assert!(!empty.contains("Save this search") && !empty.contains("Saved searches"), "nothing to save: {empty}");
    let found = desk.center.page(&cookie, &format!("/search?{FROM}")).await.text;
    assert!(found.contains("Save this search"), "{found}");

    let (way, id) = save(&desk, &cookie, &format!("{FROM}&since=7d&saved_name=Payroll")).await;
    let opened = desk.center.page(&cookie, &way).await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    for part in ["The search is saved.", "3 messages in 2 mailboxes", "<title>Payroll ·", "Received in the last: 7d"] {
        assert!(opened.text.contains(part), "{part}: {}", opened.text);
    }
    assert!(!opened.text.contains("Changed since saved"), "{}", opened.text);
    let start = desk.center.page(&cookie, "/search").await.text;
    assert!(start.contains(&format!("<a href=\"/search?saved={id}\">Payroll</a>")), "{start}");

    // Its links keep it open.
    let narrowed = format!("/search?{FROM}&since=7d&subject=again&saved={id}");
    let changed = desk.center.page(&cookie, &narrowed).await.text;
    assert!(changed.contains("<title>Payroll ·") && changed.contains("Changed since saved"), "{changed}");
    assert!(changed.contains(&format!("&amp;saved={id}")), "{changed}");
    let same = desk.center.page(&cookie, &format!("/search/again?{FROM}&since=7d&saved={id}")).await;
    assert_eq!(same.header("location"), format!("/search?{FROM}&since=7d&saved={id}"));
    let same = desk.center.page(&cookie, same.header("location")).await.text;
    assert!(same.contains("<title>Payroll ·") && !same.contains("Changed since saved"), "{same}");
    // What is submitted has the conditions, and not the name.
    let submitted =
        send(&desk, &cookie, "/search/submit", &format!("{FROM}&saved={id}&name=x&mode=query&action=soft-delete"))
            .await;
    assert_eq!(submitted.status, 303, "{}", submitted.text);
}

#[tokio::test]
async fn the_owner_saves_over_it_unless_it_has_changed_meanwhile() {
    let desk = with_manual().await;
    let cookie = desk.center.sign_in("ann").await;
    let (_, id) = save(&desk, &cookie, &format!("{FROM}&saved_name=Payroll")).await;
    let change = async |name: &str, more: &str, version: u32| {
        let fields = format!("{FROM}{more}&saved={id}&version={version}&saved_name={name}&as=change");
        send(&desk, &cookie, "/search/save", &fields).await
    };
    let changed = change("Salaries", "&subject=again&is_shared=true", 1).await;
    assert_eq!((changed.status, changed.header("location")), (303, format!("/search?saved={id}&done=saved").as_str()));
    let saved = desk.center.call(&desk.ann, "GET", &format!("/api/v1/saved-searches/{id}"), None).await.json();
    assert_eq!(
        (&saved["name"], &saved["version"], &saved["is_shared"], &saved["conditions"]),
        (&json!("Salaries"), &json!(2), &json!(true), &json!({ "from": SENDER, "subject": "again" }))
    );
    let stale = change("Third", "", 1).await;
    assert_eq!(stale.status, 409, "{}", stale.text);
    assert!(stale.text.contains("has changed since you opened it (version 2, not 1)"), "{}", stale.text);
    assert!(stale.text.contains("name=\"saved_name\" value=\"Third\""), "the form is kept: {}", stale.text);

    let (_, other) = save(&desk, &cookie, &format!("{FROM}&saved_name=Invoices")).await;
    assert_ne!(other, id);
    let taken = send(&desk, &cookie, "/search/save", &format!("{FROM}&saved_name=INVOICES&as=new")).await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    assert!(taken.text.contains("id=\"wrong-saved_name\">ann has a saved search `INVOICES` already"), "{}", taken.text);

    let renamed = send(&desk, &cookie, "/search/saved/change", &format!("saved={id}&version=2&saved_name=Pay")).await;
    assert_eq!((renamed.status, renamed.header("location")), (303, "/search/saved?done=changed"), "{}", renamed.text);
    let saved = desk.center.call(&desk.ann, "GET", &format!("/api/v1/saved-searches/{id}"), None).await.json();
    assert_eq!((&saved["name"], &saved["is_shared"], &saved["version"]), (&json!("Pay"), &json!(false), &json!(3)));
    assert_eq!(saved["conditions"], json!({ "from": SENDER, "subject": "again" }), "they stay");
    let stale = send(&desk, &cookie, "/search/saved/change", &format!("saved={id}&version=2&saved_name=X")).await;
    assert_eq!(stale.status, 409, "{}", stale.text);
}

#[tokio::test]
async fn others_open_what_is_shared_with_its_owners_name() {
    let desk = with_manual().await;
    let ann = desk.center.sign_in("ann").await;
    let cara = other(&desk, "cara", Role::Analyst).await;
    let root = other(&desk, "root", Role::Admin).await;
    let (_, private) = save(&desk, &ann, &format!("{FROM}&saved_name=Private")).await;
    let (_, shared) = save(&desk, &ann, &format!("{FROM}&saved_name=Shared&is_shared=true")).await;

    let start = desk.center.page(&cara, "/search").await.text;
    assert!(start.contains(&format!("<a href=\"/search?saved={shared}\">Shared (ann)</a>")), "{start}");
    assert!(!start.contains("Private"), "{start}");
    let opened = desk.center.page(&cara, &format!("/search?saved={shared}")).await.text;
    assert!(opened.contains("3 messages in 2 mailboxes") && !opened.contains("Save as"), "{opened}");
    assert!(opened.contains("Saved search of <bdi class=\"mail\">ann</bdi>, shared"), "{opened}");
    let list = desk.center.page(&cara, "/search/saved").await.text;
    assert!(list.contains("Shared") && !list.contains("Remove Shared") && !list.contains("Rename"), "{list}");
    let refused = send(&desk, &cara, "/search/saved/remove", &format!("saved={shared}&confirmed=yes")).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let unknown = desk.center.page(&cara, &format!("/search?saved={private}")).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text.contains("There is no saved search"), "{}", unknown.text);
    let forged = desk.center.form(&ann, "/search/saved/remove", &format!("saved={shared}&confirmed=yes")).await;
    assert_eq!(forged.status, 403, "without the token of a form");

    // An administrator removes it, once it is confirmed.
    let list = desk.center.page(&root, "/search/saved").await.text;
    assert!(list.contains("Remove Shared") && !list.contains("Rename"), "{list}");
    let asked = send(&desk, &root, "/search/saved/remove", &format!("saved={shared}")).await;
    assert!(asked.status == 200 && asked.text.contains("nobody can open it any more"), "{}", asked.text);
    assert_eq!(desk.center.page(&cara, &format!("/search?saved={shared}")).await.status, 200, "nothing was done yet");
    let done = send(&desk, &root, "/search/saved/remove", &format!("saved={shared}&confirmed=yes")).await;
    assert_eq!((done.status, done.header("location")), (303, "/search/saved?done=removed"));
    assert_eq!(desk.center.page(&ann, &format!("/search?saved={shared}")).await.status, 404);
    let audit = desk.center.page(&root, "/audit?kind=search-unshared").await.text;
    assert!(audit.contains("Search unshared") && audit.contains(">Shared<"), "{audit}");
}

#[tokio::test]
async fn hostile_names_are_escaped_or_refused() {
    let desk = with_manual().await;
    let cookie = desk.center.sign_in("ann").await;
    let name = "saved_name=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let (way, id) = save(&desk, &cookie, &format!("{FROM}&{name}&is_shared=true")).await;
    let confirm = send(&desk, &cookie, "/search/saved/remove", &format!("saved={id}")).await;
    let mut pages = vec![confirm];
    for path in [way.as_str(), "/search", "/search/saved", "/audit"] {
        pages.push(desk.center.page(&cookie, path).await);
    }
    for page in pages {
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("&gt;&lt;script&gt;alert(1)") && !page.text.contains("<script>"), "{}", page.text);
    }
    for (name, says) in [
        ("a%E2%80%AEb", "`a\\u{202e}b` has a control or invisible character"),
        ("a%00b", "has a control or invisible character"),
        ("", "a saved search has a name of 1 to 100 characters"),
        (&*"a".repeat(101), "a saved search has a name of 1 to 100 characters"),
    ] {
        let refused = send(&desk, &cookie, "/search/save", &format!("{FROM}&saved_name={name}&as=new")).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        let beside = refused.text.split("id=\"wrong-saved_name\">").nth(1).unwrap_or_default();
        assert!(beside.split("</span>").next().unwrap().contains(says), "{beside}");
        // The value of a field is what was typed.
        let rest = refused.text.replace("a\u{202e}b", "").replace("a\0b", "");
        assert!(!rest.chars().any(|c| is_deceptive(c) && c != '\n'), "{rest:?}");
    }
}

#[tokio::test]
async fn a_condition_without_a_field_is_not_lost() {
    let desk = with_manual().await;
    let Desk { store, .. } = &desk;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("own.db").display());
    let history = clawback_store::Store::open(&url).await.unwrap();
    let own = MANUAL.replace("  flag: {", "  team: { type: text }\n  flag: {");
    let center = TestCenter::start(history, vec![std::sync::Arc::clone(store) as _], &[("manual", &own)]);
    let ann = center.add("ann", PrincipalKind::Person, &[Role::Analyst]).await;
    center.password("ann").await;
    let body = json!({ "name": "Own", "conditions": { "from": SENDER, "team": "blue" } });
    let saved: Value = center.call(&ann, "POST", "/api/v1/saved-searches", Some(body)).await.json();
    let id = saved["id"].as_str().unwrap_or_else(|| panic!("{saved}"));
    let cookie = center.sign_in("ann").await;
    let page = center.page(&cookie, &format!("/search?saved={id}")).await;
    assert_eq!(page.status, 400, "{}", page.text);
    assert!(page.text.contains("condition `team`, for which this page has no field"), "{}", page.text);
    assert!(!page.text.contains("messages in"), "nothing is searched with fewer conditions: {}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_saved_and_removed_in_a_browser() {
    let desk = with_manual().await;
    desk.store.deliver("u1@corp.example", SENDER, "Once more", NOON);
    let served = Served::start(&desk).await;
    let browser = Chromium::start(1280, 900).await;
    let at = |page: &str| format!("http://{}{page}", served.address);
    browser.sign_in(&at(""), "ann", PASSWORD).await;
    browser.go(&at(&format!("/search?{FROM}"))).await;
    browser.sees("4 messages in 2 mailboxes").await;
    browser.click("details.save > summary").await;
    browser.fill("saved_name", "Payroll").await;
    browser.press("Save").await;
    browser.sees("The search is saved.").await;
    browser.picture("search-saved").await;
    browser.go(&at("/search")).await;
    browser.click(".menu > summary").await;
    browser.click(".menu a[href*='saved=S-']").await;
    browser.sees("4 messages in 2 mailboxes").await;
    browser.sees("Payroll").await;
    browser.go(&at("/search/saved")).await;
    browser.press("Remove").await;
    browser.sees("The saved search Payroll of ann is removed.").await;
    browser.press("Remove saved search").await;
    browser.sees("No search is saved").await;
    drop(browser);
    served.stop().await;
}
