//! Actions and what undoes them.

use clawback_connector_jmap::Jmap;
use clawback_connector_sdk::{
    Connector as _,
    examiner::{Examined, Request},
    types::{Action, Effect, Error, LocationKind, Receipt, Target},
};

use crate::server::{Fault, Server, aim, nowhere};

fn receipt(effect: &Effect) -> &Receipt {
    match effect {
        Effect::Succeeded(receipt) => receipt,
        other => panic!("expected a success, got {other:?}"),
    }
}

fn back(effect: &Effect) -> Target {
    let receipt = receipt(effect).clone();
    Target { ref_: receipt.now.unwrap(), location: receipt.location.unwrap(), former: Some(receipt.former) }
}

#[test]
fn a_message_in_two_folders_comes_back_to_both_with_its_keywords() {
    for action in [Action::SoftDelete, Action::MoveToQuarantine, Action::MoveToJunk, Action::MoveToDeletedItems] {
        let server = Server::new();
        server.put("m", &["fi", "FP"], &["$seen", "work"], "From: a@b\nSubject: x\nMessage-ID: <m@x>");
        let before = server.state("m");
        let found = server.all();
        let effects = server.apply(action, &[aim(&found[0])]);
        let receipt = receipt(&effects[0]);
        assert_eq!(receipt.former.location.kind, LocationKind::Inbox);
        assert_eq!(receipt.former.flags, ["\\Seen", "work", "label:FP"]);
        assert_eq!(server.state("m").unwrap().0.len(), 1, "{action:?}");
        // After a crash only the store knows where it was.
        let located = Jmap::new(&server).locate("ann@x", &[found[0].ref_.clone()]).unwrap();
        assert_eq!(located[0].sightings[0].flags, receipt.former.flags);
        let undone = server.apply(Action::Restore, &[back(&effects[0])]);
        assert!(matches!(undone[0], Effect::Succeeded(_)), "{undone:?}");
        assert_eq!(server.state("m"), before, "{action:?}");
        assert_eq!(server.apply(Action::Restore, &[back(&effects[0])]), [Effect::AlreadyInDestination]);
    }
}

#[test]
fn marks_of_an_earlier_act_do_not_count_for_the_next() {
    let server = Server::new();
    server.put("m", &["fi", "FP"], &[], "From: a@b\nSubject: x");
    let first = server.apply(Action::MoveToJunk, &[aim(&server.all()[0])]);
    let second = server.apply(Action::MoveToDeletedItems, &[aim(&server.all()[0])]);
    assert!(receipt(&second[0]).former.flags.is_empty());
    server.apply(Action::Restore, &[back(&second[0])]);
    assert_eq!(server.state("m"), Some((vec!["fj".into()], vec![])));
    server.apply(Action::Restore, &[back(&first[0])]);
    assert_eq!(server.state("m"), Some((vec!["FP".into(), "fi".into()], vec![])));
}

#[test]
fn what_is_not_there_or_was_moved_is_left_alone() {
    let server = Server::new();
    server.put("m", &["fi"], &[], "From: a@b\nSubject: x");
    let target = aim(&server.all()[0]);
    let other = Target { ref_: nowhere(), ..target.clone() };
    let mut forged = target.clone();
    forged.ref_.fingerprint = "1".repeat(40);
    let mut hostile = target.clone();
    hostile.ref_.locator = "../m\"".into();
    let effects = server.apply(Action::MoveToJunk, &[target.clone(), other, forged, hostile, target.clone()]);
    assert!(matches!(effects[0], Effect::Succeeded(_)));
    assert_eq!(effects[1..4], [Effect::NotFound, Effect::NotFound, Effect::NotFound]);
    assert!(matches!(effects[4], Effect::Failed(_)), "it was a target already");
    let again = server.apply(Action::MoveToJunk, std::slice::from_ref(&target));
    assert_eq!(again, [Effect::AlreadyInDestination]);
    let moved = server.apply(Action::MoveToDeletedItems, std::slice::from_ref(&target));
    assert!(matches!(&moved[0], Effect::MovedSince(place) if place.kind == LocationKind::Junk), "{moved:?}");
    assert_eq!(server.state("m").unwrap().0, ["fj"]);
    let deleted = Target { location: server.all()[0].location.clone(), ..target };
    let gone = server.apply(Action::HardDelete, std::slice::from_ref(&deleted));
    assert_eq!(receipt(&gone[0]).now, None);
    assert_eq!(server.apply(Action::HardDelete, &[deleted]), [Effect::NotFound]);
}

