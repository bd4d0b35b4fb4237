//! The page of an investigation: its tabs, its graph, its times, and the list with its filters.

use clawback_model::{Digest, PrincipalKind, Role, Timestamp};
use clawback_store::Kept;
use clawback_tests::binary::write_secret;
use clawback_tests::chromium::Chromium;
use clawback_tests::served::Served;
use serde_json::json;

use super::desk;
use crate::examination::{Site, TEXT, mail};

const PASSWORD: &str = "correct horse battery";
const HOSTILE: &str = "Your \"><svg onload=alert(1)><script>alert(2)</script> salary is on hold";

#[tokio::test]
async fn an_investigation_has_a_tab_for_all_that_is_recorded() {
    let desk = desk().await;
    let (id, digest) = desk.pending().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let shown = desk.center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
    let investigation = shown["investigation"]["id"].as_str().unwrap().to_owned();
    let page = async |tab: &str| {
        let answer = desk.center.page(&cookie, &format!("/investigations/{investigation}?tab={tab}")).await;
        assert_eq!(answer.status, 200, "{tab}: {}", answer.text);
        answer.text
    };
    let has_tab = |page: &str, tab: &str| page.contains(&format!("/investigations/{investigation}?tab={tab}\""));
    let first = page("").await;
    for tab in ["overview", "alerts", "entities", "mailboxes", "log", "actions"] {
        assert!(has_tab(&first, tab), "{tab}: {first}");
    }
    for tab in ["clusters", "evidence"] {
        assert!(!has_tab(&first, tab), "nothing is recorded for {tab}: {first}");
        assert!(page(tab).await.contains("The graph as a table"), "a tab that is not there is the first");
    }
    for said in ["Action asked for", "Pending action", "eve@evil.example", "3 messages"] {
        assert!(first.contains(said), "{said}: {first}");
    }
    assert_eq!((first.matches("<rect").count(), first.contains("style=")), (3, false), "root, sender, action: {first}");
    let actions = page("actions").await;
    assert!(actions.contains(">Decide</a>") && actions.contains("No action was decided yet"), "{actions}");
    let log = page("log").await;
    assert!(log.contains(">Search<") && log.contains(">Approval<") && log.contains("Not yet"), "{log}");

    let vote = json!({ "plan_digest": digest });
    let path = format!("/api/v1/remediations/{id}/approve");
    assert_eq!(desk.center.call(&desk.ben, "POST", &path, Some(vote)).await.status, 200);
    desk.center.work().await;
    let kept = Kept { seq: 0, digest: Digest::of(b"a message"), bytes: 9, at: Timestamp(1) };
    desk.center.api.site().history.record_evidence(&id.parse().unwrap(), &[kept]).await.unwrap();
    let log = page("log").await;
    for said in
        ["ben approved", "Approved", "Soft-delete", "3 succeeded, 0 failed, in ", "Completed", "Waited for people"]
    {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert!(!log.contains("Not yet") && !log.contains(">Pending</td>"), "it has ended: {log}");
    let actions = page("actions").await;
    assert!(!actions.contains(">Decide</a>") && actions.contains(">ben<"), "{actions}");
    let mailboxes = page("mailboxes").await;
    assert!(mailboxes.contains("tab=messages&amp;mailbox=u1%40corp.example"), "{mailboxes}");
    let entities = page("entities").await;
    assert!(entities.contains("Salary again") && entities.contains("/search?from=eve%40evil.example"), "{entities}");
    let evidence = page("evidence").await;
    assert!(has_tab(&evidence, "evidence") && evidence.contains(&Digest::of(b"a message").to_string()), "{evidence}");
    assert!(page("alerts").await.contains(shown["alert"]["id"].as_str().unwrap()));
    assert!(page("overview").await.contains("Action taken"));

    for (query, found) in [
        ("", true),
        ("status=remediated", true),
        ("status=pending-action", false),
        ("status=terminated-by-user", false),
        ("text=purge&days=36000", true),
        ("text=no-such-name", false),
        (&*format!("text={investigation}"), true),
    ] {
        let list = desk.center.page(&cookie, &format!("/investigations?{query}")).await;
        assert_eq!(list.status, 200, "{query}: {}", list.text);
        assert_eq!(list.text.contains(&format!("href=\"/investigations/{investigation}\"")), found, "{query}");
        assert_eq!(list.text.contains("No investigation matches"), !found, "{query}: {}", list.text);
    }
    let alert = shown["alert"]["id"].as_str().unwrap();
    for (query, found) in [
        ("", true),
        ("severity=informational&actor=ann&days=36000&text=PURGE", true),
        ("severity=high", false),
        ("actor=ben", false),
        (&*format!("text={alert}"), true),
    ] {
        let list = desk.center.page(&cookie, &format!("/alerts?{query}")).await;
        assert_eq!(list.status, 200, "{query}: {}", list.text);
        let link = format!("href=\"/investigations/{investigation}?tab=alerts\"");
        assert_eq!((list.text.contains(&link), list.text.contains("No alert matches")), (found, !found), "{query}");
        let file = desk.center.page(&cookie, &format!("/alerts.csv?{query}")).await;
        assert_eq!((file.status, file.text.lines().count()), (200, 1 + usize::from(found)), "{query}: {}", file.text);
    }
    assert_eq!(desk.center.page(&cookie, "/investigations?status=x").await.status, 400);
    assert_eq!(desk.center.page(&cookie, "/investigations/I-000000000000").await.status, 404);
}

#[tokio::test]
async fn an_alert_is_handled_and_linked_on_pages_and_by_the_api() {
    let desk = desk().await;
    let center = &desk.center;
    let viewer = center.add("vera", PrincipalKind::Person, &[Role::Viewer]).await;
    for name in ["ann", "vera"] {
        center.password(name).await;
    }
    let (id, digest) = desk.pending().await;
    let shown = center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}"), None).await.json();
    let alert = shown["alert"]["id"].as_str().unwrap();
    let investigation = shown["investigation"]["id"].as_str().unwrap();
    assert_eq!((&shown["alert"]["state"], &shown["alert"]["owner"]), (&json!("new"), &json!(null)));
    let tab = format!("/investigations/{investigation}?tab=alerts");
    let (alert_form, incident_form) =
        (format!("/investigations/{investigation}/alert"), format!("/investigations/{investigation}/incident"));
    let cookie = center.sign_in("ann").await;
    let page = center.page(&cookie, &tab).await;
    assert!(page.text.contains("Handle the alert"), "{}", page.text);
    let token = page.form_token();
    let send = async |path: &str, rest: &str| {
        center.form(&cookie, path, &format!("form_token={token}&tab=alerts&{rest}")).await
    };

    let saved = send(&alert_form, "state=in-progress&owner=ann").await;
    assert_eq!((saved.status, saved.header("location")), (303, tab.as_str()), "{}", saved.text);
    let unknown = send(&alert_form, "state=resolved&owner=%3Cscript%3Enobody").await;
    assert!(unknown.status >= 400 && unknown.text.contains("role=\"alert\""), "{}", unknown.text);
    assert!(unknown.text.contains("&lt;script&gt;nobody") && !unknown.text.contains("<script>nobody"));
    assert_eq!(send(&alert_form, "state=closed").await.status, 400);
    assert_eq!(send(&format!("/investigations/{investigation}/other"), "").await.status, 404);
    for hostile in
        ["javascript%3Aalert(1)", "https%3A%2F%2Fann%40evil.example%2F", "%22%3E%3Cscript%3Ealert(1)", &"a".repeat(101)]
    {
        let refused = send(&incident_form, &format!("incident={hostile}")).await;
        assert_eq!(refused.status, 400, "{hostile}: {}", refused.text);
        assert!(refused.text.contains("is no incident"), "{}", refused.text);
        assert!(!refused.text.contains("<script>alert") && !refused.text.contains("href=\"javascript"));
    }
    let linked = send(&incident_form, "incident=https%3A%2F%2Ftickets.example%2FINC-1%3Fa%3D1%26b%3D2").await;
    assert_eq!(linked.status, 303, "{}", linked.text);
    let overview = center.page(&cookie, &format!("/investigations/{investigation}")).await.text;
    let link = "href=\"https://tickets.example/INC-1?a=1&amp;b=2\" rel=\"noopener noreferrer\"";
    assert!(overview.contains(link), "{overview}");

    // The filters of the list, and the file.
    for (query, found) in [("state=in-progress&owner=ann", true), ("state=new", false), ("owner=ben", false)] {
        let list = center.page(&cookie, &format!("/alerts?{query}")).await;
        assert_eq!((list.status, list.text.contains(&format!("href=\"{tab}\""))), (200, found), "{query}");
        let file = center.page(&cookie, &format!("/alerts.csv?{query}")).await;
        assert_eq!(file.text.contains("in-progress,ann,,,"), found, "{query}: {}", file.text);
    }

    // A viewer sees no form, and is refused.
    let other = center.sign_in("vera").await;
    let seen = center.page(&other, &tab).await;
    assert!(!seen.text.contains("Handle the alert"), "{}", seen.text);
    let (handling, incident) =
        (format!("/api/v1/alerts/{alert}/handling"), format!("/api/v1/investigations/{investigation}/incident"));
    let refused = center.call(&viewer, "PUT", &handling, Some(json!({ "state": "resolved" }))).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("analyst"), "{}", refused.text);

    // The plan that a voter has seen stays the same, so that a vote counts; what is recorded twice is one event.
    let tagged = center.call(&desk.ben, "GET", &format!("/api/v1/remediations/{id}"), None).await;
    for _ in 0..2 {
        let handled =
            center.call(&desk.ann, "PUT", &handling, Some(json!({ "state": "resolved", "owner": "ben" }))).await;
        assert_eq!((handled.status, &handled.json()["state"]), (200, &json!("resolved")), "{}", handled.text);
        let numbered = center.call(&desk.ann, "PUT", &incident, Some(json!({ "incident": "INC-7" }))).await;
        assert_eq!(numbered.json()["incident"], "INC-7", "{}", numbered.text);
    }
    let wrong = center.call(&desk.ann, "PUT", &incident, Some(json!({ "incident": "ftp://x" }))).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    let again = center.call(&desk.ben, "GET", &format!("/api/v1/remediations/{id}"), None).await;
    assert_eq!(again.header("etag"), tagged.header("etag"));
    let vote = json!({ "plan_digest": digest });
    let voted = center.call(&desk.ben, "POST", &format!("/api/v1/remediations/{id}/approve"), Some(vote)).await;
    assert_eq!(voted.status, 200, "{}", voted.text);
    center.work().await;
    let unlinked = center.call(&desk.ann, "PUT", &incident, Some(json!({ "incident": null }))).await;
    assert_eq!((unlinked.status, &unlinked.json()["incident"]), (200, &json!(null)), "{}", unlinked.text);
    let events = center.call(&desk.ann, "GET", &format!("/api/v1/remediations/{id}/events"), None).await.json();
    let kinds = events.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap());
    let notes: Vec<_> = kinds.filter(|kind| matches!(*kind, "alert-handled" | "incident-linked")).collect();
    assert_eq!(notes, ["alert-handled", "incident-linked", "alert-handled", "incident-linked", "incident-linked"]);

    // The history with them is whole, and every export reads it.
    let verified = center.call(&desk.ann, "GET", "/api/v1/verify", None).await;
    assert_eq!(verified.status, 200, "{}", verified.text);
    center.api.site().history.verify(None, |_| {}).await.unwrap();
    for format in ["clawback", "ocsf", "o365-air"] {
        let file = center.page(&cookie, &format!("/api/v1/remediations/{id}/export?format={format}")).await;
        assert_eq!(file.status, 200, "{format}: {}", file.text);
        assert_eq!(file.text.contains("\"state\":\"resolved\""), format == "clawback", "{format}: {}", file.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_of_a_campaign_fits_and_names_no_root() {
    let site = Site::new();
    let link = "https://pay.bad.example/a";
    let root = mail("root@one.example", "hr@one.example", HOSTILE, TEXT, link);
    site.deliver("ann", 1, &root);
    for number in 2..16 {
        let (id, from) = (format!("{number}@s{number}.example"), format!("x@s{number}.example"));
        site.deliver(&format!("u{number}"), number, &mail(&id, &from, HOSTILE, TEXT, link));
    }
    let root = site.file("root.eml", &root);
    let _ = site.clawback.add("ann", "analyst");
    let password = site.folder.path().join("password");
    write_secret(&password, PASSWORD).unwrap();
    site.clawback.ok(&["principals", "password", "ann", "--from", password.to_str().unwrap()]);
    let pending = site.clawback.json(&["investigate", &root]);
    assert_eq!(pending["status"], "pending-approval", "{pending}");
    let investigation = pending["investigation_id"].as_str().unwrap_or_else(|| panic!("{pending}"));
    let remediation = pending["id"].as_str().unwrap();
    let served = Served::start(&site.clawback, &[]);
    for width in [1280, 390] {
        let browser = Chromium::start(width, 900).await;
        browser.sign_in(served.url(), "ann", PASSWORD).await;
        let list = ["/investigations".to_owned(), format!("/remediations/{remediation}")];
        let tabs = ["overview", "alerts", "clusters", "entities", "mailboxes", "log", "actions"];
        let tabs = tabs.map(|tab| format!("/investigations/{investigation}?tab={tab}"));
        for (place, page) in list.iter().chain(&tabs).enumerate() {
            browser.go(&format!("{}{page}", served.url())).await;
            let wide = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
            assert!(wide.as_i64().unwrap() <= 0, "{page} at {width} px is wider than the window: {wide}");
            let whole = browser.run("return document.documentElement.outerHTML").await;
            let whole = whole.as_str().unwrap();
            // What a vote covers is folded, and has the root in full.
            let seen = browser.run("return document.body.innerText").await;
            assert!(!seen.as_str().unwrap().contains("root1:") && !whole.contains("<svg onload"), "{page}");
            let scripts = browser.run("return document.scripts.length").await;
            assert_eq!(scripts, 1, "{page}");
            browser.picture(&format!("investigation-{width}-{place}")).await;
        }
        browser.go(&format!("{}{}", served.url(), tabs[0])).await;
        // Root, entities and clusters lead to the action, and the text of a node ends at its frame.
        let columns =
            browser.run("return [...document.querySelectorAll('.graph text.head')].map(e => e.textContent)").await;
        assert_eq!(columns, json!(["Root", "Entities", "Clusters", "Actions"]));
        let cut = "return [...document.querySelectorAll('.graph a svg')].filter(e => getComputedStyle(e).overflow === 'visible').length";
        let outside = browser.run(cut).await;
        assert_eq!(outside, 0);
        let lines = browser.run("return document.querySelectorAll('.graph path').length").await;
        assert!(lines.as_u64().unwrap() > 10, "{lines}");
        browser.click("details summary").await;
        browser.sees("Text and domain of a link").await;
    }
    drop(served);
    site.clawback.ok(&["verify"]);
}
