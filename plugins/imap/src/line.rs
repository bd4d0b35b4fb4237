//! `FETCH` and `LIST` lines, item by item.
//!
//! A sender, a mail program or a server can put into such a line what the grammar forbids: a keyword with a bracket, an
//! invalid date, a NUL, a name with a tab. An invalid item affects only itself: the other items are read, and the line
//! records what is missing. The codec parses the structures of messages.

use chrono::DateTime;

/// The bytes of one value, and the text after it.
type Value<'a> = (Vec<u8>, &'a [u8]);

/// One message as one line reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fetch {
    pub(crate) uid: Option<u32>,
    pub(crate) flags: Option<Vec<String>>,
    /// INTERNALDATE in microseconds since 1970-01-01 UTC; `None` also if it is invalid.
    pub(crate) date: Option<i64>,
    pub(crate) size: Option<u64>,
    /// The requested header fields, one section after the other.
    pub(crate) headers: Vec<Vec<u8>>,
    /// Part of the whole message.
    pub(crate) raw: Option<Vec<u8>>,
    /// The structure, unparsed.
    pub(crate) structure: Option<Vec<u8>>,
    /// Dovecot's `X-MAILBOX`: the folder that contains a message of a virtual folder.
    pub(crate) origin: Option<String>,
    /// The line ended early, or an item in it cannot be separated from the next.
    pub(crate) is_broken: bool,
}

/// One folder as one line reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// In lower case.
    pub(crate) attributes: Vec<String>,
    pub(crate) delimiter: Option<char>,
    /// In the server's spelling. `Err` if it has bytes that are not UTF-8, so that no command can name it.
    pub(crate) name: Result<String, String>,
}

/// Parses an answer `* N FETCH (..)`. `None` for any other answer.
pub(crate) fn fetch(line: &[u8]) -> Option<Fetch> {
    let rest = line.strip_prefix(b"* ")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = (digits > 0).then(|| rest[digits..].strip_prefix(b" "))??;
    let rest = word(rest, "FETCH")?;
    let mut fetch = Fetch::default();
    let mut rest = rest.strip_prefix(b"(").unwrap_or_else(|| {
        fetch.is_broken = true;
        b""
    });
    loop {
        rest = rest.trim_ascii_start();
        match rest.first() {
            Some(b')') => return Some(fetch),
            None => break,
            Some(_) => {}
        }
        match item(rest, &mut fetch) {
            Some(after) => rest = after,
            None => break,
        }
    }
    fetch.is_broken = true;
    Some(fetch)
}

/// Parses one item and returns the text after it.
fn item<'a>(text: &'a [u8], fetch: &mut Fetch) -> Option<&'a [u8]> {
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'[' | b'(' | b')' | b'\r' | b'\n'))?;
    let name = text[..end].to_ascii_uppercase();
    let mut rest = &text[end..];
    let mut section: Option<&[u8]> = None;
    if rest.first() == Some(&b'[') {
        let close = end_of_section(rest)?;
        section = Some(&rest[1..close]);
        rest = &rest[close + 1..];
        if let Some(partial) = rest.strip_prefix(b"<") {
            rest = &partial[partial.iter().position(|byte| *byte == b'>')? + 1..];
        }
    }
    let rest = rest.trim_ascii_start();
    match (name.as_slice(), section) {
        (b"UID", None) => {
            let (text, after) = value(rest)?;
            fetch.uid = number(&text).and_then(|uid| u32::try_from(uid).ok()).filter(|uid| *uid > 0);
            Some(after)
        }
        (b"FLAGS", None) => {
            let (flags, after) = flags(rest)?;
            fetch.flags = Some(flags);
            Some(after)
        }
        (b"INTERNALDATE", None) => {
            let (text, after) = value(rest)?;
            fetch.date = date(&text);
            Some(after)
        }
        (b"RFC822.SIZE", None) => {
            let (text, after) = value(rest)?;
            fetch.size = number(&text);
            Some(after)
        }
        (b"BODYSTRUCTURE", None) => {
            let (text, after) = value(rest)?;
            fetch.structure = Some(text);
            Some(after)
        }
        (b"X-MAILBOX", None) => {
            let (text, after) = value(rest)?;
            fetch.origin = String::from_utf8(text).ok();
            Some(after)
        }
        (b"BODY", Some(section)) => {
            let is_nil = rest.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"NIL"));
            let (bytes, after) = if is_nil { (Vec::new(), &rest[3..]) } else { value(rest)? };
            if section.is_empty() {
                // NIL: the server has no content, which is not that the content is empty.
                fetch.raw = (!is_nil).then_some(bytes);
            } else if section.get(..13).is_some_and(|start| start.eq_ignore_ascii_case(b"HEADER.FIELDS")) {
                // NUL is not allowed in a header, and the host accepts it in no text.
                fetch.headers.push(bytes.into_iter().filter(|byte| *byte != 0).collect());
            }
            Some(after)
        }
        _ => value(rest).map(|(_, after)| after),
    }
}

