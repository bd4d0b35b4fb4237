//! Each outcome matches what happened on the server: on a plain server, behind a proxy, without rights, and after lost
//! connections.

use std::sync::OnceLock;

use clawback_connector_sdk::{
    Connector as _,
    types::{Action, Effect, Error, LocationKind, Sighting, Target},
};

use crate::{
    dovecot::{Dovecot, user},
    proxy::{self, Orders},
    server::{Mailbox, from_evil, location, phish, receipt, target, undo},
};

/// Every second message of a folder belongs to the campaign.
fn scattered(mailbox: &Mailbox, hits: u32) -> Vec<Target> {
    let other = |number| format!("From: me@acme.test\r\nSubject: mine {number}\r\n\r\n").into_bytes();
    mailbox.fill("INBOX", (0..hits).flat_map(|number| [other(number), phish(number)]));
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    assert_eq!(targets.len(), hits as usize);
    targets
}

fn is_done(effect: &Effect) -> bool {
    matches!(effect, Effect::Succeeded(_))
}

/// A Dovecot whose owners lack rights on folders: mostly `u0001`, by the missing right.
fn restricted() -> &'static Dovecot {
    static SERVER: OnceLock<Dovecot> = OnceLock::new();
    let more = "mail_plugins = acl\nprotocol imap {\n  mail_plugins = acl imap_acl\n}\nplugin {\n  acl = vfile:FOLDER/acls\n}\n";
    let acls = "INBOX user=u0001@acme.test lrwsipk\nINBOX user=u0002@acme.test lrwstipk\n\
                INBOX user=u0003@acme.test lrwseipk\nINBOX user=u0004@acme.test lrwsipk\n\
                INBOX user=u0005@acme.test lrwstipk\n";
    SERVER.get_or_init(|| Dovecot::start_with(5, more, &[("acls", acls)]))
}

#[test]
fn a_scattered_hard_delete_is_told_as_it_is() {
    let mailbox = Mailbox::new();
    let targets = scattered(&mailbox, 2_000);
    for targets in targets.chunks(1_000) {
        assert_eq!(mailbox.apply(Action::HardDelete, targets).iter().filter(|effect| is_done(effect)).count(), 1_000);
    }
    assert_eq!((mailbox.search(&from_evil()).len(), mailbox.count("INBOX")), (0, 2_000));
}

#[test]
fn a_delete_behind_a_proxy_is_told_as_it_is() {
    let mailbox = Mailbox::new();
    let slow = mailbox.through(proxy::start(mailbox.address(), Orders::default()));
    for _ in 0..5 {
        let targets = scattered(&mailbox, 16);
        assert!(slow.apply(Action::HardDelete, &targets).iter().all(is_done));
        assert_eq!(mailbox.search(&from_evil()).len(), 0);
    }
    let slow = slow.without(&["MOVE"]);
    for round in 1..=5 {
        let targets = scattered(&mailbox, 16);
        assert!(slow.apply(Action::SoftDelete, &targets).iter().all(is_done));
        assert_eq!((mailbox.search(&from_evil()).len(), mailbox.count("Recoverable Items")), (0, 16 * round));
    }
}

#[test]
fn without_rights_nothing_is_called_done_and_nothing_is_changed() {
    for number in 1..=3 {
        let mailbox = Mailbox::at(restricted().address, user(number));
        let targets = scattered(&mailbox, 500);
        let effects = mailbox.apply(Action::HardDelete, &targets);
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Failed(_))), "{number}: {:?}", effects[0]);
        let found = mailbox.search(&from_evil());
        assert_eq!(found.len(), 500);
        assert!(found.iter().all(|message| message.flags.is_empty()), "{number}: {:?}", found[0].flags);
    }
}

#[test]
fn without_rights_a_copy_does_not_stay() {
    // A server that reports rights is asked for them before anything is copied.
    for (number, hidden, said) in [
        (4, &["MOVE", "ACL"][..], "the copy was removed again"),
        (5, &["MOVE", "ACL"], "the copy was removed again"),
        (4, &["MOVE"], "is missing on folder `INBOX`"),
    ] {
        let mailbox = Mailbox::at(restricted().address, user(number)).without(hidden);
        let targets = if hidden.contains(&"ACL") {
            scattered(&mailbox, 20)
        } else {
            mailbox.search(&from_evil()).iter().map(target).collect()
        };
        for _ in 0..2 {
            for effect in mailbox.apply(Action::SoftDelete, &targets) {
                assert!(matches!(&effect, Effect::Failed(why) if why.contains(said)), "{effect:?}");
            }
            let found = mailbox.search(&from_evil());
            assert!(found.len() == 20 && found.iter().all(|message| message.flags.is_empty()));
            assert_eq!(mailbox.count("Recoverable Items"), 0);
        }
    }
}

