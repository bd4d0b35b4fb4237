//! The page of a message, before there is a remediation and of one: for those who may search and read, recorded, of
//! nothing but what their own search found; and what it shows of links, results, texts and files.

use std::sync::Arc;

use clawback_action_center::Settings;
use clawback_connectors::{Host, HostOptions};
use clawback_model::{Digest, PrincipalKind, Role, is_deceptive};
use clawback_scripting::Lists;
use clawback_store::Store;
use clawback_tests::center::{Answer, PASSWORD, TestCenter};
use clawback_tests::chromium::Chromium;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::hostile::PAYLOADS;
use serde_json::json;

use super::served::Served;
use super::{Desk, NOON, PLAYBOOK, SENDER};

const MANUAL: &str = include_str!("../../../workflows/manual.yaml");
const PHISH: &str = "From: =?utf-8?Q?Pay=C3=A4roll?= <eve@evil.example>\r\nReply-To: Collect <collect@other.example>\r\n\
    To: u9@corp.example\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nSubject: =?utf-8?Q?Salary_=C3=BC?=\r\n\
    Message-ID: <m1@evil.example>\r\n\
    Authentication-Results: mx.corp.example; spf=pass; dkim=fail header.d=evil.example; dmarc=fail\r\n\
    X-Price: =?utf-8?Q?=E2=82=AC5?=\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n\
    --o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n\
    --i\r\nContent-Type: text/plain\r\n\r\nHello, see https://plain.evil.example/a.\r\n\
    --i\r\nContent-Type: text/html\r\n\r\n<p>Hi</p><p><a href=\"https://login.evil.example/x?a=1\">https://bank.example/login</a></p>\
    <a href=\"https://eur02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fdeep.evil.example%2Fl&data=1\">Read</a>\r\n\
    --i--\r\n--o\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"bill.pdf\"\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--o--\r\n";

fn settings() -> Settings {
    Settings { host: Some(Arc::new(Host::new(HostOptions::default()).unwrap())), ..Settings::default() }
}

/// A desk whose site trusts a server, has a VIP, and examines messages; ann searches and reads.
async fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let history = Store::open(&format!("sqlite:{}", folder.path().join("messages.db").display())).await.unwrap();
    let store = Arc::new(FakeStore::new("corp"));
    store.deliver_raw("u9@corp.example", PHISH, NOON);
    store.deliver("u8@corp.example", "bob@other.example", "Lunch", NOON);
    let playbooks = [("manual", MANUAL), ("purge", PLAYBOOK)];
    let mut center = TestCenter::start_with(history, vec![Arc::clone(&store) as _], &playbooks, |site| {
        site.examination.authentication_servers = vec!["mx.corp.example".to_owned()];
        site.library.lists = Lists::new([("vips".to_owned(), vec!["u9@corp.example".to_owned()])]).unwrap();
    });
    center.serve_with(settings());
    let ann = center.add("ann", PrincipalKind::Person, &[Role::Analyst, Role::Examiner]).await;
    center.password("ann").await;
    Desk { center, store, ann, ben: String::new(), folder }
}

