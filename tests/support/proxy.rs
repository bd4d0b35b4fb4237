//! A network between a client and a server on loopback: it adds the round-trip time that loopback lacks, and it fails
//! on demand.
//!
//! The delay is a queue, not a lock: bytes leave in the order of their arrival, each after a fixed time, however many
//! are under way. So a client that pipelines gains what it would gain on a real network.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Pieces under way in one direction: more than any window of a client that waits for answers.
const PIECES_ON_THE_WAY: usize = 4096;
/// Bytes of one piece.
const PIECE: usize = 64 * 1024;

/// The behaviour of the network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Added to each round trip, half of it each way.
    pub round_trip: Duration,
    /// Cuts every connection, both ways at once, when the server has sent this many bytes over it.
    pub cut_after_bytes: Option<u64>,
    /// Cuts every connection at this age.
    pub cut_after: Option<Duration>,
    /// Closes every connection beyond this number at once, without an answer, as servers with a limit per address do.
    pub at_most: Option<u64>,
}

/// A running proxy; dropping it stops accepting connections and cuts the open ones.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    server: SocketAddr,
    stopped: AtomicBool,
    refusing: AtomicBool,
    connections: AtomicU64,
    open: AtomicU64,
    most_open: AtomicU64,
    // Both sides of every connection, to cut them.
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens on a free port of loopback for connections to `server`.
    pub fn start(server: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            options,
            server,
            stopped: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            open: AtomicU64::new(0),
            most_open: AtomicU64::new(0),
            streams: Mutex::new(Vec::new()),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(client) = client
                    && !accepting.refusing.load(Ordering::SeqCst)
                {
                    // A server that is gone appears as a closed connection.
                    let _ = connect(&accepting, client);
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of connections that it has carried.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The largest number that were open at once. One that its client has just closed may still be counted.
    pub fn most_at_once(&self) -> u64 {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// Cuts every connection now; new ones are accepted.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Cuts every connection and closes new ones at once, like a server that is down, until [`Proxy::restore`].
    pub fn take_down(&self) {
        self.shared.refusing.store(true, Ordering::SeqCst);
        self.shared.cut();
    }

    /// Ends [`Proxy::take_down`].
    pub fn restore(&self) {
        self.shared.refusing.store(false, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.cut();
        // Wakes the accepting thread, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn cut(&self) {
        for stream in self.streams.lock().expect("no holder panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    if shared.options.at_most.is_some_and(|most| shared.open.load(Ordering::SeqCst) >= most) {
        return Ok(());
    }
    let server = TcpStream::connect(shared.server)?;
    let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most_open.fetch_max(open, Ordering::SeqCst);
    shared.connections.fetch_add(1, Ordering::SeqCst);
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        shared.streams.lock().expect("no holder panics").push(stream.try_clone()?);
    }
    let one_way = shared.options.round_trip / 2;
    let counted = Arc::clone(shared);
    let ended = move || {
        counted.open.fetch_sub(1, Ordering::SeqCst);
    };
    carry(client.try_clone()?, server.try_clone()?, one_way, None, ended);
    carry(server.try_clone()?, client.try_clone()?, one_way, shared.options.cut_after_bytes, || {});
    if let Some(age) = shared.options.cut_after {
        thread::spawn(move || {
            thread::sleep(age);
            let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        });
    }
    Ok(())
}

/// Carries bytes one way with two threads: one reads and adds the due time, one waits until each piece is due and
/// writes it.
fn carry(
    from: TcpStream,
    to: TcpStream,
    delay: Duration,
    cut_after: Option<u64>,
    ended: impl FnOnce() + Send + 'static,
) {
    let (sender, receiver) = sync_channel(PIECES_ON_THE_WAY);
    thread::spawn(move || {
        read(from, &sender, delay);
        ended();
    });
    thread::spawn(move || write(to, &receiver, cut_after));
}

fn read(mut from: TcpStream, to: &SyncSender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut bytes = vec![0; PIECE];
    loop {
        // An error and an end are both passed on as an end.
        let count = from.read(&mut bytes).unwrap_or(0);
        if to.send((Instant::now() + delay, bytes[..count].to_vec())).is_err() || count == 0 {
            return;
        }
    }
}

fn write(mut to: TcpStream, from: &Receiver<(Instant, Vec<u8>)>, cut_after: Option<u64>) {
    let mut left = cut_after;
    while let Ok((due, bytes)) = from.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if bytes.is_empty() {
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
        let size = left.map_or(bytes.len(), |left| bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        if to.write_all(&bytes[..size]).is_err() {
            break;
        }
        left = left.map(|left| left - size as u64);
        if left == Some(0) {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
