//! The effects of actions, and their undo.

use clawback_connector_sdk::{
    Connector as _,
    types::{Action, Effect, LocationKind, Target},
};

use crate::server::{Mailbox, from_evil, location, phish, receipt, target, undo};

#[test]
fn each_action_moves_to_its_place_and_home_again() {
    for without in [&[][..], &["MOVE"][..]] {
        let mailbox = Mailbox::new().without(without);
        mailbox.append("Work", "\\Seen \\Flagged $Phish", &phish(1));
        for (action, place) in [
            (Action::MoveToJunk, location(LocationKind::Junk, "Junk")),
            (Action::MoveToDeletedItems, location(LocationKind::DeletedItems, "Trash")),
            (Action::MoveToInbox, location(LocationKind::Inbox, "INBOX")),
            (Action::SoftDelete, location(LocationKind::RecoverableItems, "Recoverable Items")),
            (Action::MoveToQuarantine, location(LocationKind::Quarantine, "Quarantine")),
        ] {
            let found = mailbox.search(&from_evil());
            let effects = mailbox.apply(action, &[target(&found[0])]);
            let done = receipt(&effects[0]);
            assert_eq!(done.location, Some(place.clone()));
            assert_eq!(done.former.location, location(LocationKind::Folder, "Work"));
            let mut flags = done.former.flags.clone();
            flags.sort();
            assert_eq!(flags, ["$Phish", "\\Flagged", "\\Seen"]);
            assert_eq!(mailbox.everywhere(), [(place.path.clone(), "Parcel 1".to_owned())]);
            // Repeating it changes nothing and reports so.
            assert_eq!(mailbox.apply(action, &[target(&found[0])]), [Effect::AlreadyInDestination]);
            // The owner reads it meanwhile; an undo restores the former flags.
            mailbox.owner(&[&format!("SELECT \"{}\"", place.path), "STORE 1 -FLAGS (\\Flagged)"]);
            let effects = mailbox.apply(Action::Restore, &[undo(done)]);
            assert_eq!(receipt(&effects[0]).location, Some(location(LocationKind::Folder, "Work")));
            let mut home = mailbox.search(&from_evil())[0].flags.clone();
            home.sort();
            assert_eq!(home, ["$Phish", "\\Flagged", "\\Seen"]);
        }
    }
}

#[test]
fn acting_on_one_folder_is_three_round_trips() {
    let mailbox = Mailbox::new();
    mailbox.owner(&["CREATE Junk"]);
    (0..5).for_each(|number| mailbox.phish("INBOX", number));
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    let effects = mailbox.apply(Action::MoveToJunk, &targets);
    // Check, act, and the verification, which may not share a flight with the act.
    assert_eq!(*mailbox.host.flights.borrow(), 3);
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Succeeded(_))));
    assert!(mailbox.everywhere().iter().all(|(path, _)| path == "Junk"));
}

#[test]
fn several_folders_cost_one_round_trip_more_each() {
    let mailbox = Mailbox::new();
    mailbox.owner(&["CREATE Trash"]);
    for number in 0..9 {
        mailbox.phish(["INBOX", "Work", "Play"][number as usize % 3], number);
    }
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    let effects = mailbox.apply(Action::MoveToDeletedItems, &targets);
    // One verification for all folders at the end.
    assert_eq!(*mailbox.host.flights.borrow(), 5);
    // Each receipt refers to its own message.
    let refs: Vec<_> = effects.iter().map(|effect| receipt(effect).now.clone().unwrap()).collect();
    for (wanted, target) in refs.iter().zip(&targets) {
        assert_eq!(wanted.message_id, target.ref_.message_id);
        let raw = mailbox.connector().fetch_raw(&mailbox.name, wanted, 4096).unwrap();
        assert!(String::from_utf8(raw).unwrap().contains(&target.ref_.message_id));
    }
}

#[test]
fn a_hard_delete_takes_these_and_no_others() {
    let mailbox = Mailbox::new();
    mailbox.phish("INBOX", 1);
    mailbox.append("INBOX", "\\Deleted", b"From: me@acme.test\r\nSubject: mine\r\n\r\n");
    let found = mailbox.search(&from_evil());
    let effects = mailbox.apply(Action::HardDelete, &[target(&found[0])]);
    assert_eq!((&receipt(&effects[0]).now, &receipt(&effects[0]).location), (&None, &None));
    assert_eq!(mailbox.everywhere(), [("INBOX".to_owned(), "mine".to_owned())]);
    assert_eq!(mailbox.apply(Action::HardDelete, &[target(&found[0])]), [Effect::NotFound]);
    let located = mailbox.connector().locate(&mailbox.name, &[found[0].ref_.clone()]).unwrap();
    assert!(located[0].sightings.is_empty());
}