/// The values of the buttons that open a message, as a form sends them.
fn views(page: &str) -> Vec<String> {
    let values = page.split("name=\"view\" value=\"").skip(1).filter_map(|rest| rest.split('"').next());
    values
        .map(|value| {
            encoded(&value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        })
        .collect()
}

pub(super) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Reads the first result of a search of the desk by its button.
pub(super) async fn open_first(center: &TestCenter, cookie: &str, conditions: &str) -> Answer {
    let results = center.page(cookie, &format!("/search?{conditions}")).await;
    let view = views(&results.text).into_iter().next().unwrap_or_else(|| panic!("no message: {}", results.text));
    let fields = format!("form_token={}&{conditions}&page=1&view={view}", results.form_token());
    center.form(cookie, "/search/message", &fields).await
}

/// What the page says of the phish, with and without an examination.
fn shows_the_phish(page: &str) {
    let pdf = Digest::of(b"%PDF").to_string();
    for said in [
        "<h1><bdi class=\"mail\">Salary ü</bdi></h1>",
        "Payäroll",
        "eve@evil.example",
        "collect@other.example",
        "1 link stands under a text that names another host",
        "hxxps://plain[.]evil[.]example/a",
        "hxxps://login[.]evil[.]example/x?a=1",
        "The text names bank.example",
        "hxxps://deep[.]evil[.]example/l",
        "rewritten by",
        "Hi\nhttps://bank.example/login\nRead",
        "&lt;p&gt;Hi&lt;/p&gt;",
        "bill.pdf",
        pdf.as_str(),
        "€5",
        "2026-11-23T10:00:00Z",
        "u9@corp.example",
        "/search?url_host=login.evil.example",
        "Start an investigation",
        "This access is recorded",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("href=\"http"), "no link of the message can be followed");
}

#[tokio::test]
async fn a_message_is_seen_before_acting_and_each_look_is_an_event() {
    let desk = desk().await;
    let center = &desk.center;
    let cookie = center.sign_in("ann").await;
    let conditions = "from=eve%40evil.example";
    let events = async || center.api.site().history.head().await.unwrap().seq;
    let results = center.page(&cookie, &format!("/search?{conditions}")).await;
    assert!(
        results.text.contains("aria-label=\"Select =?utf-8?Q?Salary_=C3=BC?= in u9@corp.example\""),
        "{}",
        results.text
    );
    assert!(
        results.text.contains("VIP") && results.text.contains("=?utf-8?Q?Pay=C3=A4roll?= &lt;eve@evil.example&gt;"),
        "{}",
        results.text
    );

    let before = events().await;
    let shown = open_first(center, &cookie, conditions).await;
    assert_eq!((shown.status, events().await), (200, before + 1), "{}", shown.text);
    shows_the_phish(&shown.text);
    for said in ["</svg>pass<", "</svg>fail<", "/search?from=eve%40evil.example&amp;page=1"] {
        assert!(shown.text.contains(said), "{said}: {}", shown.text);
    }
    // Another node has no results of this search, and no examiner.
    let view = views(&results.text).remove(0);
    let fields = format!("form_token={}&{conditions}&view={view}", results.form_token());
    let plain = center.twin().form(&cookie, "/search/message", &fields).await;
    assert_eq!(plain.status, 200, "{}", plain.text);
    shows_the_phish(&plain.text);
    assert!(plain.text.contains("Not examined: ") && !plain.text.contains(">DMARC<"), "{}", plain.text);
    let audit = center.page(&cookie, "/audit?kind=message-read").await;
    assert_eq!(audit.text.matches("a message in u9@corp.example of the store corp, of no remediation").count(), 2);

    let file = center.page(&cookie, &format!("/search.csv?{conditions}")).await;
    assert_eq!((file.header("content-type"), file.text.lines().count()), ("text/csv; charset=utf-8", 2));
    for said in ["eve@evil.example", "u9@corp.example", "2026-", "corp,<m1@evil.example>"] {
        assert!(file.text.contains(said), "{said}: {}", file.text);
    }

    // The page of a remediation is the same.
    let body = json!({ "playbook": "purge", "inputs": { "sender": SENDER } });
    let made = center.call(&desk.ann, "POST", "/api/v1/remediations", Some(body)).await.json();
    center.work().await;
    let address = format!("/remediations/{}/messages/0", made["id"].as_str().unwrap());
    let of = center.form(&cookie, &address, &format!("form_token={}", shown.form_token())).await;
    shows_the_phish(&of.text);
    // The investigation asks first.
    let root = of.text.split("name=\"investigate\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let root = encoded(&root.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">"));
    let asked = center
        .form(&cookie, "/search/investigate", &format!("form_token={}&investigate={root}", shown.form_token()))
        .await;
    assert!(asked.status == 200 && asked.text.contains("Find and remove copies?"), "{}", asked.text);
    let all = center.call(&desk.ann, "GET", "/api/v1/remediations", None).await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);

    // The API gives the same message, with the same event, and keeps no answer.
    let before = events().await;
    let picked = json!({ "mailbox": "u9@corp.example", "message_id": "<m1@evil.example>" });
    let key = [("idempotency-key", "once")];
    let raw = center.call_with(&desk.ann, "POST", "/api/v1/messages", Some(picked.clone()), &key).await;
    assert!(
        raw.status == 200 && raw.text.contains("X-Price") && raw.header("content-disposition").contains("attachment")
    );
    let again = center.call_with(&desk.ann, "POST", "/api/v1/messages", Some(picked), &key).await;
    assert_eq!((again.status, again.json()["code"].as_str()), (409, Some("told-once")), "{}", again.text);
    assert_eq!(events().await, before + 1);
    center.api.site().history.verify(None, |_| {}).await.unwrap();
    // Nothing of the body is kept.
    for file in std::fs::read_dir(desk.folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(12).any(|part| part == b"bank.example"), "{}", file.display());
    }
}

