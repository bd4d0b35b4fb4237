//! Servers that are odd, busy, broken or malicious.

use clawback_connector_sdk::{
    Connector as _,
    fingerprint::fingerprint,
    matching::everything,
    types::{Action, Effect, Error, Former, LocationKind, MessagePage, MessageRef, Outcome, Query, Target},
};
use proptest::prelude::*;

use crate::{scripted::Scripted, server::location};

const FULL: &str = "IMAP4rev1 MOVE UIDPLUS ESEARCH LITERAL+";
const LIST: (&str, &[&str]) =
    (" LIST \"\" \"*\"", &["* LIST () \"/\" INBOX\r\n* LIST (\\Junk) \"/\" Junk\r\nTAG OK\r\n"]);
const OPENED: &str = "* 3 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\nTAG OK [READ-WRITE] ok\r\n";
const HEADER: &str = "Subject: x\r\nMessage-ID: <1@x>\r\n\r\n";

fn fetch(uid: u32) -> String {
    let length = HEADER.len();
    format!(
        "* 1 FETCH (UID {uid} FLAGS (\\Seen \\Recent) INTERNALDATE \"17-Jul-2024 02:44:25 -0700\" RFC822.SIZE 7 \
         BODY[HEADER.FIELDS (SUBJECT)] {{{length}}}\r\n{HEADER})\r\n"
    )
}

fn target(uid: u32) -> Target {
    Target {
        ref_: MessageRef {
            locator: format!("9:{uid}:INBOX"),
            message_id: "<1@x>".into(),
            fingerprint: fingerprint(HEADER.as_bytes()),
        },
        location: location(LocationKind::Inbox, "INBOX"),
        former: None,
    }
}

/// The verification after the act, unless a script says otherwise: the messages have left the inbox.
const GONE: &[(&str, &[&str])] = &[("(UID FLAGS)", &["TAG OK\r\n"])];
const REST: &[(&str, &[&str])] = &[LIST, (" EXAMINE ", &[OPENED])];

fn apply(script: &[(&str, &[&str])], targets: &[Target]) -> Result<Vec<Effect>, Error> {
    let server = Scripted::new(FULL, &[GONE, script, REST].concat());
    let outcomes = server.connector().apply("a@b", Action::MoveToJunk, targets);
    assert_eq!(*server.released.borrow(), outcomes.is_ok());
    outcomes.map(|outcomes| outcomes.into_iter().map(|outcome: Outcome| outcome.effect).collect())
}

fn search(script: &[(&str, &[&str])]) -> Result<usize, Error> {
    page(script).map(|page| page.messages.len())
}

fn page(script: &[(&str, &[&str])]) -> Result<MessagePage, Error> {
    let server = Scripted::new(FULL, &[script, &[LIST]].concat());
    server.connector().search("a@b", &everything(), None, 10)
}

/// Returns the folders that a search could not read.
fn gaps(script: &[(&str, &[&str])]) -> Vec<String> {
    page(script).unwrap().gaps.into_iter().map(|gap| gap.folder).collect()
}

#[test]
fn an_ok_without_copyuid_proves_nothing() {
    let there = format!("{}TAG OK\r\n", fetch(4));
    let nothing = "* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n";
    let found = "* ESEARCH (TAG \"TAG\") UID ALL 4\r\nTAG OK\r\n";
    // It is still there.
    let script: &[(&str, &[&str])] = &[
        (" SELECT ", &[OPENED]),
        (" EXAMINE ", &[OPENED]),
        ("UID FETCH", &[&there]),
        ("UID SEARCH", &[nothing, found]),
    ];
    let effects = apply(script, &[target(4)]).unwrap();
    assert_eq!(effects, [Effect::Failed("the server answered OK but did not move it".into())]);
    // It is nowhere: the owner was faster.
    let script =
        &[(" SELECT ", &[OPENED][..]), (" EXAMINE ", &[OPENED]), ("UID FETCH", &[&there]), ("UID SEARCH", &[nothing])];
    assert_eq!(apply(script, &[target(4)]).unwrap(), [Effect::NotFound]);
}

