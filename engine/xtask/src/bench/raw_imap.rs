//! A pipelined IMAP client that reads and keeps nothing: the limit that a benchmark of searches is compared with.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use data_encoding::BASE64;

use super::dovecot::{self, ADMIN, ADMIN_PASSWORD};

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) messages: u64,
    /// Of the messages, without the protocol.
    pub(super) bytes: u64,
}

/// Reads the first `most` bytes of every message that arrived on `since` or later, in every folder of every mailbox, over
/// this many connections, a mailbox each. `since` is a date as IMAP writes it.
pub(super) fn fetch(
    address: SocketAddr,
    mailboxes: usize,
    connections: usize,
    since: &str,
    most: u64,
) -> Result<Fetched, Box<dyn Error>> {
    let next = AtomicUsize::new(1);
    let work = || -> io::Result<Fetched> {
        let mut all = Fetched::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number > mailboxes {
                return Ok(all);
            }
            let of_one = fetch_mailbox(address, &dovecot::user(number), since, most)?;
            all = Fetched { messages: all.messages + of_one.messages, bytes: all.bytes + of_one.bytes };
        }
    };
    let mut all = Fetched::default();
    thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let of_one = thread.join().map_err(|_| "a connection panicked")??;
            all = Fetched { messages: all.messages + of_one.messages, bytes: all.bytes + of_one.bytes };
        }
        Ok(())
    })?;
    Ok(all)
}

fn fetch_mailbox(address: SocketAddr, user: &str, since: &str, most: u64) -> io::Result<Fetched> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut connection = Connection { reader: BufReader::with_capacity(64 * 1024, stream), line: Vec::new() };
    connection.read_line()?;
    let login = BASE64.encode(format!("{user}\0{ADMIN}\0{ADMIN_PASSWORD}").as_bytes());
    let listed = connection.flight(&[format!("AUTHENTICATE PLAIN {login}"), "LIST \"\" \"*\"".to_owned()])?;
    let folders: Vec<String> = listed[1]
        .lines
        .iter()
        .filter(|line| !line.contains("\\Noselect"))
        .filter_map(|line| Some(line.split_once("\"/\" ")?.1.to_owned()))
        .collect();
    let searches: Vec<String> =
        folders.iter().flat_map(|folder| [format!("EXAMINE {folder}"), format!("UID SEARCH SINCE {since}")]).collect();
    let found = connection.flight(&searches)?;
    let mut fetches = Vec::new();
    for (folder, reply) in folders.iter().zip(found.iter().skip(1).step_by(2)) {
        let uids: Vec<&str> = reply
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix("* SEARCH"))
            .flat_map(str::split_whitespace)
            .collect();
        if !uids.is_empty() {
            fetches.push(format!("EXAMINE {folder}"));
            fetches.push(format!("UID FETCH {} (UID BODY.PEEK[]<0.{most}>)", uids.join(",")));
        }
    }
    fetches.push("LOGOUT".to_owned());
    let replies = connection.flight(&fetches)?;
    Ok(replies.iter().fold(Fetched::default(), |all, reply| Fetched {
        messages: all.messages + reply.literals,
        bytes: all.bytes + reply.bytes,
    }))
}

struct Connection {
    reader: BufReader<TcpStream>,
    line: Vec<u8>,
}

/// The answer to one command.
#[derive(Default)]
struct Reply {
    /// Untagged lines without literals.
    lines: Vec<String>,
    literals: u64,
    bytes: u64,
}

impl Connection {
    /// Sends the commands at once, and reads all their answers.
    fn flight(&mut self, commands: &[String]) -> io::Result<Vec<Reply>> {
        let mut text = String::new();
        for (at, command) in commands.iter().enumerate() {
            let _ = write!(text, "a{at} {command}\r\n");
        }
        self.reader.get_mut().write_all(text.as_bytes())?;
        let mut replies = Vec::with_capacity(commands.len());
        for (at, command) in commands.iter().enumerate() {
            let (mut reply, tag) = (Reply::default(), format!("a{at} "));
            loop {
                self.read_line()?;
                if let Some(length) = literal(&self.line) {
                    io::copy(&mut (&mut self.reader).take(length), &mut io::sink())?;
                    reply.literals += 1;
                    reply.bytes += length;
                    continue;
                }
                if self.line.starts_with(tag.as_bytes()) {
                    if !self.line[tag.len()..].starts_with(b"OK") {
                        let words = String::from_utf8_lossy(&self.line);
                        return Err(io::Error::other(format!("{command}: {}", words.trim())));
                    }
                    break;
                }
                if self.line.starts_with(b"* ") {
                    reply.lines.push(String::from_utf8_lossy(&self.line).trim_end().to_owned());
                }
            }
            replies.push(reply);
        }
        Ok(replies)
    }

    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        match self.reader.read_until(b'\n', &mut self.line)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            _ => Ok(()),
        }
    }
}

/// Returns the length of the literal that a line announces (RFC 3501, section 4.3).
fn literal(line: &[u8]) -> Option<u64> {
    let start = line.strip_suffix(b"}\r\n")?;
    let digits = &start[start.iter().rposition(|byte| *byte == b'{')? + 1..];
    std::str::from_utf8(digits).ok()?.parse().ok()
}