#[tokio::test]
async fn only_a_result_of_ones_own_search_is_read_by_a_form_of_this_session() {
    let desk = desk().await;
    let center = &desk.center;
    let _ = center.add("cara", PrincipalKind::Person, &[Role::Analyst]).await;
    let _ = center.add("eva", PrincipalKind::Person, &[Role::Examiner]).await;
    for name in ["cara", "eva"] {
        center.password(name).await;
    }
    let cookie = center.sign_in("ann").await;
    let results = center.page(&cookie, "/search?from=eve%40evil.example").await;
    let (token, phish) = (results.form_token(), views(&results.text)[0].clone());
    let lunch = views(&center.page(&cookie, "/search?from=bob%40other.example").await.text)[0].clone();
    let cara = center.sign_in("cara").await;
    let eva = center.sign_in("eva").await;
    let page = center.page(&cara, "/search?from=eve%40evil.example").await;
    assert!(page.text.contains("1 message in 1 mailbox") && !page.text.contains("/search/message"), "{}", page.text);
    let (cara_token, eva_token) = (page.form_token(), center.page(&eva, "/pending").await.form_token());
    let invented = encoded(
        &json!({ "mailbox": "u8@corp.example", "fingerprint": "0", "locator": "../../etc/passwd" }).to_string(),
    );
    let locator = encoded(&json!({ "mailbox": "u9@corp.example", "locator": "1" }).to_string());

    let events = async || center.api.site().history.head().await.unwrap().seq;
    let before = events().await;
    let of = "from=eve%40evil.example";
    for (who, fields, status) in [
        (&cara, format!("form_token={cara_token}&{of}&view={phish}"), 403),
        (&eva, format!("form_token={eva_token}&{of}&view={phish}"), 403),
        (&cookie, format!("{of}&view={phish}"), 403),
        (&cookie, format!("form_token={token}&view={phish}"), 400),
        (&cookie, format!("form_token={token}&{of}&view={lunch}"), 400),
        (&cookie, format!("form_token={token}&{of}&view={invented}"), 400),
        (&cookie, format!("form_token={token}&{of}&view={locator}"), 400),
        (&cookie, format!("form_token={token}&{of}&mailbox=u8%40corp.example&view={phish}"), 400),
        (&cookie, format!("form_token={token}&{of}&view=x"), 400),
    ] {
        let answer = center.form(who, "/search/message", &fields).await;
        assert_eq!(answer.status, status, "{fields}: {}", answer.text);
    }
    assert_eq!(center.page(&cookie, "/search/message").await.status, 405, "nothing is read by following a link");
    assert_eq!(events().await, before);
    let good = center.form(&cookie, "/search/message", &format!("form_token={token}&{of}&view={phish}&file=yes")).await;
    assert_eq!((good.status, good.header("content-type")), (200, "application/octet-stream"), "{}", good.text);
    assert_eq!(events().await, before + 1);
}

