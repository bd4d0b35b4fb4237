//! A small IMAP client for tests. It shares no code with the connector, so that what it reads is the truth with which
//! the product's results are compared.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use chrono::DateTime;
use data_encoding::{BASE64, BASE64_NOPAD};

/// A session, logged in. Panics with the server's text on a refusal that the test does not expect.
#[derive(Debug)]
pub struct Session {
    stream: BufReader<TcpStream>,
    tags: u32,
}

/// A message as a server has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// The folder's name, decoded.
    pub folder: String,
    /// Its beginning, by which a reader of a failed test recognises it.
    pub start: String,
    /// A hash of every byte.
    pub content: u64,
    /// Flags and keywords, sorted, without `\Recent`.
    pub flags: Vec<String>,
    /// INTERNALDATE, in seconds since 1970.
    pub date: i64,
}

/// All messages of a mailbox, with their numbers of copies.
pub type Snapshot = BTreeMap<Kept, usize>;

/// A message of a folder.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its number in the folder.
    pub uid: u32,
    /// Flags and keywords.
    pub flags: Vec<String>,
    /// INTERNALDATE as the server writes it.
    pub date: String,
    /// Every byte.
    pub raw: Vec<u8>,
}

/// An answer: untagged lines, each with its literals, and the tagged one without its tag.
#[derive(Debug)]
pub struct Answer {
    /// The untagged lines.
    pub untagged: Vec<Vec<u8>>,
    /// `OK ...`, `NO ...` or `BAD ...`.
    pub end: String,
}

#[derive(Debug)]
enum Word {
    Text(Vec<u8>),
    List(Vec<Word>),
}

impl Word {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Self::List(_) => String::new(),
        }
    }
}

