//! The effects of actions, and their undo.

use std::fs;

use clawback_connector_sdk::{
    Connector as _,
    types::{Action, Effect, LocationKind, Target},
};

use crate::disk::{Disk, MAILBOX, from_evil, location, receipt, target, undo};

#[test]
fn each_action_moves_to_its_place_and_home_again() {
    let disk = Disk::new();
    disk.folder(".Work");
    disk.folder(".Deleted Items");
    disk.phish(".Work/cur/1.a.b,S=9:2,FSa", 1);
    for (action, place, dir) in [
        (Action::MoveToJunk, location(LocationKind::Junk, "Junk"), ".Junk/"),
        (Action::MoveToDeletedItems, location(LocationKind::DeletedItems, "Deleted Items"), ".Deleted Items/"),
        (Action::MoveToInbox, location(LocationKind::Inbox, "INBOX"), ""),
        (Action::SoftDelete, location(LocationKind::RecoverableItems, "Recoverable Items"), ".Recoverable Items/"),
        (Action::MoveToQuarantine, location(LocationKind::Quarantine, "Quarantine"), ".Quarantine/"),
    ] {
        let found = disk.search(&from_evil());
        let effects = disk.apply(action, &[target(&found[0])]);
        let done = receipt(&effects[0]);
        assert_eq!(done.location, Some(place));
        assert_eq!(done.former.flags, ["\\Flagged", "\\Seen"]);
        assert_eq!(disk.files(), [format!("{dir}cur/1.a.b,S=9:2,FSa")]);
        assert_eq!(disk.apply(action, &[target(&found[0])]), [Effect::AlreadyInDestination]);
        // The owner marks it as answered meanwhile.
        let root = disk.path(MAILBOX);
        fs::rename(root.join(format!("{dir}cur/1.a.b,S=9:2,FSa")), root.join(format!("{dir}cur/1.a.b,S=9:2,RSa")))
            .unwrap();
        let undone = disk.apply(Action::Restore, &[undo(done)]);
        assert_eq!(receipt(&undone[0]).location, Some(location(LocationKind::Folder, "Work")));
        assert_eq!(disk.files(), [".Work/cur/1.a.b,S=9:2,FSa"]);
    }
}

#[test]
fn new_mail_stays_new() {
    let disk = Disk::new();
    disk.phish("new/1.a.b", 1);
    let effects = disk.apply(Action::SoftDelete, &[target(&disk.search(&from_evil())[0])]);
    assert_eq!(disk.files(), [".Recoverable Items/new/1.a.b"]);
    disk.apply(Action::Restore, &[undo(receipt(&effects[0]))]);
    assert_eq!(disk.files(), ["new/1.a.b"]);
}

#[test]
fn a_hard_delete_takes_these_and_no_others() {
    let disk = Disk::new();
    disk.phish("cur/1.a:2,", 1);
    disk.put("cur/2.a:2,T", b"From: me@acme.test\n\n");
    let found = disk.search(&from_evil());
    let effects = disk.apply(Action::HardDelete, &[target(&found[0])]);
    assert_eq!(receipt(&effects[0]).now, None);
    assert_eq!(disk.files(), ["cur/2.a:2,T"]);
    assert_eq!(disk.apply(Action::HardDelete, &[target(&found[0])]), [Effect::NotFound]);
}

#[test]
fn what_its_owner_moved_is_left_alone() {
    let disk = Disk::new();
    disk.folder(".Keep");
    disk.phish("cur/1.a:2,", 1);
    disk.phish("cur/2.a:2,", 2);
    let targets: Vec<Target> = disk.search(&from_evil()).iter().map(target).collect();
    let root = disk.path(MAILBOX);
    // One keeps its name, the other gets a new one, as mail programs do.
    fs::rename(root.join("cur/1.a:2,"), root.join(".Keep/cur/1.a:2,S")).unwrap();
    fs::rename(root.join("cur/2.a:2,"), root.join(".Keep/cur/99.z:2,S")).unwrap();
    let moved = Effect::MovedSince(location(LocationKind::Folder, "Keep"));
    assert_eq!(disk.apply(Action::MoveToJunk, &targets), [moved.clone(), moved]);
    let refs: Vec<_> = targets.iter().map(|target| target.ref_.clone()).collect();
    let located = disk.connector().locate(MAILBOX, &refs).unwrap();
    assert!(located.iter().all(|one| one.sightings[0].location.path == "Keep"));
}

#[test]
fn a_flag_that_changes_under_the_move_is_kept() {
    let disk = Disk::new();
    disk.phish("cur/1.a:2,", 1);
    let targets = [target(&disk.search(&from_evil())[0])];
    *disk.before_rename.borrow_mut() = Some(Box::new(|root| {
        fs::rename(root.join("cur/1.a:2,"), root.join("cur/1.a:2,S")).unwrap();
    }));
    let effects = disk.apply(Action::MoveToJunk, &targets);
    assert_eq!(receipt(&effects[0]).former.flags, ["\\Seen"]);
    assert_eq!(disk.files(), [".Junk/cur/1.a:2,S"]);
}

#[test]
fn another_message_of_the_same_name_is_not_touched() {
    let disk = Disk::new();
    disk.phish("cur/1.a:2,", 1);
    let targets = [target(&disk.search(&from_evil())[0])];
    disk.put("cur/1.a:2,", b"From: boss@acme.test\nMessage-ID: <1@evil.example>\n\n");
    assert_eq!(disk.apply(Action::HardDelete, &targets), [Effect::NotFound]);
    assert_eq!(disk.files().len(), 1);
    // An existing name in the destination is not replaced, either.
    let disk = Disk::new();
    disk.folder(".Junk");
    disk.phish("cur/1.a:2,", 1);
    let targets = [target(&disk.search(&from_evil())[0])];
    disk.put(".Junk/cur/1.a:2,", b"From: boss@acme.test\n\n");
    assert!(matches!(disk.apply(Action::MoveToJunk, &targets)[0], Effect::Failed(_)));
    assert_eq!(disk.files().len(), 2);
}

#[test]
fn undo_makes_a_deleted_folder_again_and_no_path_leads_out() {
    let disk = Disk::new();
    disk.folder(".A.B");
    disk.phish(".A.B/cur/1.a:2,", 1);
    let effects = disk.apply(Action::SoftDelete, &[target(&disk.search(&from_evil())[0])]);
    fs::remove_dir_all(disk.path(&format!("{MAILBOX}/.A.B"))).unwrap();
    let mut bad = undo(receipt(&effects[0]));
    for path in ["../../x", "a/../b", "..", "/etc", "a//b", "a.b"] {
        bad.former.as_mut().unwrap().location.path = path.into();
        assert!(matches!(disk.apply(Action::Restore, &[bad.clone()])[0], Effect::Failed(_)), "{path}");
    }
    disk.apply(Action::Restore, &[undo(receipt(&effects[0]))]);
    assert_eq!(disk.files(), [".A.B/cur/1.a:2,"]);
}

#[test]
fn handles_that_are_not_ours_do_not_stop_the_others() {
    let disk = Disk::new();
    disk.phish("cur/1.a:2,", 1);
    let good = target(&disk.search(&from_evil())[0]);
    let mut bad = good.clone();
    bad.ref_.locator = "../../../etc/passwd".into();
    bad.ref_.fingerprint = "0".repeat(32);
    let effects = disk.apply(Action::MoveToJunk, &[bad, good]);
    assert_eq!(effects[0], Effect::NotFound);
    assert!(matches!(effects[1], Effect::Succeeded(_)));
}