/// Applies until the call succeeds, as the host does; returns the effects of the last call.
fn until_answered(mailbox: &Mailbox, action: Action, targets: &[Target]) -> Vec<Effect> {
    for _ in 0..6 {
        match mailbox.connector().apply(&mailbox.name, action, targets) {
            Ok(outcomes) => return outcomes.into_iter().map(|outcome| outcome.effect).collect(),
            Err(error) => assert!(matches!(error, Error::Transient(_)), "{error:?}"),
        }
    }
    panic!("never answered")
}

#[test]
fn a_connection_lost_after_the_copy_makes_no_second_one() {
    for cut in ["UID COPY", "UID STORE"] {
        let mailbox = Mailbox::new().without(&["MOVE"]);
        (0..8).for_each(|number| mailbox.append("Work", "\\Seen $Phish", &phish(number)));
        // An equal message that was delivered to the destination is not a copy of ours.
        let delivered = [b"Received: from elsewhere; now\r\n".to_vec(), phish(3)].concat();
        mailbox.append("Recoverable Items", "", &delivered);
        let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
        let lossy = mailbox.through(proxy::start(mailbox.address(), Orders { cut: Some((cut, 3)), hide: None }));
        let effects = until_answered(&lossy, Action::SoftDelete, &targets);
        assert!(effects.iter().all(is_done), "{effects:?}");
        assert_eq!((mailbox.count("Work"), mailbox.count("Recoverable Items")), (0, 9), "{cut}");
        assert!(effects.iter().all(|effect| receipt(effect).former.flags.len() == 2), "{effects:?}");

        // And back, with another lost connection.
        let undo: Vec<Target> = effects.iter().map(|effect| undo(receipt(effect))).collect();
        let lossy = mailbox.through(proxy::start(mailbox.address(), Orders { cut: Some((cut, 3)), hide: None }));
        let effects = until_answered(&lossy, Action::Restore, &undo);
        assert!(effects.iter().all(is_done), "{effects:?}");
        assert_eq!((mailbox.count("Work"), mailbox.count("Recoverable Items")), (8, 1), "{cut}");
        for mut message in mailbox.search(&from_evil()) {
            message.flags.sort();
            assert_eq!(message.flags, ["$Phish", "\\Seen"]);
        }
    }
}

/// Returns whether any message of these folders has the mark of a copy that was begun.
fn has_mark(mailbox: &Mailbox, folders: &[&str]) -> bool {
    folders.iter().any(|folder| {
        let lines = mailbox.owner(&[&format!("EXAMINE \"{folder}\""), "FETCH 1:* (FLAGS)"]);
        lines.iter().any(|line| line.contains("FETCH (FLAGS") && line.contains("Clawback"))
    })
}

#[test]
fn a_connection_lost_after_originals_were_removed_leaves_no_mark_on_the_copies() {
    for (cut, is_located) in [("UID EXPUNGE", false), ("UID EXPUNGE", true), ("UID COPY", true)] {
        let mailbox = Mailbox::new().without(&["MOVE"]);
        // The equal messages are in two folders: the first is moved while the second is still in its place.
        mailbox.phish("INBOX", 1);
        (1..4).for_each(|number| mailbox.append("Work", "\\Seen", &phish(number)));
        let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
        let refs: Vec<_> = targets.iter().map(|one| one.ref_.clone()).collect();
        let orders = Orders { cut: Some((cut, if is_located { usize::MAX } else { 1 })), hide: None };
        let lossy = mailbox.through(proxy::start(mailbox.address(), orders));
        for _ in 0..2 {
            let answer = lossy.connector().apply(&lossy.name, Action::SoftDelete, &targets);
            assert!(answer.is_err() || !is_located, "{answer:?}");
        }
        // The host locates them, and retries those that did not arrive.
        let located = if is_located { mailbox.connector().locate(&mailbox.name, &refs).unwrap() } else { Vec::new() };
        let is_open = |at: &usize| {
            let home = |one: &Sighting| one.location.kind == LocationKind::RecoverableItems;
            !located.get(*at).is_some_and(|one| one.sightings.iter().any(home))
        };
        let open: Vec<Target> = (0..targets.len()).filter(is_open).map(|at| targets[at].clone()).collect();
        until_answered(&mailbox, Action::SoftDelete, &open);
        let counts = ["INBOX", "Work", "Recoverable Items"].map(|folder| mailbox.count(folder));
        assert_eq!(counts, [0, 0, 4], "{cut} {is_located}");
        assert!(!has_mark(&mailbox, &["Recoverable Items"]), "{cut} {is_located}");
    }
}