#[test]
fn one_that_is_refused_does_not_hold_up_the_others() {
    let there = format!("{}{}TAG OK\r\n", fetch(4), fetch(5));
    let script: &[(&str, &[&str])] = &[
        (" SELECT ", &[OPENED]),
        ("UID FETCH", &[&there]),
        ("UID MOVE 4:5 ", &["TAG NO [CANNOT] one of them is locked\r\n"]),
        ("UID MOVE 4 ", &["* OK [COPYUID 7 4 44] moved\r\n* 1 EXPUNGE\r\nTAG OK\r\n"]),
        ("UID MOVE 5 ", &["TAG NO [CANNOT] locked\r\n"]),
    ];
    let effects = apply(script, &[target(4), target(5)]).unwrap();
    match &effects[0] {
        Effect::Succeeded(receipt) => assert_eq!(receipt.now.as_ref().unwrap().locator, "7:44:Junk"),
        other => panic!("{other:?}"),
    }
    assert_eq!(effects[1], Effect::Failed("[CANNOT] locked".into()));
}

#[test]
fn a_destination_that_vanished_is_made_again() {
    let there = format!("{}TAG OK\r\n", fetch(4));
    let script: &[(&str, &[&str])] = &[
        (" SELECT ", &[OPENED]),
        ("UID FETCH", &[&there]),
        ("UID MOVE", &["TAG NO [TRYCREATE] gone\r\n", "TAG OK [COPYUID 7 4 44] moved\r\n"]),
    ];
    let server = Scripted::new(FULL, &[GONE, script, REST].concat());
    let outcomes = server.connector().apply("a@b", Action::MoveToJunk, &[target(4)]).unwrap();
    assert!(matches!(outcomes[0].effect, Effect::Succeeded(_)));
    assert_eq!(server.seen.borrow().iter().filter(|line| line.contains("CREATE \"Junk\"")).count(), 1);
}

#[test]
fn what_others_do_meanwhile_does_not_confuse_it() {
    let there = format!(
        "* 5 EXISTS\r\n* 2 EXPUNGE\r\n* 9 FETCH (FLAGS (\\Seen))\r\n{}* 1 FETCH (UID 4 FLAGS ())\r\nTAG OK\r\n",
        fetch(4)
    );
    let script: &[(&str, &[&str])] = &[
        (" SELECT ", &[OPENED]),
        ("UID FETCH", &[&there]),
        ("UID MOVE", &["* 4 EXISTS\r\n* OK [COPYUID 7 4 44] moved\r\n* 1 EXPUNGE\r\n* 0 RECENT\r\nTAG OK\r\n"]),
    ];
    assert!(matches!(apply(script, &[target(4)]).unwrap()[0], Effect::Succeeded(_)));
}

#[test]
fn read_only_folders_fail_clearly() {
    let there = format!("{}TAG OK\r\n", fetch(4));
    let opened = "* OK [UIDVALIDITY 9] ok\r\nTAG OK [READ-ONLY] ok\r\n";
    let untagged = "* OK [UIDVALIDITY 9] ok\r\n* OK [READ-ONLY] ok\r\nTAG OK ok\r\n";
    for opened in [opened, untagged] {
        // As Dovecot does: it copies, and reports a move.
        let moved = "* OK [COPYUID 7 4 44] moved\r\nTAG OK\r\n";
        let script: &[(&str, &[&str])] = &[(" SELECT ", &[opened]), ("UID FETCH", &[&there]), ("UID MOVE", &[moved])];
        let server = Scripted::new(FULL, &[script, &[LIST]].concat());
        let outcomes = server.connector().apply("a@b", Action::MoveToJunk, &[target(4)]).unwrap();
        assert!(matches!(&outcomes[0].effect, Effect::Failed(why) if why.contains("read-only")));
        assert!(!server.seen.borrow().iter().any(|line| line.contains("MOVE") || line.contains("COPY")));
    }
    let effects = apply(&[(" SELECT ", &["TAG NO [NOPERM] not yours\r\n"][..])], &[target(4)]).unwrap();
    assert_eq!(effects, [Effect::Failed("[NOPERM] not yours".into())]);
}

