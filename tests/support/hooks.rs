//! Receives webhooks: a small HTTP server of this process that keeps the requests, and answers as the test sets it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a hook may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// One request.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its path.
    pub path: String,
    /// Header, in lower case.
    pub head: String,
    /// Its body.
    pub body: serde_json::Value,
}

impl Hook {
    /// The value of a header field.
    pub fn field(&self, name: &str) -> &str {
        let found = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_default()
    }
}

/// A running receiver; its thread ends with the process.
pub struct Hooks {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    received: Arc<Mutex<Vec<Hook>>>,
    turned_away: Arc<Mutex<Vec<Hook>>>,
    refuses: Arc<AtomicBool>,
}

impl Hooks {
    /// Starts a receiver.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let [received, turned_away] = [(); 2].map(|()| Arc::<Mutex<Vec<Hook>>>::default());
        let refuses = Arc::<AtomicBool>::default();
        let (told, turned, refuse) = (Arc::clone(&received), Arc::clone(&turned_away), Arc::clone(&refuses));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (told, turned, refuse) = (Arc::clone(&told), Arc::clone(&turned), Arc::clone(&refuse));
                thread::spawn(move || {
                    let no = refuse.load(Ordering::SeqCst);
                    let hook = receive(&stream)?;
                    let mut list = if no { turned.lock() } else { told.lock() }.expect("nobody panics with it");
                    list.push(hook);
                    // A redirect is no delivery either.
                    let status = match (no, list.len() % 2) {
                        (false, _) => "204 No Content",
                        (true, 0) => "503 Service Unavailable",
                        (true, _) => "307 Temporary Redirect\r\nlocation: https://elsewhere.example/",
                    };
                    drop(list);
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    (&stream).write_all(answer.as_bytes())
                });
            }
        });
        Self { url, received, turned_away, refuses }
    }

    /// Sets whether every request is answered with an error.
    pub fn refuse(&self, refuse: bool) {
        self.refuses.store(refuse, Ordering::SeqCst);
    }

    /// The requests that were answered with an error.
    pub fn refused(&self) -> Vec<Hook> {
        self.turned_away.lock().expect("nobody panics with it").clone()
    }

    /// The requests that were accepted.
    pub fn so_far(&self) -> Vec<Hook> {
        self.received.lock().expect("nobody panics with it").clone()
    }

    /// Waits for this many accepted requests.
    pub fn received(&self, count: usize) -> Vec<Hook> {
        let until = Instant::now() + ARRIVES_WITHIN;
        while self.so_far().len() < count && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
        self.so_far()
    }
}

fn receive(stream: &TcpStream) -> std::io::Result<Hook> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        head.push_str(&line.trim_end().to_lowercase());
        head.push('\n');
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    Ok(Hook { path, head, body: serde_json::from_slice(&body)? })
}
