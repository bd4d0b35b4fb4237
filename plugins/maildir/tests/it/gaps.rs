//! What cannot be read affects only itself and is a gap; what can be read is found, whatever its name.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use clawback_connector_sdk::{
    Connector as _,
    matching::everything,
    types::{Action, Gap, LocationKind, MessagePage, Query},
};

use crate::disk::{Disk, MAILBOX, from_evil, location, receipt, target, undo};

fn page(disk: &Disk, query: &Query) -> MessagePage {
    disk.connector().search(MAILBOX, query, None, 10_000).unwrap()
}

fn gap(folder: &str, item: &str, reason: &str) -> Gap {
    Gap { folder: folder.into(), item: item.into(), reason: reason.into() }
}

#[test]
fn compressed_and_encrypted_files_are_gaps() {
    let disk = Disk::new();
    disk.phish("cur/1.a:2,", 1);
    for (name, start) in
        [("2.a", &b"\x1f\x8b\x08\0"[..]), ("3.a", b"CRYPTED\x03\x07\x02"), ("4.a", b"\x28\xb5\x2f\xfd")]
    {
        disk.put(&format!("cur/{name}:2,S"), &[start, &[0x9c; 200]].concat());
    }
    let page = page(&disk, &from_evil());
    assert_eq!(page.messages.len(), 1);
    assert_eq!(
        page.gaps,
        [
            gap("INBOX", "2.a:2,S", "the file is compressed (gzip)"),
            gap("INBOX", "3.a:2,S", "the file is encrypted (mail_crypt)"),
            gap("INBOX", "4.a:2,S", "the file is compressed (zstd)"),
        ]
    );
}

#[test]
fn a_folder_that_no_record_can_name_costs_only_itself() {
    let disk = Disk::new();
    disk.folder(".Line\nbreak");
    disk.folder(".Encoded&AAo-break");
    disk.phish("cur/1.a:2,", 1);
    disk.phish(".Line\nbreak/cur/2.a:2,", 2);
    let page = page(&disk, &from_evil());
    assert_eq!(page.messages.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["Parcel 1"]);
    let reason = "its name holds a line break or a NUL, so no plan can name it";
    assert_eq!(page.gaps, [gap("Encoded\nbreak", "", reason), gap("Line\nbreak", "", reason)]);
}

#[test]
fn one_file_or_folder_without_rights_costs_only_itself() {
    let disk = Disk::new();
    disk.folder(".Closed");
    disk.phish("cur/1.a:2,", 1);
    disk.phish("cur/2.a:2,", 2);
    disk.phish(".Closed/cur/3.a:2,", 3);
    let targets: Vec<_> = disk.search(&from_evil()).iter().map(target).collect();
    *disk.denied.borrow_mut() = vec!["cur/2.a:2,".into(), ".Closed/cur".into()];
    let page = page(&disk, &from_evil());
    assert_eq!(page.messages.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["Parcel 1"]);
    assert_eq!(page.gaps.len(), 2, "{:?}", page.gaps);
    assert_eq!((page.gaps[0].folder.as_str(), page.gaps[0].item.as_str()), ("INBOX", "2.a:2,"));
    assert_eq!((page.gaps[1].folder.as_str(), page.gaps[1].item.as_str()), ("Closed", ""));
    // Messages there are not reported as gone, and the others are acted on.
    let effects = disk.apply(Action::SoftDelete, &targets);
    let is_done: Vec<bool> =
        effects.iter().map(|effect| matches!(effect, clawback_connector_sdk::types::Effect::Succeeded(_))).collect();
    assert_eq!(is_done, [true, false, false], "{effects:?}");
    assert!(!effects.contains(&clawback_connector_sdk::types::Effect::NotFound));
    let refs = [targets[1].ref_.clone()];
    assert!(disk.connector().locate(MAILBOX, &refs).is_err());
}

#[test]
fn links_are_gaps() {
    let disk = Disk::new();
    disk.folder(".Real");
    disk.phish(".Real/cur/1.a:2,", 1);
    symlink(disk.path(MAILBOX).join(".Real"), disk.path(MAILBOX).join(".Linked")).unwrap();
    symlink("/etc/hostname", disk.path(MAILBOX).join("cur/2.a:2,S")).unwrap();
    symlink(disk.path(MAILBOX), disk.path("other@acme.test")).unwrap();
    let page = page(&disk, &from_evil());
    assert_eq!(page.messages.len(), 1);
    let places: Vec<_> = page.gaps.iter().map(|gap| (gap.folder.as_str(), gap.item.as_str())).collect();
    assert_eq!(places, [("Linked", ""), ("INBOX", "2.a:2,S")]);
    let mailboxes = disk.connector().mailboxes(None, 9).unwrap();
    assert_eq!((mailboxes.mailboxes.len(), mailboxes.gaps.len()), (1, 1));
}

