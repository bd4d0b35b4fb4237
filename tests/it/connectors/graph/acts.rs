//! Acts, their receipts, and what a restore brings back.

use clawback_connectors::{ActionTarget, CallError, MailStore};
use clawback_model::{Action, Effect, LocationKind, Message, Query, Receipt};
use clawback_tests::graph::{Graph, Options, Right, State};

use super::{ANN, MONDAY, is_success, mail, search, start};

fn aim(message: &Message) -> ActionTarget {
    ActionTarget { reference: message.reference.clone(), location: message.location.clone(), former: None }
}

fn receipt(effect: &Effect) -> &Receipt {
    let Effect::Succeeded(receipt) = effect else { panic!("{effect:?}") };
    receipt
}

fn back(effect: &Effect) -> ActionTarget {
    let receipt = receipt(effect).clone();
    ActionTarget { reference: receipt.now.unwrap(), location: receipt.location.unwrap(), former: Some(receipt.former) }
}

async fn aims(store: &dyn MailStore) -> Vec<ActionTarget> {
    search(store, ANN, &Query::default(), 1_000).await.iter().map(aim).collect()
}

fn fill(graph: &Graph, count: usize) -> Vec<String> {
    (0..count).map(|number| graph.deliver(ANN, "inbox", mail(number, "Your parcel").as_bytes(), MONDAY)).collect()
}

#[tokio::test]
async fn five_batches_move_a_hundred_messages_and_back() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    let ids = fill(&graph, 100);
    graph.mark(ANN, &ids[3], true, "complete", &["Red category", "caf\u{e9}"]);
    graph.mark(ANN, &ids[4], false, "flagged", &[]);
    let before = graph.kept(ANN);
    let aims = aims(&*store).await;
    graph.counts();
    let effects = store.apply(ANN, Action::SoftDelete, &aims).await.unwrap();
    let counts = graph.counts();
    assert!(effects.iter().all(is_success));
    assert_eq!((counts.requests, counts.units), (10, 200), "one look and one move for each, twenty in a batch");
    assert!(graph.kept(ANN).iter().all(|kept| kept.folder == "Deletions"));
    // Somebody reads one and takes its category away before it comes back.
    graph.mark(ANN, &ids[3], false, "notFlagged", &[]);
    let aims: Vec<_> = effects.iter().map(back).collect();
    let effects = store.apply(ANN, Action::Restore, &aims).await.unwrap();
    assert!(effects.iter().all(is_success), "{effects:?}");
    assert_eq!(graph.kept(ANN), before, "places, flags and categories are as they were");
    let effects = store.apply(ANN, Action::Restore, &aims).await.unwrap();
    assert!(effects.iter().all(|effect| *effect == Effect::AlreadyInDestination));
    graph.check();
}

#[tokio::test]
async fn flags_that_are_not_kept_are_named() {
    let (graph, store, _folder) = start(Options { keeps_categories: false, ..Options::default() }, &[ANN]).await;
    let ids = fill(&graph, 1);
    graph.mark(ANN, &ids[0], false, "notFlagged", &["Red category"]);
    let effects = store.apply(ANN, Action::MoveToJunk, &aims(&*store).await).await.unwrap();
    graph.mark(ANN, &ids[0], false, "notFlagged", &[]);
    let effects = store.apply(ANN, Action::Restore, &[back(&effects[0])]).await.unwrap();
    assert!(matches!(&effects[0], Effect::Failed(why) if why.contains("back in its folder")), "{effects:?}");
    assert_eq!(graph.kept(ANN)[0].folder, "Inbox");
}

#[tokio::test]
async fn what_the_owner_moved_or_deleted_is_left_alone() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    let ids = fill(&graph, 4);
    let aims = aims(&*store).await;
    graph.move_to(ANN, &ids[0], "Projects/new");
    graph.remove(ANN, &ids[1]);
    graph.move_to(ANN, &ids[2], "junkemail");
    let effects = store.apply(ANN, Action::MoveToJunk, &aims).await.unwrap();
    assert!(matches!(&effects[0], Effect::MovedSince(place) if place.path == "Projects/new"), "{effects:?}");
    assert_eq!(effects[1..3], [Effect::NotFound, Effect::AlreadyInDestination]);
    assert!(is_success(&effects[3]));
    // A copy with the same Message-ID and other content is not the message.
    graph.deliver(ANN, "inbox", mail(1, "Another text").as_bytes(), MONDAY);
    assert_eq!(store.apply(ANN, Action::MoveToJunk, &aims[1..2]).await.unwrap(), [Effect::NotFound]);
    // The same message, put back by its owner, has another id.
    graph.deliver(ANN, "inbox", mail(1, "Your parcel").as_bytes(), MONDAY);
    let effects = store.apply(ANN, Action::MoveToJunk, &aims[1..2]).await.unwrap();
    assert!(is_success(&effects[0]), "{effects:?}");
    graph.check();
}

