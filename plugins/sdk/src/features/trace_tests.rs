//! What is read of the way of a message: fields of real servers, and forged ones.

use proptest::prelude::*;

use super::*;
use crate::header;

fn request(own: &[&str], servers: &[&str]) -> Request {
    let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    Request {
        key: (0, 0),
        most: 0,
        authentication_servers: owned(servers),
        own_relays: owned(own),
        body_contains: Vec::new(),
        urls: Vec::new(),
        extra: Vec::new(),
    }
}

fn trace(header: &str, own: &[&str]) -> Trace {
    of(&header::raw_fields(header.as_bytes()), &request(own, &["mx.corp.example"]))
}

#[test]
fn the_address_of_one_hop() {
    for (field, expected) in [
        // Postfix
        (
            "from mail.evil.example (dsl.evil.example [192.0.2.1])\r\n\tby mx.corp.example (Postfix) with ESMTPS id 1",
            "192.0.2.1",
        ),
        ("from a (unknown [IPv6:2001:db8::1]) (using TLSv1.3 with cipher X (256/256 bits))\r\n\tby mx", "2001:db8::1"),
        ("from [198.51.100.9] (evil.example [192.0.2.1]) (Authenticated sender: x) by mx", "192.0.2.1"),
        ("from x (y [192.0.2.1]) (Client CN \"[198.51.100.9]\", Issuer \"z\" (not verified)) by mx", "192.0.2.1"),
        // Exim
        ("from [192.0.2.1] (helo=evil.example)\r\n\tby mx.corp.example with esmtp (Exim 4.96)", "192.0.2.1"),
        ("from [192.0.2.1] (helo=[198.51.100.9]) by mx", "192.0.2.1"),
        ("from evil.example ([192.0.2.1]:4711 helo=[198.51.100.9]) by mx with esmtps", "192.0.2.1"),
        ("from evil.example ([2001:db8::1]:25) by mx", "2001:db8::1"),
        // Exchange, and Exchange Online
        ("from EX1.corp.example ([fe80::1%12]) by EX2 ([fe80::2%12]) with mapi id 15.01", "fe80::1"),
        (
            "from AM0.outlook.com (2603:10a6:20b::1) by DB8.outlook.com (2603:10a6:10::2) with Microsoft SMTP Server",
            "2603:10a6:20b::1",
        ),
        (
            "from evil.example (192.0.2.1) by AM0.mail.protection.outlook.com (10.1.2.3) with Microsoft SMTP Server",
            "192.0.2.1",
        ),
        // Gmail
        (
            "from mail-x.google.com (mail-x.google.com. [209.85.220.41])\r\n        by mx.google.com with SMTPS id x",
            "209.85.220.41",
        ),
        // qmail, Sendmail, Courier, CommuniGate
        ("from unknown (HELO evil.example) (192.0.2.1)\n  by mx with SMTP; 1 Jan", "192.0.2.1"),
        ("from unknown (HELO 198.51.100.9) (user@192.0.2.1) by mx", "192.0.2.1"),
        ("from evil (IDENT:x@host [192.0.2.1] (may be forged)) by mx (8.18/8.18)", "192.0.2.1"),
        ("from evil (IDENT:[198.51.100.9]@host [192.0.2.1]) by mx", "192.0.2.1"),
        ("from evil ([192.0.2.1] ident=[198.51.100.9]) by mx", "192.0.2.1"),
        ("from host (helo [::ffff:192.0.2.1]) by mx", ""),
        ("from host (name [::ffff:192.0.2.1]) by mx", "192.0.2.1"),
        ("from [192.0.2.1] (account x@y HELO [198.51.100.9]) by mx", "192.0.2.1"),
        // Dovecot LMTP
        (
            "from mx.corp.example ([10.0.0.5])\r\n\tby imap.corp.example with LMTP\r\n\tid x (envelope-from <a@b>)",
            "10.0.0.5",
        ),
        ("from mx.corp.example by imap.corp.example with LMTP id x", ""),
        // No from clause, no address, an address only behind it
        ("by 2002:a05:6402:1::1 with SMTP id x", ""),
        ("(qmail 1 invoked by uid 0); 1 Jan", ""),
        ("from evil by mx ([198.51.100.9])", ""),
        ("from by (evil [192.0.2.1]) by mx", "192.0.2.1"),
        ("from", ""),
        ("from [999.1.1.1] (x [y] [", ""),
    ] {
        let found = hop(&words::unfold(field.as_bytes())).map(|ip| ip.to_string());
        assert_eq!(found.unwrap_or_default(), expected, "{field}");
    }
}

