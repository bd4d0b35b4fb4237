//! What is read of the parts of messages, also of broken and hostile ones.

use proptest::prelude::*;

use super::*;

/// A multipart message with these parts.
fn mixed(parts: &[&str]) -> String {
    let parts = parts.iter().map(|part| format!("--b\n{part}\n")).collect::<Vec<_>>().concat();
    format!("Content-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n")
}

fn given(raw: &[u8]) -> Message<'_> {
    std::borrow::Cow::Borrowed(raw).into()
}

fn read(raw: &str) -> Body {
    of(&given(raw.as_bytes()))
}

fn cut(body: &Body) -> Vec<&str> {
    body.cut.iter().map(String::as_str).collect()
}

#[test]
fn text_of_html_and_of_plain_parts() {
    let alternative = |plain: &str, html: &str| {
        read(&mixed(&[&format!("\n{plain}"), &format!("Content-Type: text/html\n\n{html}")])).text
    };
    assert_eq!(alternative("Hello  WORLD", "<p>Hello <b>world</b></p>"), "Hello world");
    assert_eq!(alternative("filler", "<p>Hello</p>"), "Hello\nfiller");
    assert_eq!(read("Subject: x\n\nonly plain\n").text, "only plain\n");
    let page = read(
        "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<b>Gr=FC=DFe</b>",
    );
    assert_eq!((page.text.as_str(), page.plain.len()), ("Grüße", 0));
    assert_eq!(page.shape, b"<b>");
    let both =
        read(&mixed(&["Content-Type: text/html\n\n<a href=1>one</a>", "Content-Type: text/html\n\n<a href=2>two</a>"]));
    assert_eq!(both.text, "one\ntwo");
    assert_eq!(both.links.len(), 2);
}

#[test]
fn a_multipart_that_cannot_be_split_is_text() {
    let body = read("Content-Type: multipart/mixed\n\nclick https://x/");
    assert_eq!((body.text.as_str(), body.attachments.len()), ("click https://x/", 0));
    assert_eq!(cut(&body), [""; 0]);
    let unseen = read("Content-Type: multipart/mixed; boundary=x\n\nclick");
    assert_eq!((unseen.text.as_str(), cut(&unseen)), ("click", vec![]));
}

