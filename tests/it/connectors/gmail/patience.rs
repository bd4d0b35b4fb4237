//! Throttling, quota and units.

use std::time::Duration;

use clawback_connectors::CallError;
use clawback_model::{Action, Effect, Message, Query, Timestamp};
use clawback_tests::gmail::{Faults, now, user};
use futures::StreamExt as _;

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
    let site = Site::start(2).await;
    for number in 0..40 {
        site.gmail.deliver(&user(1 + number % 2), &mail(number), &["INBOX", "UNREAD"]);
    }
    let query = Query { subject_contains: vec!["arcel".into()], ..Query::default() };
    for number in 1..=2 {
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
        assert_eq!(done, 20);
        site.gmail.set_faults(Faults::default());
    }
    assert!(site.gmail.mails(&user(1)).iter().all(|mail| mail.labels.contains("TRASH")));
    let seen = site.gmail.take_seen();
    assert!(seen.iter().filter(|seen| matches!(seen.status, 403 | 429)).count() >= 8, "it was throttled");
    assert_eq!(site.gmail.impatient(), 0, "no request came before its time");
    assert!(site.gmail.most_at_once() <= 4, "{} at once", site.gmail.most_at_once());
}

#[tokio::test]
async fn a_long_wait_ends_the_call_and_the_next_one_keeps_it() {
    let site = Site::start(2).await;
    site.gmail.deliver(&user(1), &mail(1), &["INBOX"]);
    site.gmail.set_faults(Faults { quota: Some((10, Duration::from_mins(1))), ..Faults::default() });
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

/// The messages that match, by mailbox, without those that have none.
async fn hunt(site: &Site, mailboxes: usize, query: &Query) -> Vec<(usize, Vec<Message>)> {
    let hunt = futures::stream::iter(1..=mailboxes).map(async |number| (number, site.search(number, query).await));
    hunt.buffer_unordered(8).filter(|(_, found)| std::future::ready(!found.is_empty())).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hunt_costs_what_a_script_of_the_same_calls_costs() {
    const MAILBOXES: u32 = 1_000;
    const HITS: u32 = MAILBOXES / 10;
    let site = Site::start(MAILBOXES as usize).await;
    for number in 1..=MAILBOXES as usize {
        (0..3).for_each(|copy| drop(site.gmail.deliver(&user(number), &mail(copy), &["INBOX"])));
        if number % 10 == 0 {
            let raw =
                format!("From: evil@phish.example\r\nSubject: a\r\nMessage-ID: <{number}@phish.example>\r\n\r\nx");
            site.gmail.deliver(&user(number), raw.as_bytes(), &["INBOX", "UNREAD"]);
        }
    }
    let ended = Timestamp((now() - 2 * 3_600_000) * 1_000);
    let query = Query { from_address: vec!["evil@phish.example".into()], ..Query::default() };
    let over = Query { received_before: Some(ended), ..query.clone() };
    let ratio = |script: u32| {
        let units: u64 = site.gmail.take_seen().iter().map(|seen| seen.units).sum();
        f64::from(u32::try_from(units).unwrap()) / f64::from(script)
    };
    // The script: a list, and each message that it names. It misses what the index does not know yet.
    let script = MAILBOXES * 5 + HITS * 20;
    let found = hunt(&site, MAILBOXES as usize, &over).await;
    assert_eq!(found.len(), HITS as usize);
    let searched = ratio(script);
    assert!(searched <= 1.3, "{searched:.2} times the units of a script");
    // Up to now, the newest messages are looked at without the index; the second time it is known where they begin.
    for most in [2.5, 1.8] {
        assert_eq!(hunt(&site, MAILBOXES as usize, &query).await.len(), HITS as usize);
        let searched = ratio(script);
        assert!(searched <= most, "{searched:.2} times the units of a script");
    }
    for (number, found) in found {
        site.act(number, Action::SoftDelete, &found).await;
    }
    // The script: the labels of the mailbox and of the message, the hidden label, the change, and a list to confirm it.
    let acted = ratio(HITS * (1 + 20 + 5 + 5 + 5));
    assert!(acted <= 1.3, "{acted:.2} times the units of a script");
}