#[test]
fn a_copy_that_its_owner_made_is_a_message_of_its_own() {
    let mailbox = Mailbox::new().without(&["MOVE"]);
    mailbox.phish("INBOX", 1);
    mailbox.owner(&["CREATE Keep", "SELECT INBOX", "COPY 1 Keep"]);
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    // Two batches: the first copy is in the destination, equal to the last byte, when the second is interrupted.
    let mut effects = mailbox.apply(Action::SoftDelete, &targets[..1]);
    let lossy = mailbox.through(proxy::start(mailbox.address(), Orders { cut: Some(("UID STORE", 1)), hide: None }));
    effects.extend(until_answered(&lossy, Action::SoftDelete, &targets[1..]));
    assert_eq!(mailbox.count("Recoverable Items"), 2);
    let undo: Vec<Target> = effects.iter().map(|effect| undo(receipt(effect))).collect();
    assert!(mailbox.apply(Action::Restore, &undo).iter().all(is_done));
    assert_eq!((mailbox.count("INBOX"), mailbox.count("Keep"), mailbox.count("Recoverable Items")), (1, 1, 0));
    let lines = mailbox.owner(&["SELECT Keep", "FETCH 1 (FLAGS)", "SELECT INBOX", "FETCH 1 (FLAGS)"]);
    let marked = |line: &String| line.contains("FETCH (FLAGS") && line.contains("Clawback");
    assert!(!lines.iter().any(marked), "the mark is taken off: {lines:?}");
}

#[test]
fn copies_are_found_where_the_server_does_not_tell_of_them() {
    let mailbox = Mailbox::new().without(&["MOVE"]);
    mailbox.fill("INBOX", [1, 2, 2, 3].into_iter().map(phish));
    let silent = mailbox.through(proxy::start(mailbox.address(), Orders { cut: None, hide: Some("[COPYUID ") }));
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    let effects = silent.apply(Action::MoveToQuarantine, &targets);
    assert!(effects.iter().all(is_done), "{effects:?}");
    assert_eq!((mailbox.count("INBOX"), mailbox.count("Quarantine")), (0, 4));
    let mut places: Vec<_> = effects.iter().map(|effect| receipt(effect).now.clone().unwrap().locator).collect();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 4);
    let undo: Vec<Target> = effects.iter().map(|effect| undo(receipt(effect))).collect();
    assert!(silent.apply(Action::Restore, &undo).iter().all(is_done));
    assert_eq!((mailbox.count("INBOX"), mailbox.count("Quarantine")), (4, 0));
}

#[test]
fn a_copy_that_the_server_keeps_of_what_is_deleted_is_told() {
    let more = "mail_plugins = lazy_expunge\nplugin {\n  lazy_expunge = Expunged\n}\n";
    let server = Dovecot::start_with(2, more, &[]);
    for (number, is_there_before) in [(1, true), (2, false)] {
        a_kept_copy_is_told(&Mailbox::at(server.address, user(number)), is_there_before);
    }
}

fn a_kept_copy_is_told(mailbox: &Mailbox, is_there_before: bool) {
    if is_there_before {
        mailbox.owner(&["CREATE Expunged"]);
    }
    (0..3).for_each(|number| mailbox.phish("INBOX", number));
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    let effects = mailbox.apply(Action::HardDelete, &targets);
    assert_eq!((mailbox.count("INBOX"), mailbox.count("Expunged")), (0, 3));
    for effect in effects {
        assert!(
            matches!(&effect, Effect::Failed(why) if why.contains("a copy of it into folder `Expunged`")),
            "{effect:?}"
        );
    }
    for located in mailbox
        .connector()
        .locate(&mailbox.name, &targets.iter().map(|one| one.ref_.clone()).collect::<Vec<_>>())
        .unwrap()
    {
        assert_eq!(located.sightings[0].location, location(LocationKind::Folder, "Expunged"));
    }
}

#[test]
fn a_server_that_keeps_what_leaves_among_the_recoverable_items_is_told_of() {
    let more = "mail_plugins = lazy_expunge\nplugin {\n  lazy_expunge = Recoverable Items\n}\n";
    let server = Dovecot::start_with(1, more, &[]);
    let mailbox = Mailbox::at(server.address, user(1));
    mailbox.owner(&["CREATE \"Recoverable Items\""]);
    (0..3).for_each(|number| mailbox.phish("INBOX", number));
    let targets: Vec<Target> = mailbox.search(&from_evil()).iter().map(target).collect();
    let effects = mailbox.apply(Action::SoftDelete, &targets);
    assert_eq!((mailbox.count("INBOX"), mailbox.count("Recoverable Items")), (0, 6));
    assert!(mailbox.host.log.borrow().iter().any(|line| line.contains("second copies of 3 messages")));
    // Each receipt names its own copy, and the undo brings those back.
    let undo: Vec<Target> = effects.iter().map(|effect| undo(receipt(effect))).collect();
    assert!(mailbox.apply(Action::Restore, &undo).iter().all(is_done));
    assert_eq!(mailbox.count("INBOX"), 3);
    let effects =
        mailbox.apply(Action::HardDelete, &mailbox.search(&from_evil()).iter().map(target).collect::<Vec<_>>());
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Failed(why) if why.contains("Recoverable Items"))));
}