#[test]
fn the_first_foreign_hop() {
    let header = "Received: from mx.corp.example ([10.0.0.5]) by imap with LMTP\r\n\
        Received: from relay.corp.example (relay [203.0.113.7]) by mx\r\n\
        Received: by mx (uid 0)\r\n\
        Received: from evil (evil [192.0.2.1]) by relay\r\n\
        Received: from forged (bank [198.51.100.9]) by evil\r\n";
    for (own, expected) in [
        (&["203.0.113.0/24", "10.0.0.0/8"][..], Some("192.0.2.1")),
        (&["203.0.113.7"], Some("192.0.2.1")),
        (&[" 203.0.113.7 ", "nonsense"], Some("192.0.2.1")),
        (&["10.0.0.0/8"], Some("203.0.113.7")),
        (&[], Some("203.0.113.7")),
        (&["0.0.0.0/0"], None),
    ] {
        assert_eq!(trace(header, own).sender_ip.as_deref(), expected, "{own:?}");
    }
    let inside = "Received: from localhost (localhost [127.0.0.1]) by mx\nReceived: from pc (pc [10.0.0.9]) by mx\n";
    assert_eq!(trace(inside, &[]).sender_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(trace(inside, &["127.0.0.0/8"]).sender_ip.as_deref(), Some("10.0.0.9"));
    let six = "Received: from a (a [IPv6:2001:db8::1]) by mx\nReceived: from b (b [IPv6:2001:db9::1]) by a\n";
    assert_eq!(trace(six, &["2001:db8::/32"]).sender_ip.as_deref(), Some("2001:db9::1"));
}

#[test]
fn addresses_and_identifiers() {
    let trace = trace(
        "Return-Path: <Bounce+1@Evil.example>\r\nReturn-Path: <other@x>\r\nDelivered-To: Me@corp.example\r\n\
         X-Original-To: alias@corp.example\r\nDelivered-To: me@corp.example\r\n\
         Reply-To: \"A\" <A@x.example>, b@x.example\r\nReply-To: a@x.example\r\n\
         DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=Evil.\r\n\texample; s=s1; bh=d=x; b=abc;\r\n\
         DKIM-Signature: v=1; s=d; h=from:d; d = other.example\r\nDKIM-Signature: d=evil.example\r\nDKIM-Signature: bd=x\r\n\
         List-Id: \"A <odd> name\" <News.\r\n Corp.example>\r\n\
         ARC-Authentication-Results: i=1; mx.corp.example; spf=pass\r\n\
         Authentication-Results: MX.corp.example; spf=Fail\r\n",
        &[],
    );
    assert_eq!(trace.envelope_from, "bounce+1@evil.example");
    assert_eq!(trace.delivered_to, ["me@corp.example", "alias@corp.example"]);
    assert_eq!(trace.reply_to, ["a@x.example", "b@x.example"]);
    assert_eq!(trace.dkim_domains, ["evil.example", "other.example"]);
    assert_eq!(trace.list_id, "news.corp.example");
    let expected = Authentication { spf: "fail".into(), dkim: String::new(), dmarc: String::new() };
    assert_eq!(trace.authentication, Some(expected));
    assert!(trace.cut.is_empty());
}

#[test]
fn what_is_missing_is_empty() {
    let nothing = Authentication { spf: String::new(), dkim: String::new(), dmarc: String::new() };
    let empty = Trace { authentication: Some(nothing), ..Trace::default() };
    assert_eq!(trace("", &[]), empty);
    let bounce = trace("Return-Path: <>\r\nReturn-Path: <a@b>\r\nList-Id: words only here\r\nReply-To:\r\n", &[]);
    assert_eq!(bounce, empty);
    assert_eq!(trace("List-ID: Plain.example\n", &[]).list_id, "plain.example");
    let untrusted = "Authentication-Results: mx.corp.example; spf=pass\n";
    assert_eq!(of(&header::raw_fields(untrusted.as_bytes()), &request(&[], &[])).authentication, None);
}

#[test]
fn long_lists_are_cut_and_noted() {
    let many = (0..2_000)
        .map(|at| format!("Reply-To: a{at}@x\nDKIM-Signature: d=d{at}.x\nDelivered-To: <d{at}@x>\n"))
        .collect::<Vec<_>>()
        .concat();
    let trace = trace(&many, &[]);
    assert_eq!((trace.reply_to.len(), trace.dkim_domains.len()), (bound::RECIPIENTS.0, DOMAINS.0));
    assert_eq!(trace.cut, ["header reply-to", "header delivered-to", "header dkim-signature"]);
}

proptest! {
    #[test]
    fn no_bytes_stop_it(header in proptest::collection::vec(any::<u8>(), 0..400)) {
        of(&header::raw_fields(&header), &request(&["10.0.0.0/8"], &["mx"]));
    }

    #[test]
    fn no_fields_stop_it(
        header in "((Received|Return-Path|Reply-To|List-Id|DKIM-Signature|Authentication-Results): |from |by |\\(|\\)|\\[|\\]|IPv6:|192.0.2.1|::1|%|helo=|HELO |@|é|d=|;|<|>| |\r\n|\r\n ){0,60}"
    ) {
        of(&header::raw_fields(header.as_bytes()), &request(&["10.0.0.0/8"], &["mx"]));
    }

    #[test]
    fn no_hop_stops_it(field in "\\PC{0,100}") {
        hop(&format!("from {field}"));
    }
}