#[test]
fn attachments_of_every_depth() {
    let inner = mixed(&["\ninner text", "Content-Type: application/zip; name=in.zip\n\nzip"]);
    let body = read(&mixed(&[
        "\nouter text",
        "Content-Type: Application/PDF\nContent-Disposition: attachment; filename=a.pdf\nContent-Transfer-Encoding: base64\n\nYWJj",
        "Content-Type: image/png\n\npng",
        "Content-Type: text/plain; name=shown.txt\n\nshown",
        "Content-Type: text/plain\nContent-Disposition: attachment; filename=other.txt\n\nother",
        &format!("Content-Type: message/rfc822\n\n{}", inner.replace("=b\n", "=c\n").replace("--b", "--c")),
    ]));
    let seen: Vec<_> =
        body.attachments.iter().map(|a| (a.names.concat(), a.media_type.as_str(), a.size, a.depth)).collect();
    let size = body.attachments[4].size;
    let expected = [
        ("a.pdf", "application/pdf", 3, 0),
        ("", "image/png", 3, 0),
        ("shown.txt", "text/plain", 5, 0),
        ("other.txt", "text/plain", 5, 0),
        ("", "message/rfc822", size, 0),
        ("in.zip", "application/zip", 3, 1),
    ];
    assert_eq!(seen, expected.map(|(name, kind, size, depth)| (name.to_owned(), kind, size, depth)));
    assert_eq!(body.attachments[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(body.text, "outer text\nshown");
    assert!(body.cut.is_empty());
}

#[test]
fn pages_that_are_attached_have_links_but_no_text() {
    for part in [
        "Content-Type: text/html; name=a.html\nContent-Disposition: attachment\n\n<a href=https://x/>pay</a>",
        "Content-Type: application/octet-stream; name=a.HTM\n\n<a href=https://x/>pay</a>",
        "Content-Type: application/octet-stream; name=a.html\nContent-Transfer-Encoding: base64\n\n//48AGEAIABoAHIAZQBmAD0AaAB0AHQAcABzADoALwAvAHgALwA+AHAAYQB5ADwALwBhAD4A",
        "Content-Type: image/svg+xml\n\n<svg><a xlink:href='https://x/'>pay</a></svg>",
    ] {
        let body = read(&mixed(&["\ntext", part]));
        assert_eq!(body.links, [("https://x/".to_owned(), "pay".to_owned())], "{part}");
        assert_eq!((body.text.as_str(), body.shape.len(), body.attachments.len()), ("text", 0, 1), "{part}");
    }
}

#[test]
fn attached_messages_are_returned_decoded() {
    let report = mixed(&[
        "\nlook at this",
        "Content-Type: message/rfc822\n\nSubject: one\n\n1",
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogdHdvCgoy",
        "Content-Type: application/octet-stream; name=Mail.EML\n\nSubject: three\n\n3",
    ]);
    let all = attached(given(report.as_bytes()));
    let expected = ["Subject: one\n\n1", "Subject: two\n\n2", "Subject: three\n\n3"];
    assert_eq!(all.iter().map(|one| &one.raw[..]).collect::<Vec<_>>(), expected.map(str::as_bytes));
    assert!(attached(given(b"Subject: x\n\nbody")).is_empty());
    let many = mixed(&vec!["Content-Type: message/rfc822\n\nSubject: x\n\n"; 20]);
    assert_eq!(attached(given(many.as_bytes())).len(), ATTACHED);
}

#[test]
fn calendar_uids() {
    let calendar = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:abc-\n 123@x\nSUMMARY:UID:no\nX-UID:no\nEND:VEVENT\nBEGIN:VTODO\n\
        uid;x=\"a:b\":two\nU\n ID:three\nUID:two\nUID:\nEND:VTODO";
    for windows in [calendar.to_owned(), calendar.replace('\n', "\r\n")] {
        let body = read(&mixed(&["\ntext", &format!("Content-Type: text/calendar; method=REQUEST\n\n{windows}")]));
        assert_eq!(body.calendar_uids, ["abc-123@x", "two", "three"]);
        assert_eq!(body.text, "text");
    }
    let named = read(&mixed(&["Content-Type: application/octet-stream; name=invite.ics\n\nUID:x"]));
    assert_eq!(named.calendar_uids, ["x"]);
}

#[test]
fn limits_are_noted() {
    let long = read(&format!("Subject: x\n\n{}", "word ".repeat(TEXT / 4)));
    assert!(long.text.len() <= TEXT);
    assert_eq!(cut(&long), ["body"]);
    let page = read(&format!("Content-Type: text/html\n\n{}", "<p>word ".repeat(TEXT / 4)));
    assert!(page.text.len() <= TEXT);
    assert_eq!(cut(&page), ["body"]);
    let links = (0..=LINKS.0).map(|at| format!("<a href=https://x/{at}>y</a>")).collect::<Vec<_>>().concat();
    assert_eq!(cut(&read(&format!("Content-Type: text/html\n\n{links}"))), ["links"]);
    let same = "<a href=https://x/>y</a>".repeat(900);
    let twice = format!("Content-Type: text/html\n\n{same}");
    let body = read(&mixed(&[&twice, &twice]));
    assert_eq!((body.links.len(), cut(&body)), (1, vec![]));
    let many = read(&mixed(&vec!["Content-Type: image/png\n\nx"; ATTACHMENTS + 1]));
    assert_eq!((many.attachments.len(), cut(&many)), (ATTACHMENTS, vec!["attachments"]));
    let uids = "UID:x\n".repeat(50) + &(0..=UIDS.0).map(|at| format!("UID:{at}\n")).collect::<Vec<_>>().concat();
    let body = read(&format!("Content-Type: text/calendar\n\n{uids}"));
    assert_eq!((body.calendar_uids.len() <= UIDS.0, cut(&body)), (true, vec!["body"]));
}

#[test]
fn hostile_nesting_is_harmless() {
    let messages = read(&"Content-Type: message/rfc822\n\n".repeat(60_000));
    assert_eq!(messages.attachments.len(), usize::from(DEEPEST) + 1);
    assert_eq!(cut(&messages), ["attachments"]);
    let open = |level: usize| format!("Content-Type: multipart/mixed; boundary=b{level}z\n\n--b{level}z\n");
    let deep = read(&((0..1_000).map(open).collect::<String>() + "\ntext"));
    assert_eq!(cut(&deep), ["attachments", "body", "links"]);
    let boundaries = read(&mixed(&vec!["\nx"; 100_000]));
    assert_eq!(cut(&boundaries), ["attachments", "body", "links"]);
    let tags = read(&format!("Content-Type: text/html\n\n{}", "<div><a href=x>".repeat(150_000)));
    assert_eq!((tags.text.as_str(), cut(&tags)), ("", vec!["links"]));
}

proptest! {
    #[test]
    fn no_bytes_stop_it(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
        of(&given(&raw));
        attached(given(&raw));
    }

    #[test]
    fn no_structure_stops_it(
        raw in "(Content-Type: (multipart/mixed; boundary=a|message/rfc822|text/(html|calendar)|image/x; name=x.html)|Content-Transfer-Encoding: base64|\n\n|\n|--a|--|UID:| |<a href=x>|YWJj|é){0,60}"
    ) {
        of(&given(raw.as_bytes()));
        attached(given(raw.as_bytes()));
    }
}
