//! Links as they are written, and how they are read.

use proptest::prelude::*;

use super::*;

const KEY: (u64, u64) = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);

fn read(target: &str) -> Option<Link> {
    link(target, "", KEY)
}

#[test]
fn hosts_are_read_as_browsers_read_them() {
    for (target, host) in [
        ("https://evil.example/", "evil.example"),
        ("  \u{1}https://evil.example/ \r\n", "evil.example"),
        ("\u{feff}https://evil.example/", "evil.example"),
        ("ht\ntps://ev\til.exa\r\nmple/", "evil.example"),
        ("HTTPS://EVIL.Example", "evil.example"),
        ("https:\\\\evil.example\\login", "evil.example"),
        ("https:/evil.example", "evil.example"),
        ("https:evil.example", "evil.example"),
        ("https:////evil.example", "evil.example"),
        ("//evil.example/a", "evil.example"),
        ("\\\\evil.example\\a", "evil.example"),
        ("/\\evil.example", "evil.example"),
        ("www.evil.example/a", "www.evil.example"),
        ("WWW.evil.example", "www.evil.example"),
        ("evil.example", "evil.example"),
        ("evil.example:8080/a", "evil.example"),
        ("https://evil.example:8443/a", "evil.example"),
        ("https://evil.example./a", "evil.example"),
        ("https://paypal.com@evil.example/", "evil.example"),
        ("https://paypal.com:443@evil.example/", "evil.example"),
        ("https://paypal.com%2F@evil.example/", "evil.example"),
        ("https://paypal.com\\@evil.example/", "paypal.com"),
        ("https://evil.example#@paypal.com/", "evil.example"),
        ("https://evil.example?@paypal.com/", "evil.example"),
        ("https://%65vil%2Eexample/", "evil.example"),
        ("https://ｅｖｉｌ．ｅｘａｍｐｌｅ/", "evil.example"),
        ("https://evil。example/", "evil.example"),
        ("https://ev\u{200b}il\u{ad}.example/", "evil.example"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://BÜCHER.example/", "xn--bcher-kva.example"),
        ("https://b%C3%BCcher.example/", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("https://раураl.com/", "xn--l-7sba6dbr.com"),
        ("https://faß.example/", "xn--fa-hia.example"),
        ("http://3221226219/", "192.0.2.235"),
        ("http://0xC00002EB/", "192.0.2.235"),
        ("http://0300.0.2.0353/", "192.0.2.235"),
        ("http://192.0.747/", "192.0.2.235"),
        ("http://１９２.0.2.235/", "192.0.2.235"),
        ("http://[2001:DB8:0::1]/", "[2001:db8::1]"),
        ("http://a_b.example/", "a_b.example"),
    ] {
        let link = read(target);
        let is_web = link.as_ref().is_some_and(|link| link.kind == LinkKind::Web && link.address.is_empty());
        assert_eq!(link.as_ref().map(|link| link.host.as_str()), Some(host), "{target:?}");
        assert!(is_web, "{target:?}");
    }
}

#[test]
fn other_kinds_have_their_own_fields() {
    for (target, kind, host, address) in [
        ("mailto:Boss@Evil.Example", LinkKind::Mail, "evil.example", "boss@evil.example"),
        ("MAILTO:boss%40evil.example?subject=Hi&body=x", LinkKind::Mail, "evil.example", "boss@evil.example"),
        ("mailto: boss@evil.example ", LinkKind::Mail, "evil.example", "boss@evil.example"),
        ("mailto://boss@evil.example", LinkKind::Mail, "evil.example", "boss@evil.example"),
        ("mailto:a@evil.example,b@other.example", LinkKind::Mail, "evil.example", "a@evil.example"),
        ("mailto:Boss%20%3Cboss@evil.example%3E", LinkKind::Mail, "evil.example", "boss@evil.example"),
        ("mailto:?cc=x@y.example&to=boss@evil.example", LinkKind::Mail, "evil.example", "boss@evil.example"),
        ("mailto:boss@bücher.example", LinkKind::Mail, "xn--bcher-kva.example", "boss@bücher.example"),
        ("mailto:boss@[192.0.2.1]", LinkKind::Mail, "[192.0.2.1]", "boss@[192.0.2.1]"),
        ("boss@evil.example", LinkKind::Mail, "evil.example", "boss@evil.example"),
        ("tel:+49 (30) 1234-56", LinkKind::Phone, "", "+4930123456"),
        ("TEL:%2B4930123456;ext=7", LinkKind::Phone, "", "+4930123456"),
        ("tel:030/1234", LinkKind::Phone, "", "0301234"),
        ("tel:(+1)800", LinkKind::Phone, "", "+1800"),
        ("sms:+15105550101?body=hello%202", LinkKind::Phone, "", "+15105550101"),
        ("sms:+15105550101,+15105550102", LinkKind::Phone, "", "+15105550101"),
        ("javascript:location='https://evil.example'", LinkKind::Other, "javascript", ""),
        (" java\nscript:x()", LinkKind::Other, "javascript", ""),
        ("data:text/html;base64,PGI+", LinkKind::Other, "data", ""),
        ("vbscript:x", LinkKind::Other, "vbscript", ""),
        ("bitcoin:175tWpb8K1S7NmH4Zx6rewF9WQrcZv245W", LinkKind::Other, "bitcoin", ""),
        ("whatsapp://send?phone=49301234", LinkKind::Other, "whatsapp", ""),
        ("search-ms:query=x&crumb=location:%5C%5Cevil.example", LinkKind::Other, "search-ms", ""),
        ("file://Evil.Example/share/a.lnk", LinkKind::Other, "evil.example", ""),
        ("file://server/share", LinkKind::Other, "server", ""),
        ("file:///c:/windows", LinkKind::Other, "file", ""),
        ("ftp://evil.example/a", LinkKind::Other, "evil.example", ""),
        ("webcal://evil.example/a.ics", LinkKind::Other, "evil.example", ""),
    ] {
        let link = read(target);
        let fields = link.as_ref().map(|link| (link.kind, link.host.as_str(), link.address.as_str()));
        assert_eq!(fields, Some((kind, host, address)), "{target:?}");
    }
}

#[test]
fn what_no_client_opens_is_no_link() {
    for target in [
        "",
        " ",
        "#",
        "#top",
        "?a=b",
        "/a",
        "a/b",
        "../a",
        "index.html",
        "invoice.pdf",
        "cid:image001.png@01D",
        "mid:x@y",
        "about:blank",
        "x-apple-data-detectors://0",
        "http://",
        "https:///",
        "http://exa mple.example/",
        "http://a<b.example/",
        "http://[::1",
        "http://256.256.256.256/",
        "http://evil.example:99999/",
        "http://evil..example/",
        "http://evil.example../",
        "http://./",
        "mailto:",
        "mailto:boss",
        "mailto:?subject=x",
        "mailto:@",
        "mailto:boss@é^.example",
        "tel:",
        "tel:x",
        "sms:?body=1",
        ":",
        "//",
        "\\\\",
        "www.",
        "@",
    ] {
        assert_eq!(read(target), None, "{target:?}");
    }
    assert_eq!(read(&format!("http://{}example/", "a.".repeat(200))), None);
}

#[test]
fn the_hash_is_over_path_and_query() {
    let hash = |target: &str| read(target).expect("a link").path_hash;
    for target in [
        "https://a.example",
        "https://a.example/",
        "https://a.example/?",
        "https://a.example/#x",
        "https://a.example/b/..",
    ] {
        assert_eq!(hash(target), 0, "{target}");
    }
    let one = "https://a.example/b/c?d=e";
    assert_ne!(hash(one), 0);
    for same in [
        "http://other.example:8080/b/c?d=e",
        "https://u:p@a.example/b/c?d=e#f",
        "https:\\\\a.example\\b\\c?d=e",
        "https://a.example/x/../b/./c?d=e",
        "https://a.example/b/\nc?d=e ",
        "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.example%2Fb%2Fc%3Fd%3De&data=1",
    ] {
        assert_eq!(hash(same), hash(one), "{same}");
    }
    for other in [
        "https://a.example/b/c",
        "https://a.example/b/C?d=e",
        "https://a.example/b/c?d=f",
        "https://a.example/?b/c?d=e",
    ] {
        assert_ne!(hash(other), hash(one), "{other}");
    }
    assert_ne!(link(one, "", (1, 2)).expect("a link").path_hash, hash(one));
    assert_ne!(hash("data:text/html,a"), hash("data:text/html,b"));
    // The reference vector of SipHash-2-4 for eight bytes, here as a check against its key and its bytes.
    let mut hasher = SipHasher24::new_with_keys(KEY.0, KEY.1);
    hasher.write(&[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(hasher.finish(), 0x93f5_f579_9a93_2462);
    let mut hasher = SipHasher24::new_with_keys(KEY.0, KEY.1);
    hasher.write(b"/b/c?d=e");
    assert_eq!(hasher.finish(), hash(one));
}

#[test]
fn the_shown_host_is_what_the_text_names() {
    for (shown, host) in [
        ("www.paypal.com", "www.paypal.com"),
        ("https://paypal.com/login", "paypal.com"),
        ("HTTPS://PayPal.com", "paypal.com"),
        ("paypal.com", "paypal.com"),
        (" PayPal.Com. ", "paypal.com"),
        ("<paypal.com>", "paypal.com"),
        ("//paypal.com/x", "paypal.com"),
        ("paypal.com/login.html", "paypal.com"),
        ("paypal.com:443/x", "paypal.com"),
        ("paypal。com", "paypal.com"),
        ("ｐａｙｐａｌ．ｃｏｍ", "paypal.com"),
        ("pay\u{200b}pal.com", "paypal.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("Log in at https://paypal.com/login now", "paypal.com"),
        ("(www.paypal.com)", "www.paypal.com"),
        ("http://192.0.2.1/a", "192.0.2.1"),
        ("https://paypal.com@evil.example", "evil.example"),
        ("https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fpaypal.com%2F&data=1", "paypal.com"),
        ("mailto:a@b.example https://paypal.com", "paypal.com"),
        ("", ""),
        ("Click here", ""),
        ("Click here to pay paypal.com", ""),
        ("invoice.pdf", ""),
        ("report.final.docx", ""),
        ("README", ""),
        ("e.g", ""),
        ("1.2.3", ""),
        ("192.0.2.1", ""),
        ("12.34", ""),
        ("boss@paypal.com", ""),
        ("mailto:boss@paypal.com", ""),
        ("tel:+49", ""),
        ("https://", ""),
        ("...", ""),
    ] {
        let link = link("https://evil.example/", shown, KEY).expect("a link");
        assert_eq!(link.shown_host, host, "{shown:?}");
    }
}

#[test]
fn a_rewritten_link_is_marked() {
    let link = link("www.google.com/url?q=https://evil.example/", "www.google.com", KEY).expect("a link");
    assert_eq!((link.host.as_str(), link.is_rewritten), ("evil.example", true));
    assert_eq!(link.shown_host, "www.google.com");
    assert!(!read("https://evil.example/").expect("a link").is_rewritten);
    let mail =
        read("https://eur01.safelinks.protection.outlook.com/?url=mailto%3ABoss%40evil.example").expect("a link");
    assert_eq!((mail.kind, mail.address.as_str(), mail.is_rewritten), (LinkKind::Mail, "boss@evil.example", true));
}

#[test]
fn links_are_found_in_plain_text() {
    for (text, links) in [
        ("", &[][..]),
        ("no link here, e.g. a.b", &[]),
        ("See https://evil.example/a, please.", &["https://evil.example/a"]),
        ("HTTP://EVIL.example!", &["HTTP://EVIL.example"]),
        ("<https://evil.example/a>", &["https://evil.example/a"]),
        ("\"https://evil.example/a\"", &["https://evil.example/a"]),
        ("(https://evil.example/a_(b))", &["https://evil.example/a_(b)"]),
        ("[https://evil.example/a].", &["https://evil.example/a"]),
        ("https://evil.example/a)))", &["https://evil.example/a"]),
        ("https://evil.example/a(((", &["https://evil.example/a"]),
        ("www.evil.example and WWW.other.example/x?", &["www.evil.example", "WWW.other.example/x"]),
        ("a@www.evil.example x.www.evil.example", &[]),
        ("https://www.evil.example", &["https://www.evil.example"]),
        ("Linkhttps://evil.example/", &["https://evil.example/"]),
        ("mailto:boss@evil.example; tel:+49-30-1, sms:123", &["mailto:boss@evil.example", "tel:+49-30-1", "sms:123"]),
        ("hotel:5 www. http:// tel: www...", &[]),
        ("ftp://evil.example/a", &["ftp://evil.example/a"]),
        ("x https://a.example<https://b.example>", &["https://a.example", "https://b.example"]),
        ("访问https://evil.example。请", &["https://evil.example"]),
        ("访问（https://evil.example/a）", &["https://evil.example/a"]),
        ("https://evil。example/a", &["https://evil。example/a"]),
        ("https://bücher.example/ü", &["https://bücher.example/ü"]),
        (
            "https://urldefense.com/v3/__https://a.example/__;!!x!y$ ",
            &["https://urldefense.com/v3/__https://a.example/__;!!x!y$"],
        ),
        ("https://[2001:db8::1]/", &["https://[2001:db8::1]/"]),
        ("a\u{a0}https://a.example\u{a0}b", &["https://a.example"]),
    ] {
        assert_eq!(found_in(text), links, "{text:?}");
    }
}

/// A megabyte for the texts that cost most, less for the others. Quadratic time would take hours.
#[test]
fn a_long_hostile_text_takes_linear_time() {
    const PIECES: &str = "a . @ / \\ ( ) % %25 é é. 。 www. http:// https://a@ ../ a/../ xn--a. xn-- 0x 1. : ? # &u= \u{200b} \
        mailto: a@b, < \" =?utf-8?q? * **A";
    let check = |piece: &str, length: usize| {
        let text = piece.repeat(length / piece.len());
        found_in(&text);
        link(&text, &text, KEY);
        for start in ["https://", "https://urldefense.com/v3/__https://a.example/", "mailto:"] {
            link(&format!("{start}{text}"), "", KEY);
        }
    };
    for piece in PIECES.split(' ').filter(|piece| !piece.is_empty()) {
        check(piece, 128 * 1024);
    }
    for piece in ["é.", "。", "a@b,"] {
        check(piece, 1024 * 1024);
    }
}

proptest! {
    #[test]
    fn no_text_stops_it(target in any::<String>(), shown in any::<String>()) {
        link(&target, &shown, KEY);
        found_in(&target);
    }

    #[test]
    fn every_link_is_in_normal_form(
        target in "(https?:|mailto:|tel:|ftp:|file:|x:)?[/\\\\]{0,3}(www\\.|[a-zA-Z0-9.@:%-]|é|。|\u{200b}|[?#/ &=()]){0,30}",
    ) {
        if let Some(link) = link(&target, &target, KEY) {
            prop_assert_eq!(link.kind == LinkKind::Phone, link.host.is_empty());
            prop_assert_eq!(matches!(link.kind, LinkKind::Mail | LinkKind::Phone), !link.address.is_empty());
            if link.kind == LinkKind::Web {
                prop_assert!(link.host.is_ascii() && link.host == link.host.to_ascii_lowercase());
                let again = read(&format!("https://{}/", link.host)).expect("a link");
                prop_assert_eq!(again.host, link.host);
            }
            prop_assert!(link.shown_host.is_ascii());
        }
    }

    #[test]
    fn every_link_in_a_text_is_found(
        before in "[ a-z<(\"]{0,9}", host in "[a-z]{1,9}\\.example", path in "(/[a-z0-9]{1,9}){0,3}", after in "[ >)\",.!]{0,9}",
    ) {
        let url = format!("https://{host}{path}");
        let text = format!("{before}{url}{after}");
        prop_assert_eq!(found_in(&text), vec![url.as_str()]);
    }
}
