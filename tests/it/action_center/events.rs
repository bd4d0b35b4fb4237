//! Who did what: the events of the site on the page Audit, and who read a message in the timeline of its remediation.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{Digest, PrincipalKind, RemediationId, Role};
use clawback_tests::center::{Answer, TestCenter};
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::NOON;

use super::{Desk, PLAYBOOK, SENDER, desk};
use crate::store::harness::Database;

/// The desk over a database.
async fn desk_over(database: &Database) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FakeStore::new("corp"));
    store.deliver("u1@corp.example", SENDER, "Salary", NOON);
    let center = TestCenter::start(database.store.clone(), vec![Arc::clone(&store) as _], &[("purge", PLAYBOOK)]);
    let ann = center.add("ann", PrincipalKind::Person, &[Role::Analyst, Role::Approver]).await;
    let ben = center.add("ben", PrincipalKind::Person, &[Role::Approver]).await;
    Desk { center, store, ann, ben, folder }
}

/// The rows of the table of events.
fn rows(page: &Answer) -> Vec<&str> {
    let table = page.text.split("aria-label=\"Events\"").last().unwrap();
    table.split("<tr").skip(2).filter_map(|row| row.split("</tr>").next()).collect()
}

#[tokio::test]
async fn who_read_a_message_is_in_the_timeline_and_on_audit() {
    for database in Database::all().await {
        let desk = desk_over(&database).await;
        let center = &desk.center;
        let (id, _) = desk.pending().await;
        desk.store.deliver("u3@corp.example", SENDER, "Salary", NOON);
        let (other, _) = desk.pending().await;
        let eva = center.add("eva", PrincipalKind::Person, &[Role::Examiner]).await;
        center.password("eva").await;
        let raw = center.call(&eva, "GET", &format!("/api/v1/remediations/{id}/messages/0/raw"), None).await;
        assert_eq!(raw.status, 200, "{}", raw.text);
        let cookie = center.sign_in("eva").await;

        let timeline = center.page(&cookie, &format!("/remediations/{id}?tab=timeline")).await;
        assert!(timeline.text.contains("Message read") && timeline.text.contains("message 1"), "{}", timeline.text);
        assert!(timeline.text.contains(&format!("/audit?remediation={id}#events")));
        let not_here = center.page(&cookie, &format!("/remediations/{other}?tab=timeline")).await;
        assert!(!not_here.text.contains("Message read"), "{}", not_here.text);
        let events = center.call(&eva, "GET", &format!("/api/v1/remediations/{id}/events"), None).await.json();
        let read = events.as_array().unwrap().iter().find(|event| event["event"] == "message-read").unwrap();
        assert_eq!((&read["actor"], &read["detail"]), (&"eva".into(), &"message 1".into()));

        let audit = center.page(&cookie, "/audit?kind=message-read").await;
        let found = rows(&audit);
        assert_eq!(found.len(), 1, "{}: {}", database.name, audit.text);
        for said in ["eva", "Message read", &format!("/remediations/{id}"), "message 1"] {
            assert!(found[0].contains(said), "{said}: {}", found[0]);
        }
        let all = center.page(&cookie, "/audit").await;
        assert!(rows(&all)[0].contains("Signed in"), "the newest is first: {}", rows(&all)[0]);
        let count = async |query: &str| rows(&center.page(&cookie, &format!("/audit?{query}")).await).len();
        assert_eq!(count("kind=message-read&person=ann").await, 0);
        assert_eq!(count("kind=message-read&person=eva&from=2020-01-01&until=2099-01-01").await, 1);
        assert_eq!(count("kind=message-read&until=2020-01-01").await, 0);
        assert_eq!(count("kind=message-read&from=2099-01-01").await, 0);
        assert_eq!(count(&format!("kind=message-read&remediation={other}")).await, 0);
        // The events of the remediation, and the read message.
        assert_eq!(count(&format!("remediation={id}")).await, events.as_array().unwrap().len());

        let file = center.page(&cookie, &format!("/audit/events.csv?remediation={id}&kind=message-read")).await;
        let line = format!(",eva,message-read,{id},1,message 1");
        assert_eq!((file.header("content-type"), file.text.lines().count()), ("text/csv; charset=utf-8", 2));
        assert!(file.text.lines().last().unwrap().ends_with(&line), "{}", file.text);
    }
}

