//! The features of a raw message, as the interface `examiner` of the contract describes them.
//!
//! The sender of a message chose every byte of it. All work here is linear in the size of the message, and no nesting is
//! followed without a limit. The text does not leave this module: only features do.

mod elements;
mod html;
mod link;
pub(crate) mod mime;
mod parts;
mod results;
mod rewritten;
mod sketch;
mod style;
mod trace;
mod transfer;

use std::{borrow::Cow, hash::Hasher as _};

use siphasher::sip::SipHasher24;

use crate::{
    examiner::{Examined, Features, Link, Request},
    header::{self, Stored},
    matching::everything,
    normal::normalise,
    outlook::{self, Cut, Message},
    types::{Error, Location, LocationKind},
};

/// The most links that are returned.
const LINKS: usize = 1_000;

/// The fields that features are read from, in addition to those of a search.
const FIELDS: [&str; 5] = ["return-path", "reply-to", "delivered-to", "received", "authentication-results"];

/// Returns the features of a message, of which `raw` is the first `request.most` bytes: the whole if it has fewer. No
/// size that a server announces is believed instead, as some servers estimate it.
pub fn of(raw: &[u8], request: &Request) -> Features {
    of_message(&Cow::Borrowed(raw).into(), raw.len() as u64 >= request.most, request)
}

/// Returns the answer for one message: its features, that it is gone, or why it alone cannot be read. Any other error is
/// one of the call.
pub fn examined(raw: Result<Vec<u8>, Error>, request: &Request) -> Result<Examined, Error> {
    match raw {
        Ok(raw) => Ok(Examined::Features(of(&raw, request))),
        Err(Error::NotFound(_)) => Ok(Examined::NotFound),
        Err(Error::Permanent(why)) => Ok(Examined::Failed(why)),
        Err(error) => Err(error),
    }
}

/// Returns the features of a message, of which only the start is given if `is_start`.
fn of_message(message: &Message<'_>, is_start: bool, request: &Request) -> Features {
    let raw: &[u8] = &message.raw;
    let body = parts::of(message);
    let shown = header::describe(stored(raw), raw, &everything());
    let trace = trace::of(&header::raw_fields(raw), request);
    let (links, has_more_links) = links(&body, request.key);
    let text = normalise(&body.text);
    let mut cut = shown.cut;
    cut.extend(trace.cut);
    cut.extend(body.cut);
    if message.cut.header || is_start && !has_whole_header(raw) {
        cut.extend(FIELDS.map(|name| format!("header {name}")));
        cut.extend(["from", "subject", "to"].map(str::to_owned));
    }
    if is_start {
        cut.extend(["body", "links", "attachments"].map(str::to_owned));
    } else if has_more_links {
        cut.push("links".to_owned());
    }
    cut.sort_unstable();
    cut.dedup();
    Features {
        message_id: shown.ref_.message_id,
        subject: shown.subject,
        from_address: shown.from_address,
        from_name: shown.from_name,
        also_from: shown.also_from,
        envelope_from: trace.envelope_from,
        reply_to: trace.reply_to,
        delivered_to: trace.delivered_to,
        sender_ip: trace.sender_ip,
        authentication: trace.authentication,
        dkim_domains: trace.dkim_domains,
        list_id: trace.list_id,
        urls: request.urls.iter().map(|url| has(&links, url, request.key)).collect(),
        links,
        attachments: body.attachments,
        html_hash: hash(&body.shape, request.key),
        calendar_uids: body.calendar_uids,
        sketch: sketch::of(&text, request.key),
        body_contains: request.body_contains.iter().map(|wanted| is_part(&text, wanted)).collect(),
        cut,
        extra: trace.extra,
    }
}

/// Returns the features of a message like [`of`], then those of each message that is attached to it. A `.msg` file of
/// Outlook is read as the message in it; there are no features if it has none.
pub fn of_all(raw: &[u8], request: &Request) -> Vec<Features> {
    let is_start = raw.len() as u64 >= request.most;
    let first = if outlook::is_compound(raw) {
        let Some(message) = outlook::message(raw) else { return Vec::new() };
        Message { cut: if is_start { Cut::ALL } else { message.cut }, ..message }
    } else {
        Cow::Borrowed(raw).into()
    };
    let mut all = vec![of_message(&first, is_start, request)];
    all.extend(parts::attached(first).iter().map(|message| of_message(message, false, request)));
    all
}

