//! Mails with a given text and given links, each from another sender.

use clawback_model::{Features, Hyperlink, LinkKind};
use clawback_tests::mail::{Random, date};
use data_encoding::BASE64;

/// Starts of links in a text.
const LINKS: [&str; 7] = ["://", "www.", "mailto:", "tel:", "sms:", "http:", "https:"];

/// Makes a complete message (RFC 5322) with this text and these links. The seed chooses sender, subject and Message-ID.
pub(crate) fn mail(text: &str, links: &[String], is_html: bool, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed ^ 0x6d61_696c);
    let (host, user, id) = (random.draw(), random.draw(), random.draw());
    let (kind, body) = if is_html { ("html", page(text, links)) } else { ("plain", plain(text, links)) };
    let mut mail = format!(
        "Return-Path: <bounce@m{host:x}.example>\r\n\
         Date: {}\r\n\
         From: \"Service {}\" <u{user:x}@m{host:x}.example>\r\n\
         To: <ann@corp.example>\r\n\
         Subject: Notice {:x}\r\n\
         Message-ID: <{id:x}@m{host:x}.example>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/{kind}; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n",
        date(1_767_604_320 + random.below(1_000_000)),
        user % 1_000,
        random.draw(),
    );
    for line in BASE64.encode(body.as_bytes()).as_bytes().chunks(76) {
        mail.push_str(std::str::from_utf8(line).unwrap());
        mail.push_str("\r\n");
    }
    mail.into_bytes()
}

fn plain(text: &str, links: &[String]) -> String {
    format!("{text}\n\n{}\n", links.join("\n"))
}

fn page(text: &str, links: &[String]) -> String {
    let body = escaped(text).replace('\n', "<br>\n");
    let anchors: Vec<String> =
        links.iter().map(|link| format!("<p><a href=\"{}\">Open</a></p>\n", escaped(link))).collect();
    format!("<html><body><p>{body}</p>\n{}</body></html>\n", anchors.concat())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns links to the same domains, addresses and numbers, with other paths.
pub(crate) fn links(features: &Features, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed ^ 0x6c69_6e6b);
    let mut link = |one: &Hyperlink| match one.kind {
        LinkKind::Web => Some(format!("http://{}/{:x}", one.host, random.draw())),
        LinkKind::Mail => Some(format!("mailto:{}", one.address)),
        LinkKind::Phone => Some(format!("tel:{}", one.address)),
        LinkKind::Other => None,
    };
    let mut all: Vec<String> = features.links.iter().filter_map(&mut link).collect();
    all.sort();
    all.dedup();
    all
}

/// Returns the text with links to `target` in place of all links.
pub(crate) fn relinked(text: &str, target: &str) -> String {
    let mut changed = String::with_capacity(text.len());
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end_matches(char::is_whitespace);
        let lower = word.to_lowercase();
        let is_link = LINKS.iter().any(|start| lower.contains(start));
        changed.push_str(if is_link { target } else { word });
        changed.push_str(&part[word.len()..]);
    }
    changed
}

/// Returns the mail as a trusted server delivers it that authenticated its sender: the domain has signed it.
pub(crate) fn authenticated(raw: &[u8], domain: &str, server: &str) -> Vec<u8> {
    let fields = format!(
        "Authentication-Results: {server}; dkim=pass header.d={domain}; spf=pass; dmarc=pass header.from={domain}\n\
         DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=mail; h=from; bh=AAAA; b=AAAA\n"
    );
    [fields.as_bytes(), raw].concat()
}