#[test]
fn refusals_are_what_their_codes_say() {
    let none = "* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n";
    let script = |answer: &'static str| {
        [(" EXAMINE \"INBOX\"", vec![answer]), (" EXAMINE ", vec![OPENED]), ("UID SEARCH", vec![none])]
    };
    let refused = |answer: &'static str| {
        let script = script(answer);
        search(&script.each_ref().map(|(wanted, answers)| (*wanted, answers.as_slice())))
    };
    let closed = |answer: &'static str| {
        let script = script(answer);
        gaps(&script.each_ref().map(|(wanted, answers)| (*wanted, answers.as_slice())))
    };
    assert!(matches!(refused("TAG NO [UNAVAILABLE] later\r\n"), Err(Error::Transient(_))));
    assert!(matches!(refused("TAG NO [INUSE] later\r\n"), Err(Error::Transient(_))));
    assert!(matches!(refused("TAG NO [LIMIT] slower\r\n"), Err(Error::Throttled(None))));
    assert_eq!(closed("TAG NO [NOPERM] no\r\n"), ["INBOX"]);
    // An inbox that "doesn't exist" is one without rights.
    assert_eq!(closed("TAG NO [NONEXISTENT] no such mailbox\r\n"), ["INBOX"]);
    // The response for a folder that is broken on the server's disk.
    assert_eq!(closed("TAG NO [SERVERBUG] see the log\r\n"), ["INBOX"]);
    assert!(matches!(refused("* BYE down\r\n"), Err(Error::Transient(_))));
    assert!(matches!(refused("nonsense\r\n"), Err(Error::Permanent(_))));
}

#[test]
fn a_size_that_the_server_corrects_is_still_that_message() {
    let there = format!("{}TAG OK\r\n", fetch(4)).replace("RFC822.SIZE 7", "RFC822.SIZE 7000");
    let moved = "* OK [COPYUID 7 4 44] moved\r\n* 1 EXPUNGE\r\nTAG OK\r\n";
    let script: &[(&str, &[&str])] = &[(" SELECT ", &[OPENED]), ("UID FETCH", &[&there]), ("UID MOVE", &[moved])];
    assert!(matches!(&apply(script, &[target(4)]).unwrap()[0], Effect::Succeeded(_)));
}

#[test]
fn throttling_in_words_is_waited_for() {
    let none = "* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n";
    let there = format!("{}TAG OK\r\n", fetch(4));
    for (answer, wait) in [
        ("TAG NO Request is throttled. Suggested Backoff Time: 1500 milliseconds\r\n", Some(1_500)),
        ("TAG BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n", Some(299_961)),
        ("* BYE Request is throttled. Suggested Backoff Time: 2 milliseconds\r\n", Some(2)),
        ("TAG NO [ALERT] Too many simultaneous connections. (Failure)\r\n", None),
        ("TAG NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)\r\n", None),
        ("TAG NO [THROTTLED] no\r\n", None),
        ("TAG NO [UNAVAILABLE] UID SEARCH Rate limit hit.\r\n", None),
    ] {
        let throttled = Error::Throttled(wait);
        for command in [" EXAMINE ", "UID SEARCH", " LIST \"\" \"*\""] {
            let script = [(command, &[answer][..]), (" EXAMINE ", &[OPENED]), ("UID SEARCH", &[none])];
            assert_eq!(search(&script), Err(throttled.clone()), "{command} {answer}");
        }
        for command in [" SELECT ", "UID FETCH", "UID MOVE", "(UID FLAGS)"] {
            let script: &[(&str, &[&str])] = &[
                (command, &[answer]),
                (" SELECT ", &[OPENED]),
                ("(UID FLAGS)", &["TAG OK\r\n"]),
                ("UID FETCH", &[&there]),
                ("UID MOVE", &["* OK [COPYUID 7 4 44] moved\r\nTAG OK\r\n"]),
            ];
            let server = Scripted::new(FULL, &[script, REST].concat());
            let outcomes = server.connector().apply("a@b", Action::MoveToJunk, &[target(4)]);
            assert_eq!(outcomes.map(|_| ()), Err(throttled.clone()), "{command} {answer}");
        }
        for command in [" EXAMINE \"INBOX\"", "UID FETCH"] {
            // It is seen elsewhere; its absence from its place is not known.
            let found = "* ESEARCH (TAG \"TAG\") UID ALL 4\r\nTAG OK\r\n";
            let script: &[(&str, &[&str])] =
                &[(command, &[answer, OPENED]), ("UID SEARCH", &[found]), ("UID FETCH", &[&there])];
            let server = Scripted::new(FULL, &[script, REST].concat());
            assert_eq!(
                server.connector().locate("a@b", &[target(4).ref_]),
                Err(throttled.clone()),
                "{command} {answer}"
            );
        }
    }
}

