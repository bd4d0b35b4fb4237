//! What the header of a message shows of its way: envelope, lists, signatures, the first foreign hop, and the judgement
//! of trusted servers.

use std::{collections::HashSet, net::IpAddr};

use ipnet::IpNet;

use super::results;
use crate::{
    bound,
    examiner::{Authentication, Request},
    sender::Senders,
    words,
};

/// The Received fields that are read, from the top.
const HOPS: usize = 200;
/// The bytes of one field that are read, other than those with addresses.
pub(super) const FIELD: usize = 64 * 1024;
/// The most DKIM domains, and their total bytes.
const DOMAINS: (usize, usize) = (100, 16 * 1024);
/// The most bytes of a list identifier.
const LIST_ID: usize = 1_000;
/// The most names of fields that a request asks for.
const ASKED_FIELDS: usize = 100;
/// The most values of one of them, and the most bytes of each.
const ASKED_VALUES: (usize, usize) = (10, 4_000);

/// What was read of a header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Address of the first Return-Path field, in lower case; empty for `<>`.
    pub envelope_from: String,
    /// Addresses of Reply-To, in lower case, each once.
    pub reply_to: Vec<String>,
    /// Addresses of Delivered-To, then of X-Original-To, in lower case, each once.
    pub delivered_to: Vec<String>,
    /// Domains of DKIM signatures, in lower case, each once. Nothing is verified.
    pub dkim_domains: Vec<String>,
    /// The identifier of the list in lower case (RFC 2919); empty if there is none.
    pub list_id: String,
    /// Address of the first hop outside the own relays.
    pub sender_ip: Option<String>,
    /// The judgement of the servers that the request trusts; none if it trusts none.
    pub authentication: Option<Authentication>,
    /// What the contract has no field of its own for: `dkim-verified` with a domain, and `header NAME` with the value of
    /// a field that the request asks for.
    pub extra: Vec<(String, String)>,
    /// The fields that are truncated, as `header NAME`.
    pub cut: Vec<String>,
}

/// Returns what these fields show, which are those of [`raw_fields`](crate::header::raw_fields).
pub(crate) fn of(fields: &[(&[u8], &[u8])], request: &Request) -> Trace {
    let mut cut = Vec::new();
    let mut note = |is_cut: bool, name: &str| {
        if is_cut {
            cut.push(format!("header {name}"));
        }
    };
    let (reply_to, is_cut) = addresses(fields, &["reply-to"]);
    note(is_cut, "reply-to");
    let (delivered_to, is_cut) = addresses(fields, &["delivered-to", "x-original-to"]);
    note(is_cut, "delivered-to");
    let (dkim_domains, is_cut) = dkim_domains(fields);
    note(is_cut, "dkim-signature");
    for name in ["return-path", "authentication-results"] {
        note(values(fields, name).any(|value| value.len() == FIELD), name);
    }
    note(fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(b"received")).count() > HOPS, "received");
    Trace {
        envelope_from: envelope_from(fields),
        reply_to,
        delivered_to,
        dkim_domains,
        list_id: list_id(fields),
        sender_ip: sender_ip(fields, &request.own_relays).map(|ip| ip.to_string()),
        authentication: results::of(values(fields, "authentication-results"), &request.authentication_servers),
        extra: extra(fields, request),
        cut,
    }
}

fn extra(fields: &[(&[u8], &[u8])], request: &Request) -> Vec<(String, String)> {
    let results = values(fields, "authentication-results");
    let verified = results::verified(results, &request.authentication_servers);
    let mut extra: Vec<_> = verified.into_iter().map(|domain| ("dkim-verified".to_owned(), domain)).collect();
    let asked = request.extra.iter().filter(|(key, _)| key == "header").take(ASKED_FIELDS);
    for (_, name) in asked {
        let named = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
        for (_, value) in named.take(ASKED_VALUES.0) {
            let text = words::unfold(&value[..value.len().min(FIELD)]);
            let (text, _) = bound::text(text.trim().to_owned(), ASKED_VALUES.1);
            extra.push((format!("header {}", name.to_ascii_lowercase()), text));
        }
    }
    extra
}

/// Returns the values of the fields of this name, in order, each up to [`FIELD`] bytes.
fn values<'a>(fields: &'a [(&'a [u8], &'a [u8])], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    let named = fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|(_, value)| &value[..value.len().min(FIELD)])
}

fn envelope_from(fields: &[(&[u8], &[u8])]) -> String {
    let mut found = Senders::default();
    if let Some(value) = values(fields, "return-path").next() {
        found.read(value);
    }
    let shown = found.shown().map(|mailbox| mailbox.address.clone());
    shown.filter(|address| address.contains('@')).unwrap_or_default()
}

/// Returns the addresses of all fields with these names, each once, and whether some are missing.
fn addresses(fields: &[(&[u8], &[u8])], names: &[&str]) -> (Vec<String>, bool) {
    let of_one = |name: &str| {
        let name = name.as_bytes().to_vec();
        fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(&name)).map(|(_, value)| *value)
    };
    let (mut found, mut left, mut is_cut) = (Senders::default(), bound::LISTED, false);
    for value in names.iter().flat_map(|name| of_one(name)) {
        is_cut |= value.len() > left;
        let value = &value[..value.len().min(left)];
        left -= value.len();
        found.read(value);
    }
    let mut seen = HashSet::new();
    let once = found.addresses().filter(|address| seen.insert(*address)).map(str::to_owned);
    let (all, is_list_cut) = bound::list(once, bound::RECIPIENTS);
    (all, is_cut || is_list_cut)
}

