//! The page of an investigation: its tabs, its graph, its times, and the list with its filters.

use clawback_model::{Digest, Timestamp};
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