#[test]
fn one_that_cannot_be_deleted_costs_only_itself() {
    let there = format!("{}{}TAG OK\r\n", fetch(4), fetch(5));
    for refused in ["UID STORE", "UID EXPUNGE"] {
        let sign = if refused == "UID STORE" { " +" } else { "" };
        let (all, one) = (format!("{refused} 4:5"), format!("{refused} 5{sign}"));
        let script: &[(&str, &[&str])] = &[
            (&all, &["TAG NO [CANNOT] one of them\r\n"]),
            (&one, &["TAG NO [EXPIRED] held\r\n"]),
            ("UID FETCH 4:5 (UID FLAGS)", &["* 1 FETCH (UID 5 FLAGS (\\Seen \\Deleted))\r\nTAG OK\r\n"]),
            (" SELECT ", &[OPENED]),
            (" EXAMINE ", &[OPENED]),
            ("UID FETCH", &[&there]),
        ];
        let server = Scripted::new(FULL, &[script, &[LIST]].concat());
        let outcomes = server.connector().apply("a@b", Action::HardDelete, &[target(4), target(5)]).unwrap();
        assert!(matches!(&outcomes[0].effect, Effect::Succeeded(receipt) if receipt.now.is_none()));
        assert_eq!(outcomes[1].effect, Effect::Failed("denied: [EXPIRED] held".into()));
        let seen = server.seen.borrow();
        assert!(seen.iter().any(|line| line.contains("UID STORE 5 -FLAGS.SILENT (\\Deleted)")), "{seen:?}");
        let at = |word: &str| seen.iter().position(|line| line.contains(word)).unwrap();
        assert!(at("UID STORE") < at("UID EXPUNGE") && at("UID EXPUNGE") < at("(UID FLAGS)"));
    }
}

#[test]
fn a_move_that_leaves_the_original_leaves_no_copy() {
    let there = format!("{}TAG OK\r\n", fetch(4));
    for (look, wanted) in [
        ("TAG OK\r\n", "the server answered OK but did not move it; the copy was removed again"),
        (
            "* 1 FETCH (UID 44 FLAGS ())\r\nTAG OK\r\n",
            "the server answered OK but did not move it; a copy is left in `Junk`: the server did not remove it",
        ),
    ] {
        let script: &[(&str, &[&str])] = &[
            ("UID FETCH 4 (UID FLAGS)", &["* 1 FETCH (UID 4 FLAGS ())\r\nTAG OK\r\n"]),
            ("UID FETCH 44 (UID FLAGS)", &[look]),
            (" SELECT ", &[OPENED]),
            (" EXAMINE ", &[OPENED]),
            ("UID FETCH", &[&there]),
            ("UID MOVE", &["* OK [COPYUID 9 4 44] moved\r\nTAG OK\r\n"]),
        ];
        let server = Scripted::new(FULL, &[script, REST].concat());
        let outcomes = server.connector().apply("a@b", Action::MoveToJunk, &[target(4)]).unwrap();
        assert_eq!(outcomes[0].effect, Effect::Failed(wanted.into()));
    }
}

#[test]
fn a_message_that_went_on_from_its_destination_is_followed() {
    // The server moved it, and a rule of the owner moved it to another folder.
    let there = format!("{}TAG OK\r\n", fetch(4));
    let script: &[(&str, &[&str])] = &[
        (" EXAMINE \"Junk\"", &["* OK [UIDVALIDITY 7] ok\r\nTAG OK\r\n"]),
        (" LIST \"\" \"*\"", &["* LIST () \"/\" INBOX\r\n* LIST () \"/\" Junk\r\n* LIST () \"/\" Work\r\nTAG OK\r\n"]),
        (" SELECT ", &[OPENED]),
        (" EXAMINE ", &[OPENED]),
        ("(UID FLAGS)", &["TAG OK\r\n"]),
        ("UID FETCH", &[&there]),
        (
            "UID SEARCH",
            &[
                "* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n",
                "* ESEARCH (TAG \"TAG\") UID ALL 4\r\nTAG OK\r\n",
                "* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n",
            ],
        ),
        ("UID MOVE", &["* OK [COPYUID 7 4 44] moved\r\nTAG OK\r\n"]),
    ];
    let effects = apply(script, &[target(4)]).unwrap();
    assert_eq!(effects, [Effect::MovedSince(location(LocationKind::Folder, "Work"))]);
}