/// Returns the values of `d=` tags (RFC 6376 3.2, 3.5).
fn dkim_domains(fields: &[(&[u8], &[u8])]) -> (Vec<String>, bool) {
    let domain = |value: &[u8]| {
        let text = String::from_utf8_lossy(value).into_owned();
        let mut tags = text.split(';').filter_map(|tag| tag.split_once('='));
        let (_, domain) = tags.find(|(name, _)| name.trim() == "d")?;
        let domain: String = domain.chars().filter(|c| !c.is_whitespace()).collect();
        Some(domain.trim_end_matches('.').to_lowercase()).filter(|domain| !domain.is_empty())
    };
    let mut seen = HashSet::new();
    let all = values(fields, "dkim-signature").filter_map(domain).filter(|domain| seen.insert(domain.clone()));
    bound::list(all, DOMAINS)
}

/// Returns the identifier in the last angle brackets. A field without brackets that is one word is an identifier, too.
fn list_id(fields: &[(&[u8], &[u8])]) -> String {
    let text = values(fields, "list-id").next().map(words::unfold).unwrap_or_default();
    let inner = match text.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None if !text.trim().contains(char::is_whitespace) => &text,
        None => "",
    };
    let inner: String = inner.chars().filter(|c| !c.is_whitespace()).collect();
    bound::text(inner.to_lowercase(), LIST_ID).0
}

/// Returns the address of the first hop that is outside the own relays, from the top.
///
/// Each relay adds its field above those of the relays before it. The first foreign hop is named by a relay of the
/// site; fields below it are written by strangers, and are never read. Loopback and private addresses are inside the
/// site: the walk continues below them, and one is returned only if no field names another. Fields without an address
/// are passed over, such as those of local delivery. A relay of the site that is missing in `own_relays` is taken for
/// the sender, which is visible; a network that cannot be parsed contains nothing.
fn sender_ip(fields: &[(&[u8], &[u8])], own_relays: &[String]) -> Option<IpAddr> {
    let own: Vec<IpNet> = own_relays.iter().filter_map(|network| network_of(network.trim())).collect();
    let hops = values(fields, "received").take(HOPS).filter_map(|value| hop(&words::unfold(value)));
    let mut inside = None;
    for ip in hops.filter(|ip| !own.iter().any(|network| network.contains(ip))) {
        if !is_local(ip) {
            return Some(ip);
        }
        inside = inside.or(Some(ip));
    }
    inside
}

/// A network, or a single address as the network that has it alone.
fn network_of(network: &str) -> Option<IpNet> {
    network.parse().ok().or_else(|| network.parse::<IpAddr>().ok().map(|ip| IpNet::from(ip.to_canonical())))
}

/// Returns whether an address means something only inside one network (RFC 1918, RFC 3927, RFC 4193, RFC 6598).
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared || first == 0
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Returns the address in the `from` clause of a Received field (RFC 5321 4.4).
///
/// The relay writes the address of the connection in parentheses: `(name [192.0.2.1])`, `([192.0.2.1]:25 helo=x)`,
/// `(192.0.2.1)`, `(user@192.0.2.1)`. The first parentheses with an address count, because later ones may quote a
/// client's certificate. The name before them is what the client said, and so is what follows `HELO` in them; a literal
/// there counts only if no parentheses have an address, as Exim writes `from [192.0.2.1] (helo=x)`.
fn hop(field: &str) -> Option<IpAddr> {
    let (word, rest) = field.trim_start().split_once(char::is_whitespace)?;
    if !word.eq_ignore_ascii_case("from") {
        return None;
    }
    let (mut depth, mut start) = (0_usize, 0);
    let mut outside = String::new();
    for (at, c) in rest.char_indices() {
        match c {
            '(' => {
                if depth == 0 {
                    start = at + 1;
                }
                depth += 1;
            }
            ')' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    if let Some(ip) = in_comment(&rest[start..at]) {
                        return Some(ip);
                    }
                    outside.push(' ');
                }
            }
            _ if depth > 0 => {}
            c if c.is_whitespace() => {
                // The clause ends before the name of the relay itself.
                if is_by(&outside) {
                    break;
                }
                outside.push(' ');
            }
            c => outside.push(c),
        }
    }
    literal(outside.split_whitespace().next()?)
}

/// Returns whether the last word, which is not the first, is `by`.
fn is_by(outside: &str) -> bool {
    let (before, word) = outside.rsplit_once(' ').unwrap_or_default();
    word.eq_ignore_ascii_case("by") && !before.trim().is_empty()
}

/// Returns the address in a comment, before what it quotes from the client: the last one, because an answer of the client
/// to an ident query (RFC 1413) is before it.
fn in_comment(comment: &str) -> Option<IpAddr> {
    let is_border = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';');
    let words = comment.split(is_border).filter(|word| !word.is_empty());
    let is_quote = |word: &str| {
        let name = word.split('=').next().unwrap_or(word);
        let is_helo = name.eq_ignore_ascii_case("helo") || name.eq_ignore_ascii_case("ehlo");
        is_helo || (name.len() < word.len() && name.eq_ignore_ascii_case("ident"))
    };
    let own = || words.clone().take_while(|word| !is_quote(word));
    let bare = |word: &str| word.rsplit('@').next().unwrap_or(word).parse().ok().map(|ip: IpAddr| ip.to_canonical());
    own().filter_map(literal).last().or_else(|| own().filter_map(bare).last())
}

/// Returns the address of `[192.0.2.1]`, `[IPv6:2001:db8::1]` and `[2001:db8::1%3]:25`, with text before it.
fn literal(word: &str) -> Option<IpAddr> {
    let (_, rest) = word.split_once('[')?;
    let (inner, _) = rest.split_once(']')?;
    let is_tagged = inner.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("ipv6:"));
    let inner = if is_tagged { &inner[5..] } else { inner };
    let inner = inner.split('%').next().unwrap_or(inner);
    inner.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
