//! Changes between a plan and its act.

use clawback_connector_sdk::{
    Connector as _,
    fingerprint::Fingerprints,
    matching::everything,
    types::{Action, Effect, LocationKind, MessageRef, Query},
};

use crate::server::{Mailbox, from_evil, location, phish, receipt, target, undo};

#[test]
fn what_its_owner_moved_is_left_alone() {
    let mailbox = Mailbox::new();
    mailbox.phish("INBOX", 1);
    let found = mailbox.search(&from_evil());
    mailbox.owner(&["CREATE Keep", "SELECT INBOX", "MOVE 1 Keep"]);
    let effects = mailbox.apply(Action::MoveToJunk, &[target(&found[0])]);
    assert_eq!(effects, [Effect::MovedSince(location(LocationKind::Folder, "Keep"))]);
    assert_eq!(mailbox.everywhere(), [("Keep".to_owned(), "Parcel 1".to_owned())]);
}

#[test]
fn a_new_numbering_is_noticed() {
    let mailbox = Mailbox::new();
    mailbox.phish("Work", 1);
    mailbox.phish("Work", 2);
    let found = mailbox.search(&from_evil());
    // The same UIDs under a new UIDVALIDITY, in reverse order.
    mailbox.owner(&["DELETE Work"]);
    mailbox.phish("Work", 2);
    mailbox.phish("Work", 1);
    let planned = found.iter().find(|message| message.subject == "Parcel 1").unwrap();
    let effects = mailbox.apply(Action::MoveToJunk, &[target(planned)]);
    assert!(matches!(effects[0], Effect::Succeeded(_)));
    assert!(mailbox.everywhere().contains(&("Junk".to_owned(), "Parcel 1".to_owned())));
}

#[test]
fn a_good_message_with_the_same_message_id_stays() {
    let mailbox = Mailbox::new();
    mailbox.phish("INBOX", 1);
    let found = mailbox.search(&from_evil());
    let forged = b"From: boss@acme.test\r\nSubject: Payroll\r\nMessage-ID: <1@evil.example>\r\n\r\n";
    mailbox.append("INBOX", "", forged);
    mailbox.append("Work", "", forged);
    mailbox.owner(&["SELECT INBOX", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE"]);
    assert_eq!(mailbox.apply(Action::HardDelete, &[target(&found[0])]), [Effect::NotFound]);
    assert_eq!(mailbox.everywhere().len(), 2);
}

#[test]
fn twins_are_two_messages() {
    let mailbox = Mailbox::new();
    mailbox.phish("INBOX", 1);
    mailbox.phish("INBOX", 1);
    let targets: Vec<_> = mailbox.search(&from_evil()).iter().map(target).collect();
    let effects = mailbox.apply(Action::MoveToJunk, &targets);
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Succeeded(_))), "{effects:?}");
    assert_eq!(mailbox.everywhere().len(), 2);
}

#[test]
fn half_done_is_finished_by_doing_it_again() {
    let mailbox = Mailbox::new();
    (0..4).for_each(|number| mailbox.phish("INBOX", number));
    let targets: Vec<_> = mailbox.search(&from_evil()).iter().map(target).collect();
    // The crash came after half of it.
    mailbox.apply(Action::MoveToDeletedItems, &targets[..2]);
    let effects = mailbox.apply(Action::MoveToDeletedItems, &targets);
    assert_eq!(effects[..2], [Effect::AlreadyInDestination, Effect::AlreadyInDestination]);
    assert!(effects[2..].iter().all(|effect| matches!(effect, Effect::Succeeded(_))));
    // A second search sees its own targets where they are now.
    assert!(mailbox.search(&from_evil()).iter().all(|one| one.location.kind == LocationKind::DeletedItems));
}

#[test]
fn a_folder_that_was_deleted_is_made_again_by_undo() {
    let mailbox = Mailbox::new();
    mailbox.phish("Projects/Big", 1);
    let effects = mailbox.apply(Action::SoftDelete, &[target(&mailbox.search(&from_evil())[0])]);
    mailbox.owner(&["DELETE Projects/Big"]);
    let undone = mailbox.apply(Action::Restore, &[undo(receipt(&effects[0]))]);
    assert_eq!(receipt(&undone[0]).location.as_ref().unwrap().path, "Projects/Big");
    assert_eq!(mailbox.everywhere(), [("Projects/Big".to_owned(), "Parcel 1".to_owned())]);
}