#[test]
fn a_folder_without_rights_is_denied_and_one_that_vanished_is_not() {
    let none = "* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n";
    let script = |list: &'static str| {
        gaps(&[
            (" EXAMINE \"Junk\"", &["TAG NO [NONEXISTENT] gone\r\n"][..]),
            (" EXAMINE ", &[OPENED]),
            ("UID SEARCH", &["TAG BAD no folder\r\n", none]),
            (" LIST \"\" \"Junk\"", &[list]),
        ])
    };
    assert_eq!(script("TAG OK\r\n"), Vec::<String>::new());
    assert_eq!(script("* LIST () \"/\" Junk\r\nTAG OK\r\n"), ["Junk"]);
    // A mailbox that cannot be searched at all is an error, not a mailbox with gaps.
    assert!(matches!(search(&[(" EXAMINE ", &["TAG NO [NOPERM] no\r\n"][..])]), Err(Error::Denied(_))));
}

/// Message 4 is moved with a receipt, message 5 is not in its place, and one folder cannot be opened.
fn one_of_two(more: &[(&str, &[&str])]) -> Result<Vec<Effect>, Error> {
    let there = format!("{}TAG OK\r\n", fetch(4));
    let script: &[(&str, &[&str])] = &[
        (" SELECT ", &[OPENED]),
        (" EXAMINE \"INBOX\"", &[OPENED]),
        ("UID FETCH", &[&there]),
        ("UID MOVE 4 ", &["* OK [COPYUID 7 4 44] moved\r\n* 1 EXPUNGE\r\nTAG OK\r\n"]),
        ("UID SEARCH", &["* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n"]),
    ];
    apply(&[more, script].concat(), &[target(4), target(5)])
}

#[test]
fn what_is_confirmed_outlives_a_look_up_that_fails() {
    for refused in ["NO [NOPERM] not yours", "NO [UNAVAILABLE] broken", "NO it is corrupt", "BAD what"] {
        let refused = format!("TAG {refused}\r\n");
        let list = "* LIST () \"/\" Junk\r\nTAG OK\r\n";
        let effects = one_of_two(&[(" EXAMINE \"Junk\"", &[&refused]), (" LIST \"\" \"Junk\"", &[list])]).unwrap();
        assert!(matches!(&effects[0], Effect::Succeeded(receipt) if receipt.now.is_some()));
        assert!(matches!(&effects[1], Effect::Failed(why) if why.contains("could not be searched for")), "{effects:?}");
    }
    // After a lost connection nothing is known about the second one.
    assert!(matches!(one_of_two(&[(" EXAMINE \"Junk\"", &["* BYE down\r\n"])]), Err(Error::Transient(_))));
    // If nothing was done, the call failed.
    let empty: &[(&str, &[&str])] = &[
        (" SELECT ", &[OPENED]),
        (" EXAMINE \"Junk\"", &["TAG NO [NOPERM] not yours\r\n"]),
        (" EXAMINE ", &[OPENED]),
        ("UID SEARCH", &["* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n"]),
    ];
    assert!(matches!(apply(empty, &[target(4)]), Err(Error::Denied(_))));
}

#[test]
fn what_is_moved_outlives_a_message_and_a_folder_that_break() {
    let there = format!("{}{}TAG OK\r\n", fetch(4), fetch(5));
    let script: &[(&str, &[&str])] = &[
        (" SELECT \"Work\"", &["TAG NO [UNAVAILABLE] corrupt\r\n"]),
        (" SELECT ", &[OPENED]),
        ("UID FETCH", &[&there]),
        ("UID MOVE 4:5 ", &["TAG NO [CANNOT] one of them\r\n"]),
        ("UID MOVE 4 ", &["* OK [COPYUID 7 4 44] moved\r\n* 1 EXPUNGE\r\nTAG OK\r\n"]),
        ("UID MOVE 5 ", &["TAG NO [SERVERBUG] corrupt\r\n"]),
    ];
    let effects = apply(script, &[target(4), target(5)]).unwrap();
    assert!(matches!(&effects[0], Effect::Succeeded(_)));
    assert_eq!(effects[1], Effect::Failed("[SERVERBUG] corrupt".into()));

    let list = "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Junk\r\n* LIST () \"/\" Work\r\nTAG OK\r\n";
    let moved: &[(&str, &[&str])] =
        &[(" LIST \"\" \"*\"", &[list]), ("UID MOVE 4 ", &["TAG OK [COPYUID 7 4 44] moved\r\n"])];
    let mut other = target(5);
    other.ref_.locator = "9:5:Work".into();
    other.location = location(LocationKind::Folder, "Work");
    let effects = apply(&[moved, script].concat(), &[target(4), other]).unwrap();
    assert!(matches!(&effects[0], Effect::Succeeded(_)));
    assert_eq!(effects[1], Effect::Failed("[UNAVAILABLE] corrupt".into()));
}