/// Returns whether the end of the header is in `raw`.
fn has_whole_header(raw: &[u8]) -> bool {
    raw.split_inclusive(|byte| *byte == b'\n').any(|line| matches!(line, b"\n" | b"\r\n"))
}

/// Returns the links of a message, each once, and whether there are more.
fn links(body: &parts::Body, key: (u64, u64)) -> (Vec<Link>, bool) {
    let bare = body.plain.iter().chain(&body.bare).flat_map(|text| link::found_in(text)).map(|url| (url, ""));
    let written = body.links.iter().map(|(target, shown)| (target.as_str(), shown.as_str()));
    let mut links: Vec<Link> = Vec::new();
    for (target, shown) in written.chain(bare) {
        let Some(link) = link::link(target, shown, key) else { continue };
        if links.contains(&link) {
            continue;
        }
        if links.len() == LINKS {
            return (links, true);
        }
        links.push(link);
    }
    (links, false)
}

/// Returns whether a link leads to this address.
fn has(links: &[Link], url: &str, key: (u64, u64)) -> bool {
    link::link(url, "", key).is_some_and(|wanted| {
        links.iter().any(|link| {
            (link.kind, &link.host, &link.address, link.path_hash)
                == (wanted.kind, &wanted.host, &wanted.address, wanted.path_hash)
        })
    })
}

/// Returns whether a normalised text has this part. Nothing has a part that is empty.
fn is_part(text: &str, wanted: &str) -> bool {
    let wanted = normalise(wanted);
    !wanted.is_empty() && text.contains(&wanted)
}

/// Returns the keyed hash of some bytes; 0 of none.
fn hash(bytes: &[u8], (low, high): (u64, u64)) -> u64 {
    if bytes.is_empty() {
        return 0;
    }
    let mut hasher = SipHasher24::new_with_keys(low, high);
    hasher.write(bytes);
    hasher.finish()
}