#[tokio::test]
async fn events_come_in_pages_by_day_and_a_mistake_is_beside_its_field() {
    for database in Database::all().await {
        let desk = desk_over(&database).await;
        let (center, history) = (&desk.center, &desk.center.api.site().history);
        let (id, _) = desk.pending().await;
        let of: RemediationId = id.parse().unwrap();
        // Three days with 40 reads each.
        for day in 0..3 {
            for seq in 0..40 {
                let at = center.api.site().now();
                history.record_message_read(&of, day * 40 + seq, Digest::of(b"x"), "ann", at).await.unwrap();
            }
            center.clock.advance(Duration::from_hours(24));
        }
        center.password("ann").await;
        let cookie = center.sign_in("ann").await;
        let first = center.page(&cookie, "/audit?kind=message-read").await;
        assert_eq!(rows(&first).len(), 50);
        assert!(rows(&first)[0].contains("message 120<"), "{}", rows(&first)[0]);
        let older = first.text.split("&amp;before=").nth(1).unwrap().split('#').next().unwrap();
        let second = center.page(&cookie, &format!("/audit?kind=message-read&before={older}")).await;
        assert!(rows(&second)[0].contains("message 70<"), "{}", rows(&second)[0]);
        let day = center.page(&cookie, "/audit?kind=message-read&from=2026-11-24&until=2026-11-24").await;
        assert!(rows(&day)[0].contains("message 80<"), "{}", rows(&day)[0]);
        assert_eq!(rows(&day).len(), 40);

        let file = center.page(&cookie, "/audit/events.csv?kind=message-read").await;
        assert_eq!(file.text.lines().count(), 121);
        for (query, said) in [("from=yesterday", "This is no day"), ("remediation=R-1", "wrong-remediation")] {
            let wrong = center.page(&cookie, &format!("/audit?{query}")).await;
            assert!(wrong.status == 200 && wrong.text.contains(said), "{}", wrong.text);
            assert_eq!(center.page(&cookie, &format!("/audit/events.csv?{query}")).await.status, 400);
        }
        assert_eq!(center.page("", "/audit/events.csv").await.status, 303, "strangers see nothing");
    }
}

#[tokio::test]
async fn what_an_event_says_is_no_markup() {
    let desk = desk().await;
    let center = &desk.center;
    center.password("ann").await;
    let cookie = center.sign_in("ann").await;
    let history = &center.api.site().history;
    history.halt("<b>stop</b> \u{202e}", "ann", center.api.site().now()).await.unwrap();
    let page = center.page(&cookie, "/audit?person=%3Cb%3E&kind=%3Cb%3E").await;
    assert!(!page.text.contains("<b>"), "{}", page.text);
    let page = center.page(&cookie, "/audit").await;
    assert!(!page.text.contains("<b>") && page.text.contains("&lt;b&gt;stop"), "{}", page.text);
}

#[tokio::test]
async fn the_newest_checkpoint_is_on_the_page_and_is_a_file() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let page = desk.center.page(&cookie, "/audit").await.text;
    assert!(page.contains("No checkpoint was made yet."), "{page}");
    assert_eq!(desk.center.page(&cookie, "/audit/checkpoint.txt").await.status, 404);

    let history = desk.center.api.site().history.clone();
    let (size, root) = history.grow_log().await.unwrap();
    let note = clawback_runtime::SiteKey::generate("corp.example/log", &[1; 32]).unwrap().0.sign(size, root);
    history.keep_head(size, &note, super::NOON).await.unwrap();
    let page = desk.center.page(&cookie, "/audit").await.text;
    assert!(page.contains("corp.example/log") && page.contains(&format!("<dd>{size}</dd>")), "{page}");
    let file = desk.center.page(&cookie, "/audit/checkpoint.txt").await;
    assert_eq!((file.status, &file.text), (200, &note.to_string()));
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"checkpoint.txt\"");
    assert_eq!(desk.center.page("", "/audit/checkpoint.txt").await.status, 303, "it takes a session");
}