#[test]
fn an_unproven_move_is_not_lost_with_a_folder_that_is_closed() {
    let there = format!("{}{}TAG OK\r\n", fetch(4), fetch(5));
    let script: &[(&str, &[&str])] = &[
        (" SELECT ", &[OPENED]),
        (" EXAMINE \"INBOX\"", &[OPENED]),
        (" EXAMINE ", &["TAG NO [NOPERM] not yours\r\n"]),
        ("UID FETCH", &[&there]),
        ("UID MOVE 4:5 ", &["* OK [COPYUID 7 4 44] moved\r\nTAG OK\r\n"]),
        ("UID SEARCH", &["* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n"]),
    ];
    let effects = apply(script, &[target(4), target(5)]).unwrap();
    assert!(matches!(&effects[0], Effect::Succeeded(_)));
    assert!(matches!(&effects[1], Effect::Failed(why) if why.contains("could not be searched for")), "{effects:?}");
}

#[test]
fn a_restore_whose_flags_fail_says_so() {
    let there = format!("{}TAG OK\r\n", fetch(4));
    let former = Former { location: location(LocationKind::Junk, "Junk"), flags: vec!["$Phish".into()] };
    let target = Target { former: Some(former), ..target(4) };
    let kept = "* 1 FETCH (UID 44 FLAGS (\\Seen))\r\nTAG OK\r\n";
    for (store, now, wanted) in [
        ("TAG NO [NOPERM] no\r\n", "TAG OK\r\n", Ok("[NOPERM] no")),
        ("TAG OK\r\n", kept, Ok("the server did not keep $Phish")),
        // The host then locates the messages, sees which lack their flags, and retries.
        ("* BYE down\r\n", "", Err(())),
    ] {
        let script: &[(&str, &[&str])] = &[
            ("UID FETCH 44 (UID FLAGS)", &["* 1 FETCH (UID 44 FLAGS ())\r\nTAG OK\r\n", now]),
            ("(UID FLAGS)", &["TAG OK\r\n"]),
            (" SELECT ", &[OPENED]),
            ("UID FETCH", &[&there]),
            ("UID MOVE", &["* OK [COPYUID 9 4 44] moved\r\nTAG OK\r\n"]),
            ("UID STORE", &[store]),
        ];
        let server = Scripted::new(FULL, &[script, REST].concat());
        let outcomes = server.connector().apply("a@b", Action::Restore, std::slice::from_ref(&target));
        match (outcomes, wanted) {
            (Ok(outcomes), Ok(why)) => {
                let text = match &outcomes[0].effect {
                    Effect::Failed(text) => text.clone(),
                    other => panic!("{other:?}"),
                };
                assert!(text.starts_with("it is back in folder `Junk`, but its flags could not be restored"), "{text}");
                assert!(text.ends_with(why), "{text}");
            }
            (outcomes, Err(())) => assert!(matches!(outcomes, Err(Error::Transient(_)))),
            other => panic!("{other:?}"),
        }
        assert!(server.seen.borrow().iter().any(|line| line.contains("UID STORE 44 FLAGS.SILENT ($Phish)")));
        // A lost connection is not returned to the host.
        assert_eq!(*server.released.borrow(), !store.contains("BYE"));
    }
}

