//! The contract of all stores, the listing of mailboxes, and what stands against an action.

use clawback_connectors::conformance::Seed;
use clawback_connectors::{CallError, SandboxLimits};
use clawback_model::{Action, Query};
use clawback_tests::contract::check_contract;
use clawback_tests::graph::{Graph, Options, Prism, Right, State};

use super::super::{config, host};
use super::{ANN, BEN, MONDAY, mail, start, store_with, table};

#[tokio::test]
async fn the_graph_connector_on_a_strict_fake() {
    for short_pages in [false, true] {
        let (graph, store, _folder) = start(Options { short_pages, ..Options::default() }, &[ANN, BEN]).await;
        let seed = Seed::new(ANN, "Your parcel waits", 5).unwrap();
        for (number, raw) in seed.raw().into_iter().enumerate() {
            graph.deliver(ANN, "inbox", raw.as_bytes(), MONDAY + i64::try_from(number).unwrap() * 400_000);
        }
        check_contract(&*store, &seed).await;
        graph.check();
        assert_eq!(graph.reached(), [ANN, "nobody@clawback.invalid"], "nothing but the mailbox of the call");
        assert!(graph.is_hidden(ANN, "Quarantine"), "the owner does not see the folder of quarantine");
        assert_eq!(graph.tokens(), 1, "one token for all requests");
    }
}

#[tokio::test]
async fn the_graph_connector_behind_a_validating_proxy() {
    let graph = Graph::start(Options::default(), &[ANN, BEN]).await;
    let (prism, folder) = (Prism::start(&graph.url()), tempfile::tempdir().unwrap());
    let text = table(&graph, folder.path(), "").replacen(
        &format!("url = {:?}", graph.url()),
        &format!("url = {:?}", prism.url()),
        1,
    );
    let store = host(SandboxLimits::default()).load("cloud", &config(&text)).await.unwrap();
    let seed = Seed::new(ANN, "Your parcel waits", 3).unwrap();
    for raw in seed.raw() {
        graph.deliver(ANN, "inbox", raw.as_bytes(), MONDAY);
    }
    check_contract(&*store, &seed).await;
    graph.check();
}

#[tokio::test]
async fn mailboxes_are_users_with_an_address() {
    let users: Vec<String> = (0..25).map(|number| format!("u{number:02}@acme.test")).collect();
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    let (graph, store, _folder) = start(Options::default(), &names).await;
    graph.set_user("u03@acme.test", State::Ready, true, true);
    graph.set_user("u04@acme.test", State::None, false, false);
    graph.set_user("u05@acme.test", State::None, false, true);
    graph.set_user("u06@acme.test", State::Blocked, false, true);
    for most in [1, 7, 1_000] {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.mailboxes(cursor, most).await.unwrap();
            assert!(page.items.len() <= most as usize && page.gaps.is_empty());
            all.extend(page.items.iter().map(ToString::to_string));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let wanted: Vec<_> =
            users.iter().filter(|name| !["u03@acme.test", "u04@acme.test"].contains(&name.as_str())).collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), wanted, "guests and users without an address have no mailbox");
    }
    let search = async |mailbox: &str| store.search(&mailbox.into(), &Query::default(), None, 10).await.map(drop);
    let none = search("u05@acme.test").await.unwrap_err();
    assert!(matches!(&none, CallError::NotFound { mailbox, .. } if mailbox == "u05@acme.test"), "{none}");
    let blocked = search("u06@acme.test").await.unwrap_err();
    assert!(matches!(blocked, CallError::Denied { .. }), "{blocked}");
    graph.check();
}

#[tokio::test]
async fn what_is_missing_is_named_before_an_act() {
    let rights = vec![Right::MailRead, Right::UserReadAll];
    let (graph, store, folder) = start(Options { rights, ..Options::default() }, &[ANN]).await;
    let id = graph.deliver(ANN, "inbox", mail(1, "a").as_bytes(), MONDAY);
    let before = graph.kept(ANN);
    for one in store.check(ANN).await.unwrap() {
        assert!(one.obstacle.as_deref().is_some_and(|why| why.contains("Mail.ReadWrite")), "{one:?}");
    }
    graph.behave(|options| options.rights = vec![Right::MailReadWrite]);
    let known = store.check(ANN).await.unwrap();
    assert!(known.iter().all(|one| one.obstacle.is_none()), "{known:?}");
    let quarantine = known.iter().find(|one| one.action == Action::MoveToQuarantine).unwrap();
    assert_eq!((quarantine.creates.as_deref(), quarantine.visible.as_deref()), (Some("Quarantine"), None));
    let soft = known.iter().find(|one| one.action == Action::SoftDelete).unwrap();
    assert_eq!(soft.visible.as_deref(), Some("Recoverable Items"), "Outlook shows it to the owner");
    assert_eq!(graph.kept(ANN), before, "a check changes nothing");
    let listed = store.mailboxes(None, 10).await.unwrap_err();
    assert!(matches!(&listed, CallError::Denied { detail, .. } if detail.contains("User.Read.All")), "{listed}");

    let off = store_with(&graph, folder.path(), "settings = { hard-delete = \"off\" }").await;
    assert!(!off.capabilities().actions.contains(&Action::HardDelete), "a cloud without it");
    assert!(store.capabilities().actions.contains(&Action::HardDelete));
    assert!(!id.is_empty());
    graph.check();
}

#[tokio::test]
async fn an_application_without_a_token_reaches_nothing() {
    let (graph, _store, folder) = start(Options::default(), &[ANN]).await;
    let text = table(&graph, folder.path(), "").replace(clawback_tests::graph::CLIENT, "another-application");
    let store = host(SandboxLimits::default()).load("cloud", &config(&text)).await.unwrap();
    let refused = store.search(&ANN.into(), &Query::default(), None, 10).await.unwrap_err();
    assert!(matches!(refused, CallError::Denied { .. }), "{refused}");
    assert!(!refused.to_string().contains(clawback_tests::graph::SECRET), "{refused}");
    assert!(graph.reached().is_empty());
}

#[tokio::test]
async fn a_token_that_expires_is_renewed() {
    let options = Options { token_lifetime: std::time::Duration::ZERO, ..Options::default() };
    let (graph, store, _folder) = start(options, &[ANN]).await;
    // No token is good for longer than it takes to send it, so even the second one is refused.
    let refused = store.search(&ANN.into(), &Query::default(), None, 10).await.unwrap_err();
    assert!(!refused.to_string().contains("eyJ"), "{refused}");
    graph.behave(|options| options.token_lifetime = std::time::Duration::from_hours(1));
    assert!(graph.tokens() >= 1);
}