#[test]
fn a_folder_that_is_gone_is_created_and_a_further_one_is_named() {
    let server = Server::new();
    server.put("one", &["FP"], &[], "From: a@b\nSubject: x");
    server.put("two", &["fi", "FP"], &[], "From: a@b\nSubject: y");
    let targets: Vec<Target> = server.all().iter().map(aim).collect();
    let effects = server.apply(Action::SoftDelete, &targets);
    server.folders.borrow_mut().retain(|folder| folder.0 != "FP");
    let undone = server.apply(Action::Restore, &effects.iter().map(back).collect::<Vec<_>>());
    assert!(matches!(undone[0], Effect::Succeeded(_)), "{undone:?}");
    assert_eq!(server.state("one").unwrap().0, [server.folder("Projects")]);
    assert!(matches!(&undone[1], Effect::Failed(why) if why.contains("`FP`")), "{undone:?}");
    assert_eq!(server.state("two").unwrap().0, ["fi"]);
}

#[test]
fn raw_bytes_and_readiness() {
    let server = Server::new();
    server.put("m", &["fi"], &[], "From: a@b\nSubject: x");
    let connector = Jmap::new(&server);
    let message = &server.all()[0];
    let raw = connector.fetch_raw("ann@x", &message.ref_, 1_000).unwrap();
    assert_eq!(raw, server.mails.borrow()[0].raw);
    assert_eq!(connector.fetch_raw("ann@x", &message.ref_, 4).unwrap(), b"From");
    assert!(connector.fetch_raw("ann@x", &nowhere(), 4).is_err());
    let ready = connector.check("ann@x").unwrap();
    assert!(ready.iter().all(|one| one.obstacle.is_none()));
    let soft = ready.iter().find(|one| one.action == Action::SoftDelete).unwrap();
    assert_eq!(
        (soft.creates.as_deref(), soft.visible.as_deref()),
        (Some("Recoverable Items"), Some("Recoverable Items"))
    );
    assert_eq!(connector.mailboxes(None, 10).unwrap().mailboxes, ["Ann@X"]);
}

/// Two deliveries of one message. Returns the target of the first, which is gone.
fn twins(server: &Server, folder: &str) -> Target {
    let header = "From: a@b\nSubject: x\nMessage-ID: <m@x>";
    server.put("one", &["fi"], &[], &format!("Received: one\n{header}"));
    server.put("two", &[folder], &[], &format!("Received: two\n{header}"));
    let found = server.all();
    assert_eq!(found[0].ref_.fingerprint, found[1].ref_.fingerprint);
    let target = aim(found.iter().find(|one| one.ref_.locator == "one").unwrap());
    server.mails.borrow_mut().retain(|mail| mail.id == "two");
    target
}

#[test]
fn a_twin_is_never_acted_on() {
    for (action, folder, effect) in [
        (Action::HardDelete, "fi", Effect::NotFound),
        (Action::HardDelete, "fj", Effect::NotFound),
        (Action::MoveToJunk, "fi", Effect::NotFound),
        (Action::MoveToJunk, "fj", Effect::AlreadyInDestination),
    ] {
        let server = Server::new();
        let target = twins(&server, folder);
        let connector = Jmap::new(&server);
        let located = connector.locate("ann@x", std::slice::from_ref(&target.ref_)).unwrap();
        assert!(located[0].sightings.is_empty(), "a twin is no sighting, and proves no act");
        assert!(matches!(connector.fetch_raw("ann@x", &target.ref_, 9), Err(Error::NotFound(_))));
        assert_eq!(server.apply(action, &[target]), [effect], "{action:?} {folder}");
        assert_eq!(server.state("two").unwrap().0, [folder]);
    }
    let server = Server::new();
    let target = twins(&server, "FP");
    let effects = server.apply(Action::MoveToJunk, &[target]);
    assert!(matches!(&effects[0], Effect::MovedSince(place) if place.path == "Projects"), "{effects:?}");
}

#[test]
fn a_twin_in_the_destination_is_no_success_of_a_message_that_vanished() {
    let server = Server::new();
    let header = "From: a@b\nSubject: x\nMessage-ID: <m@x>";
    server.put("one", &["fi"], &[], header);
    server.put("old", &["fj"], &[], header);
    let target = aim(&server.all()[0]);
    server.faults.borrow_mut().push_back(Fault::Vanish);
    let effects = server.apply(Action::MoveToJunk, &[target]);
    assert!(matches!(&effects[0], Effect::Failed(why) if why.contains("`Junk`")), "{effects:?}");
    server.put("two", &["fi"], &[], "From: a@b\nSubject: y\nMessage-ID: <n@x>");
    let target = aim(server.all().iter().find(|one| one.ref_.locator == "two").unwrap());
    server.faults.borrow_mut().push_back(Fault::Vanish);
    assert_eq!(server.apply(Action::MoveToJunk, &[target]), [Effect::NotFound]);
}

