//! `Authentication-Results` fields (RFC 8601) of servers that the site trusts.

use crate::{bound, examiner::Authentication, words};

/// The most bytes of a result; those of the registry are shorter than 16.
const RESULT: usize = 64;

/// Returns the results of these fields, which are in the order of the header: empty ones if no trusted server wrote a
/// field, and none if no server is trusted.
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
        let (server, results) = parse(&words::unfold(field));
        if !servers.iter().any(|known| known.trim().to_lowercase() == server) {
            continue;
        }
        put(&mut all.spf, &results, "spf");
        put(&mut all.dkim, &results, "dkim");
        put(&mut all.dmarc, &results, "dmarc");
    }
    Some(all)
}

/// Sets the result of a method if no field above did: `pass` if one of several passes, otherwise the first.
fn put(result: &mut String, results: &[(String, String)], method: &str) {
    let mut all = results.iter().filter(|(known, _)| known == method).map(|(_, result)| result);
    if result.is_empty() {
        let first = all.next();
        let best = all.find(|result| *result == "pass").filter(|_| first.is_some_and(|first| first != "pass"));
        best.or(first).cloned().unwrap_or_default().clone_into(result);
    }
}

/// Returns the authserv-id, and each method with its result, all in lower case.
fn parse(field: &str) -> (String, Vec<(String, String)>) {
    let statements = statements(field);
    let mut results = statements.iter().filter_map(|statement| result(statement)).collect::<Vec<_>>();
    let first = statements.first().map(String::as_str).unwrap_or_default().trim();
    let server = if let Some(quoted) = first.strip_prefix('"') {
        unquoted(quoted)
    } else {
        first.split_whitespace().next().unwrap_or_default().to_owned()
    };
    if result(first).is_some() {
        return (String::new(), results);
    }
    results.truncate(bound::HEADER.0);
    (server.to_lowercase(), results)
}

/// Splits a field at semicolons outside quotes, without comments (RFC 5322 3.2.2).
fn statements(field: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let (mut depth, mut is_quoted) = (0_usize, false);
    let mut characters = field.chars();
    while let Some(c) = characters.next() {
        let pair = if c == '\\' && (is_quoted || depth > 0) { characters.next() } else { None };
        match c {
            '"' if depth == 0 => is_quoted = !is_quoted,
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
    all
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
        let quoted = " mx; spf=fail reason=\"x; dkim=pass; dmarc=pass\"; x=\"(\"; dmarc=fail (dmarc=pass; dkim=pass";
        assert_eq!(results(&[quoted], &["mx"]), Some(["fail", "", "fail"].map(str::to_owned)));
    }

    #[test]
    fn the_topmost_field_counts_for_each_method() {
        let fields = [" mx; dmarc=fail", " evil; spf=pass", " mx; spf=fail; dmarc=pass", " mx; spf=pass; dkim=none"];
        assert_eq!(results(&fields, &["mx"]), Some(["fail", "none", "fail"].map(str::to_owned)));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(field in proptest::collection::vec(any::<u8>(), 0..300)) {
            of([field.as_slice()].into_iter(), &["mx".to_owned(), String::new()]);
        }

        #[test]
        fn no_fields_stop_it(field in "(mx|;|=|spf|dkim|pass|\\(|\\)|\"|\\\\|/|1| |é|\r\n ){0,60}") {
            of([field.as_bytes()].into_iter(), &["mx".to_owned(), String::new()]);
        }
    }
}
