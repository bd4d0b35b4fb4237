//! The whole job of an analyst and an approver in a browser that runs no scripts, and by the keyboard alone: search,
//! submit, approve, watch, undo.

use std::time::{Duration, Instant};

use clawback_model::{PrincipalKind, Role};
use clawback_tests::center::PASSWORD;
use clawback_tests::chromium::Chromium;

use super::forms::with_manual;
use super::served::Served;
use super::{Desk, NOON, SENDER};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const DOWN: &str = "\u{e015}";
/// How long a worker may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Presses of the key Tab from the beginning of a page to any of its controls that the job needs.
const MOST_TABS: usize = 120;

/// A desk on which the campaign is large enough to need a vote.
async fn large() -> Desk {
    let desk = with_manual().await;
    for number in 0..12 {
        desk.store.deliver(&format!("v{number}@corp.example"), SENDER, "Salary", NOON);
    }
    let _ = desk.center.add("ben", PrincipalKind::Person, &[Role::Approver, Role::Analyst]).await;
    desk.center.password("ben").await;
    desk
}

/// Loads a page again until it shows this.
async fn reloads_until(browser: &Chromium, address: &str, text: &str) {
    let end = Instant::now() + TIMEOUT;
    loop {
        browser.go(address).await;
        let shown = browser.run("return document.body.innerText").await;
        if shown.as_str().unwrap_or_default().contains(text) {
            return;
        }
        assert!(Instant::now() < end, "{address} never shows {text:?}: {shown}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The address of the page without its query.
async fn here(browser: &Chromium) -> String {
    let address = browser.client.current_url().await.unwrap();
    address.as_str().split('?').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_job_needs_no_script() {
    let desk = large().await;
    let served = Served::start(&desk).await;
    let site = format!("http://{}", served.address);
    let browser = Chromium::start_without_scripts(1280, 900).await;
    browser.sign_in(&site, "ann", PASSWORD).await;
    browser.sees("Times are in UTC.").await;
    browser.go(&format!("{site}/search")).await;
    browser.fill("from", SENDER).await;
    browser.press("Search").await;
    browser.sees("15 messages in").await;
    browser.click("input[name=mode][value=query]").await;
    browser.click(".pane input[name=name]").await;
    browser.client.active_element().await.unwrap().send_keys("Without a script").await.unwrap();
    browser.press("Submit").await;
    browser.sees("Approval ID: A-").await;
    let remediation = here(&browser).await;
    reloads_until(&browser, &remediation, "0 of 1 approval").await;
    browser.press("Sign out").await;

    browser.sign_in(&site, "ben", PASSWORD).await;
    browser.go(&format!("{site}/pending")).await;
    browser.click("tbody a").await;
    browser.sees("Your vote on plan").await;
    browser.fill("comment", "Seen without a script").await;
    browser.click(".pane button[value=approve]").await;
    reloads_until(&browser, &remediation, "Completed").await;
    browser.press("Undo").await;
    browser.press("Put back 15 messages").await;
    browser.sees("Undo Without a script").await;
    reloads_until(&browser, &remediation, "To be undone by").await;
    drop(browser);
    served.stop().await;
}

/// Presses Tab until this has the focus.
async fn tab_to(browser: &Chromium, selector: &str) {
    let is_there = format!("return document.activeElement.matches({selector:?})");
    for _ in 0..MOST_TABS {
        if browser.run(&is_there).await == true {
            return;
        }
        keys(browser, TAB).await;
    }
    panic!("{MOST_TABS} presses of Tab do not lead to {selector}");
}

/// Presses keys where the focus is.
async fn keys(browser: &Chromium, keys: &str) {
    browser.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

/// Types into a field.
async fn types(browser: &Chromium, selector: &str, text: &str) {
    tab_to(browser, selector).await;
    keys(browser, text).await;
}

async fn sign_in(browser: &Chromium, site: &str, name: &str) {
    browser.go(&format!("{site}/sign-in")).await;
    types(browser, "input[name=name]", name).await;
    types(browser, "input[name=password]", PASSWORD).await;
    keys(browser, ENTER).await;
    browser.sees("Sign out").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_job_needs_no_mouse() {
    let desk = large().await;
    let served = Served::start(&desk).await;
    let site = format!("http://{}", served.address);
    let browser = Chromium::start_in(1920, 1080, true).await;
    sign_in(&browser, &site, "ann").await;
    keys(&browser, "gs").await;
    browser.sees("Searching changes nothing").await;
    types(&browser, "input[name=from]", SENDER).await;
    keys(&browser, ENTER).await;
    browser.sees("15 messages in").await;
    // The arrow chooses the next of the choices: all results.
    tab_to(&browser, "input[name=mode]:checked").await;
    keys(&browser, DOWN).await;
    types(&browser, ".pane input[name=name]", "Without a mouse").await;
    tab_to(&browser, ".pane button[data-act]").await;
    keys(&browser, ENTER).await;
    browser.sees("Approval ID: A-").await;
    let remediation = here(&browser).await;
    browser.sees("0 of 1 approval").await;
    tab_to(&browser, "form.who button").await;
    keys(&browser, ENTER).await;

    sign_in(&browser, &site, "ben").await;
    keys(&browser, "gp").await;
    tab_to(&browser, "tbody a").await;
    keys(&browser, ENTER).await;
    browser.sees("Your vote on plan").await;
    types(&browser, ".pane textarea[name=comment]", "Seen without a mouse").await;
    tab_to(&browser, ".pane button[value=approve]").await;
    keys(&browser, ENTER).await;
    browser.sees("approved").await;
    browser.go(&remediation).await;
    browser.sees("Completed").await;
    tab_to(&browser, "#remediation-actions form[action$='/undo'] button:not([hidden])").await;
    keys(&browser, ENTER).await;
    browser.sees("Put back 15 messages").await;
    tab_to(&browser, "main button:not([hidden])").await;
    keys(&browser, ENTER).await;
    browser.sees("Undo Without a mouse").await;
    drop(browser);
    served.stop().await;
}
