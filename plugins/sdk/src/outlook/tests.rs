//! Files of Outlook: what they show, and hostile ones.

use super::message;
use super::sample::{Attached, Value, msg};
use crate::examiner::{Features, Request};
use crate::features::of_all;

const HEADERS: &str = "Microsoft Mail Internet Headers Version 2.0\r\nReceived: from out (out.one.example [192.0.2.7])\r\n\
    \tby mx.corp.example; Mon, 23 Nov 2026 10:00:00 +0000\r\nFrom: Eve <eve@evil.example>\r\nSubject: Hello\r\n\
    Message-ID: <1@evil.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tboundary=\"x\"\r\n\r\n\
    X-After: no field\r\n";
const HTML: &str =
    "<p>The payroll office could not verify your account, Grüße</p><a href=\"https://login.evil.example/a\">open</a>";

pub(super) fn request() -> Request {
    Request {
        key: (1, 2),
        most: 16 << 20,
        authentication_servers: Vec::new(),
        own_relays: Vec::new(),
        body_contains: vec!["verify your account, grüße".into()],
        urls: Vec::new(),
        extra: Vec::new(),
    }
}

pub(super) fn examined(raw: &[u8]) -> Vec<Features> {
    of_all(raw, &request())
}

pub(super) fn sample() -> Vec<u8> {
    let inner = [Value::Text(0x007d, "From: in@side.example\r\nSubject: Inner\r\n"), Value::Text(0x1000, "inner text")];
    let large = vec![7; 9_000];
    msg(
        65_001,
        &[
            Value::Text(0x007d, HEADERS),
            Value::Bytes(0x1013, HTML.as_bytes()),
            Value::Text(0x1000, "generated <https://x>"),
        ],
        &[
            Attached::File("a.pdf", "application/pdf", b"ABC"),
            Attached::File("groß \"x\".bin", "multipart/mixed", &large),
            Attached::Message(&inner),
        ],
    )
}

/// The same message as it was delivered.
fn delivered() -> String {
    let header = HEADERS.split_once("\r\n").unwrap().1.split_once("MIME-Version").unwrap().0;
    format!("{header}MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{HTML}")
}

#[test]
fn a_file_of_outlook_shows_what_the_message_shows() {
    let (all, delivered) = (examined(&sample()), examined(delivered().as_bytes()).remove(0));
    let found = &all[0];
    assert_eq!(
        (&found.from_address, &found.from_name, &found.subject, &found.message_id, &found.sender_ip),
        (
            &delivered.from_address,
            &delivered.from_name,
            &delivered.subject,
            &delivered.message_id,
            &delivered.sender_ip
        )
    );
    assert_eq!((&found.sketch.hashes, found.html_hash), (&delivered.sketch.hashes, delivered.html_hash));
    assert_eq!(found.links.len(), 1, "what Outlook generates of the body is no text of the message");
    assert_eq!((found.links[0].host.as_str(), &found.body_contains[..]), ("login.evil.example", &[true][..]));
    assert_eq!(found.cut, ["attachments"], "a message that is rebuilt is no file");
    let files: Vec<_> =
        found.attachments.iter().map(|one| (one.names.join("/"), one.media_type.as_str(), one.size)).collect();
    assert_eq!(files[0], ("a.pdf".to_owned(), "application/pdf", 3));
    assert_eq!(files[1], ("groß \"x\".bin".to_owned(), "application/octet-stream", 9_000));
    assert_eq!(files.len(), 2);
    assert_eq!(found.attachments[0].sha256, "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78");
    assert_eq!((all.len(), all[1].subject.as_str(), all[1].from_address.as_str()), (2, "Inner", "in@side.example"));
    assert!(all[1].cut.is_empty(), "{:?}", all[1].cut);
}