#[test]
fn locate_passes_over_a_closed_folder_only_for_what_is_elsewhere() {
    let nothing = "* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n";
    let found = "* ESEARCH (TAG \"TAG\") UID ALL 4\r\nTAG OK\r\n";
    let there = format!("{}TAG OK\r\n", fetch(4));
    let locate = |answer: &str, uid: u32| {
        let script: &[(&str, &[&str])] = &[
            (" EXAMINE \"Junk\"", &["TAG NO [NOPERM] not yours\r\n"]),
            (" EXAMINE ", &[OPENED]),
            ("UID SEARCH", &["TAG BAD no folder\r\n", answer]),
            ("UID FETCH 4 ", &[&there]),
        ];
        // The folder that cannot be opened comes first.
        let server = Scripted::new(FULL, &[script, &[LIST]].concat());
        server.connector().locate("a@b", &[target(uid).ref_]).map(|located| located[0].sightings.len())
    };
    assert_eq!(locate(found, 9), Ok(1));
    assert!(matches!(locate(nothing, 9), Err(Error::Denied(_))));
    assert_eq!(locate(nothing, 4), Ok(1));
}

#[test]
fn a_server_that_found_nothing_may_say_nothing_but_not_what_nobody_can_read() {
    assert_eq!(search(&[(" EXAMINE ", &[OPENED][..])]), Ok(0));
    for answer in ["* SEARCH x\r\nTAG OK\r\n", "* ESEARCH (TAG \"TAG\") UID ALL x\r\nTAG OK\r\n"] {
        let script: &[(&str, &[&str])] = &[(" EXAMINE ", &[OPENED]), ("UID SEARCH", &[answer])];
        assert!(matches!(search(script), Err(Error::Permanent(_))), "{answer}");
    }
}

#[test]
fn a_refused_character_set_is_searched_wider() {
    let header = "From: a@evil.example\r\n\r\n";
    let there = format!("* 1 FETCH (UID 4 BODY[HEADER.FIELDS (FROM)] {{{}}}\r\n{header})\r\nTAG OK\r\n", header.len());
    let script: &[(&str, &[&str])] = &[
        (" EXAMINE ", &[OPENED]),
        ("CHARSET UTF-8", &["TAG NO [BADCHARSET (US-ASCII)] no\r\n"]),
        ("UID SEARCH", &["* ESEARCH (TAG \"TAG\") UID ALL 4\r\nTAG OK\r\n"]),
        ("UID FETCH", &[&there]),
    ];
    let query = Query { from_domain: vec!["evil.example".into()], ..everything() };
    // If such text would cost a round trip per folder, it is not searched for.
    for (capabilities, refused) in [("IMAP4rev1 ESEARCH LITERAL+", 2), ("IMAP4rev1 ESEARCH", 0)] {
        let server = Scripted::new(capabilities, &[script, &[LIST]].concat());
        let page = server.connector().search("a@b", &query, None, 10).unwrap();
        assert_eq!(page.messages.len(), 2);
        let count = |part: &str| server.seen.borrow().iter().filter(|line| line.contains(part)).count();
        assert_eq!((count("CHARSET UTF-8"), count("UID SEARCH RETURN (ALL) OR (HEADER")), (refused, 2));
    }
}

#[test]
fn a_literal_that_is_refused_does_not_stop_the_flight() {
    let name = "x".repeat(600);
    let list = format!("* LIST () \"/\" {name}\r\n* LIST () \"/\" INBOX\r\nTAG OK\r\n");
    let none = "* ESEARCH (TAG \"TAG\") UID\r\nTAG OK\r\n";
    let script: &[(&str, &[&str])] =
        &[(" LIST \"\" \"*\"", &[&list]), (" EXAMINE ", &[OPENED]), ("UID SEARCH", &[none])];
    let server = Scripted::new("IMAP4rev1 ESEARCH", script);
    assert_eq!(server.connector().search("a@b", &everything(), None, 10).unwrap().messages.len(), 0);
}

