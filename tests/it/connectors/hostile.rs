//! A connector that does everything that a connector must not. Each violation ends its own call, with an error that
//! names the connector; the next call works.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_connectors::{ActionTarget, CallError, MailStore, SandboxLimits};
use clawback_model::{Action, Location, LocationKind, Message, MessageRef, Query};

use super::{host, hostile};

fn limits() -> SandboxLimits {
    SandboxLimits { cpu: Duration::from_millis(200), ..SandboxLimits::default() }
}

async fn store(rest: &str) -> Arc<dyn MailStore> {
    host(limits()).load("corp", &hostile(rest)).await.unwrap()
}

async fn page(store: &dyn MailStore, misdeed: &str, cursor: Option<&str>) -> Result<Vec<Message>, CallError> {
    let mailbox = format!("{misdeed}@example.test").into();
    let found = store.search(&mailbox, &Query::default(), cursor.map(str::to_owned), 100).await;
    found.map(|page| page.items)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_violation_is_a_fault_with_a_name_and_the_next_call_works() {
    let store = store("").await;
    for (misdeed, said) in [
        ("loop", "ran past its deadline of 200ms"),
        ("memory", "asked for more than its 64 MiB of memory"),
        ("panic", "a panic that the log should show"),
        ("trap", "crashed"),
        ("recursion", "overflowed its stack"),
        ("too-many", "answered 101 messages on a page of at most 100"),
        ("endless-cursor", "gave back the cursor"),
        ("long-locator", "gave a locator of 1025 bytes"),
    ] {
        let error = page(&*store, misdeed, Some("again")).await.unwrap_err();
        assert!(matches!(error, CallError::Fault { .. }), "{misdeed}: {error}");
        let text = error.to_string();
        assert!(text.contains("hostile 0.1.0 of store `corp`") && text.contains(said), "{misdeed}: {text}");
        assert_eq!(page(&*store, "well-behaved", None).await.unwrap().len(), 3, "after {misdeed}");
    }
}

#[tokio::test]
async fn an_answer_above_sixteen_mebibytes_is_refused() {
    let store = store("").await;
    let mailbox = "oversized-page@example.test".into();
    let error = store.search(&mailbox, &Query::default(), None, 1_000).await.unwrap_err().to_string();
    // Pages of 1,000 are too large; then it answers with one more message than requested.
    assert!(error.contains("answered 501 messages on a page of at most 500"), "{error}");
    let reference = MessageRef { locator: "x".into(), message_id: String::new(), fingerprint: "00".into() };
    let error = store.fetch_raw("oversized-page", &reference, 100).await.unwrap_err().to_string();
    assert!(error.contains("101 bytes where at most 100"), "{error}");
}

#[tokio::test]
async fn a_busy_guest_does_not_delay_the_others() {
    let limits = SandboxLimits { cpu: Duration::from_secs(2), ..SandboxLimits::default() };
    let store = host(limits).load("corp", &hostile("")).await.unwrap();
    let busy = tokio::spawn({
        let store = Arc::clone(&store);
        async move { page(&*store, "loop", None).await }
    });
    tokio::task::yield_now().await;
    let began = Instant::now();
    for _ in 0..5 {
        page(&*store, "well-behaved", None).await.unwrap();
    }
    // One thread for all: without yields the first page would come after two seconds.
    assert!(began.elapsed() < Duration::from_millis(1_500) && !busy.is_finished(), "{:?}", began.elapsed());
    assert!(busy.await.unwrap().is_err());
}

#[tokio::test]
async fn answers_within_the_limits_are_complete() {
    let tight = SandboxLimits { memory_bytes: 4 << 20, answer_bytes: 1 << 20, ..limits() };
    let store = host(tight).load("corp", &hostile("settings = { records = \"1000\" }")).await.unwrap();
    let all = store.search(&"fine".into(), &Query::default(), None, 1_000).await.unwrap();
    assert_eq!((all.items.len(), all.next), (1_000, None));
    let tighter = SandboxLimits { answer_bytes: 64 << 10, ..limits() };
    let store = host(tighter).load("corp", &hostile("settings = { records = \"1000\" }")).await.unwrap();
    let (mut numbers, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.search(&"fine".into(), &Query::default(), cursor, 1_000).await.unwrap();
        assert!(page.items.len() < 500, "halved until it fits");
        numbers.extend(page.items.into_iter().map(|message| message.reference.locator));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(numbers, (0..1_000).map(|number| format!("INBOX/{number}")).collect::<Vec<_>>());
    let tiny = SandboxLimits { answer_bytes: 200, ..limits() };
    let store = host(tiny).load("corp", &hostile("")).await;
    let said = match store {
        Ok(store) => store.search(&"fine".into(), &Query::default(), None, 1_000).await.unwrap_err().to_string(),
        Err(error) => format!("{error:?}"),
    };
    assert!(said.contains("handed over more than"), "one message that is too large is a fault: {said}");
}

#[tokio::test]
async fn a_question_with_too_large_an_answer_is_asked_in_parts() {
    let tight = SandboxLimits { answer_bytes: 64 << 10, ..limits() };
    let store = host(tight).load("corp", &hostile("")).await.unwrap();
    let reference = |number: u32| MessageRef {
        locator: format!("INBOX/{number}"),
        message_id: format!("<{number}@{}>", "x".repeat(200)),
        fingerprint: "00".into(),
    };
    let references: Vec<_> = (0..1_000).map(reference).collect();
    let located = store.locate("fine", &references).await.unwrap();
    let found: Vec<_> = located.iter().map(|one| one.locator.as_str()).collect();
    assert_eq!(found, references.iter().map(|one| one.locator.as_str()).collect::<Vec<_>>(), "in order, none left out");
}

#[tokio::test]
async fn a_page_is_never_larger_than_the_host_allows() {
    let small = SandboxLimits { page: 10, ..limits() };
    let store = host(small).load("corp", &hostile("settings = { records = \"25\" }")).await.unwrap();
    let page = store.search(&"fine".into(), &Query::default(), None, u32::MAX).await.unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (10, Some("10")));
}

fn aims() -> Vec<ActionTarget> {
    (0..3)
        .map(|number| ActionTarget {
            reference: MessageRef {
                locator: format!("INBOX/{number}"),
                message_id: String::new(),
                fingerprint: "00".into(),
            },
            location: Location::new(LocationKind::Inbox, "INBOX"),
            former: None,
        })
        .collect()
}

#[tokio::test]
async fn lying_about_outcomes_is_a_fault() {
    let store = store("").await;
    let references: Vec<_> = aims().into_iter().map(|aim| aim.reference).collect();
    for misdeed in ["fewer-outcomes", "more-outcomes", "other-locators"] {
        let error = store.apply(misdeed, Action::SoftDelete, &aims()).await.unwrap_err();
        assert!(matches!(error, CallError::Fault { .. }), "{misdeed}: {error}");
        let error = store.locate(misdeed, &references).await.unwrap_err();
        assert!(matches!(error, CallError::Fault { .. }), "{misdeed}: {error}");
    }
    assert_eq!(store.apply("fine", Action::SoftDelete, &aims()).await.unwrap().len(), 3);
    let error = store.apply("fine", Action::MoveToQuarantine, &aims()).await.unwrap_err();
    assert!(matches!(error, CallError::Permanent { .. }), "an unsupported action is not tried: {error}");
}

#[tokio::test]
async fn typed_errors_pass_from_guest_to_host() {
    let store = store("").await;
    let throttled = page(&*store, "throttled", None).await.unwrap_err();
    assert_eq!(
        throttled,
        CallError::Throttled { store: "corp".into(), after: Some(Duration::from_millis(1_500)), detail: None }
    );
    assert!(matches!(page(&*store, "denied", None).await, Err(CallError::Denied { .. })));
}

#[tokio::test]
async fn nothing_is_granted_that_was_not_granted() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let granted = folder.path().join("granted");
    std::fs::create_dir_all(granted.join("inside")).unwrap();
    std::os::unix::fs::symlink(&secret, granted.join("link")).unwrap();
    std::os::unix::fs::symlink(folder.path(), granted.join("inside/up")).unwrap();
    // The manifest asks for nothing, so a copy without a manifest is granted the folder.
    let wasm = folder.path().join("hostile.wasm");
    std::fs::copy(super::dist("hostile/hostile.wasm"), &wasm).unwrap();
    let digest = clawback_model::Digest::of(&std::fs::read(&wasm).unwrap());
    for path in ["link", "inside/up/secret", "inside/../../secret", "./../secret", "inside//up"] {
        let config = super::config(&format!(
            "connector = {{ path = {wasm:?}, sha256 = \"{digest}\" }}\ndirectory = {granted:?}\nsettings = {{ path = {path:?} }}"
        ));
        let store = host(limits()).load("corp", &config).await.unwrap();
        let told = page(&*store, "forbidden-file", None).await.unwrap().remove(0).subject;
        assert!(!told.contains("GOT") && told.matches("FolderError").count() >= 7, "{path}: {told}");
        let told = page(&*store, "forbidden-host", None).await.unwrap().remove(0).subject;
        assert!(!told.contains("OPEN") && told.matches("Denied").count() == 2, "{told}");
    }
    let refused = super::hostile(&format!("directory = {granted:?}"));
    let error = host(limits()).load("corp", &refused).await.err().expect("the manifest asks for no folder").to_string();
    assert!(error.contains("uses no directory"), "{error}");
}

