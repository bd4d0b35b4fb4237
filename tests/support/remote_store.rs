//! A mail store in a process of its own that many nodes share, and that checks the limits which it announces. Its mail
//! is computed, as in [`crate::synthetic`]; the server keeps only what was moved.
//!
//! One line per call: `apply MAILBOX n n n` or `look MAILBOX n n n`. The answer: a word for each number, or
//! `throttled MICROS`.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clawback_connectors::{ActionTarget, CallError, Capabilities, MailStore, Page};
use clawback_model::{
    Action, Effect, Located, Location, LocationKind, Message, MessageRef, Query, Receipt, RestorePoint, Sighting,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::synthetic::Synthetic;

/// The limits of the server, and how slow it is.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How long a call takes.
    pub takes: Duration,
    /// Calls on one mailbox at a time.
    pub per_mailbox: u32,
    /// Calls at a time.
    pub calls: u32,
    /// Calls in a second; more are throttled.
    pub per_second: Option<u32>,
}

/// What the server has measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Calls that were answered, `look` included.
    pub calls: u64,
    /// Calls that were throttled.
    pub throttled: u64,
    /// Most calls at a time.
    pub most: u32,
    /// Most calls on one mailbox at a time.
    pub most_in_mailbox: u32,
    /// Messages that were moved.
    pub moved: u64,
}

#[derive(Default)]
struct State {
    seen: Seen,
    running: u32,
    in_mailbox: HashMap<String, u32>,
    moved: HashMap<String, HashSet<u32>>,
    window: Option<(Instant, u32)>,
}

/// The running server; it ends with the runtime that it was started on.
#[derive(Clone)]
pub struct Server {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
}

impl Server {
    /// Starts a server on a free port of loopback.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start(rules: Rules) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let server = Self { state: Arc::default(), address: listener.local_addr().expect("it has an address") };
        let state = Arc::clone(&server.state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream, Arc::clone(&state), rules));
            }
        });
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has measured so far.
    pub fn seen(&self) -> Seen {
        locked(&self.state).seen
    }
}

fn locked(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>, rules: Rules) {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    while reader.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let mut words = line.split_whitespace();
        let (verb, mailbox) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
        let numbers: Vec<u32> = words.filter_map(|word| word.parse().ok()).collect();
        let answer = match begin(&state, &mailbox, rules) {
            Err(wait) => format!("throttled {}\n", wait.as_micros()),
            Ok(call) => {
                let mut byte = [0];
                let gone = tokio::select! {
                    () = tokio::time::sleep(rules.takes) => false,
                    // Its caller died: the call is carried out nevertheless, as on a server that had read it.
                    _ = reader.read(&mut byte) => true,
                };
                let answer = finish(&state, verb, &mailbox, &numbers);
                drop(call);
                if gone {
                    return;
                }
                answer
            }
        };
        if writer.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
    }
}

/// A call under way.
struct Call {
    state: Arc<Mutex<State>>,
    mailbox: String,
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        state.running -= 1;
        if let Some(running) = state.in_mailbox.get_mut(&self.mailbox) {
            *running -= 1;
        }
    }
}

fn begin(state: &Arc<Mutex<State>>, mailbox: &str, rules: Rules) -> Result<Call, Duration> {
    let mut guard = locked(state);
    let now = guard.in_mailbox.get(mailbox).copied().unwrap_or(0) + 1;
    let running = guard.running + 1;
    guard.seen.most = guard.seen.most.max(running);
    guard.seen.most_in_mailbox = guard.seen.most_in_mailbox.max(now);
    let mut wait = (now > rules.per_mailbox || running > rules.calls).then_some(rules.takes);
    if let Some(rate) = rules.per_second {
        // In windows of a tenth of a second, with a quarter more in each, so that a pause of the machine causes no
        // failure.
        let tenth = Duration::from_millis(100);
        let (since, used) = guard.window.filter(|(since, _)| since.elapsed() < tenth).unwrap_or((Instant::now(), 0));
        guard.window = Some((since, used + 1));
        if used >= rate / 8 {
            wait = Some(tenth.saturating_sub(since.elapsed()));
        }
    }
    if let Some(wait) = wait {
        guard.seen.throttled += 1;
        return Err(wait);
    }
    guard.running = running;
    guard.in_mailbox.insert(mailbox.to_owned(), now);
    Ok(Call { state: Arc::clone(state), mailbox: mailbox.to_owned() })
}

fn finish(state: &Mutex<State>, verb: &str, mailbox: &str, numbers: &[u32]) -> String {
    let mut state = locked(state);
    state.seen.calls += 1;
    let moved = state.moved.entry(mailbox.to_owned()).or_default();
    let mut answer = String::new();
    let mut fresh = 0;
    for number in numbers {
        answer.push_str(match verb {
            "apply" if moved.insert(*number) => {
                fresh += 1;
                "moved "
            }
            _ if moved.contains(number) => "away ",
            _ => "there ",
        });
    }
    state.seen.moved += fresh;
    answer.push('\n');
    answer
}

