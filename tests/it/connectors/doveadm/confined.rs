//! One mailbox never reaches another: not by a name that is a mask, and not by a component that asks for it.

use super::*;

#[tokio::test]
async fn a_mailbox_that_is_a_mask_reaches_nobody() {
    let server = start(3, Format::Sdbox);
    for number in 1..=3 {
        deliver(&server, number, "INBOX", raw(number, "Parcel").as_bytes(), &[]);
    }
    let before: Vec<Snapshot> = (1..=3).map(|number| snapshot(&server, number)).collect();
    let store = open(&server).await;
    let seen = found(&*store, 1, "Parcel").await;
    for mailbox in [
        "*",
        "*@acme.test",
        "u000?@acme.test",
        "u0001@acme.test,u0002@acme.test",
        "u0001@acme.test u0002@acme.test",
        "../u0002@acme.test",
        "u0002@acme.test\0",
        "u0002@acme.test\n",
        "",
        "u9999@acme.test",
    ] {
        let mailbox: Arc<str> = mailbox.into();
        let searched = store.search(&mailbox, &Query::default(), None, 10).await;
        assert!(searched.is_err(), "{mailbox:?}: {searched:?}");
        let acted = store.apply(&mailbox, Action::HardDelete, &aims(&seen)).await;
        assert!(acted.is_err(), "{mailbox:?}: {acted:?}");
    }
    // A locator of another mailbox names nothing here.
    let effects = store.apply(&named(2), Action::HardDelete, &aims(&seen)).await.unwrap();
    assert_eq!(effects, [Effect::NotFound]);
    let raw = store.fetch_raw(&named(2), &seen[0].reference, 100).await.unwrap_err();
    assert!(matches!(raw, CallError::NotFound { .. }), "{raw}");
    let after: Vec<Snapshot> = (1..=3).map(|number| snapshot(&server, number)).collect();
    assert!(before == after);
}

#[tokio::test]
async fn a_locator_never_becomes_a_query() {
    let server = start(1, Format::Maildir);
    for number in 0..3 {
        deliver(&server, 1, "INBOX", raw(number, "Parcel").as_bytes(), &[]);
    }
    let store = open(&server).await;
    let seen = found(&*store, 1, "Parcel").await;
    let before = snapshot(&server, 1);
    let folder = seen[0].reference.locator.split(':').nth(1).unwrap().to_owned();
    for locator in [
        "1 OR ALL".to_owned(),
        format!("1:*:{folder}:x"),
        format!("1,2,3:{folder}:x"),
        format!("*:{folder}:x"),
        format!("1:{folder}:) OR ALL"),
        format!("1:{folder}:*"),
        "1:*:*".to_owned(),
        format!("1:{folder}:\" OR \"all"),
        format!("0:{folder}:x"),
    ] {
        let mut targets = aims(&seen[..1]);
        targets[0].reference.locator.clone_from(&locator);
        targets[0].reference.fingerprint = "0".repeat(40);
        let effects = store.apply(&named(1), Action::HardDelete, &targets).await.unwrap();
        assert_eq!(effects, [Effect::NotFound], "{locator}");
    }
    // A Message-ID of a sender, too.
    for id in ["<a\" OR all>", "( OR all )", "<*>", ") OR ( all"] {
        let query = Query { message_id: vec![id.to_owned()], ..Query::default() };
        assert!(contract::search(&*store, &named(1), &query, 10).await.is_empty(), "{id}");
        let mut targets = aims(&seen[..1]);
        targets[0].reference.message_id = id.to_owned();
        targets[0].reference.locator = "x".to_owned();
        targets[0].reference.fingerprint = "0".repeat(40);
        let effects = store.apply(&named(1), Action::HardDelete, &targets).await.unwrap();
        assert_eq!(effects, [Effect::NotFound], "{id}");
    }
    assert!(before == snapshot(&server, 1));
}

#[tokio::test]
async fn users_are_listed_in_pages() {
    let server = start(5, Format::Sdbox);
    let store = open(&server).await;
    let (mut cursor, mut all) = (None, Vec::new());
    loop {
        let page = store.mailboxes(cursor, 2).await.unwrap();
        assert!(page.items.len() <= 2 && page.gaps.is_empty());
        all.extend(page.items);
        let Some(next) = page.next else { break };
        cursor = Some(next);
    }
    assert_eq!(all, (1..=5).map(named).collect::<Vec<_>>());
}