impl Session {
    /// Logs in without TLS. `user` acts for `mailbox`, which is the same if users log in for themselves, and empty if
    /// `user` acts for nobody.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn plain(address: SocketAddr, mailbox: &str, user: &str, password: &str) -> Self {
        let answer = Self::try_plain(address, mailbox, user, password);
        answer.unwrap_or_else(|problem| panic!("{user} for {mailbox} at {address}: {problem}"))
    }

    /// The same, with the refusal as the error.
    pub fn try_plain(address: SocketAddr, mailbox: &str, user: &str, password: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_mins(1))).map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut session = Self { stream: BufReader::new(stream), tags: 0 };
        let greeting = session.line();
        if !greeting.starts_with(b"* OK") {
            return Err(String::from_utf8_lossy(&greeting).into_owned());
        }
        let end = if mailbox == user {
            session.command(&format!("LOGIN {} {}", quoted(user), quoted(password))).end
        } else {
            let response = BASE64.encode(format!("{mailbox}\0{user}\0{password}").as_bytes());
            session.with_literal("AUTHENTICATE PLAIN", format!("{response}\r\n").as_bytes()).end
        };
        if end.starts_with("OK") { Ok(session) } else { Err(end) }
    }

    /// Sends a command and reads its answer.
    pub fn command(&mut self, command: &str) -> Answer {
        let tag = self.send(command);
        self.answer(&tag)
    }

    /// Sends a command that must succeed.
    ///
    /// # Panics
    /// If it does not.
    pub fn ok(&mut self, command: &str) -> Answer {
        let answer = self.command(command);
        assert!(answer.end.starts_with("OK"), "{command}: {}", answer.end);
        answer
    }

    /// The folders that can be opened, decoded.
    pub fn folders(&mut self) -> Vec<String> {
        let answer = self.ok("LIST \"\" \"*\"");
        let mut folders = Vec::new();
        for line in answer.untagged {
            let words = words(&line);
            if words.get(1).is_none_or(|word| word.text() != "LIST") {
                continue;
            }
            let attributes = match &words[2] {
                Word::List(list) => list.iter().map(|word| word.text().to_ascii_lowercase()).collect(),
                Word::Text(_) => Vec::new(),
            };
            if !attributes.iter().any(|name| name == "\\noselect" || name == "\\nonexistent") {
                folders.push(decoded(&words[4].text()));
            }
        }
        folders
    }

    /// Every message of a folder, without changing any.
    pub fn messages(&mut self, folder: &str) -> Vec<Stored> {
        let opened = self.ok(&format!("EXAMINE {}", quoted(&encoded(folder))));
        if opened.untagged.iter().any(|line| line == b"* 0 EXISTS") {
            return Vec::new();
        }
        let answer = self.ok("UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])");
        let mut found = Vec::new();
        for line in &answer.untagged {
            let words = words(line);
            let [_, _, name, Word::List(items), ..] = words.as_slice() else { continue };
            if name.text() != "FETCH" || !items.iter().any(|item| item.text() == "BODY[]") {
                continue;
            }
            let mut stored = Stored { uid: 0, flags: Vec::new(), date: String::new(), raw: Vec::new() };
            for pair in items.chunks(2) {
                match (pair[0].text().as_str(), &pair[1]) {
                    ("UID", uid) => stored.uid = uid.text().parse().expect("a UID is a number"),
                    ("FLAGS", Word::List(flags)) => stored.flags = flags.iter().map(Word::text).collect(),
                    ("INTERNALDATE", date) => stored.date = date.text(),
                    ("BODY[]", Word::Text(raw)) => stored.raw.clone_from(raw),
                    _ => {}
                }
            }
            found.push(stored);
        }
        found
    }

    /// All messages of all folders, except those whose name begins with one of `without`.
    pub fn snapshot_without(&mut self, without: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for folder in self.folders() {
            if without.iter().any(|begin| folder.starts_with(begin)) {
                continue;
            }
            for message in self.messages(&folder) {
                *snapshot.entry(Kept::of(&folder, &message)).or_default() += 1;
            }
        }
        snapshot
    }

    /// All messages of all folders.
    pub fn snapshot(&mut self) -> Snapshot {
        self.snapshot_without(&[])
    }

    /// Creates a folder.
    pub fn create(&mut self, folder: &str) {
        self.ok(&format!("CREATE {}", quoted(&encoded(folder))));
    }

    /// Puts a message into a folder, received at this second.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn append(&mut self, folder: &str, raw: &[u8], flags: &[&str], received: i64) {
        let date = DateTime::from_timestamp(received, 0).expect("a time of a test").format("%d-%b-%Y %H:%M:%S +0000");
        let command = format!("APPEND {} ({}) \"{date}\" {{{}}}", quoted(&encoded(folder)), flags.join(" "), raw.len());
        let answer = self.with_literal(&command, &[raw, b"\r\n"].concat());
        assert!(answer.end.starts_with("OK"), "APPEND to {folder}: {}", answer.end);
    }

    /// Puts many messages into one folder, all received at this second, a hundred in one command: for servers with
    /// MULTIAPPEND and LITERAL+.
    ///
    /// # Panics
    /// If the server refuses one.
    pub fn append_all(&mut self, folder: &str, messages: &[&[u8]], received: i64) {
        let date = DateTime::from_timestamp(received, 0).expect("a time of a test").format("%d-%b-%Y %H:%M:%S +0000");
        for messages in messages.chunks(100) {
            self.tags += 1;
            let tag = format!("t{}", self.tags);
            let mut command = format!("{tag} APPEND {}", quoted(&encoded(folder))).into_bytes();
            for raw in messages {
                command.extend_from_slice(format!(" \"{date}\" {{{}+}}\r\n", raw.len()).as_bytes());
                command.extend_from_slice(raw);
            }
            command.extend_from_slice(b"\r\n");
            self.stream.get_mut().write_all(&command).expect("the server reads");
            let answer = self.answer(&tag);
            assert!(answer.end.starts_with("OK"), "APPEND to {folder}: {}", answer.end);
        }
    }

    fn send(&mut self, command: &str) -> String {
        self.tags += 1;
        let tag = format!("t{}", self.tags);
        let line = format!("{tag} {command}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).expect("the server reads");
        tag
    }

    /// Sends a command whose second part waits for the server's continuation.
    fn with_literal(&mut self, command: &str, rest: &[u8]) -> Answer {
        let tag = self.send(command);
        loop {
            let line = self.line();
            if line.starts_with(b"+") {
                break;
            }
            if line.starts_with(tag.as_bytes()) {
                return Answer {
                    untagged: Vec::new(),
                    end: String::from_utf8_lossy(&line[tag.len() + 1..]).into_owned(),
                };
            }
        }
        self.stream.get_mut().write_all(rest).expect("the server reads");
        self.answer(&tag)
    }

    fn answer(&mut self, tag: &str) -> Answer {
        let mut untagged = Vec::new();
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the server closed the connection");
            match line.strip_prefix(format!("{tag} ").as_bytes()) {
                Some(end) => return Answer { untagged, end: String::from_utf8_lossy(end).into_owned() },
                None => untagged.push(line),
            }
        }
    }

    /// One line with its literals, without its end.
    fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        loop {
            self.stream.read_until(b'\n', &mut line).expect("the server answers");
            while matches!(line.last(), Some(b'\r' | b'\n')) {
                line.pop();
            }
            let Some(size) = literal(&line) else { return line };
            let mut bytes = vec![0; size];
            self.stream.read_exact(&mut bytes).expect("the server sends the whole literal");
            line.extend_from_slice(b"\r\n");
            line.append(&mut bytes);
        }
    }
}