#[tokio::test]
async fn hard_deletes_are_confirmed_and_named_where_the_cloud_has_none() {
    let (graph, store, _folder) = start(Options { has_permanent_delete: false, ..Options::default() }, &[ANN]).await;
    fill(&graph, 3);
    let aims = aims(&*store).await;
    let effects = store.apply(ANN, Action::HardDelete, &aims).await.unwrap();
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Failed(_))), "{effects:?}");
    assert_eq!(graph.kept(ANN).len(), 3);
    graph.behave(|options| options.has_permanent_delete = true);
    let effects = store.apply(ANN, Action::HardDelete, &aims[..2]).await.unwrap();
    assert!(effects.iter().all(|effect| receipt(effect).now.is_none()));
    assert_eq!(graph.kept(ANN).len(), 1);
    let located = store.locate(ANN, &[aims[0].reference.clone()]).await.unwrap();
    assert!(located[0].sightings.is_empty());
}

#[tokio::test]
async fn quarantine_is_hidden_and_found_on_request() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    fill(&graph, 2);
    let aims = aims(&*store).await;
    let effects = store.apply(ANN, Action::MoveToQuarantine, &aims).await.unwrap();
    assert!(effects.iter().all(is_success), "{effects:?}");
    assert!(graph.is_hidden(ANN, "Quarantine"));
    assert!(search(&*store, ANN, &Query::default(), 10).await.is_empty());
    let hidden = Query { locations: vec![LocationKind::Quarantine], ..Query::default() };
    assert_eq!(search(&*store, ANN, &hidden, 10).await.len(), 2);
    let raw = store.fetch_raw(ANN, &receipt(&effects[0]).now.clone().unwrap(), 1 << 20).await.unwrap();
    assert!(String::from_utf8(raw).unwrap().contains("Your parcel"));
    let aims: Vec<_> = effects.iter().map(back).collect();
    assert!(store.apply(ANN, Action::Restore, &aims).await.unwrap().iter().all(is_success));
    graph.check();
}

#[tokio::test]
async fn a_folder_that_is_gone_is_made_again_by_a_restore() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    graph.deliver(ANN, "Projects/2026", mail(1, "Your parcel").as_bytes(), MONDAY);
    let effects = store.apply(ANN, Action::MoveToDeletedItems, &aims(&*store).await).await.unwrap();
    graph.rename_folder(ANN, "Projects/2026", "");
    graph.rename_folder(ANN, "Projects", "");
    let effects = store.apply(ANN, Action::Restore, &[back(&effects[0])]).await.unwrap();
    assert!(is_success(&effects[0]), "{effects:?}");
    assert_eq!(graph.kept(ANN)[0].folder, "Projects/2026");
    graph.check();
}

#[tokio::test]
async fn no_right_is_no_empty_page_and_no_outcome() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    fill(&graph, 2);
    let aims = aims(&*store).await;
    graph.behave(|options| options.rights = vec![Right::MailRead]);
    let refused = store.apply(ANN, Action::MoveToJunk, &aims).await.unwrap_err();
    assert!(matches!(refused, CallError::Denied { .. }), "{refused}");
    graph.behave(|options| options.rights = vec![Right::UserReadAll]);
    let refused = store.search(&ANN.into(), &Query::default(), None, 10).await.unwrap_err();
    assert!(matches!(refused, CallError::Denied { .. }), "{refused}");
    graph.behave(|options| options.rights = vec![Right::MailReadWrite]);
    graph.set_user(ANN, State::None, false, true);
    let gone = store.apply(ANN, Action::MoveToJunk, &aims).await.unwrap_err();
    assert!(matches!(gone, CallError::NotFound { .. }), "{gone}");
    graph.set_user(ANN, State::Ready, false, true);
    assert!(graph.kept(ANN).iter().all(|kept| kept.folder == "Inbox"));
}
