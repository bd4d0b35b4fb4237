//! Parameters of Content-Type and Content-Disposition, parsed as leniently as by clients that open attachments.

use crate::{
    charset,
    words::{self, from_hex},
};

/// Returns every file name that a field could mean: from `filename` and `name`, plain, encoded (RFC 2231, RFC 2047) and
/// continued, each occurrence once.
pub(crate) fn names(value: &[u8]) -> Vec<String> {
    let text = words::unfold(value);
    let mut found: Vec<String> = Vec::new();
    let mut parts: Vec<(String, usize, bool, String)> = Vec::new();
    for (key, value) in parameters(&text) {
        let mut stars = key.split('*');
        let base = stars.next().unwrap_or_default();
        if base != "filename" && base != "name" {
            continue;
        }
        let is_encoded = key.ends_with('*');
        match stars.next().unwrap_or_default().parse::<usize>() {
            Ok(number) => parts.push((base.to_owned(), number, is_encoded, value)),
            Err(_) if is_encoded => found.push(percent(&value)),
            Err(_) => found.push(words::decode(&value).into_owned()),
        }
    }
    parts.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    for of_one in parts.chunk_by(|one, other| one.0 == other.0) {
        let is_encoded = of_one.iter().any(|(_, _, is_encoded, _)| *is_encoded);
        let whole: String = of_one.iter().map(|(_, _, _, value)| value.as_str()).collect();
        found.push(if is_encoded { percent(&whole) } else { words::decode(&whole).into_owned() });
    }
    found.retain_mut(|name| {
        *name = name.trim().to_owned();
        !name.is_empty()
    });
    found
}

/// Returns the lower-case key and the value of each parameter. A value without quotes extends to the next semicolon,
/// including blanks; one with an unclosed quote extends to the end.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(';') {
        let end = after.find(['=', ';']).unwrap_or(after.len());
        if !after[end..].starts_with('=') {
            rest = &after[end..];
            continue;
        }
        let key: String = after[..end].chars().filter(|c| !c.is_whitespace()).collect();
        let (value, left) = value(&after[end + 1..]);
        found.push((key.to_ascii_lowercase(), value));
        rest = left;
    }
    found
}

/// Returns one value, and what follows it.
fn value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    let mut is_quoted = false;
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => return (value, &text[at..]),
            '\\' if is_quoted => match characters.next() {
                // A Windows path contains no escapes.
                Some((_, next)) if matches!(next, '"' | '\\') => value.push(next),
                Some((_, next)) => value.extend(['\\', next]),
                None => {}
            },
            _ => value.push(c),
        }
    }
    (value, "")
}

/// Decodes `charset'language'percent-encoded`; without the first two, decodes it as UTF-8.
fn percent(value: &str) -> String {
    let mut parts = value.splitn(3, '\'');
    let (charset, text) = match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) => (charset, text),
        _ => ("", value),
    };
    let data = text.as_bytes();
    let mut bytes = Vec::with_capacity(data.len());
    let mut at = 0;
    while let Some(byte) = data.get(at) {
        at += 1;
        match data.get(at..at + 2).and_then(from_hex) {
            Some(decoded) if *byte == b'%' => {
                bytes.push(decoded);
                at += 2;
            }
            _ => bytes.push(*byte),
        }
    }
    // Characters that are not percent-encoded are UTF-8 already, whatever the charset.
    if charset.is_empty() || !text.is_ascii() {
        charset::guess(&bytes).into_owned()
    } else {
        charset::decode(charset, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_name_that_a_client_could_use() {
        for (field, all) in [
            (&b"attachment; filename=a.exe"[..], &["a.exe"][..]),
            (b"attachment; filename=My Invoice March.exe", &["My Invoice March.exe"]),
            (b"attachment; filename=\"harmless.pdf\"; filename=\"evil.exe\"", &["harmless.pdf", "evil.exe"]),
            (b"attachment; FileName = \"a\\\"b;c.exe\" ; size=1", &["a\"b;c.exe"]),
            (b"attachment; filename=\"C:\\evil.exe\"", &["C:\\evil.exe"]),
            (b"attachment; filename=\"evil.exe", &["evil.exe"]),
            (b"attachment; filename=\"ev\"il.exe", &["evil.exe"]),
            (b"attachment; filename=\"pr\xe9cis2.scr\"", &["pr\u{e9}cis2.scr"]),
            (b"attachment; filename*=utf-8''evil%20one.exe", &["evil one.exe"]),
            (b"attachment; filename*=UTF-8''U%CC%88bersicht.pdf", &["U\u{308}bersicht.pdf"]),
            (b"attachment; filename*=iso-8859-1'de'gr%FC%DFe.exe", &["gr\u{fc}\u{df}e.exe"]),
            (b"attachment; filename*=%e9vil.exe", &["\u{e9}vil.exe"]),
            (b"attachment; filename*=\"utf-8''evil.exe\"; filename=good.txt", &["evil.exe", "good.txt"]),
            (b"a/b; name*1*=il.exe; name*0*=utf-8''%65v", &["evil.exe"]),
            (b"a/b; name*0=ev;\r\n name*1=\"il.exe\"", &["evil.exe"]),
            (b"a/b; name=\"=?utf-8?Q?=C3=A4?=.pdf\"", &["\u{e4}.pdf"]),
            (b"a/b; name==?utf-8?Q?=C3?= =?utf-8?Q?=A4.pdf?=", &["\u{e4}.pdf"]),
            (b"a/b; charset=utf-8; boundary=name", &[]),
            (b"filename=no-semicolon.exe", &[]),
            (b"a/b;;; name=\"\"; =x; name", &[]),
        ] {
            assert_eq!(names(field), all, "{}", String::from_utf8_lossy(field));
        }
    }

    proptest! {
        #[test]
        fn no_parameters_stop_it(text in "(;|name|filename|\\*|0|1|=|\"|'|%E9|%|\\\\|é| |utf-8|=\\?|\\?=){0,40}") {
            names(text.as_bytes());
        }
    }
}