#[test]
fn a_file_that_is_attached_is_an_attached_message() {
    let file = sample();
    let mail = |kind: &str, content: &[u8]| {
        let head = format!(
            "From: ann@corp.example\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nLook.\r\n--q\r\n\
             Content-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        );
        [head.as_bytes(), content, b"\r\n--q--\r\n"].concat()
    };
    for kind in [
        "application/vnd.ms-outlook; name=phish.msg",
        "application/octet-stream; name=\"Your Account.MSG\"",
        "application/vnd.ms-outlook",
        "message/rfc822",
    ] {
        let all = examined(&mail(kind, &file));
        assert_eq!(all.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["", "Hello"], "{kind}");
        assert!(all[0].attachments.iter().any(|one| one.depth == 1 && one.names == ["a.pdf"]), "{kind}");
    }
    for kind in ["application/octet-stream; name=\"phish.eml\"", "text/plain; name=phish.eml"] {
        assert_eq!(examined(&mail(kind, delivered().as_bytes())).len(), 2, "{kind}");
    }
    assert_eq!(
        examined(&mail("application/octet-stream; name=a.doc", &file)).len(),
        1,
        "other files are compound, too"
    );
    assert_eq!(examined(&mail("text/plain; name=a.msg", b"no file of Outlook")).len(), 1);
    let broken = examined(&mail("application/vnd.ms-outlook; name=a.msg", &file[..600]));
    assert_eq!((broken.len(), &broken[0].cut[..]), (1, &["attachments".to_owned()][..]));
}

#[test]
fn the_best_body_counts() {
    let subject = |values: &[Value<'_>]| examined(&msg(1251, values, &[])).remove(0);
    let rtf =
        b"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 {\\*\\htmltag <a href=\"https://rtf.example/\">}x{\\*\\htmltag </a>}}";
    let size = u32::try_from(rtf.len()).unwrap();
    let stored = [&[size + 12, size, 0x414c_454d, 0].map(u32::to_le_bytes).concat()[..], rtf].concat();
    let host = |features: &Features| features.links.first().map(|link| link.host.clone()).unwrap_or_default();
    let plain = Value::Text(0x1000, "see https://plain.example/");
    assert_eq!(
        host(&subject(&[Value::Bytes(0x1009, &stored), Value::Text(0x1000, "see https://plain.example/")])),
        "rtf.example"
    );
    assert_eq!(host(&subject(&[plain, Value::Bytes(0x1009, b"no rtf")])), "plain.example");
    let html = Value::Ansi(0x1013, b"<p>\xcf\xee</p><a href='https://html.example/'>x</a>");
    assert_eq!(host(&subject(&[html, Value::Bytes(0x1009, &stored)])), "html.example");
}

#[test]
fn a_blank_body_hides_no_other() {
    let rtf = |text: &str| {
        let rtf = format!("{{\\rtf1\\ansi\\fromhtml1 {{\\*\\htmltag {text}}}}}");
        let size = u32::try_from(rtf.len()).unwrap();
        [&[size + 12, size, 0x414c_454d, 0].map(u32::to_le_bytes).concat()[..], rtf.as_bytes()].concat()
    };
    let (blank, full) = (rtf(" "), rtf("<a href=\"https://rtf.example/\">x</a>"));
    let plain = || Value::Text(0x1000, "see https://plain.example/");
    let unread = [Value::Bytes(0x1013, b"\r\n\0"), Value::Bytes(0x1009, b"no rtf"), Value::Text(0x1000, " \r\n")];
    for (values, host) in [
        (&[Value::Bytes(0x1013, b""), plain()][..], Some("plain.example")),
        (&[Value::Bytes(0x1013, b""), Value::Text(0x1013, "\u{feff} \r\n\0"), plain()], Some("plain.example")),
        (&[Value::Bytes(0x1013, b" "), Value::Bytes(0x1009, &full), plain()], Some("rtf.example")),
        (&[Value::Bytes(0x1009, &blank), plain()], Some("plain.example")),
        (&unread, None),
    ] {
        let found = examined(&msg(1252, values, &[])).remove(0);
        assert_eq!(found.links.first().map(|link| link.host.as_str()), host);
        assert_eq!(found.cut.len(), if host.is_some() { 0 } else { 2 }, "{:?}", found.cut);
    }
}

#[test]
fn an_empty_line_ends_the_header() {
    let header = "\r\nMicrosoft Mail Internet Headers Version 2.0\r\n\r\nFrom: eve@evil.example\r\n \t\r\nSubject: a\r\n \r\n b\r\n\
        X-One: 1\r\n\t\r\nContent-Type: x\r\n \r\n y\r\n\r\nAuthentication-Results: mx.corp.example; spf=pass; dmarc=pass\r\n\
        X-Phishtest: train\r\n\r\nX-Phishtest: again\r\n";
    let extra = vec![("header".to_owned(), "X-Phishtest".to_owned()), ("header".to_owned(), "X-One".to_owned())];
    let servers = vec!["mx.corp.example".to_owned()];
    let request = Request { extra, authentication_servers: servers, ..request() };
    let found = of_all(&msg(1252, &[Value::Text(0x007d, header), Value::Text(0x1000, "x")], &[]), &request).remove(0);
    assert_eq!((found.from_address.as_str(), found.subject.as_str()), ("eve@evil.example", "a b"));
    assert_eq!(found.extra, [("header x-one".to_owned(), "1".to_owned())]);
    assert_eq!(found.authentication.map(|one| one.spf).unwrap_or_default(), "");
}

#[test]
fn a_message_inside_is_listed_with_no_digest_and_its_files_are() {
    let deep = [Value::Text(0x007d, "Subject: Inner\r\n"), Value::Text(0x1000, "https://inner.example/")];
    let eml = delivered();
    let files = [Attached::File("a.eml", "message/rfc822", eml.as_bytes()), Attached::Message(&deep)];
    let file = msg(1252, &[Value::Text(0x007d, "Subject: x\r\n")], &files);
    let all = examined(&file);
    let listed: Vec<_> = all[0].attachments.iter().map(|one| (one.names.join("/"), one.size, one.depth)).collect();
    assert_eq!(listed, [("a.eml".to_owned(), eml.len() as u64, 0)], "a file has the digest that it was sent with");
    assert_eq!(all[0].cut, ["attachments"]);
    let mut subjects: Vec<_> = all.iter().map(|one| one.subject.as_str()).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["Hello", "Inner", "x"]);
    let sample = sample();
    let nested = msg(1252, &[Value::Text(0x0037, "x")], &[Attached::File("s.msg", "a/b", &sample)]);
    let listed: Vec<_> = examined(&nested)[0].attachments.iter().map(|one| (one.size, one.depth)).collect();
    assert_eq!(listed, [(sample.len() as u64, 0), (3, 1), (9_000, 1)]);
    let head = "Content-Type: application/vnd.ms-outlook; name=s.msg\r\nContent-Transfer-Encoding: binary\r\n\r\n";
    let deep = [Value::Text(0x0037, "x")];
    let outer = msg(1252, &deep, &[Attached::Message(&deep), Attached::File("b.bin", "a/b", b"x")]);
    let mut outer = cfb::CompoundFile::open(std::io::Cursor::new(outer)).unwrap();
    let name: Vec<u8> = "Inner.msg".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut stream = outer.create_stream("/__attach_version1.0_#00000000/__substg1.0_3001001F").unwrap();
    std::io::Write::write_all(&mut stream, &name).unwrap();
    drop(stream);
    outer.flush().unwrap();
    let mail = [head.as_bytes(), &outer.into_inner().into_inner()].concat();
    assert_eq!(crate::attachment::names(&mail), ["s.msg", "b.bin", "Inner.msg"]);
}

#[test]
fn a_message_without_a_header_has_its_properties() {
    let file = msg(
        1251,
        &[
            Value::Ansi(0x0037, b"\xcf\xf0\xe8\xe2\xe5\xf2"),
            Value::Text(0x0042, "Eve \"<x>\""),
            Value::Text(0x5d02, "eve@evil.example"),
            Value::Text(0x1035, "<7@evil.example>\r\nX-Evil: a"),
            Value::Ansi(0x1000, b"\xcf\xee\xe4\xf2\xe2\xe5\xf0\xe4\xe8\xf2\xe5"),
        ],
        &[],
    );
    let found = examined(&file).remove(0);
    assert_eq!(
        (found.subject.as_str(), found.from_address.as_str(), found.from_name.as_str()),
        ("Привет", "eve@evil.example", "Eve x")
    );
    assert!(found.message_id.starts_with("<7@evil.example>"), "{}", found.message_id);
    assert!(!String::from_utf8_lossy(&message(&file).unwrap().raw).contains("\r\nX-Evil"));
    let exchange = msg(1252, &[Value::Text(0x0c1f, "/O=CORP/CN=EVE"), Value::Text(0x1000, "x")], &[]);
    assert_eq!(examined(&exchange)[0].from_address, "");
    assert!(message(&msg(1252, &[], &[])).is_none(), "another compound file");
}

#[test]
fn no_text_in_the_file_ends_a_part() {
    let boundary = |raw: &[u8]| {
        let raw = message(raw).unwrap().raw;
        let text = String::from_utf8_lossy(&raw).into_owned();
        text.split_once("boundary=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
    };
    let of = |body: &str| msg(1252, &[Value::Text(0x1000, body), Value::Text(0x007d, "Subject: x\r\n")], &[]);
    let first = boundary(&of("a"));
    let again = of(&format!("a\r\n--{first}\r\nContent-Type: text/html\r\n\r\n<a href=https://x.example>x</a>"));
    assert_ne!(boundary(&again), first);
}
