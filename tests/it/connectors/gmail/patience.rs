//! Throttling, quota and units.

use std::time::Duration;

use clawback_connectors::CallError;
use clawback_model::{Action, Effect, Message, Query};
use clawback_tests::gmail::{Faults, user};

use super::{Site, aim, mail};

/// All messages, page by page, as patient as the engine.
async fn patient(site: &Site, number: usize, query: &Query) -> Vec<Message> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        match site.store.search(&user(number).into(), query, cursor.clone(), 1_000).await {
            Ok(page) => {
                assert!(page.gaps.is_empty(), "{:?}", page.gaps);
                all.extend(page.items);
                cursor = page.next;
                if cursor.is_none() {
                    return all;
                }
            }
            Err(CallError::Throttled { after, .. }) => tokio::time::sleep(after.unwrap_or_default()).await,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_ten_requests_is_throttled_and_the_result_is_the_same() {
    let site = Site::start(3).await;
    for number in 0..90 {
        site.gmail.deliver(&user(1 + number % 3), &mail(number), &["INBOX", "UNREAD"]);
    }
    let query = Query { subject_contains: vec!["arcel".into()], ..Query::default() };
    for number in 1..=3 {
        let expected = site.search(number, &query).await;
        let faults = Faults { throttled: 10, failing: 2, seed: number as u64, ..Faults::default() };
        site.gmail.set_faults(faults);
        let found = patient(&site, number, &query).await;
        assert_eq!(found, expected);
        let mut aims: Vec<_> = found.iter().map(aim).collect();
        let mut done = 0;
        while !aims.is_empty() {
            match site.store.apply(&user(number), Action::SoftDelete, &aims[..aims.len().min(7)]).await {
                Ok(effects) => {
                    // A message that an interrupted call moved is there already.
                    let is_done =
                        |effect: &Effect| matches!(effect, Effect::Succeeded(_) | Effect::AlreadyInDestination);
                    assert!(effects.iter().all(is_done), "{effects:?}");
                    done += effects.len();
                    aims.drain(..effects.len());
                }
                Err(CallError::Throttled { after, .. }) => tokio::time::sleep(after.unwrap_or_default()).await,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(done, 30);
        site.gmail.set_faults(Faults::default());
    }
    assert!(site.gmail.mails(&user(1)).iter().all(|mail| mail.labels.contains("TRASH")));
    let seen = site.gmail.take_seen();
    assert!(seen.iter().filter(|seen| matches!(seen.status, 403 | 429)).count() >= 10, "it was throttled");
    assert_eq!(site.gmail.impatient(), 0, "no request came before its time");
    assert!(site.gmail.most_at_once() <= 4, "{} at once", site.gmail.most_at_once());
}

#[tokio::test]
async fn a_long_wait_ends_the_call_and_the_next_one_keeps_it() {
    let site = Site::start(2).await;
    site.gmail.deliver(&user(1), &mail(1), &["INBOX"]);
    site.gmail.set_faults(Faults { quota: Some((10, Duration::from_secs(60))), ..Faults::default() });
    for _ in 0..2 {
        let refused = site.store.search(&user(1).into(), &Query::default(), None, 10).await.unwrap_err();
        let CallError::Throttled { after: Some(after), .. } = &refused else { panic!("{refused}") };
        assert!(*after > Duration::from_secs(40) && *after <= Duration::from_secs(61), "{after:?}");
    }
    assert_eq!(site.gmail.impatient(), 0);
    let other = site.store.search(&user(2).into(), &Query::default(), None, 10).await;
    assert!(other.is_ok(), "another mailbox has a quota of its own: {other:?}");
}

#[tokio::test]
async fn a_search_that_runs_out_of_quota_goes_on_where_it_was() {
    let site = Site::start(1).await;
    for number in 0..60 {
        site.gmail.deliver(&user(1), &mail(number), &["INBOX"]);
    }
    site.gmail.set_faults(Faults { quota: Some((620, Duration::from_secs(7))), ..Faults::default() });
    let found = patient(&site, 1, &Query::default()).await;
    assert_eq!(found.len(), 60);
    let gets =
        site.gmail.take_seen().into_iter().filter(|seen| seen.request.starts_with("GET messages/") && seen.units > 0);
    assert!(gets.count() <= 64, "what was read is not read again");
    assert_eq!(site.gmail.impatient(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hunt_costs_what_a_script_of_the_same_calls_costs() {
    const MAILBOXES: usize = 100;
    let site = Site::start(MAILBOXES).await;
    for number in 1..=MAILBOXES {
        for copy in 0..20 {
            site.gmail.deliver(&user(number), &mail(copy), &["INBOX"]);
        }
        if number % 2 == 0 {
            let raw =
                format!("From: evil@phish.example\r\nSubject: pay\r\nMessage-ID: <{number}@phish.example>\r\n\r\nx");
            site.gmail.deliver(&user(number), raw.as_bytes(), &["INBOX", "UNREAD"]);
        }
    }
    let query = Query { from_address: vec!["evil@phish.example".into()], ..Query::default() };
    for number in 1..=MAILBOXES {
        let found = site.search(number, &query).await;
        assert_eq!(found.len(), usize::from(number % 2 == 0));
        if !found.is_empty() {
            site.act(number, Action::SoftDelete, &found).await;
        }
    }
    let seen = site.gmail.take_seen();
    let units: u64 = seen.iter().map(|seen| seen.units).sum();
    // The script: a list; for a hit the message, its labels before the act, the label that marks it, the act, and a list
    // that confirms it.
    let script = 100 * 5 + 50 * (20 + 20 + 5 + 5 + 5);
    let ratio = f64::from(u32::try_from(units).unwrap()) / f64::from(script);
    assert!(ratio <= 1.3, "{units} units and {} requests, {ratio:.2} times those of a script", seen.len());
}