#[test]
fn a_folder_that_was_renamed_is_a_move() {
    let mailbox = Mailbox::new();
    mailbox.phish("Work", 1);
    let found = mailbox.search(&from_evil());
    mailbox.owner(&["RENAME Work Done"]);
    let effects = mailbox.apply(Action::SoftDelete, &[target(&found[0])]);
    assert_eq!(effects, [Effect::MovedSince(location(LocationKind::Folder, "Done"))]);
}

#[test]
fn messages_without_a_message_id_are_followed_too() {
    let mailbox = Mailbox::new();
    mailbox.append("INBOX", "", b"From: x@evil.example\r\nSubject: no id\r\n\r\n");
    mailbox.append("INBOX", "", b"From: x@evil.example\r\nSubject: odd id\r\nMessage-ID: \xe9 <a b\x01c>\r\n\r\n");
    let found = mailbox.search(&from_evil());
    assert_eq!(found.len(), 2);
    mailbox.owner(&["CREATE Keep", "SELECT INBOX", "MOVE 1:2 Keep"]);
    let effects = mailbox.apply(Action::MoveToJunk, &found.iter().map(target).collect::<Vec<_>>());
    let moved = Effect::MovedSince(location(LocationKind::Folder, "Keep"));
    assert_eq!(effects, [moved.clone(), moved]);
}

#[test]
fn handles_that_are_not_ours_do_not_stop_the_others() {
    let mailbox = Mailbox::new();
    mailbox.phish("INBOX", 1);
    let good = target(&mailbox.search(&from_evil())[0]);
    let mut bad = good.clone();
    bad.ref_ = MessageRef { locator: "rubbish".into(), message_id: "<gone@x>".into(), fingerprint: "0".repeat(32) };
    let effects = mailbox.apply(Action::MoveToJunk, &[bad, good]);
    assert_eq!(effects[0], Effect::NotFound);
    assert!(matches!(effects[1], Effect::Succeeded(_)));
}

#[test]
fn names_of_folders_are_text_and_never_syntax() {
    let mailbox = Mailbox::new();
    let name = "a \\\"b\\\" {3} %* (x)";
    mailbox.phish(name, 1);
    let found = mailbox.search(&from_evil());
    let effects = mailbox.apply(Action::SoftDelete, &[target(&found[0])]);
    let undone = mailbox.apply(Action::Restore, &[undo(receipt(&effects[0]))]);
    assert_eq!(receipt(&undone[0]).location.as_ref().unwrap(), &found[0].location);
    let evil = Query { subject_contains: vec!["x\" ALL\r\nz DELETE INBOX".into()], ..everything() };
    assert_eq!(mailbox.search(&evil).len(), 0);
}

#[test]
fn what_an_older_version_planned_is_acted_on_and_undone() {
    let mailbox = Mailbox::new();
    mailbox.phish("Work", 1);
    let found = mailbox.search(&from_evil());
    let mut planned = target(&found[0]);
    planned.ref_.fingerprint = Fingerprints::of(&phish(1), found[0].size).all()[1].to_owned();
    assert_ne!(planned.ref_.fingerprint, found[0].ref_.fingerprint);
    let located = mailbox.connector().locate(&mailbox.name, &[planned.ref_.clone()]).unwrap();
    assert_eq!(located[0].sightings.len(), 1);
    let effects = mailbox.apply(Action::SoftDelete, &[planned]);
    // The owner moves it: it is found by the older fingerprint, and by its size.
    mailbox.owner(&["CREATE Keep", "SELECT \"Recoverable Items\"", "MOVE 1 Keep"]);
    let undone = mailbox.apply(Action::Restore, &[undo(receipt(&effects[0]))]);
    assert_eq!(undone, [Effect::MovedSince(location(LocationKind::Folder, "Keep"))]);
    mailbox.owner(&["SELECT Keep", "MOVE 1 \"Recoverable Items\""]);
    assert_eq!(
        receipt(&mailbox.apply(Action::Restore, &[undo(receipt(&effects[0]))])[0]).location,
        Some(found[0].location.clone())
    );
    let raw = mailbox.connector().fetch_raw(&mailbox.name, &undo(receipt(&effects[0])).ref_, 4096).unwrap();
    assert_eq!(raw, phish(1));
}
