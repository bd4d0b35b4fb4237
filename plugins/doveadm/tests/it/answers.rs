//! Answers that are partial, hostile or too large.

use clawback_connector_doveadm::Doveadm;
use clawback_connector_sdk::{
    Connector as _,
    matching::everything,
    types::{Action, Effect, Error, Message, Target},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::server::Server;

const INBOX: &str = "e77d340b002d0b6b8c3f000083ecc375";
const WORK: &str = "28284f0b002d0b6b8c3f000083ecc375";
const SHARED: &str = "f06f79259f2d0b6bb567000083ecc375";
const ANN: &str = "ann@x.test";

fn row(folder: &str, name: &str, uid: u32) -> Value {
    json!({
        "mailbox": name, "mailbox-guid": folder, "uid": uid.to_string(), "guid": format!("g{uid}"),
        "flags": "\\Seen \\Recent", "date.received.unixtime": "1795000000", "size.virtual": "100",
        "hdr": format!("From: a@b\nSubject: s\nMessage-ID: <{uid}@x>\n\n"),
    })
}

fn listing() -> Value {
    json!([{ "mailbox": "INBOX", "guid": INBOX, "uidnext": "40" }, { "mailbox": "Work", "guid": WORK, "uidnext": "4" }])
}

/// Returns the UIDs of a query for one folder; `None` if it is for all.
fn asked(parameters: &Value) -> Option<(String, Vec<u32>)> {
    let words: Vec<&str> = parameters["query"].as_array()?.iter().filter_map(Value::as_str).collect();
    let words = if words[0] == "mailbox" { &words[2..] } else { &words[..] };
    let ["mailbox-guid", folder, "uid", set, ..] = words else { return None };
    let range = |part: &str| match part.split_once(':') {
        Some((from, "*")) => from.parse().unwrap()..=100,
        Some((from, to)) => from.parse().unwrap()..=to.parse::<u32>().unwrap(),
        None => part.parse().unwrap()..=part.parse::<u32>().unwrap(),
    };
    Some(((*folder).to_owned(), set.split(',').flat_map(range).collect()))
}

/// A mailbox with messages 1 to 39 in the inbox and 1 to 3 in `Work`.
fn mailbox(parameters: &Value) -> Vec<Value> {
    let all = [(INBOX, "INBOX", 39), (WORK, "Work", 3)];
    let of = |(guid, name, last): (&'static str, &'static str, u32)| (1..=last).map(move |uid| (guid, name, uid));
    let wanted = asked(parameters);
    let is_wanted = |guid: &str, uid: u32| {
        wanted.as_ref().is_none_or(|(folder, uids)| folder.as_str() == guid && uids.contains(&uid))
    };
    let rows = all.into_iter().flat_map(of).filter(|(guid, _, uid)| is_wanted(guid, *uid));
    rows.map(|(guid, name, uid)| row(guid, name, uid)).collect()
}

fn all(connector: &Doveadm<&Server>) -> (Vec<Message>, Vec<String>) {
    let (mut messages, mut gaps, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    loop {
        let page = connector.search(ANN, &everything(), cursor.as_deref(), 10).unwrap();
        messages.extend(page.messages);
        gaps.extend(page.gaps.into_iter().map(|gap| format!("{} {}", gap.folder, gap.item)));
        cursor = page.next;
        if cursor.is_none() {
            return (messages, gaps);
        }
    }
}

#[test]
fn folders_of_others_and_virtual_ones_are_left_out() {
    let server = Server::new(|name, parameters| match name {
        "fetch" => {
            let mut rows = mailbox(parameters);
            rows.push(row(SHARED, "shared/ben", 1));
            // A virtual folder returns the name of the real one.
            rows.push(row(WORK, "INBOX", 9));
            rows.push(rows[0].clone());
            Ok(rows.into())
        }
        "mailboxStatus" => Ok(listing()),
        _ => Ok(json!([])),
    });
    let (messages, gaps) = all(&Doveadm::new(&server));
    assert_eq!((messages.len(), gaps.len()), (42, 0));
    assert!(server.commands.borrow().iter().all(|command| command[1]["user"] == ANN));
}

#[test]
fn an_answer_that_is_too_large_is_asked_for_in_parts() {
    let server = Server::new(|name, parameters| match name {
        "fetch" => Ok(mailbox(parameters).into()),
        "mailboxStatus" => Ok(listing()),
        _ => Ok(json!([])),
    });
    server.room.set(2_500);
    let (messages, gaps) = all(&Doveadm::new(&server));
    assert_eq!((messages.len(), gaps), (42, Vec::<String>::new()));
}

#[test]
fn one_message_and_one_folder_that_cannot_be_read_are_gaps() {
    let server = Server::new(|name, parameters| match name {
        "fetch" if asked(parameters).is_none_or(|(folder, _)| folder == WORK) => Err(75),
        "fetch" => {
            let is_whole = parameters["field"].as_array().unwrap().iter().any(|field| field == "hdr");
            if is_whole && asked(parameters).unwrap().1.contains(&17) {
                return Err(75);
            }
            Ok(mailbox(parameters).into())
        }
        "mailboxStatus" => Ok(listing()),
        _ => Ok(json!([])),
    });
    let (messages, mut gaps) = all(&Doveadm::new(&server));
    gaps.sort();
    gaps.dedup();
    assert_eq!(messages.len(), 38);
    assert_eq!(gaps, ["INBOX UID 17", "Work "]);
}

#[test]
fn a_folder_that_cannot_be_listed_is_a_gap_and_its_mail_is_not_gone() {
    let server = Server::new(|name, parameters| match name {
        "mailboxStatus" if parameters["mailboxMask"] == json!(["INBOX"]) => Ok(listing()),
        "mailboxStatus" => Err(75),
        "mailboxList" => Ok(json!([{ "mailbox": "INBOX" }, { "mailbox": "Work" }])),
        "fetch" if asked(parameters).is_none() => Err(75),
        _ => Ok(json!([])),
    });
    let connector = Doveadm::new(&server);
    let page = connector.search(ANN, &everything(), None, 10).unwrap();
    assert!(page.gaps.iter().any(|gap| gap.folder == "Work"), "{page:?}");
    let reference = clawback_connector_sdk::header::reference(format!("1:{WORK}:g1"), b"Message-ID: <1@x>\n\n");
    let located = connector.locate(ANN, &[reference]);
    assert!(matches!(located, Err(Error::Transient(_))), "{located:?}");
    let nothing = Server::new(|_, _| Err(75));
    assert!(matches!(Doveadm::new(&nothing).search(ANN, &everything(), None, 10), Err(Error::Transient(_))));
}

#[test]
fn a_move_whose_original_stays_is_taken_back() {
    let server = Server::new(|name, parameters| match (name, asked(parameters)) {
        ("mailboxStatus", _) => {
            let mut all = listing();
            let folder = json!({ "mailbox": "Recoverable Items", "guid": SHARED, "uidnext": "5" });
            all.as_array_mut().unwrap().push(folder);
            Ok(all)
        }
        ("move", _) => Err(75),
        // The copy was made before it failed.
        ("fetch", Some((folder, uids))) if folder == SHARED && uids.len() > 1 => {
            let mut copy = row(SHARED, "Recoverable Items", 5);
            copy["guid"] = "g7".into();
            Ok(json!([copy]))
        }
        ("fetch", Some((folder, _))) if folder == SHARED => Ok(json!([])),
        ("fetch", _) => Ok(mailbox(parameters).into()),
        _ => Ok(json!([])),
    });
    let connector = Doveadm::new(&server);
    let (messages, _) = all(&connector);
    let one = messages.into_iter().find(|message| message.ref_.locator == format!("7:{INBOX}:g7")).unwrap();
    let target = Target { ref_: one.ref_, location: one.location, former: None };
    let outcomes = connector.apply(ANN, Action::SoftDelete, &[target]).unwrap();
    assert!(matches!(&outcomes[0].effect, Effect::Failed(why) if why.contains("exit code 75")), "{outcomes:?}");
    let commands = server.commands.borrow();
    let removed: Vec<&Value> = commands.iter().filter(|command| command[0] == "expunge").collect();
    let place = ["mailbox", "Recoverable Items", "mailbox-guid", SHARED, "uid", "5"];
    let query = json!([&place[..], &["(", "(", "guid", "g7", ")", ")"]].concat());
    assert_eq!(removed.iter().map(|command| &command[1]["query"]).collect::<Vec<_>>(), [&query]);
}

proptest! {
    #[test]
    fn no_answer_stops_it(texts in proptest::collection::vec("[ -~\u{e9}\u{fffd}]{0,20}|[0-9]{1,12}", 12)) {
        let server = Server::new(move |name, _| match name {
            "fetch" => Ok(json!([{
                "mailbox": texts[0], "mailbox-guid": texts[1], "uid": texts[2], "guid": texts[3], "flags": texts[4],
                "date.received.unixtime": texts[5], "size.virtual": texts[6], "hdr": texts[7], "text": texts[8],
            }])),
            "mailboxStatus" => Ok(json!([{ "mailbox": texts[0], "guid": texts[9], "uidnext": texts[10] }])),
            _ => Ok(json!([{ "mailbox": texts[11], "value": texts[11] }])),
        });
        let connector = Doveadm::new(&server);
        let _ = connector.search(ANN, &everything(), None, 10);
        let reference = clawback_connector_sdk::header::reference(format!("1:{INBOX}:g"), b"Message-ID: <1@x>\n\n");
        let _ = connector.locate(ANN, std::slice::from_ref(&reference));
        let _ = connector.fetch_raw(ANN, &reference, 100);
        let location = clawback_connector_sdk::types::Location {
            kind: clawback_connector_sdk::types::LocationKind::Inbox,
            path: "INBOX".into(),
        };
        let _ = connector.apply(ANN, Action::SoftDelete, &[Target { ref_: reference, location, former: None }]);
        let _ = connector.mailboxes(None, 10);
        let _ = connector.check(ANN);
    }
}