#[test]
fn folders_without_a_dot_are_searched_and_acted_on() {
    let disk = Disk::new();
    disk.folder("Projects");
    disk.folder("Projects/2026");
    fs::create_dir_all(disk.path(&format!("{MAILBOX}/sieve/tmp"))).unwrap();
    disk.phish("Projects/cur/1.a:2,", 1);
    disk.phish("Projects/2026/cur/2.a:2,", 2);
    disk.phish("cur/3.a:2,", 3);
    let found = disk.search(&from_evil());
    let mut places: Vec<&str> = found.iter().map(|message| message.location.path.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["INBOX", "Projects", "Projects/2026"]);
    let before = disk.files();
    let effects = disk.apply(Action::SoftDelete, &found.iter().map(target).collect::<Vec<_>>());
    assert!(disk.files().iter().all(|file| file.starts_with("Recoverable Items/cur/")), "{:?}", disk.files());
    fs::remove_dir_all(disk.path(&format!("{MAILBOX}/Projects"))).unwrap();
    let targets: Vec<_> = effects.iter().map(|effect| undo(receipt(effect))).collect();
    disk.apply(Action::Restore, &targets);
    assert_eq!(disk.files(), before);
    // Page by page, each folder is read once.
    let mut cursor = None;
    let mut count = 0;
    loop {
        let page = disk.connector().search(MAILBOX, &from_evil(), cursor.as_deref(), 1).unwrap();
        count += page.messages.len();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(count, 3);
}

#[test]
fn odd_folder_names_come_back() {
    let disk = Disk::new();
    for (number, dir) in (0..).zip([".INBOX", ".Trail.", ".A..B", ".inbox", ".Entw\u{10fffc}rfe"]) {
        disk.folder(dir);
        disk.phish(&format!("{dir}/cur/{number}:2,S"), number);
    }
    disk.phish("cur/9.a:2,", 99);
    let before = disk.files();
    let found = disk.search(&from_evil());
    assert_eq!(found.len(), 6);
    let effects = disk.apply(Action::SoftDelete, &found.iter().map(target).collect::<Vec<_>>());
    assert!(disk.files().iter().all(|file| file.starts_with(".Recoverable Items/")), "{effects:?}");
    disk.apply(Action::Restore, &effects.iter().map(|effect| undo(receipt(effect))).collect::<Vec<_>>());
    assert_eq!(disk.files(), before);
}

#[test]
fn large_headers_never_break_a_page() {
    let disk = Disk::new();
    for number in 0..60 {
        let head = format!("From: a@evil.example\nSubject: {number} {}\n\n", "subject ".repeat(12_000));
        disk.put(&format!("cur/{number}.s:2,"), head.as_bytes());
    }
    for number in 0..5 {
        let to = "someone@dept.example, ".repeat(50_000);
        let head = format!("To: {to}\nFrom: a@evil.example\n\n");
        disk.put(&format!("cur/{number}.t:2,"), head.as_bytes());
    }
    disk.put("cur/huge:2,", format!("To: {}\nFrom: a@evil.example\n\n", "x@y.example, ".repeat(1_000_000)).as_bytes());
    let (mut cursor, mut found, mut gaps) = (None, 0, 0);
    loop {
        let page = disk.connector().search(MAILBOX, &from_evil(), cursor.as_deref(), 1_000).unwrap();
        let bytes: usize = page.messages.iter().map(clawback_connector_sdk::page::bytes).sum();
        assert!(bytes < 5 << 20, "{bytes}");
        found += page.messages.len();
        gaps += page.gaps.len();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    // The sender of the last one comes after the limit on headers.
    assert_eq!((found, gaps), (65, 1));
}

#[test]
fn settings_name_the_special_folders() {
    let mut disk = Disk::new();
    disk.settings.insert("trash-folder".into(), "Weg/Damit".into());
    disk.folder(".Trash");
    disk.folder(".Spamverdacht");
    disk.phish("cur/1.a:2,", 1);
    let found = target(&disk.search(&from_evil())[0]);
    let effects = disk.apply(Action::MoveToDeletedItems, std::slice::from_ref(&found));
    assert_eq!(receipt(&effects[0]).location, Some(location(LocationKind::DeletedItems, "Weg/Damit")));
    assert_eq!(disk.files(), [".Weg.Damit/cur/1.a:2,"]);
    let effects = disk.apply(Action::Restore, &[undo(receipt(&effects[0]))]);
    let again = undo(receipt(&effects[0]));
    let effects = disk.apply(Action::MoveToJunk, &[again]);
    assert_eq!(receipt(&effects[0]).location, Some(location(LocationKind::Junk, "Spamverdacht")));
}

#[test]
fn check_says_what_would_be_made_and_what_stands_against_it() {
    let mut disk = Disk::new();
    disk.folder(".Junk");
    let check = |disk: &Disk| disk.connector().check(MAILBOX).unwrap();
    let of = |disk: &Disk, action| check(disk).into_iter().find(|one| one.action == action).unwrap();
    assert_eq!(check(&disk).len(), 7);
    let soft = of(&disk, Action::SoftDelete);
    assert_eq!(
        (soft.creates.as_deref(), soft.visible.as_deref()),
        (Some("Recoverable Items"), Some("Recoverable Items"))
    );
    assert_eq!(soft.obstacle, None);
    let junk = of(&disk, Action::MoveToJunk);
    assert_eq!((junk.obstacle, junk.creates, junk.visible), (None, None, None));
    // A link in place of the folder, a name that is invalid, a folder that is not writable.
    symlink("nowhere", disk.path(&format!("{MAILBOX}/.Recoverable Items"))).unwrap();
    assert!(of(&disk, Action::SoftDelete).obstacle.is_some());
    disk.settings.insert("quarantine-folder".into(), "a.b".into());
    assert!(of(&disk, Action::MoveToQuarantine).obstacle.unwrap().contains("a.b"));
    fs::set_permissions(disk.path(&format!("{MAILBOX}/.Junk/cur")), fs::Permissions::from_mode(0o555)).unwrap();
    assert!(of(&disk, Action::MoveToJunk).obstacle.unwrap().contains("no right to write"));
    assert_eq!(of(&disk, Action::HardDelete).obstacle, None);
    assert!(disk.files().iter().all(|file| !file.contains("Junk/")));
    assert!(disk.connector().search(MAILBOX, &everything(), None, 9).unwrap().messages.is_empty());
}
