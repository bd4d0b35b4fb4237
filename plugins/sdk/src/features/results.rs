//! `Authentication-Results` fields (RFC 8601) of servers that the site trusts.

use crate::{bound, examiner::Authentication, words};

/// The most bytes of a result; those of the registry are shorter than 16.
const RESULT: usize = 64;
/// The most results of one field.
const RESULTS: usize = bound::HEADER.0;
/// The most verified domains, and their total bytes.
const VERIFIED: (usize, usize) = (100, 16 * 1024);

/// Returns the results of these fields, which are in the order of the header: empty ones if no trusted server wrote a
/// field, and none if no server is trusted, or if a field of one can be read in two ways.
///
/// A server is trusted if its authserv-id is one of `servers`, compared without case. Of each method, the topmost field
/// that has it counts: a server adds its fields at the top, and by RFC 8601 5 removes those that strangers wrote in its
/// name. A server that does not remove them must not be trusted for methods that it does not check. Exchange Online
/// writes no authserv-id; such a field has the empty one, and counts only if `servers` has an empty entry.
pub(super) fn of<'a>(fields: impl Iterator<Item = &'a [u8]>, servers: &[String]) -> Option<Authentication> {
    if servers.is_empty() {
        return None;
    }
    let mut all = Authentication { spf: String::new(), dkim: String::new(), dmarc: String::new() };
    for field in fields {
        let statements = statements(&words::unfold(field));
        if !is_trusted(&statements.texts, servers) {
            continue;
        }
        // A sender may have closed a comment, so that his words follow as statements.
        if !statements.is_certain {
            return None;
        }
        let results: Vec<_> = statements.texts.iter().filter_map(|statement| result(statement)).take(RESULTS).collect();
        put(&mut all.spf, &results, "spf");
        put(&mut all.dkim, &results, "dkim");
        put(&mut all.dmarc, &results, "dmarc");
    }
    Some(all)
}

/// Sets the result of a method if no field above did: `pass` if one of several passes, otherwise the first. A message has
/// one result of DMARC, so of several the first that is not `pass` counts.
fn put(result: &mut String, results: &[(String, String)], method: &str) {
    let mut all = results.iter().filter(|(known, _)| known == method).map(|(_, result)| result);
    if result.is_empty() {
        let first = all.next();
        let is_better = |result: &&String| (*result == "pass") == (method != "dmarc");
        let best = first.filter(is_better).or_else(|| all.find(is_better));
        best.or(first).cloned().unwrap_or_default().clone_into(result);
    }
}

/// Returns the domains of the DKIM signatures that a trusted server verified, in lower case, each once: those of the
/// topmost field that has a result of DKIM.
///
/// A domain is that of `header.d`, or of `header.i`, which is the same or beneath it (RFC 6376 3.5). A result that names
/// one of them twice says nothing, since a sender can write a part of it.
pub(super) fn verified<'a>(fields: impl Iterator<Item = &'a [u8]>, servers: &[String]) -> Vec<String> {
    for field in fields {
        let statements = statements(&words::unfold(field));
        if !is_trusted(&statements.texts, servers) {
            continue;
        }
        if !statements.is_certain {
            return Vec::new();
        }
        let of_dkim = |statement: &&String| result(statement).is_some_and(|(method, _)| method == "dkim");
        let mut found: Vec<String> = Vec::new();
        let mut has_result = false;
        for statement in statements.texts.iter().filter(of_dkim) {
            has_result = true;
            let passes = result(statement).is_some_and(|(_, result)| result == "pass");
            if let Some(domain) = signer(statement).filter(|domain| passes && !found.contains(domain)) {
                found.push(domain);
            }
        }
        if has_result {
            return bound::list(found, VERIFIED).0;
        }
    }
    Vec::new()
}