impl Kept {
    fn of(folder: &str, message: &Stored) -> Self {
        let mut flags: Vec<String> = message.flags.iter().filter(|flag| *flag != "\\Recent").cloned().collect();
        flags.sort();
        let date = DateTime::parse_from_str(message.date.trim(), "%d-%b-%Y %H:%M:%S %z");
        let text = String::from_utf8_lossy(&message.raw);
        let start = text.lines().find(|line| line.starts_with("Subject:")).unwrap_or_default();
        Self {
            folder: folder.to_owned(),
            start: start.chars().take(60).collect(),
            content: hash(&message.raw),
            flags,
            date: date.expect("INTERNALDATE is a date").timestamp(),
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The messages that are in only one of the snapshots, as text for a failed test.
pub fn difference(before: &Snapshot, after: &Snapshot) -> String {
    let missing = |from: &Snapshot, other: &Snapshot| -> Vec<String> {
        from.iter()
            .filter(|(kept, count)| other.get(*kept).copied().unwrap_or(0) < **count)
            .map(|(kept, count)| format!("{count} x {kept:?}"))
            .take(12)
            .collect()
    };
    let (lost, gained) = (missing(before, after), missing(after, before));
    format!("no longer there:\n  {}\nnew:\n  {}", lost.join("\n  "), gained.join("\n  "))
}

/// A folder's name in modified UTF-7 (RFC 3501 5.1.3).
pub fn encoded(name: &str) -> String {
    let mut text = String::new();
    let mut pending: Vec<u8> = Vec::new();
    let flush = |pending: &mut Vec<u8>, text: &mut String| {
        if !pending.is_empty() {
            text.push('&');
            text.push_str(&BASE64_NOPAD.encode(pending).replace('/', ","));
            text.push('-');
            pending.clear();
        }
    };
    for c in name.chars() {
        match c {
            '&' => {
                flush(&mut pending, &mut text);
                text.push_str("&-");
            }
            ' '..='~' => {
                flush(&mut pending, &mut text);
                text.push(c);
            }
            _ => pending.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes())),
        }
    }
    flush(&mut pending, &mut text);
    text
}

/// The name that [`encoded`] made.
fn decoded(text: &str) -> String {
    let mut name = String::new();
    let mut rest = text;
    while let Some((plain, behind)) = rest.split_once('&') {
        name.push_str(plain);
        let Some((code, after)) = behind.split_once('-') else { return text.to_owned() };
        if code.is_empty() {
            name.push('&');
        } else {
            let bytes = BASE64_NOPAD.decode(code.replace(',', "/").as_bytes()).unwrap_or_default();
            let units: Vec<u16> =
                bytes.chunks(2).filter_map(|two| Some(u16::from_be_bytes(two.try_into().ok()?))).collect();
            name.push_str(&String::from_utf16_lossy(&units));
        }
        rest = after;
    }
    name + rest
}

/// A quoted string.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The size of the literal that a line announces at its end.
fn literal(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&inner[open + 1..]).ok()?.parse().ok()
}

/// The words of a line.
fn words(line: &[u8]) -> Vec<Word> {
    let mut at = 0;
    list(line, &mut at)
}

fn list(line: &[u8], at: &mut usize) -> Vec<Word> {
    let mut words = Vec::new();
    while *at < line.len() {
        match line[*at] {
            b' ' => *at += 1,
            b')' => {
                *at += 1;
                break;
            }
            b'(' => {
                *at += 1;
                words.push(Word::List(list(line, at)));
            }
            b'"' => words.push(Word::Text(quoted_word(line, at))),
            b'{' => {
                let end = line[*at..].iter().position(|byte| *byte == b'\n').map_or(line.len(), |more| *at + more + 1);
                let size = literal(line[*at..end].trim_ascii_end()).unwrap_or(0);
                words.push(Word::Text(line[end..(end + size).min(line.len())].to_vec()));
                *at = end + size;
            }
            _ => {
                let end =
                    line[*at..].iter().position(|byte| b" ()".contains(byte)).map_or(line.len(), |more| *at + more);
                words.push(Word::Text(line[*at..end].to_vec()));
                *at = end;
            }
        }
    }
    words
}

fn quoted_word(line: &[u8], at: &mut usize) -> Vec<u8> {
    let mut word = Vec::new();
    *at += 1;
    while *at < line.len() && line[*at] != b'"' {
        if line[*at] == b'\\' {
            *at += 1;
        }
        word.extend(line.get(*at));
        *at += 1;
    }
    *at += 1;
    word
}

#[cfg(test)]
mod tests {
    use super::{decoded, encoded, words};

    #[test]
    fn names_go_there_and_back() {
        for name in ["INBOX", "Entwürfe & Co", "☃", "a&b", "台北/日本語", "100%", "Ünï"] {
            assert_eq!(decoded(&encoded(name)), name);
        }
        assert_eq!(encoded("Entwürfe"), "Entw&APw-rfe");
    }

    #[test]
    fn a_line_is_words_lists_and_literals() {
        let words = words(b"* 2 FETCH (UID 7 FLAGS (\\Seen a) BODY[] {4}\r\n(a) X \"b\\\"\")");
        let text = format!("{words:?}");
        assert!(text.contains("List([Text"), "{text}");
        assert_eq!(words.len(), 4);
    }
}
