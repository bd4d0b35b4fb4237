//! Known obstacles before an action.

use clawback_connector_sdk::{Connector as _, types::Action};

use crate::{scripted::Scripted, server::Mailbox};

const LIST: (&str, &[&str]) =
    (" LIST \"\" \"*\"", &["* LIST () \"/\" INBOX\r\n* LIST (\\Junk) \"/\" Junk\r\nTAG OK\r\n"]);

fn obstacles(capabilities: &str, script: &[(&str, &[&str])]) -> Vec<(Action, Option<String>)> {
    let server = Scripted::new(capabilities, &[script, &[LIST]].concat());
    let ready = server.connector().check("a@b").unwrap();
    let seen = server.seen.borrow();
    let harmless = ["LIST", "NAMESPACE", "MYRIGHTS"];
    assert!(seen.iter().all(|line| harmless.iter().any(|word| line.split(' ').nth(1) == Some(word))), "{seen:?}");
    ready.into_iter().map(|one| (one.action, one.obstacle)).collect()
}

#[test]
fn a_server_that_cannot_remove_is_named_for_each_action() {
    assert!(obstacles("IMAP4rev1 MOVE UIDPLUS", &[]).iter().all(|(_, obstacle)| obstacle.is_none()));
    assert!(obstacles("IMAP4rev2", &[]).iter().all(|(_, obstacle)| obstacle.is_none()));
    assert!(obstacles("IMAP4rev1", &[]).iter().all(|(_, obstacle)| obstacle.is_some()));
    for (action, obstacle) in obstacles("IMAP4rev1 MOVE", &[]) {
        assert_eq!(obstacle.is_some(), action == Action::HardDelete, "{action:?}");
    }
}

#[test]
fn rights_that_are_missing_are_named() {
    let rights = |inbox: &str, junk: &str| {
        let inbox = format!("* MYRIGHTS INBOX {inbox}\r\nTAG OK\r\n");
        let junk = format!("* MYRIGHTS \"Junk\" {junk}\r\nTAG OK\r\n");
        let script: &[(&str, &[&str])] = &[("MYRIGHTS \"INBOX\"", &[&inbox]), ("MYRIGHTS \"Junk\"", &[&junk])];
        let all = obstacles("IMAP4rev1 MOVE UIDPLUS ACL", script);
        all.into_iter().map(|(_, obstacle)| obstacle.unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(rights("lrswipkxtea", "lrswi"), [""; 7]);
    // RFC 2086 had one right for both.
    assert_eq!(rights("lrswipcda", "lrswi"), [""; 7]);
    let all = rights("lrswipkxta", "lrswi");
    assert_eq!(all[0], "the right `e` (remove messages) is missing on folder `INBOX`");
    assert_eq!((all[1].as_str(), all[4].as_str()), ("", all[0].as_str()));
    let all = rights("lrswipkxtea", "lrs");
    assert_eq!(all[0], "the right `i` (put messages into it) is missing on folder `Junk`");
    assert_eq!(all[1..], [""; 6]);
    let refused: &[(&str, &[&str])] = &[("MYRIGHTS", &["TAG NO [NOPERM] no\r\n"])];
    assert!(obstacles("IMAP4rev1 MOVE UIDPLUS ACL", refused).iter().all(|(_, obstacle)| obstacle.is_none()));
}

#[test]
fn a_real_server_is_ready_and_its_hidden_folders_are_seen() {
    let mailbox = Mailbox::new().with_setting("quarantine-folder", "Held");
    let ready = mailbox.connector().check(&mailbox.name).unwrap();
    assert!(ready.iter().all(|one| one.obstacle.is_none()));
    let made: Vec<&str> = ready.iter().filter_map(|one| one.creates.as_deref()).collect();
    assert_eq!(made, ["Recoverable Items", "Held"]);
    let seen: Vec<&str> = ready.iter().filter_map(|one| one.visible.as_deref()).collect();
    assert_eq!(seen, made);
    // Nothing was created.
    assert!(!mailbox.owner(&["LIST \"\" \"*\""]).concat().contains("Held"));
}
