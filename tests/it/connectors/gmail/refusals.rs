//! What is refused: scopes, other mailboxes; and no error has a token in it.

use clawback_connectors::{CallError, SandboxLimits};
use clawback_model::{MessageRef, Query};
use clawback_tests::gmail::{DIRECTORY, Gmail, MODIFY, user};

use super::{Site, config, host, mail};

#[tokio::test]
async fn a_scope_that_is_not_delegated_is_denied() {
    let site = Site::start(1).await;
    site.gmail.revoke(MODIFY);
    let refused = site.store.search(&user(1).into(), &Query::default(), None, 1).await.unwrap_err();
    assert!(matches!(refused, CallError::Denied { .. }), "{refused}");
    site.gmail.revoke(DIRECTORY);
    let refused = site.store.mailboxes(None, 10).await.unwrap_err();
    assert!(matches!(refused, CallError::Denied { .. }), "{refused}");
}

#[tokio::test]
async fn a_token_with_another_scope_is_denied_and_says_what_to_check() {
    let site = Site::with(1, DIRECTORY, "").await;
    let refused = site.store.search(&user(1).into(), &Query::default(), None, 1).await.unwrap_err();
    assert!(matches!(refused, CallError::Denied { .. }), "{refused}");
    assert!(refused.to_string().contains("insufficientPermissions"), "{refused}");
    for token in site.gmail.tokens() {
        assert!(!refused.to_string().contains(&token));
    }
}

#[tokio::test]
async fn a_call_for_one_mailbox_reaches_no_other() {
    let site = Site::start(2).await;
    let id = site.gmail.deliver(&user(2), &mail(1), &["INBOX"]);
    let reference = |locator: &str| MessageRef {
        locator: locator.to_owned(),
        message_id: "<1@bulk.example>".into(),
        fingerprint: "00".repeat(20),
    };
    // The id of another's message, and ids that would be other paths.
    let ben = user(2);
    let other = [
        id.clone(),
        format!("../../{ben}/messages/{id}"),
        format!("..%2F..%2F{ben}%2Fmessages%2F{id}"),
        format!("%2e%2e/%2e%2e/{ben}/messages/{id}"),
        format!("{id}/../../../{ben}/messages/{id}"),
        format!("{id}%2F.."),
        format!("{id}?userId={ben}"),
        format!("{id}#"),
        format!("{id}\r\nX-Goog-User: {ben}"),
        format!("//{ben}/{id}"),
        format!("\\{ben}\\{id}"),
        format!("{id};userId={ben}"),
        "batchDelete".to_owned(),
        "send".to_owned(),
    ];
    for locator in other {
        let raw = site.store.fetch_raw(&user(1), &reference(&locator), 100).await;
        assert!(matches!(raw, Err(CallError::NotFound { .. })), "{locator}: {raw:?}");
        let located = site.store.locate(&user(1), &[reference(&locator)]).await.unwrap();
        assert!(located[0].sightings.is_empty(), "{locator}");
    }
    for mailbox in [
        "me",
        "../user0002@acme.test",
        "user0002@acme.test/../user0001@acme.test",
        "user0001@acme.test/../user0002@acme.test",
        "user0001@acme.test?x=y",
        "user0001@acme.test%2F..%2Fuser0002@acme.test",
        "user0001@acme.test#",
    ] {
        let refused = site.store.search(&mailbox.into(), &Query::default(), None, 1).await;
        assert!(refused.is_err(), "{mailbox}: {refused:?}");
    }
    let seen = site.gmail.take_seen();
    assert!(seen.iter().all(|seen| seen.subject == user(1)), "{seen:?}");
    assert_eq!(site.gmail.labels(&user(2), &id).unwrap(), ["INBOX"]);
}

#[tokio::test]
async fn a_store_without_the_directory_needs_a_list_of_mailboxes() {
    let gmail = Gmail::start(1).await;
    let folder = tempfile::tempdir().unwrap();
    let text = gmail.config(folder.path(), MODIFY, "");
    let text = text.split("[endpoints.directory]").next().unwrap();
    let store = host(SandboxLimits::default()).load("corp", &config(text)).await.unwrap();
    assert!(matches!(store.mailboxes(None, 10).await, Err(CallError::Denied { .. })));
    let listed =
        text.replacen("connector = \"gmail\"", &format!("connector = \"gmail\"\nmailboxes = [{:?}]", user(1)), 1);
    let store = host(SandboxLimits::default()).load("corp", &config(&listed)).await.unwrap();
    assert_eq!(store.mailboxes(None, 10).await.unwrap().items, [user(1).into()]);
}
