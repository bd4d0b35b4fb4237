//! `cargo xtask bench flood`: response times of a signed-in caller on a server that strangers flood, over the loopback
//! and for a limited time: connections that are held and opened again when they are closed, sign-ins that are broken
//! off, invalid tokens. The server is a process of its own, started as `clawback serve`, with its worker; the strangers
//! are this process.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failed measurement panics; its result is its output")]

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clawback_tests::binary::Clawback;
use clawback_tests::served::Served;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// The 99th percentile of signed-in requests, in milliseconds.
const SLOWEST: f64 = 100.0;
/// Memory of the server, in MB.
const LARGEST: u64 = 200;
/// Wait between two requests of the signed-in caller.
const THINKS: Duration = Duration::from_millis(50);
/// The time until all strangers have started.
const WARM: Duration = Duration::from_secs(5);
/// Addresses of the strangers; the signed-in caller uses one of them too.
const ADDRESSES: u8 = 4;
/// A request that takes longer counts as unanswered.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u32| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let flood = Flood {
        idle: number("--idle", 10_000),
        sign_ins: number("--sign-ins", 1_000),
        tokens: number("--tokens", 500),
        lasts: Duration::from_secs(number("--seconds", 30).into()),
    };
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path());
    let mut served = Served::start(&clawback, &[]);
    let calm = Flood { idle: 0, sign_ins: 0, tokens: 0, lasts: Duration::from_secs(5) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let cookie = runtime.block_on(sign_in(served.socket()));
    let mut met = true;
    for (name, flood) in [("nobody else", calm), ("flooded", flood)] {
        met &= runtime.block_on(flood.report(name, &clawback, &mut served, &cookie));
    }
    drop(runtime);
    std::thread::sleep(Duration::from_secs(5));
    println!("afterwards: {} MB in memory", memory(&mut served));
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn site(folder: &Path) -> Clawback {
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.join("mail/ann@acme.test").join(part)).unwrap();
    }
    let clawback = Clawback::init(folder, "connector = \"maildir\"\ndirectory = \"mail\"\n");
    let mut child = clawback.command(&["principals", "password", "admin"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
    assert!(child.wait().unwrap().success());
    clawback
}

/// The size of the flood.
#[derive(Clone, Copy)]
struct Flood {
    idle: u32,
    sign_ins: u32,
    tokens: u32,
    lasts: Duration,
}

impl Flood {
    /// Measures. Returns whether everything was within its limit.
    async fn report(self, name: &str, clawback: &Clawback, process: &mut Served, cookie: &str) -> bool {
        let server = process.socket();
        let counts = Arc::new(Counts::default());
        let mut strangers = tokio::task::JoinSet::new();
        for number in 0..self.idle {
            strangers.spawn(hold(server, number, Arc::clone(&counts)));
        }
        for number in 0..self.sign_ins.min(100) {
            let every = Duration::from_secs(1) * self.sign_ins.min(100) / self.sign_ins;
            strangers.spawn(break_off(server, number, every, Arc::clone(&counts)));
        }
        for number in 0..self.tokens.min(50) {
            let every = Duration::from_secs(1) * self.tokens.min(50) / self.tokens;
            strangers.spawn(guess(server, number, every, Arc::clone(&counts)));
        }
        tokio::time::sleep(WARM).await;
        let before = counts.sums();
        let began = Instant::now();
        let (mut took, mut errors, mut largest) = (Vec::new(), 0, 0);
        let mut kept = None;
        let mut looks = 0_u32;
        while began.elapsed() < self.lasts {
            looks += 1;
            // About once a second on a connection of its own, like a browser that was closed.
            if looks.is_multiple_of(20) {
                kept = None;
            }
            let asked = Instant::now();
            let request = format!("GET /pending HTTP/1.1\r\nHost: {server}\r\nCookie: {cookie}\r\n\r\n");
            match tokio::time::timeout(REQUEST_TIMEOUT, ask(server, kept.take(), &request)).await {
                Ok(Ok((200, stream))) => kept = Some(stream),
                _ => errors += 1,
            }
            took.push(asked.elapsed().as_secs_f64() * 1_000.0);
            largest = largest.max(memory(process));
            tokio::time::sleep(THINKS).await;
        }
        let seconds = began.elapsed().as_secs_f64();
        let after = counts.sums();
        let rate = |at: usize| f64::from(u32::try_from(after[at] - before[at]).unwrap()) / seconds;
        // The worker works, and the kill switch can be reached: with the command line, over the same server.
        let through = clawback.through(process.url());
        let submitted = Instant::now();
        let (worked, halted) = tokio::task::spawn_blocking(move || {
            let done =
                through.json(&["submit", "--name", "x", "--from", "eve@evil.example", "--action", "soft-delete"]);
            let id = done["id"].as_str().unwrap().to_owned();
            let status = through.json(&["show", &id])["remediation"]["status"].clone();
            let worked = submitted.elapsed();
            assert_eq!(status, "nothing-to-do");
            let asked = Instant::now();
            through.ok(&["halt", "--reason", "flooded"]);
            let halted = asked.elapsed();
            through.ok(&["unhalt"]);
            (worked, halted)
        })
        .await
        .unwrap();
        strangers.shutdown().await;
        took.sort_by(f64::total_cmp);
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| percentile(&took, share));
        println!("{name}: {} requests of somebody who is signed in, {errors} errors", took.len());
        println!(
            "  strangers: {} connections held, {:.0} opened anew a second, {:.0} sign-ins broken off a second, {:.0} bad tokens a second",
            self.idle,
            rate(0),
            rate(1),
            rate(2)
        );
        println!("  p50 {p50:.1} ms, p99 {p99:.1} ms, slowest {max:.1} ms; {largest} MB in memory at most");
        println!(
            "  a remediation was worked on in {} ms, the site halted in {} ms",
            worked.as_millis(),
            halted.as_millis()
        );
        let met = errors == 0 && p99 < SLOWEST && largest < LARGEST;
        println!("  p99 below {SLOWEST} ms, memory below {LARGEST} MB: {}", if met { "met" } else { "missed" });
        met
    }
}

