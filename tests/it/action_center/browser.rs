//! A whole remediation in a real browser, with hostile mail: search, submit, approval by a second person, live
//! progress, history, undo. An attacker's script that ran would open a dialog, and a dialog fails the test.

use std::fmt::Write as _;
use std::path::Path;

use clawback_tests::binary::{Clawback, OWN_PASSWORD, write_secret};
use clawback_tests::chromium::Chromium;
use clawback_tests::hostile::PAYLOADS;
use clawback_tests::served::Served;

const PASSWORD: &str = "correct horse battery";

/// Fills five mailboxes with every payload as a subject, a name, a field of the header, a text in HTML and the name of
/// a file.
fn deliver(folder: &Path) {
    let hex = |text: &str, mark: char| {
        text.bytes().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{mark}{byte:02X}");
            text
        })
    };
    let encoded = |text: &str| format!("=?UTF-8?Q?{}?=", hex(text, '='));
    for mailbox in 1..=5 {
        let cur = folder.join(format!("mail/u{mailbox:04}/cur"));
        std::fs::create_dir_all(&cur).unwrap();
        for (number, payload) in PAYLOADS.iter().enumerate() {
            let line = payload.replace(['\r', '\n'], " ");
            let text = format!(
                "Message-ID: <{mailbox}.{number}@x.example>\r\nFrom: {word} <eve@evil.example>\r\nTo: u@x.example\r\n\
                 Subject: {word}\r\nX-Hostile: {line}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                 --b\r\nContent-Type: text/html\r\n\r\n<p>{payload}</p>\r\n\
                 --b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename*=utf-8''{name}\r\n\r\nx\r\n--b--\r\n",
                word = encoded(payload),
                name = hex(payload, '%'),
            );
            std::fs::write(cur.join(format!("17000000{number:02}.M{number}P{mailbox}.host:2,S")), text).unwrap();
        }
    }
}

async fn sign_in(browser: &Chromium, address: &str, name: &str) {
    browser.sign_in(address, name, if name == "ben" { OWN_PASSWORD } else { PASSWORD }).await;
}

/// Checks that the page contains nothing that mail could have put there.
async fn is_clean(browser: &Chromium) {
    let foreign = browser
        .run("return [...document.querySelectorAll('script,img,iframe,base,object,embed,form[action^=\"//\"],a[href^=javascript],[onload],[onerror],[onclick],[onmouseover],[onfocus],[ontoggle]')].map(e => e.outerHTML)")
        .await;
    let foreign = foreign.as_array().unwrap();
    assert_eq!(foreign.len(), 1, "only our own script is on the page: {foreign:?}");
}