#[test]
fn nothing_is_removed_where_others_would_go_along() {
    let mailbox = Mailbox::new().without(&["UIDPLUS", "MOVE"]);
    mailbox.phish("INBOX", 1);
    let found = mailbox.search(&from_evil());
    for action in [Action::HardDelete, Action::MoveToJunk] {
        assert!(matches!(mailbox.apply(action, &[target(&found[0])])[0], Effect::Failed(_)));
    }
    assert_eq!(mailbox.everywhere().len(), 1);
}

#[test]
fn folders_are_made_without_the_owner_seeing_them() {
    let mailbox = Mailbox::new();
    mailbox.phish("INBOX", 1);
    mailbox.apply(Action::SoftDelete, &[target(&mailbox.search(&from_evil())[0])]);
    assert!(!mailbox.owner(&["LSUB \"\" *"]).iter().any(|line| line.contains("Recoverable")));
}

#[test]
fn large_batches_are_split() {
    let mailbox = Mailbox::new();
    (0..900).step_by(2).for_each(|number| mailbox.phish("INBOX", number));
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    assert_eq!(targets.len(), 450);
    let effects = mailbox.apply(Action::MoveToQuarantine, &targets);
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Succeeded(_))));
}

#[test]
fn what_left_its_place_is_located_with_every_copy() {
    let mailbox = Mailbox::new();
    mailbox.phish("INBOX", 1);
    let found = mailbox.search(&from_evil());
    mailbox.owner(&["CREATE Quarantine", "CREATE Work", "SELECT INBOX", "COPY 1 Quarantine", "MOVE 1 Work"]);
    let located = mailbox.connector().locate(&mailbox.name, &[found[0].ref_.clone()]).unwrap();
    let mut paths: Vec<_> = located[0].sightings.iter().map(|one| one.location.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["Quarantine", "Work"]);
    assert_eq!(located[0].locator, found[0].ref_.locator);
}

#[test]
fn locating_what_is_in_its_place_is_one_round_trip() {
    let mailbox = Mailbox::new();
    (0..5).for_each(|number| mailbox.phish("INBOX", number));
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    for (action, commands) in [(Action::MoveToJunk, 4), (Action::SoftDelete, 2)] {
        let targets: Vec<Target> = if action == Action::MoveToJunk {
            targets.clone()
        } else {
            mailbox.search(&from_evil()).iter().map(target).collect()
        };
        let effects = mailbox.apply(action, &targets);
        let refs: Vec<_> = effects.iter().map(|effect| receipt(effect).now.clone().unwrap()).collect();
        let located = mailbox.connector().locate(&mailbox.name, &refs).unwrap();
        assert_eq!((*mailbox.host.flights.borrow(), *mailbox.host.commands.borrow()), (1, commands));
        for ((found, wanted), effect) in located.iter().zip(&refs).zip(&effects) {
            assert_eq!(found.sightings.len(), 1);
            assert_eq!(found.sightings[0].ref_, *wanted);
            assert_eq!(Some(&found.sightings[0].location), receipt(effect).location.as_ref());
        }
    }
}

#[test]
fn flags_that_a_crash_left_undone_are_restored_later() {
    let mailbox = Mailbox::new();
    mailbox.append("Work", "\\Seen \\Flagged", &phish(1));
    mailbox.append("Work", "$Phish", &phish(2));
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    let effects = mailbox.apply(Action::SoftDelete, &targets);
    // Moved back, and the crash came before STORE.
    mailbox.owner(&["SELECT \"Recoverable Items\"", "STORE 1:2 FLAGS ()", "MOVE 1:2 Work"]);
    let undo: Vec<Target> = effects.iter().map(|effect| undo(receipt(effect))).collect();
    for _ in 0..2 {
        assert_eq!(mailbox.apply(Action::Restore, &undo), [Effect::AlreadyInDestination, Effect::AlreadyInDestination]);
        for message in mailbox.search(&from_evil()) {
            let mut flags = message.flags.clone();
            flags.sort();
            assert_eq!(flags, if message.subject == "Parcel 1" { &["\\Flagged", "\\Seen"][..] } else { &["$Phish"] });
        }
    }
}