#[derive(Default)]
struct Counts {
    opened: AtomicU64,
    broken_off: AtomicU64,
    guessed: AtomicU64,
}

impl Counts {
    fn sums(&self) -> [u64; 3] {
        [&self.opened, &self.broken_off, &self.guessed].map(|count| count.load(Ordering::Relaxed))
    }
}

/// A connection from one of some addresses.
async fn connect(server: SocketAddr, number: u32) -> std::io::Result<TcpStream> {
    let last = u8::try_from(number % u32::from(ADDRESSES)).unwrap() + 1;
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
    socket.connect(server).await
}

/// Holds a connection, and opens another when it is closed.
async fn hold(server: SocketAddr, number: u32, counts: Arc<Counts>) {
    // Spread over time.
    tokio::time::sleep(Duration::from_micros(u64::from(number) * 200)).await;
    loop {
        if let Ok(mut stream) = connect(server, number).await {
            counts.opened.fetch_add(1, Ordering::Relaxed);
            if number.is_multiple_of(2) {
                let _ = stream.write_all(b"GET /sign-in HTTP/1.1\r\nHost: ").await;
            }
            let _ = stream.read(&mut [0; 512]).await;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Sends a wrong password, and disconnects before the answer.
async fn break_off(server: SocketAddr, number: u32, every: Duration, counts: Arc<Counts>) {
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        let form = format!("name=admin&password=wrong+wrong+wrong+{number}");
        let request = format!(
            "POST /sign-in HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        if let Ok(mut stream) = connect(server, number).await {
            let _ = stream.set_zero_linger();
            let _ = stream.write_all(request.as_bytes()).await;
            tokio::time::sleep(Duration::from_millis(12)).await;
            counts.broken_off.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends invalid tokens.
async fn guess(server: SocketAddr, number: u32, every: Duration, counts: Arc<Counts>) {
    let mut ticks = tokio::time::interval(every);
    let mut kept = None;
    let mut tried = 0_u64;
    loop {
        ticks.tick().await;
        tried += 1;
        if kept.is_none() {
            kept = connect(server, number).await.ok();
        }
        let request = format!(
            "GET /api/v1/me?{tried} HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer cbk_{number}_{tried}\r\n\r\n"
        );
        if let Ok(Ok((401, stream))) = tokio::time::timeout(REQUEST_TIMEOUT, ask(server, kept.take(), &request)).await {
            counts.guessed.fetch_add(1, Ordering::Relaxed);
            kept = Some(stream);
        }
    }
}

/// Sends a request and reads the answer to its end. Returns its status, and the connection for the next.
async fn ask(server: SocketAddr, kept: Option<TcpStream>, request: &str) -> std::io::Result<(u16, TcpStream)> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => connect(server, 0).await?,
    };
    stream.write_all(request.as_bytes()).await?;
    let (mut answer, mut part) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        let read = stream.read(&mut part).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.and_then(|length| length.trim().parse().ok()).unwrap_or(0) {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
            return Ok((status, stream));
        }
    }
}

async fn sign_in(server: SocketAddr) -> String {
    let form = "name=admin&password=correct+horse+battery";
    let request = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut stream = connect(server, 0).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let cookie = answer.split("set-cookie: clawback=").nth(1).and_then(|rest| rest.split(';').next());
    format!("clawback={}", cookie.unwrap_or_else(|| panic!("{answer}")))
}

/// Memory of the server in MB.
fn memory(served: &mut Served) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", served.process().id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1_024
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into sorted figures"
)]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
