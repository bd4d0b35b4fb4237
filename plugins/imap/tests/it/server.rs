//! A native host for the connector: TCP to the one Dovecot of this test run.

use std::{
    cell::RefCell,
    collections::HashMap,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use clawback_connector_imap::Imap;
use clawback_connector_sdk::{
    Connector as _,
    host::{Host, Level, MailServer, MailStream, StreamError},
    matching::everything,
    types::{Action, Effect, Error, Former, Location, LocationKind, Message, Outcome, Query, Receipt, Target},
};

use crate::dovecot::{Dovecot, PASSWORD, user};

/// Returns the server that all tests share; each test has its own user.
fn shared() -> &'static Dovecot {
    static SERVER: OnceLock<Dovecot> = OnceLock::new();
    SERVER.get_or_init(|| Dovecot::start(60))
}

/// One mailbox of the server, as a connector accesses it.
pub(crate) struct Mailbox {
    pub(crate) name: String,
    pub(crate) host: Tcp,
}

/// A host that dials without TLS.
#[derive(Clone)]
pub(crate) struct Tcp {
    address: SocketAddr,
    /// Capabilities that are hidden from the connector.
    hidden: Vec<&'static str>,
    settings: HashMap<String, String>,
    /// The round trips of the last connection after login, and whether it was returned.
    pub(crate) flights: Rc<RefCell<usize>>,
    /// The commands of the last connection.
    pub(crate) commands: Rc<RefCell<usize>>,
    pub(crate) released: Rc<RefCell<usize>>,
    /// The log lines.
    pub(crate) log: Rc<RefCell<Vec<String>>>,
}

pub(crate) struct Stream {
    tcp: TcpStream,
    capabilities: Vec<String>,
    flights: Rc<RefCell<usize>>,
    commands: Rc<RefCell<usize>>,
    released: Rc<RefCell<usize>>,
    is_answered: bool,
}

impl Mailbox {
    /// Returns the mailbox of a user that no other test has.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        Self::at(shared().address, user(NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Returns the mailbox of this user at that address.
    pub(crate) fn at(address: SocketAddr, name: String) -> Self {
        let host = Tcp {
            address,
            hidden: Vec::new(),
            settings: HashMap::new(),
            flights: Rc::default(),
            commands: Rc::default(),
            released: Rc::default(),
            log: Rc::default(),
        };
        Self { name, host }
    }

    /// Returns the address of the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.host.address
    }

    /// Returns the same mailbox, which the connector reaches through that address.
    pub(crate) fn through(&self, address: SocketAddr) -> Self {
        Self { name: self.name.clone(), host: Tcp { address, ..self.host.clone() } }
    }

    /// Appends many messages to an existing folder, over one connection.
    pub(crate) fn fill(&self, folder: &str, messages: impl Iterator<Item = Vec<u8>>) {
        let mut stream = self.host.open(&self.name).unwrap();
        for raw in messages {
            let mut command = format!("APPEND \"{folder}\" {{{}+}}\r\n", raw.len()).into_bytes();
            command.extend_from_slice(&raw);
            command_line(&mut stream.tcp, &command);
        }
    }

    /// Returns the number of messages in a folder; zero if it does not exist.
    pub(crate) fn count(&self, folder: &str) -> usize {
        let mut stream = self.host.open(&self.name).unwrap();
        let lines = command_line(&mut stream.tcp, format!("STATUS \"{folder}\" (MESSAGES)").as_bytes());
        let number = lines[0].rsplit_once("(MESSAGES ").and_then(|(_, rest)| rest.trim_end_matches(')').parse().ok());
        number.unwrap_or(0)
    }

    /// Hides capabilities, as if the server did not have them.
    pub(crate) fn without(mut self, hidden: &[&'static str]) -> Self {
        self.host.hidden = hidden.to_vec();
        self
    }

    pub(crate) fn with_setting(mut self, key: &str, value: &str) -> Self {
        self.host.settings.insert(key.into(), value.into());
        self
    }

    pub(crate) fn connector(&self) -> Imap<Tcp> {
        Imap::new(self.host.clone())
    }

    /// Runs commands on the mailbox as its owner; returns the lines of the server's answers.
    pub(crate) fn owner(&self, commands: &[&str]) -> Vec<String> {
        let mut stream = self.host.open(&self.name).unwrap();
        let mut lines = Vec::new();
        for command in commands {
            let answer = command_line(&mut stream.tcp, command.as_bytes());
            assert!(answer.last().unwrap().starts_with("t OK"), "{command}: {answer:?}");
            lines.extend(answer);
        }
        lines
    }

    /// Appends a message. Creates the folder if it is missing.
    pub(crate) fn append(&self, folder: &str, flags: &str, raw: &[u8]) {
        let mut stream = self.host.open(&self.name).unwrap();
        command_line(&mut stream.tcp, format!("CREATE \"{folder}\"").as_bytes());
        let date = "\"17-Jul-2024 23:30:00 -0500\"";
        let mut command = format!("APPEND \"{folder}\" ({flags}) {date} {{{}+}}\r\n", raw.len()).into_bytes();
        command.extend_from_slice(raw);
        let answer = command_line(&mut stream.tcp, &command);
        assert!(answer.last().unwrap().starts_with("t OK"), "{answer:?}");
    }

    /// Appends a phishing mail with this number.
    pub(crate) fn phish(&self, folder: &str, number: u32) {
        self.append(folder, "", &phish(number));
    }

    pub(crate) fn search(&self, query: &Query) -> Vec<Message> {
        self.try_search(query).unwrap()
    }

    /// Returns all pages.
    pub(crate) fn try_search(&self, query: &Query) -> Result<Vec<Message>, Error> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.connector().search(&self.name, query, cursor.as_deref(), 500)?;
            found.extend(page.messages);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }

    /// Returns everything, including hidden folders: path and subject, sorted.
    pub(crate) fn everywhere(&self) -> Vec<(String, String)> {
        let hidden = [LocationKind::RecoverableItems, LocationKind::Quarantine];
        let mut all = self.search(&everything());
        all.extend(self.search(&Query { locations: hidden.to_vec(), ..everything() }));
        let mut all: Vec<_> = all.into_iter().map(|message| (message.location.path, message.subject)).collect();
        all.sort();
        all
    }

    pub(crate) fn apply(&self, action: Action, targets: &[Target]) -> Vec<Effect> {
        let outcomes: Vec<Outcome> = self.connector().apply(&self.name, action, targets).unwrap();
        assert_eq!(outcomes.len(), targets.len());
        let pairs = targets.iter().zip(outcomes);
        pairs
            .map(|(target, outcome)| {
                assert_eq!(outcome.locator, target.ref_.locator);
                outcome.effect
            })
            .collect()
    }
}

