//! What decides about a message is the message itself, not the index, and not an answer of something else.

use std::cell::Cell;

use clawback_connector_gmail::Gmail;
use clawback_connector_sdk::{
    Connector as _,
    matching::everything,
    types::{Action, Effect, Error, Message, MessageRef, Receipt, Target},
};

use crate::server::{Server, answer, set, target};

fn mailbox(count: u32) -> (Server, Vec<Message>) {
    let mut server = Server::new();
    server.settings.insert("hard-delete".into(), "yes".into());
    (0..count).for_each(|number| server.deliver(number, "evil@p", 9_000 - i64::from(number), true));
    let mut messages = Gmail::new(&server).search("a@x", &everything(), None, 200).unwrap().messages;
    messages.sort_by_key(|message| message.ref_.locator.parse::<u32>().unwrap());
    server.units.set(0);
    (server, messages)
}

fn act(server: &Server, action: Action, targets: &[Target]) -> Result<Vec<Effect>, Error> {
    let outcomes = Gmail::new(server).apply("a@x", action, targets)?;
    Ok(outcomes.into_iter().map(|outcome| outcome.effect).collect())
}

fn aims(messages: &[Message]) -> Vec<Target> {
    messages.iter().map(target).collect()
}

fn receipt(effect: &Effect) -> &Receipt {
    match effect {
        Effect::Succeeded(receipt) => receipt,
        other => panic!("expected a success, got {other:?}"),
    }
}

#[test]
fn many_messages_are_moved_and_brought_back_whatever_the_index_says() {
    let (server, messages) = mailbox(60);
    // The index has all as if an earlier soft delete had not been undone.
    server.labels.borrow_mut().insert("Label_r".into(), "Clawback/Recoverable".into());
    server.labels.borrow_mut().insert("Label_1".into(), "Projects".into());
    for number in 0..60 {
        server.with(number, |mail| {
            mail.indexed = Some(set(&["TRASH", "Label_r"]));
            mail.labels.insert("Label_1".into());
        });
    }
    let effects = act(&server, Action::SoftDelete, &aims(&messages)).unwrap();
    assert!(effects.iter().all(|effect| receipt(effect).former.flags.contains(&"label:Label_1".into())));
    assert!((0..60).all(|number| server.labels_of(number) == set(&["TRASH", "Label_r", "Label_1"])));
    assert!(server.units.get() <= 60 * 25 + 10, "{} units", server.units.get());
    assert!(!server.asked.borrow().iter().any(|request| request.contains("q=")));
    let back = effects.iter().map(receipt).map(|receipt| Target {
        ref_: receipt.now.clone().unwrap(),
        location: receipt.location.clone().unwrap(),
        former: Some(receipt.former.clone()),
    });
    for effect in act(&server, Action::Restore, &back.collect::<Vec<_>>()).unwrap() {
        receipt(&effect);
    }
    assert!((0..60).all(|number| server.labels_of(number) == set(&["INBOX", "Label_1"])));
}

#[test]
fn the_place_of_a_message_is_where_it_is() {
    let (server, messages) = mailbox(30);
    for number in 0..30 {
        server.with(number, |mail| mail.labels = set(&["SPAM"]));
    }
    let refs: Vec<MessageRef> = messages.iter().map(|message| message.ref_.clone()).collect();
    let located = Gmail::new(&server).locate("a@x", &refs).unwrap();
    assert!(located.iter().all(|one| one.sightings[0].location.path == "SPAM"));
}

#[test]
fn a_change_whose_answers_are_lost_is_tried_again_and_no_failure() {
    let (server, messages) = mailbox(3);
    server.set_hook(|request| request.path.contains("/messages/1/modify").then(|| Ok(answer(500, ""))));
    let refused = act(&server, Action::MoveToJunk, &aims(&messages)).unwrap_err();
    assert!(matches!(refused, Error::Transient(_)), "{refused:?}");
    *server.hook.borrow_mut() = None;
    let effects = act(&server, Action::MoveToJunk, &aims(&messages)).unwrap();
    assert!(matches!(effects[..], [Effect::AlreadyInDestination, Effect::Succeeded(_), Effect::AlreadyInDestination]));
}

#[test]
fn a_change_that_was_made_although_its_answer_was_lost_is_a_success() {
    let (server, messages) = mailbox(1);
    server.lost.set(3);
    let effects = act(&server, Action::MoveToJunk, &aims(&messages)).unwrap();
    assert_eq!(receipt(&effects[0]).former.location.path, "INBOX");
    assert_eq!(server.lost.get(), 0);
}

#[test]
fn one_message_that_is_refused_fails_alone() {
    let (server, messages) = mailbox(20);
    server.set_hook(|request| request.path.contains("/messages/7/modify").then(|| Ok(answer(400, "{}"))));
    let effects = act(&server, Action::MoveToJunk, &aims(&messages)).unwrap();
    for (number, effect) in effects.iter().enumerate() {
        assert_eq!(matches!(effect, Effect::Failed(_)), number == 7, "{number}: {effect:?}");
    }
}

#[test]
fn a_page_of_a_proxy_does_not_say_that_a_message_is_gone() {
    let (server, messages) = mailbox(2);
    server.set_hook(|request| request.path.contains("/messages/").then(|| Ok(answer(404, "<html>not here</html>"))));
    let refs: Vec<MessageRef> = messages.iter().map(|message| message.ref_.clone()).collect();
    assert!(matches!(Gmail::new(&server).locate("a@x", &refs), Err(Error::Transient(_))));
    assert!(matches!(act(&server, Action::HardDelete, &aims(&messages)), Err(Error::Transient(_))));
}

