//! Limits of a component: time before its first call, address space, and the host's own memory.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clawback_connectors::{CallError, SandboxLimits, StoreConfig};
use clawback_model::Digest;
use clawback_tests::binary::Clawback;

use super::{config, dist, host};

/// Writes a connector to a folder, with its manifest.
fn connector(folder: &Path, bytes: &[u8], manifest: &str) -> String {
    let path = folder.join("own.wasm");
    std::fs::write(&path, bytes).unwrap();
    std::fs::write(path.with_extension("toml"), manifest).unwrap();
    format!("connector = {{ path = \"{}\", sha256 = \"{}\" }}\n", path.display(), Digest::of(bytes))
}

fn hostile_bytes() -> Vec<u8> {
    std::fs::read(dist("hostile/hostile.wasm")).unwrap()
}

async fn refused(limits: SandboxLimits, config: &StoreConfig) -> CallError {
    let error = host(limits).load("corp", config).await.err().expect("it misbehaves");
    error.call().unwrap_or_else(|| panic!("not for a call: {error}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_never_gets_started_is_ended_within_the_limits_of_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let own = connector(folder.path(), &hostile_bytes(), "imports = [\"folder\"]");
    let directory = folder.path().join("mail");
    std::fs::create_dir(&directory).unwrap();
    let with = |misdeed: &str| {
        config(&format!(
            "{own}directory = {directory:?}\nsettings = {{ hostile = {misdeed:?} }}\nlimits = {{ call-timeout = \"1s\" }}"
        ))
    };
    let began = Instant::now();
    let by_processor = SandboxLimits { cpu: Duration::from_millis(200), ..SandboxLimits::default() };
    let error = refused(by_processor, &with("loop-in-start")).await;
    assert!(error.to_string().contains("ran past its deadline of 200ms of processor time"), "{error}");
    // It waits most of the time, so the limit of processor time alone would allow minutes.
    let by_clock = SandboxLimits { cpu: Duration::from_mins(10), ..SandboxLimits::default() };
    for misdeed in ["wait-in-start", "loop-in-start"] {
        let error = refused(by_clock, &with(misdeed)).await;
        assert!(error.to_string().contains("did not finish within 1s"), "{misdeed}: {error}");
    }
    assert!(began.elapsed() < Duration::from_mins(2), "{:?}", began.elapsed());
}

/// The number of core modules at the top level of a component.
fn core_modules(mut sections: &[u8]) -> usize {
    const HEADER: usize = 8;
    const CORE_MODULE: u8 = 1;
    let mut count = 0;
    sections = &sections[HEADER..];
    while let Some((kind, rest)) = sections.split_first() {
        count += usize::from(*kind == CORE_MODULE);
        let digits = rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let length = rest[..digits].iter().rev().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
        sections = &rest[digits + length..];
    }
    count
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

/// The same component with `many` more instances of a core module that consists of `section`.
fn with_instances(mut component: Vec<u8>, section: &[u8], many: usize) -> Vec<u8> {
    let module = leb128(core_modules(&component));
    let bytes = [b"\0asm\x01\0\0\0", section].concat();
    component.push(1);
    component.extend(leb128(bytes.len()));
    component.extend(bytes);
    // Each: made of a module, without arguments.
    let instances = [leb128(many), [&[0][..], &module, &[0]].concat().repeat(many)].concat();
    component.push(2);
    component.extend(leb128(instances.len()));
    component.extend(instances);
    component
}

#[tokio::test]
async fn memories_tables_and_instances_have_limits() {
    // One memory without a page; one table without an element; nothing at all.
    let cases: [(&[u8], usize, &str); 3] = [
        (&[5, 3, 1, 0, 0], 900, "memory count too high"),
        (&[4, 4, 1, 0x70, 0, 0], 900, "table count too high"),
        (&[], 900, "instance count too high"),
    ];
    for (section, many, said) in cases {
        let folder = tempfile::tempdir().unwrap();
        let own = connector(folder.path(), &with_instances(hostile_bytes(), section, 2), "");
        host(SandboxLimits::default()).load("corp", &config(&own)).await.expect("two more are allowed");
        let own = connector(folder.path(), &with_instances(hostile_bytes(), section, many), "");
        let error = refused(SandboxLimits::default(), &config(&own)).await;
        assert!(matches!(error, CallError::Fault { .. }) && error.to_string().contains(said), "{error}");
    }
}

/// Answers every request with 360 kB of header fields. Returns its port, and the number of requests.
fn padded_server() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let padding = format!("X-Padding: {}\r\n", "x".repeat(3_980)).repeat(90);
    let answer = format!("HTTP/1.1 200 OK\r\n{padding}Content-Length: 0\r\n\r\n");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer, count) = (stream.unwrap(), answer.clone(), Arc::clone(&count));
            std::thread::spawn(move || {
                let mut request = [0; 4_096];
                // One read is one request: they are small, and each waits for its answer.
                while stream.read(&mut request).is_ok_and(|read| read > 0) {
                    count.fetch_add(1, Ordering::Relaxed);
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, asked)
}

/// The peak memory of a process in MiB (`VmHWM` of proc(5)), and its output.
fn peak(mut child: Child) -> (u64, String) {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut most = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        most = most.max(line.trim().trim_end_matches(" kB").parse().unwrap_or(0));
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            return (most >> 10, String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn answers_with_huge_headers_take_no_more_memory_than_bodies_may() {
    let (port, asked) = padded_server();
    let folder = tempfile::tempdir().unwrap();
    let own = connector(folder.path(), &hostile_bytes(), "[endpoints.flood]");
    let site = folder.path().join("site");
    let store = |requests: u32| {
        format!(
            "{own}mailboxes = [\"one@example.test\"]\nsettings = {{ hostile = \"huge-headers\", requests = \"{requests}\" }}\n\
             endpoints = {{ flood = {{ url = \"http://127.0.0.1:{port}\", allow-private-network = true }} }}\n"
        )
    };
    let look = |requests: u32| {
        let folder = site.join(requests.to_string());
        let command = Clawback::init(&folder, &store(requests));
        let mut command = command.command(&["connectors", "check", "corp"]);
        peak(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let (before, said) = look(0);
    assert!(before > 10 && said.contains("ok     corp"), "{before} MiB: {said}");
    let (after, said) = look(8_000);
    assert!(said.contains("ok     corp"), "{said}");
    assert_eq!(asked.load(Ordering::Relaxed), 8_000);
    assert!(after < before + 128, "{before} MiB without, {after} MiB with 8,000 answers: {said}");
}