/// Returns the domain that a result of DKIM is about.
fn signer(statement: &str) -> Option<String> {
    let (mut domain, mut identity) = (None, None);
    for word in words_outside_quotes(statement) {
        let known = match word.get(..9).map(str::to_ascii_lowercase).as_deref() {
            Some("header.d=") => &mut domain,
            Some("header.i=") => &mut identity,
            _ => continue,
        };
        if known.replace(&word[9..]).is_some() {
            return None;
        }
    }
    let of_identity = || identity.and_then(|identity| identity.rsplit_once('@')).map(|(_, domain)| domain);
    let domain = domain.or_else(of_identity)?.trim_end_matches('.').to_ascii_lowercase();
    let is_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (!domain.is_empty() && domain.chars().all(is_domain)).then_some(domain)
}

/// Splits a statement at blanks that are not inside quotes.
fn words_outside_quotes(statement: &str) -> Vec<&str> {
    let (mut words, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, c) in statement.char_indices() {
        let is_border = c.is_whitespace() && !is_quoted;
        if is_border {
            words.push(&statement[start..at]);
            start = at + c.len_utf8();
        }
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && is_quoted && !is_escaped;
    }
    words.push(&statement[start..]);
    words
}

/// Returns whether a trusted server wrote a field with these statements.
fn is_trusted(statements: &[String], servers: &[String]) -> bool {
    let server = server(statements);
    servers.iter().any(|known| known.trim().to_lowercase() == server)
}

/// Returns the authserv-id in lower case.
fn server(statements: &[String]) -> String {
    let first = statements.first().map(String::as_str).unwrap_or_default().trim();
    if result(first).is_some() {
        return String::new();
    }
    let server = match first.strip_prefix('"') {
        Some(quoted) => unquoted(quoted),
        None => first.split_whitespace().next().unwrap_or_default().to_owned(),
    };
    server.to_lowercase()
}

/// The statements of a field.
struct Statements {
    texts: Vec<String>,
    /// Whether no other reader can see other ones.
    is_certain: bool,
}