/// The store as a node uses it.
pub struct RemoteStore {
    mail: Synthetic,
    known: Capabilities,
    address: SocketAddr,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl RemoteStore {
    /// A store called `corp` with `mailboxes` mailboxes and `each` messages in each.
    pub fn new(address: SocketAddr, rules: Rules, mailboxes: u32, each: u32, largest_batch: u32) -> Self {
        let mail = Synthetic::new(mailboxes, each);
        let known = Capabilities {
            connector: "remote".to_owned(),
            largest_batch,
            calls_per_mailbox: rules.per_mailbox,
            calls: rules.calls,
            calls_per_second: rules.per_second,
            ..mail.capabilities().clone()
        };
        Self { mail, known, address, idle: Mutex::default() }
    }

    async fn ask(&self, verb: &str, mailbox: &str, references: &[&MessageRef]) -> Result<Vec<String>, CallError> {
        let mut line = format!("{verb} {mailbox}");
        for reference in references {
            line.push(' ');
            line.push_str(number(reference));
        }
        line.push('\n');
        let answer = self.exchange(&line).await.map_err(|error| self.transient(&error))?;
        let mut words = answer.split_whitespace();
        if answer.starts_with("throttled") {
            let after = words.nth(1).and_then(|micros| micros.parse().ok()).map(Duration::from_micros);
            return Err(CallError::Throttled { store: Arc::clone(self.name()), after, detail: None });
        }
        Ok(words.map(ToOwned::to_owned).collect())
    }

    async fn exchange(&self, line: &str) -> std::io::Result<String> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut stream = if let Some(stream) = idle {
            stream
        } else {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        };
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        if stream.read_line(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
        Ok(answer)
    }

    fn transient(&self, error: &std::io::Error) -> CallError {
        CallError::Transient { store: Arc::clone(self.name()), detail: error.to_string() }
    }
}

/// The message's number, which is part of its locator.
fn number(reference: &MessageRef) -> &str {
    reference.locator.split(':').nth(1).unwrap_or_default()
}

fn moved_to(reference: &MessageRef) -> (MessageRef, Location) {
    let locator = reference.locator.replace("INBOX", "Recoverable Items");
    let location = Location::new(LocationKind::RecoverableItems, "Recoverable Items");
    (MessageRef { locator, ..reference.clone() }, location)
}

#[async_trait]
impl MailStore for RemoteStore {
    fn name(&self) -> &Arc<str> {
        self.mail.name()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.known
    }

    async fn mailboxes(&self, cursor: Option<String>, most: u32) -> Result<Page<Arc<str>>, CallError> {
        self.mail.mailboxes(cursor, most).await
    }

    async fn search(
        &self,
        mailbox: &Arc<str>,
        query: &Query,
        cursor: Option<String>,
        most: u32,
    ) -> Result<Page<Message>, CallError> {
        self.mail.search(mailbox, query, cursor, most).await
    }

    async fn locate(&self, mailbox: &str, references: &[MessageRef]) -> Result<Vec<Located>, CallError> {
        let words = self.ask("look", mailbox, &references.iter().collect::<Vec<_>>()).await?;
        let located = |(reference, word): (&MessageRef, String)| {
            let (now, location) = match word.as_str() {
                "there" => (reference.clone(), Location::new(LocationKind::Inbox, "INBOX")),
                _ => moved_to(reference),
            };
            let sighting = Sighting { reference: now, location, flags: vec![] };
            Located { locator: reference.locator.clone(), sightings: vec![sighting] }
        };
        Ok(references.iter().zip(words).map(located).collect())
    }

    async fn apply(&self, mailbox: &str, _action: Action, aims: &[ActionTarget]) -> Result<Vec<Effect>, CallError> {
        let words = self.ask("apply", mailbox, &aims.iter().map(|aim| &aim.reference).collect::<Vec<_>>()).await?;
        let effect = |(aim, word): (&ActionTarget, String)| {
            if word != "moved" {
                return Effect::NotFound;
            }
            let (now, location) = moved_to(&aim.reference);
            let former = RestorePoint { location: aim.location.clone(), flags: vec![] };
            Effect::Succeeded(Receipt {
                former,
                now: Some(now),
                location: Some(location),
                evidence: None,
                calendar_entry: None,
            })
        };
        Ok(aims.iter().zip(words).map(effect).collect())
    }

    async fn fetch_raw(&self, mailbox: &str, _: &MessageRef, _: u64) -> Result<Vec<u8>, CallError> {
        Err(CallError::NotFound { store: Arc::clone(self.name()), mailbox: mailbox.to_owned(), detail: None })
    }
}

/// The arguments of a node process: what `node` in `support/bin` reads.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// The URL of the history.
    pub database: String,
    /// The address of the store.
    pub address: SocketAddr,
    /// Its rules.
    pub rules: Rules,
    /// Mailboxes in it.
    pub mailboxes: u32,
    /// Messages in each.
    pub each: u32,
    /// Most targets in one call.
    pub largest_batch: u32,
    /// How long a lease lasts.
    pub lease: Duration,
}

impl NodeOptions {
    /// As arguments of a command line.
    pub fn words(&self) -> Vec<String> {
        let Rules { takes, per_mailbox, calls, per_second } = self.rules;
        let numbers = [
            u64::try_from(takes.as_micros()).unwrap_or(u64::MAX),
            per_mailbox.into(),
            calls.into(),
            per_second.unwrap_or(0).into(),
            self.mailboxes.into(),
            self.each.into(),
            self.largest_batch.into(),
            u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX),
        ];
        let texts = [self.database.clone(), self.address.to_string()];
        texts.into_iter().chain(numbers.iter().map(ToString::to_string)).collect()
    }

    /// From arguments of a command line.
    ///
    /// # Panics
    /// If these are not its words.
    pub fn from_words(words: &[String]) -> Self {
        let number = |at: usize| words[at].parse::<u64>().expect("a number");
        let small = |at: usize| u32::try_from(number(at)).expect("a small number");
        Self {
            database: words[0].clone(),
            address: words[1].parse().expect("an address"),
            rules: Rules {
                takes: Duration::from_micros(number(2)),
                per_mailbox: small(3),
                calls: small(4),
                per_second: Some(small(5)).filter(|rate| *rate > 0),
            },
            mailboxes: small(6),
            each: small(7),
            largest_batch: small(8),
            lease: Duration::from_millis(number(9)),
        }
    }
}