fn stored(raw: &[u8]) -> Stored {
    let location = Location { kind: LocationKind::Unknown, path: String::new() };
    Stored { locator: String::new(), location, received_at: 0, size: raw.len() as u64, flags: Vec::new() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> Request {
        Request {
            key: (1, 2),
            most: 1 << 20,
            authentication_servers: vec!["mx.corp.example".into()],
            own_relays: vec!["10.0.0.0/8".into()],
            body_contains: vec!["OVERDUE  invoice".into(), "paid".into(), "\u{200b}".into()],
            urls: vec!["HTTPS://login.evil.example/a?b=1".into(), "https://login.evil.example/".into()],
            extra: Vec::new(),
        }
    }

    const MAIL: &[u8] = b"Return-Path: <b@mailer.example>\r\n\
        Authentication-Results: mx.corp.example; spf=pass smtp.mailfrom=mailer.example; dmarc=fail header.from=evil.example\r\n\
        Received: from out (out.mailer.example [192.0.2.7]) by mx.corp.example; Mon, 23 Nov 2026 10:00:00 +0000\r\n\
        From: Eve <eve@evil.example>\r\nReply-To: pay@evil.example\r\nSubject: Hello\r\nMessage-ID: <1@evil.example>\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
        <p>Your over\xc2\xaddue <b>Invoice</b></p><a href=\"https://nam01.safelinks.protection.outlook.com/?url=https%3A%2F%2Flogin.evil.example%2Fa%3Fb%3D1&amp;data=x\">www.bank.example</a>\r\n\
        --x\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n\
        --x\r\nContent-Type: message/rfc822\r\n\r\nFrom: in@side.example\r\nSubject: Inner\r\n\r\nhttp://inner.example/\r\n--x--\r\n";

    #[test]
    fn a_message_shows_itself() {
        let features = of(MAIL, &request());
        assert_eq!(features.from_address, "eve@evil.example");
        assert_eq!(
            (features.envelope_from.as_str(), features.sender_ip.as_deref()),
            ("b@mailer.example", Some("192.0.2.7"))
        );
        assert_eq!(features.reply_to, ["pay@evil.example"]);
        assert_eq!(features.authentication.as_ref().map(|one| one.dmarc.as_str()), Some("fail"));
        let link = &features.links[0];
        assert_eq!((link.host.as_str(), link.shown_host.as_str()), ("login.evil.example", "www.bank.example"));
        assert!(link.is_rewritten && features.links.len() == 1, "the links of an attached message are its own");
        assert_eq!(features.body_contains, [true, false, false]);
        assert_eq!(features.urls, [true, false]);
        assert_eq!(features.attachments[0].sha256, "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78");
        assert!(features.html_hash != 0 && features.sketch.pairs == 3 && features.cut.is_empty());
        assert!(!format!("{features:?}").to_lowercase().contains("invoice"), "the text stays here");
    }

    #[test]
    fn what_a_page_shows_without_a_link_is_a_link() {
        let mail =
            b"Content-Type: text/html\r\n\r\n<p>Go to https://bare.example/a now, or <a href=\"https://x.example/\">\
            https://shown.example/</a></p><noscript>and <a href=https://quiet.example/>there</a></noscript>";
        let features = of(mail, &request());
        let hosts: Vec<&str> = features.links.iter().map(|link| link.host.as_str()).collect();
        assert_eq!(hosts, ["x.example", "quiet.example", "bare.example"], "what a link shows is no link of its own");
    }

    #[test]
    fn what_only_some_clients_open_is_not_known() {
        for part in ["application/pkcs7-mime; name=smime.p7m", "application/ms-tnef; name=winmail.dat"] {
            let mail = format!("Content-Type: {part}\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n");
            assert_eq!(of(mail.as_bytes(), &request()).cut, ["attachments", "body", "links"], "{part}");
        }
    }

    #[test]
    fn attached_messages_are_examined_too() {
        let all = of_all(MAIL, &request());
        assert_eq!(all.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["Hello", "Inner"]);
        assert_eq!(all[1].links[0].host, "inner.example");
    }

    #[test]
    fn the_start_of_a_message_says_so() {
        let start = of(&MAIL[..700], &Request { most: 700, ..request() });
        assert_eq!(start.cut, ["attachments", "body", "links"]);
        assert!(of(MAIL, &request()).cut.is_empty());
        let header = of(&MAIL[..200], &Request { most: 200, ..request() });
        assert!(
            ["header reply-to", "header received", "from"].iter().all(|name| header.cut.iter().any(|cut| cut == name))
        );
        let full = of(MAIL, &Request { most: MAIL.len() as u64, ..request() });
        assert_eq!(full.cut, ["attachments", "body", "links"], "it may be longer");
    }

    #[test]
    fn the_fields_that_are_asked_for_are_returned() {
        let mail =
            b"Authentication-Results: mx.corp.example; dkim=pass header.d=train.example\r\nX-Training: a\r\n b\r\n\
            x-training: c\r\nX-Other: d\r\n\r\nx";
        let extra = vec![("header".to_owned(), "X-Training".to_owned()), ("other".to_owned(), "X-Other".to_owned())];
        let features = of(mail, &Request { extra, ..request() });
        let expected = [("dkim-verified", "train.example"), ("header x-training", "a b"), ("header x-training", "c")];
        assert_eq!(features.extra, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(of(mail, &request()).extra.len(), 1);
    }

    #[test]
    fn another_key_makes_other_hashes() {
        let (one, other) = (of(MAIL, &request()), of(MAIL, &Request { key: (3, 4), ..request() }));
        assert_ne!(one.sketch.hashes, other.sketch.hashes);
        assert_ne!((one.links[0].path_hash, one.html_hash), (other.links[0].path_hash, other.html_hash));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            of_all(&raw, &request());
        }

        #[test]
        fn no_part_of_a_message_stops_it(at in 0..MAIL.len(), byte in any::<u8>()) {
            let mut raw = MAIL.to_vec();
            raw[at] = byte;
            of_all(&raw, &request());
            of(&MAIL[..at], &Request { most: at as u64, ..request() });
        }
    }
}