/// Parses an answer `* LIST (..) "/" name`. `None` for any other answer; an error if it is invalid.
pub(crate) fn list(line: &[u8]) -> Option<Result<Listed, ()>> {
    let rest = word(line.strip_prefix(b"* ")?, "LIST")?;
    Some(listed(rest).ok_or(()))
}

fn listed(rest: &[u8]) -> Option<Listed> {
    let (attributes, rest) = flags(rest)?;
    let rest = rest.trim_ascii_start();
    let (delimiter, rest) = value(rest)?;
    let delimiter = match delimiter.as_slice() {
        nil if nil.eq_ignore_ascii_case(b"NIL") => None,
        one => std::str::from_utf8(one).ok()?.chars().next(),
    };
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let bare = trim_line_end(rest);
    let name = match rest.first() {
        // What follows a name belongs to LIST-EXTENDED.
        Some(b'"' | b'{') => value(rest)?.0,
        // A name that should be quoted but is not extends to the end of the line.
        _ if !bare.is_empty() => bare.to_vec(),
        _ => return None,
    };
    let attributes = attributes.iter().map(|attribute| attribute.to_lowercase()).collect();
    let name = String::from_utf8(name).map_err(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let name = name.map(|name| if name.eq_ignore_ascii_case("inbox") { "INBOX".to_owned() } else { name });
    Some(Listed { attributes, delimiter, name })
}

/// Returns what follows this word and a blank.
fn word<'a>(text: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let start = text.get(..wanted.len())?;
    start.eq_ignore_ascii_case(wanted.as_bytes()).then(|| text[wanted.len()..].strip_prefix(b" "))?
}

/// Returns the bracket that ends a section, ignoring those in quotes.
fn end_of_section(text: &[u8]) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.iter().position(|byte| match byte {
        _ if std::mem::take(&mut is_escaped) => false,
        b'\\' if is_quoted => {
            is_escaped = true;
            false
        }
        b'"' => {
            is_quoted = !is_quoted;
            false
        }
        b']' => !is_quoted,
        _ => false,
    })
}

/// Parses one value: a quoted text, a literal, a list in parentheses unparsed, or everything up to the next blank.
fn value(text: &[u8]) -> Option<Value<'_>> {
    match text.first()? {
        b'"' => quoted(text),
        b'{' => literal(text),
        b'~' => literal(&text[1..]),
        b'(' => list_in_parentheses(text),
        _ => {
            let end = text.iter().position(|byte| matches!(byte, b' ' | b')' | b'\r' | b'\n')).unwrap_or(text.len());
            (end > 0).then(|| (text[..end].to_vec(), &text[end..]))
        }
    }
}

fn quoted(text: &[u8]) -> Option<Value<'_>> {
    let (mut found, mut at) = (Vec::new(), 1);
    loop {
        match text.get(at)? {
            b'"' => return Some((found, &text[at + 1..])),
            b'\\' => {
                at += 1;
                found.push(*text.get(at)?);
            }
            byte => found.push(*byte),
        }
        at += 1;
    }
}

fn literal(text: &[u8]) -> Option<Value<'_>> {
    let rest = text.strip_prefix(b"{")?;
    let close = rest.iter().position(|byte| *byte == b'}')?;
    let length = number(rest[..close].strip_suffix(b"+").unwrap_or(&rest[..close]))?;
    let rest = &rest[close + 1..];
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    let length = usize::try_from(length).ok().filter(|length| *length <= rest.len())?;
    Some((rest[..length].to_vec(), &rest[length..]))
}