#[test]
fn an_id_of_another_message_is_no_proof_that_one_is_gone() {
    let server = Server::new();
    server.put("one", &["fi"], &[], "From: a@b\nSubject: x\nMessage-ID: <m@x>");
    let reference = server.all()[0].ref_.clone();
    server.mails.borrow_mut()[0].id = "two".into();
    server.put("one", &["fi"], &[], "From: a@b\nSubject: y\nMessage-ID: <n@x>");
    let located = Jmap::new(&server).locate("ann@x", &[reference]).unwrap();
    assert_eq!(located[0].sightings[0].ref_.locator, "two");
}

#[test]
fn a_server_that_refuses_keywords_still_moves() {
    for kind in ["tooManyKeywords", "forbidden"] {
        let server = Server::new();
        server.put("m", &["fi", "FP"], &[], "From: a@b\nSubject: x");
        let target = aim(&server.all()[0]);
        server.refused_keywords.set(Some(kind));
        let effects = server.apply(Action::MoveToJunk, &[target]);
        assert_eq!(receipt(&effects[0]).former.flags, ["label:FP"], "the receipt has the folders");
        assert_eq!(server.state("m").unwrap(), (vec!["fj".into()], vec![]));
    }
}

#[test]
fn a_restore_whose_flags_are_refused_is_no_success() {
    let server = Server::new();
    server.put("m", &["fi"], &["$seen"], "From: a@b\nSubject: x");
    let done = server.apply(Action::MoveToJunk, &[aim(&server.all()[0])]);
    {
        let mut mails = server.mails.borrow_mut();
        mails[0].folders = vec!["fi".into()];
        mails[0].keywords = vec!["$seen".into(), "$junk".into()];
    }
    server.refused_keywords.set(Some("forbidden"));
    let effects = server.apply(Action::Restore, &[back(&done[0])]);
    assert!(matches!(&effects[0], Effect::Failed(why) if why.contains("forbidden")), "{effects:?}");
    server.refused_keywords.set(None);
    server.faults.borrow_mut().push_back(Fault::Half);
    let effects = server.apply(Action::Restore, &[back(&done[0])]);
    assert!(matches!(effects[0], Effect::Succeeded(_)), "{effects:?}");
    assert_eq!(server.state("m").unwrap().1, ["$seen"]);
}

#[test]
fn mail_in_the_inbox_keeps_its_other_folders() {
    let server = Server::new();
    server.put("m", &["fi", "FP"], &[], "From: a@b\nSubject: x");
    server.put("n", &["fi", "fj"], &[], "From: a@b\nSubject: y");
    let targets: Vec<Target> = server.all().iter().map(aim).collect();
    let effects = server.apply(Action::MoveToInbox, &targets);
    assert_eq!(effects[0], Effect::AlreadyInDestination);
    assert!(matches!(effects[1], Effect::Succeeded(_)), "it is in junk, too: {effects:?}");
    assert_eq!(server.state("m").unwrap().0, ["FP", "fi"]);
    assert_eq!(server.state("n").unwrap().0, ["fi"]);
}

#[test]
fn a_folder_that_cannot_be_named_hides_no_message() {
    let server = Server::new();
    server.put("m", &["fi"], &[], "From: a@b\nSubject: x");
    server.put("n", &["fi"], &[], "From: a@b\nSubject: y");
    let refs: Vec<_> = server.all().into_iter().map(|message| message.ref_).collect();
    server.folders.borrow_mut().push(("odd".into(), "two\nlines".into(), None, None));
    server.mails.borrow_mut()[0].folders = vec!["odd".into()];
    let located = Jmap::new(&server).locate("ann@x", &refs).unwrap();
    let kinds: Vec<_> = located.iter().map(|one| one.sightings[0].location.kind).collect();
    assert_eq!(kinds, [LocationKind::Unknown, LocationKind::Inbox]);
}

#[test]
fn features_are_read_of_four_messages_at_once() {
    let server = Server::new();
    for number in 0..10 {
        server.put(&format!("m{number}"), &["fi"], &[], &format!("From: a@b\nSubject: x {number}"));
    }
    let mut refs: Vec<_> = server.all().into_iter().map(|message| message.ref_).collect();
    refs.insert(3, nowhere());
    let request = Request {
        key: (1, 2),
        most: 1 << 20,
        authentication_servers: Vec::new(),
        own_relays: Vec::new(),
        body_contains: Vec::new(),
        urls: Vec::new(),
        extra: Vec::new(),
    };
    let examined = Jmap::new(&server).examine("ann@x", &refs, &request).unwrap();
    let is_found: Vec<bool> = examined.iter().map(|one| matches!(one, Examined::Features(_))).collect();
    assert_eq!(is_found, [vec![true; 3], vec![false], vec![true; 7]].concat());
    assert_eq!(server.most_at_once.get(), 4);
}
