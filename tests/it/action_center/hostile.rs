//! Attackers' text on every page and in every file is escaped, with hidden characters made visible. `browser` tests the
//! same in a browser, where a script that runs would be detected.

use std::sync::Arc;

use clawback_model::{Id, Principal, PrincipalKind, Role, SavedSearchTerms, is_deceptive};
use clawback_tests::center::TestCenter;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::hostile::PAYLOADS;
use clawback_tests::site::NOON;
use serde_json::json;

use crate::store::harness::Database;

/// More bytes than the longest subject that is kept.
const LARGE: usize = 1 << 20;
const PLAYBOOK: &str = "playbook: all
description: Everything.
severity: high
on: { manual: {} }
inputs: { domain: { type: domain, required: true } }
steps:
  - search: { where: { from-domain: \"${inputs.domain}\" } }
  - remediate: { action: soft-delete }
";

/// Pages that show something of mail, or of what callers sent.
const PAGES: [&str; 24] = [
    "/pending",
    "/history?limit=500",
    "/history?limit=500&column=name&column=description&column=inputs&column=requested-by",
    "/investigations",
    "/investigations?text=%3Cscript%3E",
    "/reports",
    "/alerts",
    "/alerts?text=%3Cscript%3E&actor=%22%3E%3Cimg",
    "/people",
    "/block-lists",
    "/evidence",
    "/audit",
    "/settings",
    "/first-steps",
    "/help",
    "/help/configuration",
    "/search",
    "/search/saved",
    "/search?from_domain=evil.example&saved=S-000000000000",
    "/search?from_domain=evil.example",
    "/search?from_domain=evil.example&split=sender",
    "/search?from_domain=evil.example&split=subject",
    "/search?from_domain=evil.example&show=senders",
    "/search?from_domain=evil.example&show=campaigns",
];

#[tokio::test]
async fn nothing_of_mail_is_markup_formula_or_hidden() {
    let database = Database::sqlite().await;
    let history = database.store.clone();
    let store = Arc::new(FakeStore::new("corp"));
    for payload in PAYLOADS {
        // A header is one line; payloads with line breaks are tested on real messages.
        let line = payload.replace(['\r', '\n'], " ");
        store.deliver("u1@corp.example", "eve@evil.example", &line, NOON);
        store.deliver("u2@corp.example", &format!("\"{line}\"@evil.example"), "An address", NOON);
    }
    store.deliver("u1@corp.example", "eve@evil.example", &"<script>=\u{202e}".repeat(LARGE / 10), NOON);
    let center = TestCenter::start(history, vec![store], &[("all", PLAYBOOK)]);
    let ann = center.add("ann", PrincipalKind::Person, &[Role::Analyst, Role::Admin, Role::Examiner]).await;
    center.password("ann").await;
    for payload in PAYLOADS {
        // Names of new principals are checked; an older history may have any.
        let name = payload.replace('\'', "''").replace('\0', "");
        let sql = format!(
            "INSERT INTO principals (name, kind, roles, created_at) VALUES ('{name}', 'person', '[\"viewer\"]', 0)"
        );
        assert!(database.force(&sql).await, "{payload:?}");
    }
    // So are names of saved searches.
    for (number, payload) in (0..).zip(PAYLOADS) {
        let conditions = [("subject", payload), ("from_domain", "evil.example")].into();
        let terms = SavedSearchTerms { name: format!("{number} {payload}"), is_shared: true, conditions };
        let who = Principal::new("ann", PrincipalKind::Person, vec![Role::Analyst]);
        center.api.site().history.add_saved_search(&Id::from_random(number), &terms, &who, NOON).await.unwrap();
    }
    let mut first = None;
    for payload in PAYLOADS {
        let body = json!({ "playbook": "all", "inputs": { "domain": "evil.example" }, "name": payload, "description": payload });
        let made = center.call(&ann, "POST", "/api/v1/remediations", Some(body)).await;
        assert_eq!(made.status, 202, "{}", made.text);
        first.get_or_insert(made.json()["id"].as_str().unwrap().to_owned());
    }
    center.work().await;
    let cookie = center.sign_in("ann").await;
    // The first selects every message; the others find none, and show only their names.
    let detail = format!("/remediations/{}", first.unwrap());
    let clusters = format!("{detail}/clusters");
    let tabs = ["plan", "messages", "batches", "timeline", "evidence", "late-copies", "related"]
        .map(|tab| format!("{detail}?tab={tab}"));
    let shown = center.call(&ann, "GET", &format!("/api/v1{detail}"), None).await.json();
    let investigation = format!("/investigations/{}", shown["investigation"]["id"].as_str().unwrap());
    let tabs = tabs.into_iter().chain(
        ["overview", "alerts", "entities", "mailboxes", "log", "actions"]
            .map(|tab| format!("{investigation}?tab={tab}")),
    );
    let tabs: Vec<String> = tabs.collect();
    let beside = format!("/pending?show={}", detail.rsplit('/').next().unwrap());
    let token = center.page(&cookie, &detail).await.form_token();
    let messages = [0, 1, 51, 52, 104].map(|seq| format!("{detail}/messages/{seq}"));
    for path in PAGES
        .into_iter()
        .chain([&*detail, &*clusters, &*beside])
        .chain(tabs.iter().map(String::as_str))
        .chain(messages.iter().map(String::as_str))
    {
        let page = if path.contains("/messages/") {
            center.form(&cookie, path, &format!("form_token={token}")).await
        } else {
            center.page(&cookie, path).await
        };
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        for broken in ["<script>", "<img", "<svg onload", "<iframe", "=\"javascript:alert(1)", "\" onmouseover=\""] {
            // The value of a field is only returned to the user who sent it.
            let text = page.text.replace(&format!("value{broken}"), "");
            // A text that is shown when the mouse rests is no address.
            let text = text.replace("title=\"javascript:alert(1)", "");
            assert!(!text.contains(broken), "{path} holds {broken}");
        }
        let hidden: String = page.text.chars().filter(|c| is_deceptive(*c) && *c != '\n').collect();
        assert!(hidden.is_empty(), "{path} hides {}", hidden.escape_unicode());
    }
    for format in ["clawback", "ocsf", "o365-air"] {
        let file = center.page(&cookie, &format!("/api/v1{detail}/export?format={format}")).await;
        assert_eq!((file.status, file.header("content-type")), (200, "application/x-ndjson"), "{format}");
        assert!(file.header("content-disposition").starts_with("attachment;"));
        assert!(file.text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{format}");
        assert!(!file.text.chars().any(|c| is_deceptive(c) && c != '\n'), "{format}");
    }
    let results = "/search.csv?from_domain=evil.example&location=recoverable-items".to_owned();
    let detail = format!("{detail}/messages.csv");
    for path in ["/history.csv?limit=500".to_owned(), "/alerts.csv".to_owned(), detail, results] {
        let file = center.page(&cookie, &path).await;
        assert_eq!((file.status, file.header("content-type")), (200, "text/csv; charset=utf-8"), "{path}");
        assert!(file.header("content-disposition").starts_with("attachment;"));
        let rows: Vec<Vec<String>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(file.text.as_bytes())
            .into_records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect();
        assert!(rows.len() > PAYLOADS.len(), "{path} has {} rows", rows.len());
        for field in rows.iter().flatten() {
            assert!(!field.starts_with(['=', '+', '-', '@', '\t', '|', '%']), "{path}: {field}");
            assert!(!field.chars().any(is_deceptive), "{path}: {field:?}");
        }
    }
}