#[test]
fn messages_of_a_mailbox_that_does_not_answer_are_not_gone() {
    let (server, messages) = mailbox(1);
    let gone = r#"{"error":{"status":"NOT_FOUND"}}"#;
    server.set_hook(move |_| Some(Ok(answer(404, gone))));
    assert!(Gmail::new(&server).locate("a@x", &[messages[0].ref_.clone()]).is_err());
}

#[test]
fn a_delete_that_is_refused_for_one_message_is_tried_for_the_others() {
    let (server, messages) = mailbox(3);
    let refusals = Cell::new(0);
    server.set_hook(move |request| {
        let is_first = request.path.ends_with("/batchDelete") && refusals.replace(refusals.get() + 1) == 0;
        is_first.then(|| Ok(answer(400, r#"{"error":{"message":"Invalid id value"}}"#)))
    });
    let effects = act(&server, Action::HardDelete, &aims(&messages)).unwrap();
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Failed(_))), "nobody removed one: {effects:?}");
    let (server, messages) = mailbox(3);
    let gone = r#"{"error":{"status":"NOT_FOUND"}}"#;
    let (looks, refusals) = (Cell::new(0), Cell::new(0));
    server.set_hook(move |request| {
        if request.path.contains("/messages/1?") && looks.replace(looks.get() + 1) > 0 {
            return Some(Ok(answer(404, gone)));
        }
        let is_first = request.path.ends_with("/batchDelete") && refusals.replace(refusals.get() + 1) == 0;
        is_first.then(|| Ok(answer(404, gone)))
    });
    let effects = act(&server, Action::HardDelete, &aims(&messages)).unwrap();
    assert!(
        matches!(effects[..], [Effect::Succeeded(_), Effect::NotFound, Effect::Succeeded(_)]),
        "another removed one: {effects:?}"
    );
}

#[test]
fn another_message_under_the_same_id_is_not_touched() {
    let (server, messages) = mailbox(2);
    server.with(0, |mail| {
        mail.headers[2].1 = "<other@x>".into();
        mail.raw = mail.raw.replace("<0@x>", "<other@x>");
    });
    for action in [Action::MoveToJunk, Action::HardDelete] {
        assert_eq!(act(&server, action, &aims(&messages[..1])).unwrap(), [Effect::NotFound]);
    }
    assert_eq!(server.labels_of(0), set(&["INBOX"]));
    let gmail = Gmail::new(&server);
    assert!(gmail.locate("a@x", &[messages[0].ref_.clone()]).unwrap()[0].sightings.is_empty());
    assert!(matches!(gmail.fetch_raw("a@x", &messages[0].ref_, 1_000), Err(Error::NotFound(_))));
    server.asked.borrow_mut().clear();
    assert!(gmail.fetch_raw("a@x", &messages[1].ref_, 1_000).is_ok());
    assert_eq!(server.asked.borrow().len(), 1, "the Message-ID of the bytes is enough");
}

#[test]
fn a_label_that_cannot_be_set_does_not_keep_a_message_in_the_trash() {
    let (server, messages) = mailbox(1);
    server.labels.borrow_mut().insert("NEW_SYSTEM".into(), "NEW_SYSTEM".into());
    server.with(0, |mail| mail.labels = set(&["INBOX", "NEW_SYSTEM"]));
    let effects = act(&server, Action::MoveToDeletedItems, &aims(&messages)).unwrap();
    let receipt = receipt(&effects[0]).clone();
    server.with(0, |mail| mail.labels = set(&["TRASH"]));
    server.set_hook(|request| {
        let is_refused = String::from_utf8_lossy(&request.body).contains("NEW_SYSTEM");
        is_refused.then(|| Ok(answer(400, r#"{"error":{"message":"Invalid label: NEW_SYSTEM"}}"#)))
    });
    let back = Target { ref_: receipt.now.unwrap(), location: receipt.location.unwrap(), former: Some(receipt.former) };
    let effects = act(&server, Action::Restore, &[back]).unwrap();
    assert!(matches!(&effects[0], Effect::Failed(why) if why.contains("it is back in `INBOX`")), "{effects:?}");
    assert_eq!(server.labels_of(0), set(&["INBOX"]));
}

#[test]
fn the_waits_of_an_examination_are_bounded_in_all() {
    let (server, messages) = mailbox(80);
    let asked = Cell::new(0_u32);
    // Each first request is throttled.
    server.set_hook(move |_| {
        asked.set(asked.get() + 1);
        (asked.get() % 2 == 1).then(|| Ok(answer(429, r#"{"error":{"status":"RESOURCE_EXHAUSTED"}}"#)))
    });
    let refs: Vec<MessageRef> = messages.iter().map(|message| message.ref_.clone()).collect();
    let request = clawback_connector_sdk::examiner::Request {
        key: (1, 2),
        most: 1_000,
        authentication_servers: Vec::new(),
        own_relays: Vec::new(),
        body_contains: Vec::new(),
        urls: Vec::new(),
        extra: Vec::new(),
    };
    server.passed.set(std::time::Duration::ZERO);
    let _ = Gmail::new(&server).examine("a@x", &refs, &request);
    assert!(server.passed.get().as_secs() < 15, "{:?}", server.passed.get());
}
