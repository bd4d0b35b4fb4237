//! Twenty ways by which a JMAP call for one mailbox could reach another: each leaves the other as it was, and shows
//! nothing of it. With a token for each mailbox, and with a login that may do everything in all.

use std::fmt::Debug;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use clawback_connectors::{ActionTarget, MailStore};
use clawback_model::{Action, Effect, Location, LocationKind, MessageRef, Query, RestorePoint};
use clawback_tests::contract::aims;
use clawback_tests::cyrus::Cyrus;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::jmap::{by_password, by_tokens, deliver, found, load, named, raw, snapshot};

const OWN: &str = "u0001";
const OTHER: &str = "u0002";
/// What every message of the other mailbox has, and none of the own.
const SECRET: &str = "Secret";

/// The mailboxes, and what was tried.
struct Attempts<'a> {
    server: &'a Cyrus,
    before: clawback_tests::imap_client::Snapshot,
    tried: usize,
}

impl Attempts<'_> {
    /// Notes an attempt: its answer shows nothing of the other mailbox, which is as it was.
    fn check(&mut self, what: &str, answer: &impl Debug) {
        self.tried += 1;
        let answer = format!("{answer:?}");
        assert!(!answer.contains(SECRET), "{what}: {answer}");
        assert!(snapshot(self.server, OTHER) == self.before, "{what}: {answer}");
    }
}

fn reference(locator: &str, like: &MessageRef) -> MessageRef {
    MessageRef { locator: locator.to_owned(), ..like.clone() }
}

fn aim(reference: MessageRef) -> ActionTarget {
    ActionTarget { reference, location: Location::new(LocationKind::Inbox, "INBOX"), former: None }
}

