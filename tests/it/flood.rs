//! A server under flood: connections that send nothing, requests that never end, and a process with few descriptors.
//! With the real binary, over sockets of the loopback.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clawback_tests::binary::Clawback;
use clawback_tests::served::Served;

/// Files and connections that the server may have open.
const DESCRIPTORS: u32 = 256;
/// Longer than any answer takes on a busy machine, and shorter than any time-out of the server that could help.
const SOON: Duration = Duration::from_secs(20);
const PASSWORD: &str = "correct horse battery";

fn site(folder: &Path) -> Clawback {
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.join("mail/ann@acme.test").join(part)).unwrap();
    }
    let mail = "From: eve@evil.example\nTo: ann@acme.test\nSubject: Salary\nMessage-ID: <1@evil.example>\n\nHello\n";
    std::fs::write(folder.join("mail/ann@acme.test/new/1.1.here"), mail).unwrap();
    Clawback::init(folder, "connector = \"maildir\"\ndirectory = \"mail\"\n")
}

/// Sends a request on a connection of its own and reads the answer: its status, and all of it as text.
fn ask(server: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{read:?}: `{answer}` to {request}")), answer)
}

fn get(server: SocketAddr, path: &str, cookie: &str) -> (u16, String) {
    ask(server, &format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"))
}

fn post(server: SocketAddr, path: &str, cookie: &str, form: &str) -> (u16, String) {
    let length = form.len();
    ask(
        server,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: {server}\r\nCookie: {cookie}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        ),
    )
}

fn give_password(clawback: &Clawback, name: &str) {
    let mut child = clawback.command(&["principals", "password", name]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Signs in. Returns the cookie of the session.
fn sign_in(server: SocketAddr, name: &str) -> String {
    let (status, answer) =
        post(server, "/sign-in", "", &format!("name={name}&password={}", PASSWORD.replace(' ', "+")));
    assert_eq!(status, 303, "{answer}");
    let cookie = answer.split("set-cookie: clawback=").nth(1).and_then(|rest| rest.split(';').next());
    format!("clawback={}", cookie.unwrap_or_else(|| panic!("{answer}")))
}

fn descriptors(served: &mut Served) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", served.process().id())).unwrap().count()
}

/// Opens connections that send this and then nothing, more than the server has descriptors.
fn hold(server: SocketAddr, number: usize, begins: &str) -> Vec<TcpStream> {
    let open = |_| {
        let mut stream = TcpStream::connect(server).unwrap();
        // A connection that was closed at once, to make room for the next, cannot be written to.
        let _ = stream.write_all(begins.as_bytes());
        stream
    };
    (0..number).map(open).collect()
}

#[test]
fn connections_that_are_held_open_keep_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path());
    give_password(&clawback, "admin");
    let mut running = Served::start_with_descriptors(&clawback, DESCRIPTORS, &[]);
    let server = running.socket();
    let signed_in = sign_in(server, "admin");
    let mut kept = TcpStream::connect(server).unwrap();
    kept.set_read_timeout(Some(SOON)).unwrap();
    let known = format!("GET /api/v1/me HTTP/1.1\r\nHost: {server}\r\nCookie: {signed_in}\r\n\r\n");
    let mut reply = [0; 4_096];
    kept.write_all(known.as_bytes()).unwrap();
    assert!(kept.read(&mut reply).unwrap() > 0);

    let mut all = hold(server, 400, "");
    all.extend(hold(server, 100, "GET /sign-in HTTP/1.1\r\nHost: x"));
    all.extend(hold(server, 100, "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nname"));
    let open = descriptors(&mut running);
    assert!(open < DESCRIPTORS as usize / 2 + 64, "{open} of {DESCRIPTORS} are open");

    // A signed-in caller, on a new connection and on an earlier one, and a caller who signs in now.
    assert_eq!(get(server, "/pending", &signed_in).0, 200);
    kept.write_all(known.as_bytes()).unwrap();
    assert!(kept.read(&mut reply).unwrap() > 0, "a caller who is known keeps the connection");
    sign_in(server, "admin");

    // The worker works, and the kill switch can be reached.
    let through = clawback.through(running.url());
    let done = through.json(&["submit", "--name", "x", "--from", "eve@evil.example", "--action", "soft-delete"]);
    let done = through.json(&["show", done["id"].as_str().unwrap()]);
    assert_eq!(done["remediation"]["status"], "completed", "{done}");
    through.ok(&["halt", "--reason", "flooded"]);
    assert!(get(server, "/healthz", "").1.contains("halted"));

    // It ends at once, in spite of open connections.
    let asked = Instant::now();
    let stop = Command::new("kill").arg(running.process().id().to_string()).status().unwrap();
    assert!(stop.success() && running.process().wait().unwrap().success());
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    drop(all);
}

#[test]
fn sign_ins_that_are_broken_off_leave_no_work_behind() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = site(folder.path());
    give_password(&clawback, "admin");
    let mut running = Served::start(&clawback, &["--no-worker"]);
    let server = running.socket();
    let signed_in = sign_in(server, "admin");
    let form = "name=admin&password=wrong+wrong+wrong";
    let length = form.len();
    let request = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n\r\n{form}"
    );
    let before = memory(&mut running);
    for _ in 0..2_000 {
        let mut stream = TcpStream::connect(server).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
    }
    assert_eq!(get(server, "/pending", &signed_in).0, 200);
    let (threads, after) = (threads(&mut running), memory(&mut running));
    assert!(threads <= 24, "{threads} threads");
    assert!(after.saturating_sub(before) < 100 << 10, "from {before} KB to {after} KB");
    // From a known browser it is checked; from others at this address not, for a while.
    let (status, answer) = post(server, "/sign-in", "", form);
    assert!(status == 429 && answer.contains("from this address"), "{answer}");
}

fn status(served: &mut Served, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", served.process().id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

/// Memory in KB.
fn memory(served: &mut Served) -> u64 {
    status(served, "VmRSS")
}

fn threads(served: &mut Served) -> u64 {
    status(served, "Threads")
}