/// Returns a message of the campaign.
pub(crate) fn phish(number: u32) -> Vec<u8> {
    format!(
        "From: Parcels <noreply@evil.example>\r\nTo: you@acme.test\r\nSubject: Parcel {number}\r\n\
         Date: Wed, 17 Jul 2024 12:00:00 +0000\r\nMessage-ID: <{number}@evil.example>\r\n\r\nClick.\r\n"
    )
    .into_bytes()
}

/// Returns the target of this message in a plan.
pub(crate) fn target(message: &Message) -> Target {
    Target { ref_: message.ref_.clone(), location: message.location.clone(), former: None }
}

/// Returns the target that undoes this receipt.
pub(crate) fn undo(receipt: &Receipt) -> Target {
    let former = Former { location: receipt.former.location.clone(), flags: receipt.former.flags.clone() };
    Target { ref_: receipt.now.clone().unwrap(), location: receipt.location.clone().unwrap(), former: Some(former) }
}

pub(crate) fn receipt(effect: &Effect) -> &Receipt {
    match effect {
        Effect::Succeeded(receipt) => receipt,
        other => panic!("not succeeded: {other:?}"),
    }
}

pub(crate) fn from_evil() -> Query {
    Query { from_domain: vec!["evil.example".into()], ..everything() }
}

pub(crate) fn location(kind: LocationKind, path: &str) -> Location {
    Location { kind, path: path.into() }
}

impl Host for Tcp {
    fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).cloned()
    }

    fn log(&self, level: Level, text: &str) {
        assert!(!matches!(level, Level::Error), "{text}");
        self.log.borrow_mut().push(text.to_owned());
    }

    fn now(&self) -> i64 {
        0
    }

    fn sleep(&self, _: std::time::Duration) {}
}

impl MailServer for Tcp {
    type Stream = Stream;

    fn open(&self, mailbox: &str) -> Result<Stream, StreamError> {
        let mut tcp = TcpStream::connect(self.address).map_err(|error| StreamError::Closed(error.to_string()))?;
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        read_until(&mut tcp, "* OK");
        let answer = command_line(&mut tcp, format!("LOGIN {mailbox} {PASSWORD}").as_bytes());
        if !answer.last().unwrap().starts_with("t OK") {
            return Err(StreamError::Unauthorized(answer.concat()));
        }
        let capabilities = command_line(&mut tcp, b"CAPABILITY")[0]
            .split_ascii_whitespace()
            .skip(2)
            .filter(|atom| !self.hidden.contains(atom))
            .map(str::to_owned)
            .collect();
        *self.flights.borrow_mut() = 0;
        *self.commands.borrow_mut() = 0;
        let (flights, released) = (Rc::clone(&self.flights), Rc::clone(&self.released));
        let commands = Rc::clone(&self.commands);
        Ok(Stream { tcp, capabilities, flights, commands, released, is_answered: true })
    }
}

impl MailStream for Stream {
    fn capabilities(&self) -> Vec<String> {
        self.capabilities.clone()
    }

    fn read(&mut self, most: u32) -> Result<Vec<u8>, StreamError> {
        if !self.is_answered {
            *self.flights.borrow_mut() += 1;
            self.is_answered = true;
        }
        let mut bytes = vec![0; most as usize];
        let count = self.tcp.read(&mut bytes).map_err(|error| StreamError::Closed(error.to_string()))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.is_answered = false;
        *self.commands.borrow_mut() += bytes.split_inclusive(|byte| *byte == b'\n').count();
        self.tcp.write_all(bytes).map_err(|error| StreamError::Closed(error.to_string()))
    }

    fn release(&mut self) {
        *self.released.borrow_mut() += 1;
    }
}

/// Sends one command; returns the lines of its answer, the tagged one last.
fn command_line(tcp: &mut TcpStream, command: &[u8]) -> Vec<String> {
    tcp.write_all(b"t ").unwrap();
    tcp.write_all(command).unwrap();
    tcp.write_all(b"\r\n").unwrap();
    read_until(tcp, "t ")
}

fn read_until(tcp: &mut TcpStream, start: &str) -> Vec<String> {
    let mut text = Vec::new();
    loop {
        let mut bytes = [0; 4096];
        let count = match tcp.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            count => count.unwrap(),
        };
        assert!(count > 0, "the server hung up: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&bytes[..count]);
        let lines: Vec<String> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
        if text.ends_with(b"\r\n") && lines.last().is_some_and(|line| line.starts_with(start)) {
            return lines;
        }
    }
}