/// Sends a method with the token of the own mailbox, as a connector could that wants to reach the other.
async fn with_own_token(server: &Cyrus, method: &str, arguments: Value) -> (StatusCode, Value) {
    let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
    let body = json!({ "using": using, "methodCalls": [[method, arguments, "0"]] });
    let request = Request::post(format!("http://{}/jmap/", server.http()))
        .header(header::AUTHORIZATION, format!("Bearer {}", server.token(OWN)))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http::<Body>().request(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(Body::new(answer.into_body()), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Tries what a caller of the connector can give.
async fn by_the_connector(store: &dyn MailStore, attempts: &mut Attempts<'_>) {
    // First, so that whatever is remembered of the other mailbox is there.
    let others = found(store, OTHER, SECRET).await;
    let mine = found(store, OWN, "Parcel").await;
    assert_eq!((others.len(), mine.len()), (3, 3));
    let page = store.search(&named(OTHER), &Query::default(), None, 1).await.unwrap();
    let id = others[0].reference.locator.clone();

    let all = store.search(&named(OWN), &Query::default(), None, 1_000).await.unwrap();
    assert_eq!(all.items.len(), 4);
    attempts.check("memo: what is remembered of another mailbox is not used", &all.items);
    let continued = store.search(&named(OWN), &Query::default(), page.next.clone(), 1_000).await;
    attempts.check("cursor of the other mailbox", &continued.map(|page| page.items));
    for cursor in [format!("0:{id}"), format!("1:{OTHER}/{id}"), "0:x\",\"accountId\":\"u0002".to_owned()] {
        let continued = store.search(&named(OWN), &Query::default(), Some(cursor.clone()), 1_000).await;
        attempts.check(&format!("cursor {cursor}"), &continued.map(|page| page.items));
    }
    for locator in [
        id.clone(),
        format!("{OTHER}/{id}"),
        format!("../{OTHER}/{id}"),
        format!("{id}\",\"accountId\":\"{OTHER}"),
        format!("#{id}"),
        format!("{id}?accountId={OTHER}"),
    ] {
        let reference = reference(&locator, &others[0].reference);
        let located = store.locate(OWN, std::slice::from_ref(&reference)).await;
        let is_nowhere = located.as_ref().map_or(true, |all| all[0].sightings.is_empty());
        assert!(is_nowhere, "{locator}: {located:?}");
        let raw = store.fetch_raw(OWN, &reference, 1 << 20).await;
        assert!(raw.is_err(), "a blob of the other mailbox: {locator}");
        for action in [Action::MoveToJunk, Action::HardDelete] {
            let effects = store.apply(OWN, action, &[aim(reference.clone())]).await;
            let is_nothing = effects.as_ref().map_or(true, |all| !matches!(all[0], Effect::Succeeded(_)));
            assert!(is_nothing, "{locator}: {effects:?}");
        }
        attempts.check(&format!("locator {locator}"), &raw);
    }
    let labels = others[0].flags.clone();
    for former in [
        RestorePoint { location: others[0].location.clone(), flags: labels },
        RestorePoint { location: Location::new(LocationKind::Folder, format!("user/{OTHER}/INBOX")), flags: vec![] },
        RestorePoint { location: mine[0].location.clone(), flags: vec![format!("label:{OTHER}")] },
    ] {
        let aim = ActionTarget { former: Some(former.clone()), ..aims(&others).remove(0) };
        let effects = store.apply(OWN, Action::Restore, &[aim]).await;
        assert!(effects.as_ref().map_or(true, |all| !matches!(all[0], Effect::Succeeded(_))), "{effects:?}");
        attempts.check(&format!("restore to {former:?}"), &effects.map(|all| all.len()));
    }
    for mailbox in [format!("{OWN}/../{OTHER}"), format!("{OWN}\",\"x\":\"{OTHER}"), format!("{OTHER}\u{0}")] {
        let answer = store.search(&named(&mailbox), &Query::default(), None, 10).await;
        assert!(answer.is_err(), "{mailbox}");
        attempts.check(&format!("mailbox {mailbox:?}"), &answer.map(|page| page.items));
    }
}

#[tokio::test]
async fn twenty_ways_into_another_mailbox_lead_nowhere() {
    let server = Cyrus::with_jmap(2);
    for number in 0..3 {
        deliver(&server, OWN, "INBOX", &raw(number, "Parcel"), &[]);
        deliver(&server, OTHER, "INBOX", &raw(number, SECRET), &[]);
    }
    // The same bytes in both have the same id on this server.
    let shared = raw(9, "Lunch");
    for mailbox in [OWN, OTHER] {
        deliver(&server, mailbox, "INBOX", &shared, &[]);
    }
    let folder = tempfile::tempdir().unwrap();
    for text in [by_tokens(&server, server.http(), ""), by_password(&server, folder.path())] {
        let store = load(&text).await;
        let mut attempts = Attempts { server: &server, before: snapshot(&server, OTHER), tried: 0 };
        by_the_connector(&*store, &mut attempts).await;

        let same = found(&*store, OWN, "Lunch").await;
        let moved = store.apply(OWN, Action::MoveToJunk, &aims(&same)).await.unwrap();
        let Effect::Succeeded(receipt) = &moved[0] else { panic!("{moved:?}") };
        attempts.check("a message that both mailboxes have", &receipt.former);
        let back = ActionTarget {
            reference: receipt.now.clone().unwrap(),
            location: receipt.location.clone().unwrap(),
            former: Some(receipt.former.clone()),
        };
        store.apply(OWN, Action::Restore, &[back]).await.unwrap();

        // The account of a request is in its body, where the host does not look: the token is the fence.
        let id = found(&*store, OTHER, SECRET).await.remove(0).reference.locator;
        for (method, arguments) in [
            ("Email/query", json!({ "accountId": OTHER })),
            ("Email/get", json!({ "accountId": OTHER, "ids": [id] })),
            ("Mailbox/get", json!({ "accountId": OTHER })),
            ("Email/set", json!({ "accountId": OTHER, "destroy": [id] })),
        ] {
            let (status, answer) = with_own_token(&server, method, arguments).await;
            let is_refused = status != StatusCode::OK || answer["methodResponses"][0][0] == "error";
            assert!(is_refused, "{method}: {status} {answer}");
            attempts.check(&format!("{method} of the other account"), &answer);
        }
        assert!(attempts.tried >= 20, "{} attempts", attempts.tried);
    }
}