/// A session that ends while a form is filled in: the form comes back, and is sent with another press.
async fn session_ends(browser: &Chromium, address: &str, messages: usize) {
    browser.go(&format!("{address}/search?from=eve%40evil.example")).await;
    browser.sees(&format!("{messages} messages in 5 mailboxes")).await;
    browser.client.delete_all_cookies().await.unwrap();
    browser.click("button[name=investigate]").await;
    browser.sees("nothing was done").await;
    is_clean(browser).await;
    browser.fill("name", "ann").await;
    browser.fill("password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.sees("Your form was not sent").await;
    is_clean(browser).await;
    browser.picture("unsent").await;
    browser.press("Send it now as ann").await;
    browser.sees("Find and remove copies").await;
}

/// The shortcuts of the page Help.
async fn shortcuts(browser: &Chromium) {
    browser.keys("gh").await;
    browser.sees("Soft delete").await;
    browser.keys("?").await;
    browser.sees("Keyboard").await;
    browser.keys("gs").await;
    browser.sees("Searching changes nothing").await;
    browser.keys("/").await;
    assert_eq!(browser.run("return document.activeElement.tagName").await, "INPUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn analysts_and_approvers_do_the_whole_job() {
    let folder = tempfile::tempdir().unwrap();
    deliver(folder.path());
    let admin = Clawback::init(folder.path(), "connector = \"maildir\"\ndirectory = \"mail\"\n");
    let password = folder.path().join("password");
    write_secret(&password, PASSWORD).unwrap();
    for (name, role) in [("ann", "analyst"), ("ben", "approver"), ("eva", "examiner")] {
        let _ = admin.add(name, role);
        // Voters have a password of their own.
        if role != "approver" {
            admin.ok(&["principals", "password", name, "--from", password.to_str().unwrap()]);
        }
    }
    let served = Served::start(&admin, &[]);
    let address = served.url();
    let browser = Chromium::start(1280, 900).await;
    let messages = 5 * PAYLOADS.len();

    sign_in(&browser, address, "ann").await;
    browser.press_tab("Search").await;
    browser.fill("from", "eve@evil.example").await;
    browser.press("Search").await;
    browser.sees(&format!("{messages} messages in 5 mailboxes")).await;
    is_clean(&browser).await;
    browser.picture("search").await;
    browser.click("button[name=investigate]").await;
    browser.press("Find and remove copies").await;
    browser.sees("the message makes no cluster: it has no attachment of its own").await;
    is_clean(&browser).await;
    browser.go(&format!("{address}/search?from=eve%40evil.example")).await;
    browser.sees(&format!("{messages} messages in 5 mailboxes")).await;
    let hostile = "Purge \"><script>alert(1)</script> \u{202e}gnp";
    browser.set("name", hostile).await;
    browser.set("description", "<img src=x onerror=alert(1)>").await;
    browser.click("input[name=mode][value=query]").await;
    browser.press(&format!("Soft-delete {messages} messages")).await;
    browser.sees("Approval ID: A-").await;
    browser.sees("Pending approval").await;
    is_clean(&browser).await;
    session_ends(&browser, address, messages).await;
    browser.press("Sign out").await;

    sign_in(&browser, address, "ben").await;
    browser.sees("0 selected").await;
    is_clean(&browser).await;
    browser.picture("pending").await;
    browser.click("tbody a").await;
    browser.sees("Your vote on plan").await;
    browser.set("comment", "<script>alert(2)</script>").await;
    browser.click(".pane button[value=approve]").await;
    // The page is refreshed without being reloaded.
    browser.sees("Completed").await;
    browser.sees(&format!("{messages} succeeded")).await;
    browser.sees("confirmed, 0 not").await;
    is_clean(&browser).await;
    browser.picture("remediation").await;

    browser.go(&format!("{address}/history?name=script&status=completed&decided_by=ben")).await;
    browser.sees("Soft delete").await;
    is_clean(&browser).await;
    browser.picture("history").await;
    let script = "const done = arguments[0]; fetch('/history.csv').then(a => a.text()).then(done);";
    let file = browser.client.execute_async(script, Vec::new()).await.unwrap();
    assert!(file.as_str().unwrap().contains("\\u{202e}"), "{file}");
    browser.press("Sign out").await;

    sign_in(&browser, address, "ann").await;
    shortcuts(&browser).await;
    browser.press_tab("History").await;
    browser.click("tbody a").await;
    browser.press("Undo").await;
    browser.press(&format!("Put back {messages} messages")).await;
    browser.sees("Submitted. Approval ID").await;
    browser.sees("Pending approval").await;
    browser.press("Sign out").await;

    // The content of every payload, to a reader who may see it.
    sign_in(&browser, address, "eva").await;
    browser.go(&format!("{address}/history?name=script&status=completed&decided_by=ben")).await;
    browser.click("tbody a").await;
    let detail = browser.client.current_url().await.unwrap();
    browser.go(&format!("{detail}/clusters")).await;
    browser.sees("Where they are").await;
    is_clean(&browser).await;
    browser.picture("clusters").await;
    for seq in 0..PAYLOADS.len() {
        browser.go(&format!("{detail}?tab=messages")).await;
        browser.click(&format!("form[action$='/messages/{seq}'] button:not([hidden])")).await;
        browser.sees("You read this message as eva").await;
        is_clean(&browser).await;
        if seq == 1 {
            browser.picture("message").await;
        }
    }
    for page in ["investigations", "reports", "alerts", "schedules", "playbooks", "connectors", "audit"] {
        browser.go(&format!("{address}/{page}")).await;
        is_clean(&browser).await;
        browser.picture(page).await;
    }
    drop(browser);
    admin.ok(&["verify"]);
}