#[tokio::test]
async fn nothing_of_a_message_is_markup_or_hidden() {
    let desk = desk().await;
    let center = &desk.center;
    for (number, payload) in PAYLOADS.iter().enumerate() {
        let line = payload.replace(['\r', '\n', '\0'], " ");
        let raw = format!(
            "From: {line} <h{number}@hostile.example>\r\nReply-To: \"{line}\" <x@hostile.example>\r\nSubject: {line}\r\n\
             X-Hostile: {line}\r\nMessage-ID: <{number}@hostile.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\n{payload} https://{line}.example/{line}\r\n\
             --b\r\nContent-Type: text/html\r\n\r\n<p>{payload}</p><a href=\"{line}\">{line}</a><a href='javascript:{line}'>x</a>\r\n\
             --b\r\nContent-Type: text/{line}\r\nContent-Disposition: attachment; filename=\"{line}\"\r\n\r\nx\r\n--b--\r\n"
        );
        desk.store.deliver_raw(&format!("h{}@corp.example", number % 7), &raw, NOON);
    }
    let cookie = center.sign_in("ann").await;
    let conditions = "from_domain=hostile.example";
    let results = center.page(&cookie, &format!("/search?{conditions}")).await;
    let rest = center.page(&cookie, &format!("/search?{conditions}&page=2")).await;
    let (token, first) = (results.form_token(), views(&results.text));
    assert_eq!(first.len() + views(&rest.text).len(), PAYLOADS.len());
    for view in first.into_iter().chain(views(&rest.text)) {
        let page =
            center.form(&cookie, "/search/message", &format!("form_token={token}&{conditions}&view={view}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        for broken in
            ["<script>", "<img", "<svg onload", "<iframe", "=\"javascript:alert(1)", "\" onmouseover=\"", "href=\"http"]
        {
            let text = page.text.replace("title=\"javascript:alert(1)", "");
            assert!(!text.contains(broken), "it holds {broken}: {text}");
        }
        let hidden: String = page.text.chars().filter(|c| is_deceptive(*c) && *c != '\n').collect();
        assert!(hidden.is_empty(), "it hides {}", hidden.escape_unicode());
    }
}

/// Whether the bar of the selection is in the window.
const SEEN: &str = "const bar = document.querySelector('.selection-bar').getBoundingClientRect();
    return bar.height > 0 && bar.top >= 0 && bar.bottom <= innerHeight + 1;";

#[tokio::test(flavor = "multi_thread")]
async fn the_subject_is_wide_and_the_bar_of_a_selection_is_in_view() {
    let desk = desk().await;
    for number in 0..40 {
        desk.store.deliver(&format!("u{number}@corp.example"), SENDER, "Your salary statement of November 2026", NOON);
    }
    let served = Served::start_with(&desk, settings()).await;
    let at = |page: &str| format!("http://{}{page}", served.address);
    for width in [1280, 390] {
        let browser = Chromium::start(width, 800).await;
        browser.sign_in(&at(""), "ann", PASSWORD).await;
        browser.go(&at("/search?from=eve%40evil.example")).await;
        browser.sees("41 messages in").await;
        browser.run("document.querySelector('tbody input[name=pick]').scrollIntoView({ block: 'center' })").await;
        browser.click("tbody input[name=pick]").await;
        // The limit is said before it is reached.
        browser.sees(if width == 1280 { "Soft-delete 1 message" } else { "1 selected of at most 50" }).await;
        if width == 1280 {
            let subject = browser.run("return document.querySelector('th.lead').getBoundingClientRect().width").await;
            assert!(subject.as_f64().unwrap() >= 200.0, "{subject}");
        } else {
            assert_eq!(browser.run(SEEN).await, true, "at the first row");
            browser.run("scrollTo(0, document.documentElement.scrollHeight / 2)").await;
            assert_eq!(browser.run(SEEN).await, true, "in the middle of the rows");
            let wide = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
            assert_eq!(wide, false, "the page is as wide as the window");
        }
        browser.picture(&format!("search-{width}")).await;
        browser.run("document.querySelector('tbody .pill').scrollIntoView({ block: 'center' })").await;
        browser.click("tbody tr:has(.pill) button[name=view]").await;
        browser.sees("hxxps://login[.]evil[.]example/x?a=1").await;
        let wide = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
        assert_eq!(wide, false, "the page of a message is as wide as the window");
        browser.picture(&format!("message-{width}")).await;
        browser.run("document.querySelector('section[aria-label=Links]').scrollIntoView()").await;
        browser.picture(&format!("message-links-{width}")).await;
        browser.click(".row a.button").await;
        browser.sees("41 messages in").await;
    }
    served.stop().await;
}
