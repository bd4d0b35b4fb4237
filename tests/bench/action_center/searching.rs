//! The page Search over a store that answers at once: the time until the results are shown, and the size of their pages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_model::{PrincipalKind, Role};
use clawback_store::Store;
use clawback_tests::center::TestCenter;
use clawback_tests::synthetic::{SENDER, Synthetic};

/// Seconds from the first request to the page with results, and thousands of bytes of a page.
const GOALS: (f64, f64) = (3.0, 150.0);
/// Messages in each mailbox.
const EACH: u32 = 100;
/// How often the search is made; the median counts.
const ROUNDS: usize = 5;
/// Wait between two requests while the search runs; a browser waits for a second.
const POLL: Duration = Duration::from_millis(50);
const MANUAL: &str = include_str!("../../../workflows/manual.yaml");

/// Searches for this many messages, all by one sender, and loads the pages of the result.
pub(crate) async fn report(messages: u32) {
    let folder = tempfile::tempdir().unwrap();
    let history = Store::open(&format!("sqlite:{}", folder.path().join("search.db").display())).await.unwrap();
    let store = Synthetic::new(messages / EACH, EACH);
    let center = TestCenter::start(history, vec![Arc::new(store)], &[("manual", MANUAL)]);
    let _ = center.add("ann", PrincipalKind::Person, &Role::ALL).await;
    center.password("ann").await;
    let cookie = center.sign_in("ann").await;

    let query = format!("from={}", SENDER.replace('@', "%40"));
    let found = format!("{messages} messages in {} mailboxes", messages / EACH);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        assert_eq!(center.page(&cookie, &format!("/search/again?{query}")).await.status, 303);
        rounds.push(until_found(&center, &cookie, &format!("/search?{query}"), &found).await);
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds[ROUNDS / 2];
    println!("search: {found}: {median:.2} s, median of {ROUNDS}");
    println!("  {:<18} {:>8} {:>8}", "page", "ms", "kB");
    let mut largest = 0.0_f64;
    for view in ["", "senders", "recipients", "campaigns"] {
        let begun = Instant::now();
        let page = center.page(&cookie, &format!("/search?{query}&show={view}")).await;
        let took = begun.elapsed().as_secs_f64() * 1_000.0;
        assert_eq!(page.status, 200, "{view}");
        let size = f64::from(u32::try_from(page.text.len()).unwrap()) / 1_000.0;
        println!("  {:<18} {took:>8.1} {size:>8.1}", if view.is_empty() { "messages" } else { view });
        largest = largest.max(size);
    }
    println!("  goal of {:.0} s: {}, {median:.2} s", GOALS.0, super::verdict(median < GOALS.0));
    println!("  goal of {:.0} kB a page: {}, {largest:.1} kB", GOALS.1, super::verdict(largest < GOALS.1));
}

/// Loads the page until it has the result, whose heading is checked. Returns the seconds that it took.
async fn until_found(center: &TestCenter, cookie: &str, address: &str, found: &str) -> f64 {
    let begun = Instant::now();
    loop {
        let page = center.page(cookie, address).await;
        assert_eq!(page.status, 200, "{}", page.text);
        if !page.text.contains("Cancel search") {
            assert!(page.text.replace(',', "").contains(found), "{}", page.text);
            return begun.elapsed().as_secs_f64();
        }
        tokio::time::sleep(POLL).await;
    }
}
