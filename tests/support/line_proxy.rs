//! An IMAP proxy such as hosts put between clients and servers: it forwards what clients send line by line, a moment
//! apart, and can cut a connection when the server has carried out a given command and before the client gets the
//! answer.
//!
//! A server that gets commands one by one answers each before it reads the next, and may report the results of a later
//! command in the answer to an earlier one. This detects clients that send commands together whose results depend on
//! each other.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Time between two lines: enough for a server on the same machine to read and answer the first.
const BETWEEN_LINES: Duration = Duration::from_micros(500);

/// A running proxy; dropping it stops accepting connections and cuts the open ones.
#[derive(Debug)]
pub struct LineProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    stopped: AtomicBool,
    cuts: AtomicU64,
    /// The command after which to cut, and the remaining number of cuts.
    cut: Mutex<Option<(String, u32)>>,
    heard: Mutex<Vec<String>>,
    streams: Mutex<Vec<TcpStream>>,
}

impl LineProxy {
    /// Listens on a free port of loopback for connections to `server`.
    pub fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server,
            stopped: AtomicBool::new(false),
            cuts: AtomicU64::new(0),
            cut: Mutex::default(),
            heard: Mutex::default(),
            streams: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(client) = client {
                    // A server that is gone appears as a closed connection.
                    let _ = carry(&accepting, client);
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on cuts the connection when the server has answered a command that begins with `command` (after its
    /// tag), `times` times. The client does not get that answer, nor the server what follows the command.
    pub fn cut_after(&self, command: &str, times: u32) {
        *self.shared.cut.lock().expect("no holder panics") = Some((command.to_owned(), times));
    }

    /// The number of connections that were cut.
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// Every line that clients have sent, without tags and literals.
    pub fn heard(&self) -> Vec<String> {
        self.shared.heard.lock().expect("no holder panics").clone()
    }
}

impl Drop for LineProxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for stream in self.shared.streams.lock().expect("no holder panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the accepting thread, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn carry(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    let server = TcpStream::connect(shared.server)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        shared.streams.lock().expect("no holder panics").push(stream.try_clone()?);
    }
    // The tag of the command after whose answer this connection ends.
    let last: Arc<Mutex<Option<String>>> = Arc::default();
    let (up, down) = ((client.try_clone()?, server.try_clone()?), (server, client));
    let (shared_up, last_up) = (Arc::clone(shared), Arc::clone(&last));
    thread::spawn(move || {
        let _ = forward_commands(&shared_up, &last_up, up.0, &up.1);
        let _ = up.1.shutdown(Shutdown::Write);
    });
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let _ = forward_answers(&shared, &last, down.0, &down.1);
        let _ = down.1.shutdown(Shutdown::Both);
    });
    Ok(())
}

fn forward_commands(
    shared: &Shared,
    last: &Mutex<Option<String>>,
    client: TcpStream,
    mut server: &TcpStream,
) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut line = Vec::new();
    loop {
        line.clear();
        if client.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (tag, command) = text.split_once(' ').unwrap_or((&text, ""));
        shared.heard.lock().expect("no holder panics").push(command.to_owned());
        let is_last = shared.is_last(command);
        if is_last {
            *last.lock().expect("no holder panics") = Some(format!("{tag} "));
        }
        server.write_all(&line)?;
        if let Some(size) = literal(&text) {
            let mut bytes = vec![0; size];
            client.read_exact(&mut bytes)?;
            server.write_all(&bytes)?;
        }
        if is_last {
            // What the client sends after it is lost.
            let _ = io::copy(&mut client, &mut io::sink());
            return Ok(());
        }
        thread::sleep(BETWEEN_LINES);
    }
}

fn forward_answers(
    shared: &Shared,
    last: &Mutex<Option<String>>,
    server: TcpStream,
    mut client: &TcpStream,
) -> io::Result<()> {
    let mut server = BufReader::new(server);
    let mut line = Vec::new();
    loop {
        line.clear();
        if server.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let is_end = |tag: &String| line.starts_with(tag.as_bytes());
        if last.lock().expect("no holder panics").as_ref().is_some_and(is_end) {
            shared.cuts.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        client.write_all(&line)?;
        if let Some(size) = literal(String::from_utf8_lossy(&line).trim_end()) {
            let mut bytes = vec![0; size];
            server.read_exact(&mut bytes)?;
            client.write_all(&bytes)?;
        }
    }
}

impl Shared {
    fn is_last(&self, command: &str) -> bool {
        let mut cut = self.cut.lock().expect("no holder panics");
        match cut.as_mut() {
            Some((begin, left)) if *left > 0 && command.starts_with(begin.as_str()) => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

/// The size of the literal that a line announces at its end.
fn literal(line: &str) -> Option<usize> {
    let inner = line.strip_suffix('}')?;
    inner[inner.rfind('{')? + 1..].trim_end_matches('+').parse().ok()
}