#[tokio::test]
async fn a_connector_that_cannot_describe_itself_is_not_loaded() {
    for misdeed in ["loop-in-describe", "trap"] {
        let config = hostile(&format!("settings = {{ hostile = {misdeed:?} }}"));
        let error = host(limits()).load("corp", &config).await.err().expect("it misbehaves");
        assert!(matches!(error.call(), Some(CallError::Fault { .. })), "{misdeed}: {error}");
    }
}

#[tokio::test]
async fn a_noisy_connector_does_not_fail_its_call() {
    let store =
        host(SandboxLimits { cpu: Duration::from_secs(20), ..limits() }).load("corp", &hostile("")).await.unwrap();
    assert_eq!(page(&*store, "noisy", None).await.unwrap().len(), 3);
}

async fn subject(store: &dyn MailStore, mailbox: &str) -> String {
    let page = store.search(&mailbox.into(), &Query::default(), None, 100).await.unwrap();
    page.items[0].subject.clone()
}

#[tokio::test]
async fn what_a_call_keeps_is_found_by_calls_for_the_same_mailbox_only() {
    let store = store("").await;
    let nothing = "found None, kept true; found None, kept false";
    assert_eq!(subject(&*store, "memo@one.test").await, nothing);
    let again = subject(&*store, "memo@one.test").await;
    assert!(again.starts_with("found Some(\"memo@one.test\"), kept true"), "{again}");
    assert!(again.ends_with("found None, kept false"), "a call for a mailbox keeps nothing for others: {again}");
    assert_eq!(subject(&*store, "memo@two.test").await, nothing);
    let other = self::store("").await;
    assert_eq!(subject(&*other, "memo@one.test").await, nothing, "nor does another store find it");
}

#[tokio::test]
async fn a_wait_ends_with_the_call() {
    let store = store("[limits]\ncall-timeout = \"2s\"").await;
    let error = page(&*store, "sleep", None).await.unwrap_err().to_string();
    assert!(error.contains("did not finish within 2s"), "{error}");
}
