//! Every page in Chromium, light and dark, wide and narrow: axe-core finds no barrier.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use clawback_model::{PrincipalKind, Role};
use clawback_tests::center::PASSWORD;
use clawback_tests::chromium::Chromium;
use serde_json::Value;

use super::desk;
use super::served::{Served, seed};

/// Runs axe-core on the open page, after its own text: the driver runs it, whatever the page's policy.
const LOOK: &str = "
const done = arguments[arguments.length - 1];
axe.run(document).then(
  found => done(found.violations.map(({ id, impact, help, nodes }) => (
    { id, impact, help, where: nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary) }))),
  error => done([{ id: 'axe', impact: 'critical', help: String(error), where: [] }]));
";

/// The cumulative layout shift of the page, and its tasks of 50 ms and longer.
const LAYOUT: &str = "
const done = arguments[0], seen = { shift: 0, long: [] };
new PerformanceObserver(list => { for (const one of list.getEntries()) if (!one.hadRecentInput) seen.shift += one.value; })
  .observe({ type: 'layout-shift', buffered: true });
new PerformanceObserver(list => { for (const one of list.getEntries()) seen.long.push(Math.round(one.duration)); })
  .observe({ type: 'longtask', buffered: true });
setTimeout(() => done(seen), 1500);
";
/// The limit that web.dev calls good.
const LARGEST_SHIFT: f64 = 0.1;

#[tokio::test(flavor = "multi_thread")]
async fn no_page_keeps_anybody_out() {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(axe).expect("axe-core is installed: `cargo xtask test --install-only`");
    let look = format!("{axe}{LOOK}");
    let desk = desk().await;
    let seeds = seed(&desk).await;
    // A caller with all roles sees everything that a page may show.
    let eve = desk.center.add("eve", PrincipalKind::Person, &Role::ALL).await;
    desk.center.password("eve").await;
    let served = Served::start(&desk).await;
    let mut pages: Vec<String> =
        ["/pending", "/history", "/investigations", "/reports", "/alerts", "/schedules", "/playbooks"]
            .into_iter()
            .chain([
                "/playbooks/purge",
                "/playbook-check?playbook=purge",
                "/block-lists",
                "/evidence",
                "/schedules/sweep-junk-worthy",
                "/connectors",
                "/people",
                "/audit",
                "/settings",
                "/first-steps",
                "/help",
                "/help/configuration",
                "/audit?person=nobody&from=yesterday",
                "/search",
                "/search/saved",
                "/search?from=eve%40evil.example",
                "/search?from=eve%40evil.example&split=sender",
                "/search?from=eve%40evil.example&show=campaigns",
                "/search?from=eve%40evil.example&show=links",
                "/search?since=yesterday",
                "/design",
                "/nothing",
            ])
            .map(str::to_owned)
            .collect();
    pages.extend(seeds.iter().map(|seed| format!("/remediations/{}", seed.id)));
    let first = &seeds[0].id;
    pages.push(format!("/pending?show={first}"));
    for tab in ["plan", "messages", "batches", "timeline", "evidence", "late-copies", "related"] {
        pages.push(format!("/remediations/{}?tab={tab}", seeds[4].id));
    }

    let undone = desk.center.call(&eve, "GET", &format!("/api/v1/remediations/{}", seeds[4].id), None).await.json();
    for tab in ["overview", "entities", "mailboxes", "log", "actions"] {
        pages.push(format!("/investigations/{}?tab={tab}", undone["investigation"]["id"].as_str().unwrap()));
    }

    let mut found = String::new();
    // Each width and each theme once: a theme changes colours, which are the same tokens at every width.
    for (width, dark) in [(1280, false), (390, true)] {
        let browser = Chromium::start_in(width, 900, dark).await;
        let shape = format!("at {width} px{}", if dark { ", dark" } else { "" });
        let at = |page: &str| format!("http://{}{page}", served.address);
        browser.go(&at("/sign-in")).await;
        let is_dark = browser.run("return matchMedia('(prefers-color-scheme: dark)').matches").await;
        let seen_width = browser.run("return innerWidth").await;
        assert_eq!((is_dark, seen_width), (dark.into(), width.into()), "the browser is as asked");
        found += &violations(&browser, &look, &format!("/sign-in {shape}")).await;
        browser.fill("name", "eve").await;
        browser.fill("password", PASSWORD).await;
        browser.press("Sign in").await;
        browser.sees("Sign out").await;
        for page in &pages {
            browser.go(&at(page)).await;
            found += &violations(&browser, &look, &format!("{page} {shape}")).await;
        }
        for page in ["/pending", "/search?from=eve%40evil.example", &format!("/remediations/{}", seeds[4].id)] {
            browser.go(&at(page)).await;
            let seen = browser.client.execute_async(LAYOUT, Vec::new()).await.unwrap();
            println!("{page} {shape}: layout shift {}, long tasks (ms) {}", seen["shift"], seen["long"]);
            assert!(seen["shift"].as_f64().unwrap() < LARGEST_SHIFT, "{page} {shape} moves as it loads: {seen}");
        }
        browser.go(&at("/search?from=eve%40evil.example")).await;
        browser.sees("Take action").await;
        // The bar of the selection stands over the end of the window.
        browser.run("document.querySelector('tbody button[name=view]').scrollIntoView({ block: 'center' })").await;
        browser.click("tbody button[name=view]").await;
        browser.sees("This access is recorded").await;
        found += &violations(&browser, &look, &format!("a message, {shape}")).await;
        let reason = serde_json::json!({ "reason": "a test" });
        assert_eq!(desk.center.call(&eve, "POST", "/api/v1/halt", Some(reason)).await.status, 200);
        // The pages of another node than the one that carried out the change read the state once a second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        browser.go(&at("/pending")).await;
        browser.sees("The site is halted").await;
        found += &violations(&browser, &look, &format!("/pending, halted, {shape}")).await;
        assert_eq!(desk.center.call(&eve, "DELETE", "/api/v1/halt", None).await.status, 200);
        // Checks that axe-core finds a planted barrier.
        browser.run("document.querySelector('h1').innerHTML = '<img src=\"/assets/icon.svg\">'").await;
        let planted = violations(&browser, &look, "planted").await;
        assert!(planted.contains("image-alt"), "it does not see an image without a text: {planted}");
    }
    assert!(found.is_empty(), "{found}");
    served.stop().await;
}

async fn violations(browser: &Chromium, look: &str, page: &str) -> String {
    let found = browser.client.execute_async(look, Vec::new()).await.unwrap();
    let mut text = String::new();
    for one in found.as_array().unwrap() {
        let places = one["where"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let _ = writeln!(text, "{page}: {} ({}): {}", one["id"], one["impact"], one["help"]);
        for place in places {
            let _ = writeln!(text, "    {}", place.replace('\n', " "));
        }
    }
    text
}
