//! Examinations: many messages of a folder at once, and messages that are no longer where they were.

use clawback_connector_sdk::{
    Connector as _,
    examiner::{Examined, Features, Request},
    fingerprint,
    types::{Error, MessageRef},
};

use crate::{
    scripted::Scripted,
    server::{Mailbox, from_evil},
};

fn request(most: u64) -> Request {
    Request {
        key: (1, 2),
        most,
        authentication_servers: Vec::new(),
        own_relays: Vec::new(),
        body_contains: vec!["track it".into()],
        urls: Vec::new(),
        extra: Vec::new(),
    }
}

fn page(number: u32) -> Vec<u8> {
    format!(
        "Message-ID: <{number}@evil.example>\r\nFrom: noreply@evil.example\r\nSubject: Parcel {number}\r\n\
         Content-Type: text/html\r\n\r\n<p>Your parcel waits.</p><a href=\"https://h{number}.evil.example/\">Track it</a>\r\n"
    )
    .into_bytes()
}

fn features(examined: &Examined) -> &Features {
    match examined {
        Examined::Features(features) => features,
        other => panic!("{other:?}"),
    }
}

impl Mailbox {
    fn examine(&self, refs: &[MessageRef], most: u64) -> Result<Vec<Examined>, Error> {
        self.connector().examine(&self.name, refs, &request(most))
    }

    fn refs(&self) -> Vec<MessageRef> {
        let mut found = self.search(&from_evil());
        found.sort_by(|one, other| one.subject.cmp(&other.subject));
        found.into_iter().map(|message| message.ref_).collect()
    }
}

#[test]
fn all_messages_are_one_round_trip() {
    let mailbox = Mailbox::new();
    (0..5).for_each(|number| mailbox.append("INBOX", "", &page(number)));
    mailbox.append("Archive", "\\Seen", &page(5));
    let refs = mailbox.refs();
    let examined = mailbox.examine(&refs, 4_096).unwrap();
    for (number, one) in examined.iter().enumerate() {
        let features = features(one);
        assert_eq!(features.links[0].host, format!("h{number}.evil.example"), "in the order of the request");
        assert!(features.cut.is_empty() && features.body_contains == [true] && features.sketch.pairs > 0);
    }
    assert_eq!(*mailbox.host.flights.borrow(), 1);
    assert!(mailbox.search(&from_evil()).iter().all(|message| message.flags.len() < 2), "nothing became read");
}

#[test]
fn the_start_of_a_long_message_is_known_as_such() {
    let mailbox = Mailbox::new();
    mailbox.append("INBOX", "", &page(1));
    let refs = mailbox.refs();
    let start = mailbox.examine(&refs, 120).unwrap();
    assert_eq!(features(&start[0]).cut, ["attachments", "body", "links"]);
    assert_eq!(features(&start[0]).subject, "Parcel 1");
    let whole = mailbox.examine(&refs, page(1).len() as u64 + 1).unwrap();
    assert!(features(&whole[0]).cut.is_empty());
}

#[test]
fn a_message_that_moved_is_found_and_one_that_is_gone_is_said_to_be() {
    let mailbox = Mailbox::new();
    (0..3).for_each(|number| mailbox.append("INBOX", "", &page(number)));
    let mut refs = mailbox.refs();
    mailbox.owner(&[
        "CREATE Elsewhere",
        "SELECT INBOX",
        "UID MOVE 1 Elsewhere",
        "UID STORE 2 +FLAGS (\\Deleted)",
        "EXPUNGE",
    ]);
    refs.push(MessageRef { locator: "1:9:INBOX".into(), message_id: String::new(), fingerprint: "0".repeat(40) });
    let examined = mailbox.examine(&refs, 4_096).unwrap();
    assert_eq!(features(&examined[0]).links[0].host, "h0.evil.example");
    assert_eq!((&examined[1], &examined[3]), (&Examined::NotFound, &Examined::NotFound));
    assert_eq!(features(&examined[2]).links[0].host, "h2.evil.example");
    // The place holds another message: its features are not those of the one that was asked for.
    let other = MessageRef { locator: mailbox.refs()[1].locator.clone(), ..refs[0].clone() };
    assert_eq!(features(&mailbox.examine(&[other], 4_096).unwrap()[0]).links[0].host, "h0.evil.example");
}

#[test]
fn content_that_the_server_does_not_return_is_not_empty() {
    let header = "Message-ID: <1@x>\r\nFrom: a@x\r\n\r\n";
    let message = MessageRef {
        locator: "7:1:INBOX".into(),
        message_id: "<1@x>".into(),
        fingerprint: fingerprint::fingerprint(header.as_bytes()),
    };
    let identity = format!(
        "* 1 FETCH (UID 1 RFC822.SIZE 90 BODY[HEADER.FIELDS (MESSAGE-ID FROM)] {{{}}}\r\n{header})\r\nTAG OK done\r\n",
        header.len()
    );
    for refused in ["TAG NO conversion failed\r\n", "* 1 FETCH (UID 1 BODY[] NIL)\r\nTAG OK done\r\n"] {
        let server = Scripted::new(
            "IMAP4rev1",
            &[
                ("EXAMINE", &["* OK [UIDVALIDITY 7] ok\r\nTAG OK done\r\n"]),
                ("BODY.PEEK[]", &[refused]),
                ("UID FETCH", &[&identity]),
            ],
        );
        let examined = server.connector().examine("m", std::slice::from_ref(&message), &request(4_096)).unwrap();
        assert!(matches!(&examined[0], Examined::Failed(why) if why.contains("does not return")), "{examined:?}");
        let raw = server.connector().fetch_raw("m", &message, 4_096);
        assert!(matches!(raw, Err(Error::Permanent(_))), "{raw:?}");
    }
}