/// Splits a field at semicolons outside quotes, without comments (RFC 5322 3.2.2).
///
/// Servers write texts of the sender into comments, such as the local part of the envelope's sender, and some escape
/// neither quotes nor parentheses in them. A field is not certain if a comment has a quote, or if comments and quotes do
/// not end as they begin.
fn statements(field: &str) -> Statements {
    let mut all = vec![String::new()];
    let mut is_certain = true;
    let (mut depth, mut is_quoted) = (0_usize, false);
    let mut characters = field.chars();
    while let Some(c) = characters.next() {
        let pair = if c == '\\' && (is_quoted || depth > 0) { characters.next() } else { None };
        match c {
            '"' if depth == 0 => is_quoted = !is_quoted,
            '"' => is_certain = false,
            ')' if !is_quoted && depth == 0 => is_certain = false,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted && depth > 0 => {
                depth -= 1;
                all.last_mut().into_iter().for_each(|last| last.push(' '));
                continue;
            }
            ';' if !is_quoted && depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        if depth == 0
            && let Some(last) = all.last_mut()
        {
            last.push(c);
            last.extend(pair);
        }
    }
    is_certain &= depth == 0 && !is_quoted;
    Statements { texts: all, is_certain }
}

/// Returns the method and result of `method [/version] = result …`.
fn result(statement: &str) -> Option<(String, String)> {
    let (method, rest) = statement.split_once('=')?;
    let method = method.split('/').next().unwrap_or(method).trim();
    let is_keyword = |text: &str| {
        !text.is_empty()
            && text.len() <= RESULT
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let result = rest.split_whitespace().next()?;
    let lower = |text: &str| text.to_ascii_lowercase();
    (is_keyword(method) && is_keyword(result)).then(|| (lower(method), lower(result)))
}

/// Returns the text up to the closing quote, without backslashes.
fn unquoted(quoted: &str) -> String {
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => break,
            '\\' => text.extend(characters.next()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn results(fields: &[&str], servers: &[&str]) -> Option<[String; 3]> {
        let servers: Vec<String> = servers.iter().map(|server| (*server).to_owned()).collect();
        let found = of(fields.iter().map(|field| field.as_bytes()), &servers)?;
        Some([found.spf, found.dkim, found.dmarc])
    }

    #[test]
    fn fields_as_servers_write_them() {
        for (field, server, expected) in [
            // Gmail
            (
                " mx.google.com;\r\n       dkim=pass header.i=@corp.example header.s=s1 header.b=AbC;\r\n       spf=pass \
                 (google.com: domain of a@corp.example designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@corp.example;\r\n\
                 \x20      dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=corp.example",
                "mx.google.com",
                ["pass", "pass", "pass"],
            ),
            // OpenDMARC
            (
                " mx.corp.example; dmarc=fail (p=none dis=none) header.from=evil.example",
                "mx.corp.example",
                ["", "", "fail"],
            ),
            // OpenDKIM
            (
                " mx.corp.example;\r\n\tdkim=pass (2048-bit key; unprotected) header.d=corp.example header.i=@corp.example \
                 header.a=rsa-sha256 header.s=s1 header.b=abc;\r\n\tdkim-atps=neutral",
                "MX.corp.example",
                ["", "pass", ""],
            ),
            // Exchange Online: no authserv-id
            (
                " spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=corp.example; dkim=none (message not signed)\r\n \
                 header.d=none;dmarc=bestguesspass action=none\r\n header.from=corp.example;compauth=pass reason=109",
                "",
                ["pass", "none", "bestguesspass"],
            ),
            // rspamd, with a version
            (
                " mx.corp.example 1; dkim=none; spf=SoftFail (x) smtp.mailfrom=b@c; dmarc=none",
                "mx.corp.example",
                ["softfail", "none", "none"],
            ),
            // RFC 8601 B.7
            (
                " foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n \
                 policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462",
                "foo.example.net",
                ["", "fail", ""],
            ),
            (" \"mx \\\"a\\\"\" ; spf=pass", "mx \"a\"", ["pass", "", ""]),
            (" mx; dkim=fail; dkim=pass header.d=a; dkim=neutral", "mx", ["", "pass", ""]),
            (" mx; dkim=fail; dkim=neutral", "mx", ["", "fail", ""]),
            (" mx; none", "mx", ["", "", ""]),
        ] {
            assert_eq!(results(&[field], &["other", server]), Some(expected.map(str::to_owned)), "{field}");
        }
    }

    #[test]
    fn fields_of_strangers_do_not_count() {
        for (field, server) in [
            (" evil.example; spf=pass", "mx"),
            (" mx.evil.example; spf=pass", "mx"),
            (" (mx;) evil.example; spf=pass", "mx"),
            (" evil.example (; mx; spf=pass)", "mx"),
            (" spf=pass", "mx"),
            (" spf=pass", "spf=pass"),
            ("", "mx"),
        ] {
            assert_eq!(results(&[field], &[server]), Some([""; 3].map(str::to_owned)), "{field}");
        }
        assert_eq!(results(&[" mx; spf=pass"], &[]), None);
        let quoted = " mx; spf=fail reason=\"x; dkim=pass; dmarc=pass\"; x=\"(\"; dmarc=fail (dmarc=pass; dkim=pass)";
        assert_eq!(results(&[quoted], &["mx"]), Some(["fail", "", "fail"].map(str::to_owned)));
    }

    #[test]
    fn a_field_in_which_a_sender_can_have_ended_a_comment_says_nothing() {
        // The envelope's sender is in a comment, with its quotes as they are.
        let injected = " mx; spf=pass (domain of \"a); dkim=pass header.d=train.example; dmarc=pass; x=(\"@evil.example) \
                        smtp.mailfrom=x; dkim=none; dmarc=fail";
        for field in [injected, " mx; spf=pass a); dmarc=pass", " mx; dmarc=pass (a", " mx; dmarc=pass x=\"a"] {
            let fields = [field, " mx; dmarc=pass; dkim=pass header.d=train.example"];
            assert_eq!(results(&fields, &["mx"]), None, "{field}");
            let fields = fields.map(str::as_bytes);
            assert!(verified(fields.into_iter(), &["mx".to_owned()]).is_empty(), "{field}");
        }
        assert_eq!(results(&[" mx; dmarc=pass; dmarc=fail"], &["mx"]), Some(["", "", "fail"].map(str::to_owned)));
        assert_eq!(results(&[" mx; spf=fail; spf=pass"], &["mx"]), Some(["pass", "", ""].map(str::to_owned)));
    }

    #[test]
    fn the_topmost_field_counts_for_each_method() {
        let fields = [" mx; dmarc=fail", " evil; spf=pass", " mx; spf=fail; dmarc=pass", " mx; spf=pass; dkim=none"];
        assert_eq!(results(&fields, &["mx"]), Some(["fail", "none", "fail"].map(str::to_owned)));
    }

    #[test]
    fn only_what_a_trusted_server_verified_is_a_verified_domain() {
        for (fields, expected) in [
            (
                &[" mx; dkim=pass header.d=Train.example; dkim=pass header.i=@a.other.example"][..],
                &["train.example", "a.other.example"][..],
            ),
            (
                &[" mx; dkim=pass (2048-bit key) header.d=train.example header.i=x@sub.train.example header.b=abc"],
                &["train.example"],
            ),
            // The signature of an attacker is good, and another one names the domain of somebody else.
            (&[" mx; dkim=pass header.d=evil.example; dkim=fail header.d=train.example"], &["evil.example"]),
            (&[" mx; dkim=none", " mx; dkim=pass header.d=train.example"], &[]),
            (&[" evil; dkim=pass header.d=train.example", " mx; spf=pass"], &[]),
            (&[" mx; spf=pass", " mx; dkim=pass header.d=train.example"], &["train.example"]),
            (
                &[" mx; dkim=pass header.i=\"a header.d=train.example \\\" header.d=train.example\"@evil.example"],
                &["evil.example"],
            ),
            (&[" mx; dkim=pass header.d=evil.example header.d=train.example"], &[]),
            (&[" mx; dkim=pass (header.d=train.example) header.s=header.d=train.example"], &[]),
            (&[" mx; spf=pass smtp.mailfrom=header.d=train.example; dkim=pass"], &[]),
            (&[" mx; dkim=pass header.d=a/b"], &[]),
            // Exchange Online
            (
                &[
                    " spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=x.example; dkim=pass (signature was verified)\r\n header.d=train.example;dmarc=pass",
                ],
                &[],
            ),
        ] {
            let fields = fields.iter().map(|field| field.as_bytes());
            assert_eq!(verified(fields.clone(), &["mx".to_owned()]), expected, "{fields:?}");
            assert!(verified(fields, &[]).is_empty());
        }
        let of_exchange = " spf=pass smtp.mailfrom=x.example; dkim=pass (signature was verified)\r\n header.d=train.example;dmarc=pass";
        assert_eq!(verified([of_exchange.as_bytes()].into_iter(), &[String::new()]), ["train.example"]);
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(field in proptest::collection::vec(any::<u8>(), 0..300)) {
            of([field.as_slice()].into_iter(), &["mx".to_owned(), String::new()]);
            verified([field.as_slice()].into_iter(), &["mx".to_owned(), String::new()]);
        }

        #[test]
        fn no_fields_stop_it(field in "(mx|;|=|spf|dkim|pass|\\(|\\)|\"|\\\\|/|1| |é|\r\n ){0,60}") {
            of([field.as_bytes()].into_iter(), &["mx".to_owned(), String::new()]);
        }
    }
}