#[test]
fn folders_of_others_and_virtual_ones_are_left_out() {
    let script: &[(&str, &[&str])] = &[
        ("NAMESPACE", &["* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) ((\"Shared/\" \"/\"))\r\nTAG OK\r\n"]),
        (
            "RETURN (SPECIAL-USE)",
            &["* LIST (\\Noselect) \"/\" \"Other Users\"\r\n* LIST () \"/\" \"Other Users/boss\"\r\n\
               * LIST () \"/\" Shared/all\r\n* LIST (\\All) \"/\" Everything\r\n* LIST (\\Junk) \"/\" Dreck\r\n\
               * LIST () \"/\" Spam\r\n* LIST () \"/\" INBOX\r\nTAG OK\r\n"],
        ),
        (" EXAMINE ", &[OPENED]),
        ("UID SEARCH", &["* SEARCH 4\r\nTAG OK\r\n"]),
        ("UID FETCH", &[&format!("{}TAG OK\r\n", fetch(4))]),
    ];
    let server = Scripted::new("IMAP4rev1 NAMESPACE LIST-EXTENDED SPECIAL-USE", script);
    let page = server.connector().search("a@b", &everything(), None, 10).unwrap();
    let mut places: Vec<_> = page.messages.into_iter().map(|message| message.location).collect();
    places.sort_by(|one, other| one.path.cmp(&other.path));
    let expected = [
        location(LocationKind::Junk, "Dreck"),
        location(LocationKind::Inbox, "INBOX"),
        // The server reported the junk folder: the name alone does not count.
        location(LocationKind::Folder, "Spam"),
    ];
    assert_eq!(places, expected);
}

#[test]
fn a_structure_nobody_can_read_hides_no_message() {
    let header = fetch(4);
    let broken = format!("{} BODYSTRUCTURE ((((x)\r\nTAG OK\r\n", header.trim_end().trim_end_matches(')'));
    let raw = "Content-Type: application/zip; name=evil.zip\r\n\r\nx";
    let whole =
        format!("{} BODY[]<0> {{{}}}\r\n{raw})\r\nTAG OK\r\n", header.trim_end().trim_end_matches(')'), raw.len());
    let script: &[(&str, &[&str])] = &[
        (" EXAMINE ", &[OPENED]),
        ("UID SEARCH", &["* SEARCH 4\r\nTAG OK\r\n"]),
        ("BODYSTRUCTURE", &[&broken]),
        ("BODY.PEEK[]<0.", &[&whole]),
        (" LIST \"\" \"*\"", &["* LIST () \"/\" INBOX\r\nTAG OK\r\n"]),
    ];
    let server = Scripted::new("IMAP4rev1", script);
    let query = Query { attachment_name: vec!["evil".into()], ..everything() };
    let page = server.connector().search("a@b", &query, None, 10).unwrap();
    assert_eq!(page.messages[0].attachments, ["evil.zip"]);
}

#[test]
fn huge_sets_do_not_fill_the_memory() {
    let script: &[(&str, &[&str])] =
        &[(" EXAMINE ", &[OPENED]), ("UID SEARCH", &["* ESEARCH (TAG \"TAG\") UID ALL 1:4294967295\r\nTAG OK\r\n"])];
    assert_eq!(search(script), Ok(0));
    let there = format!("{}TAG OK\r\n", fetch(4));
    let moved = "TAG OK [COPYUID 7 1:4294967295 1:4294967295] moved\r\n";
    let script: &[(&str, &[&str])] = &[(" SELECT ", &[OPENED]), ("UID FETCH", &[&there]), ("UID MOVE", &[moved])];
    // Not a receipt for message 4: reports on other messages are ignored.
    let _ = apply(script, &[target(4)]);
}

proptest! {
    #[test]
    fn no_answer_stops_it(answer in proptest::collection::vec(any::<u8>(), 0..200)) {
        let answer = String::from_utf8_lossy(&answer).into_owned() + "\r\n";
        let script: &[(&str, &[&str])] = &[(" EXAMINE ", &[OPENED]), ("UID SEARCH", &[&answer]), ("UID FETCH", &[&answer])];
        let _ = search(script);
        let _ = apply(&[(" SELECT ", &[OPENED]), ("UID FETCH", &[&answer])], &[target(4)]);
    }

    #[test]
    fn no_imap_like_answer_stops_it(
        answer in "(\\* (1 FETCH|SEARCH|ESEARCH|LIST|OK|BYE)|TAG OK|TAG NO) ?[\\[\\](){}A-Z0-9:,\\\\\"<>. ]{0,80}"
    ) {
        let answer = format!("{answer}\r\nTAG OK\r\n");
        let script: &[(&str, &[&str])] = &[(" EXAMINE ", &[OPENED]), ("UID SEARCH", &[&answer]), ("UID FETCH", &[&answer])];
        let _ = search(script);
        let there = format!("{}TAG OK\r\n", fetch(4));
        let _ = apply(&[(" SELECT ", &[OPENED]), ("UID FETCH", &[&there]), ("UID MOVE", &[&answer])], &[target(4)]);
    }
}