fn list_in_parentheses(text: &[u8]) -> Option<Value<'_>> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match text.get(at)? {
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some((text[..=at].to_vec(), &text[at + 1..]));
                }
            }
            b'"' | b'{' => {
                let (_, after) = value(&text[at..])?;
                at = text.len() - after.len();
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

/// Parses flags or attributes: names between blanks, which may contain what an atom may not, except parentheses.
fn flags(text: &[u8]) -> Option<(Vec<String>, &[u8])> {
    let rest = text.strip_prefix(b"(")?;
    let close = rest.iter().position(|byte| *byte == b')')?;
    let flag = |flag: &[u8]| {
        let flag = flag.strip_prefix(b"\"").and_then(|flag| flag.strip_suffix(b"\"")).unwrap_or(flag);
        String::from_utf8_lossy(flag).into_owned()
    };
    let words = rest[..close].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Some((words.map(flag).filter(|flag| !flag.is_empty()).collect(), &rest[close + 1..]))
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn date(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok().map(|time| time.timestamp_micros())
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_usual_line() {
        let line = b"* 12 FETCH (UID 7 FLAGS (\\Seen $x) INTERNALDATE \" 1-Jan-2024 00:00:01 +0100\" RFC822.SIZE 99 \
            BODY[HEADER.FIELDS (SUBJECT \"X-]\")]<0> {12}\r\nSubject: (\r\n\r\n BODYSTRUCTURE (\"a\" (\")\" {1}\r\n() 3) X-MAILBOX \"a b\")\r\n";
        let read = fetch(line).unwrap();
        let expected = Fetch {
            uid: Some(7),
            flags: Some(vec!["\\Seen".into(), "$x".into()]),
            date: Some(1_704_063_601_000_000),
            size: Some(99),
            headers: vec![b"Subject: (\r\n".to_vec()],
            origin: Some("a b".into()),
            structure: Some(b"(\"a\" (\")\" {1}\r\n() 3)".to_vec()),
            ..Fetch::default()
        };
        assert_eq!(read, Fetch { is_broken: read.is_broken, ..expected });
    }

    #[test]
    fn an_odd_item_costs_only_itself() {
        let line = |items: &str| fetch(format!("* 1 FETCH ({items} UID 3 RFC822.SIZE 5)\r\n").as_bytes()).unwrap();
        for (items, flags) in [
            ("FLAGS (OIB-Seen-[Gmail]/Important \\Seen)", vec!["OIB-Seen-[Gmail]/Important", "\\Seen"]),
            ("FLAGS (\"quoted\" grün)", vec!["quoted", "grün"]),
            ("FLAGS ( a\" {3} )", vec!["a\"", "{3}"]),
            ("FLAGS ()", vec![]),
        ] {
            let read = line(items);
            assert_eq!((read.uid, read.size, read.is_broken), (Some(3), Some(5), false), "{items}");
            assert_eq!(read.flags.unwrap(), flags);
        }
        let read = line("INTERNALDATE \"00-Jan-0000 00:00:00 +0000\"");
        assert_eq!((read.uid, read.date), (Some(3), None));
        let read = line("X-UNKNOWN[a]<1> (b \"c)\" d)");
        assert_eq!((read.uid, read.is_broken), (Some(3), false));
        let read = line("BODY[HEADER.FIELDS (X)] {5}\r\na\0b\0c");
        assert_eq!((read.uid, read.headers), (Some(3), vec![b"abc".to_vec()]));
        // An item that cannot be separated from the next is reported, with the items before it.
        let read = fetch(b"* 1 FETCH (UID 9 BODYSTRUCTURE ((((x)\r\n").unwrap();
        assert_eq!((read.uid, read.is_broken), (Some(9), true));
        assert_eq!(fetch(b"* 1 EXISTS\r\n"), None);
        assert_eq!(fetch(b"* OK FETCH (\r\n"), None);
    }

    #[test]
    fn names_of_folders() {
        let name = |line: &[u8]| list(line).unwrap().unwrap();
        assert_eq!(name(b"* LIST (\\Junk) \"/\" Spam\r\n").attributes, ["\\junk"]);
        assert_eq!(name(b"* LIST () \".\" \"a \\\"b\\\\\"\r\n").name.unwrap(), "a \"b\\");
        assert_eq!(name(b"* list () NIL inbox\r\n").name.unwrap(), "INBOX");
        assert_eq!(name(b"* LIST () NIL inbox\r\n").delimiter, None);
        assert_eq!(name(b"* LIST () \"/\" INBOX/Da\tOggetto x\r\n").name.unwrap(), "INBOX/Da\tOggetto x");
        assert_eq!(name("* LIST () \"/\" \"Entwürfe\"\r\n".as_bytes()).name.unwrap(), "Entwürfe");
        assert_eq!(name(b"* LIST () \"/\" {3}\r\na\rb\r\n").name.unwrap(), "a\rb");
        assert_eq!(name(b"* LIST () \"/\" \"x\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n").name.unwrap(), "x");
        assert!(name(b"* LIST () \"/\" caf\xe9\r\n").name.is_err());
        assert_eq!(list(b"* LIST nonsense\r\n"), Some(Err(())));
        assert_eq!(list(b"* LSUB () \"/\" x\r\n"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(rest in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = fetch(&[b"* 1 FETCH (", &rest[..]].concat());
            let _ = list(&[b"* LIST (", &rest[..]].concat());
        }

        #[test]
        fn no_syntax_stops_it(rest in "[A-Z \\[\\]<>(){}\"\\\\0-9\r\n]{0,80}") {
            let _ = fetch(format!("* 1 FETCH ({rest}").as_bytes());
            let _ = list(format!("* LIST {rest}").as_bytes());
        }
    }
}
