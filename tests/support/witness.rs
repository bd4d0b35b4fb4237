//! A strict witness as `c2sp.org/tlog-witness` describes it, and misbehaving ones. It shares only the formats of notes
//! with the program.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clawback_model::{Note, VerificationKey, WitnessKey};
use data_encoding::BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// As the protocol says.
    #[default]
    Honest,
    /// Signs with another key under its own name.
    OtherKey,
    /// Signs a checkpoint of one more event.
    OtherSize,
    /// Returns the first cosignature that it ever made.
    OldSignature,
    /// Answers each time that it knows another size.
    Conflict,
    /// Answers that it knows more events than there are.
    Ahead,
    /// Adds lines that are no signatures.
    NoNote,
    /// Answers without end.
    Endless,
    /// Answers with a server error.
    Down,
}

/// A running witness.
pub struct Witness {
    /// Its submission prefix.
    pub url: String,
    /// Its verifier key.
    pub key: WitnessKey,
    state: Arc<Mutex<Known>>,
}

struct Known {
    name: String,
    logs: Vec<VerificationKey>,
    pair: Ed25519KeyPair,
    other: Ed25519KeyPair,
    manner: Manner,
    /// Size and root of the last checkpoint that was signed, by origin.
    last: BTreeMap<String, (u64, Vec<u8>)>,
    first: Option<String>,
    requests: u64,
    /// The time of the next cosignature, in seconds since 1970 UTC.
    time: u64,
}

impl Witness {
    /// Starts a witness that knows this log.
    pub async fn start(name: &str, seed: u8, log: &VerificationKey) -> Self {
        let pair = |seed: u8| Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = WitnessKey::new(name, pair(seed).public_key().as_ref().try_into().unwrap()).unwrap();
        let state = Arc::new(Mutex::new(Known {
            name: name.to_owned(),
            logs: vec![log.clone()],
            pair: pair(seed),
            other: pair(seed ^ 0xff),
            manner: Manner::Honest,
            last: BTreeMap::new(),
            first: None,
            requests: 0,
            time: 1_795_435_200,
        }));
        let router = Router::new().route("/w/add-checkpoint", post(add_checkpoint)).with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/w", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, key, state }
    }

    /// Sets how it answers from now on.
    pub fn be(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// Forgets what it has signed.
    pub fn forget(&self) {
        self.state.lock().unwrap().last.clear();
    }

    /// Size of the last checkpoint that it signed.
    pub fn size(&self) -> u64 {
        self.state.lock().unwrap().last.values().next().map_or(0, |(size, _)| *size)
    }

    /// The number of requests.
    pub fn requests(&self) -> u64 {
        self.state.lock().unwrap().requests
    }
}

async fn add_checkpoint(State(state): State<Arc<Mutex<Known>>>, body: String) -> Response {
    let mut known = state.lock().unwrap();
    known.requests += 1;
    known.time += 1;
    match known.manner {
        Manner::Conflict => return conflict(known.requests),
        Manner::Ahead => return conflict(1 << 40),
        Manner::Endless => return "\u{2014} w AAAA\n".repeat(1 << 20).into_response(),
        Manner::Down => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => {}
    }
    known.answer(&body).unwrap_or_else(IntoResponse::into_response)
}

fn conflict(size: u64) -> Response {
    (StatusCode::CONFLICT, [(header::CONTENT_TYPE, "text/x.tlog.size")], format!("{size}\n")).into_response()
}

impl Known {
    fn answer(&mut self, body: &str) -> Result<Response, StatusCode> {
        let bad = StatusCode::BAD_REQUEST;
        let (head, note) = body.split_once("\n\n").ok_or(bad)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).ok_or(bad)?;
        let old: u64 = old.parse().ok().filter(|number: &u64| number.to_string() == old).ok_or(bad)?;
        let proof: Vec<Vec<u8>> = lines
            .map(|line| BASE64.decode(line.as_bytes()).ok().filter(|hash| hash.len() == 32))
            .collect::<Option<_>>()
            .ok_or(bad)?;
        if proof.len() > 63 {
            return Err(bad);
        }
        let note: Note = note.parse().map_err(|_| bad)?;
        let mut lines = note.text.split('\n');
        let (origin, size, root) = (lines.next().ok_or(bad)?, lines.next().ok_or(bad)?, lines.next().ok_or(bad)?);
        let size: u64 = size.parse().map_err(|_| bad)?;
        let root = BASE64.decode(root.as_bytes()).map_err(|_| bad)?;
        let log = self.logs.iter().find(|log| log.name == origin).ok_or(StatusCode::NOT_FOUND)?;
        let public = UnparsedPublicKey::new(&ED25519, log.key);
        if !log.of_note(&note).any(|one| public.verify(note.text.as_bytes(), &one.bytes).is_ok()) {
            return Err(StatusCode::FORBIDDEN);
        }
        if old > size {
            return Err(bad);
        }
        let (last, last_root) = self.last.get(origin).cloned().unwrap_or_default();
        if old != last || (old == size && last > 0 && root != last_root) {
            return Ok(conflict(last));
        }
        let continues =
            if old == 0 || old == size { proof.is_empty() } else { consistent(old, &last_root, size, &root, &proof) };
        if !continues {
            return Err(StatusCode::UNPROCESSABLE_ENTITY);
        }
        self.last.insert(origin.to_owned(), (size, root));
        let text = if self.manner == Manner::OtherSize {
            note.text.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1)
        } else {
            note.text
        };
        let made = self.sign(&text);
        let first = self.first.get_or_insert_with(|| made.clone()).clone();
        let stranger = format!("\u{2014} stranger.example {}\n", BASE64.encode(&[9; 76]));
        Ok(match self.manner {
            Manner::OldSignature => first,
            Manner::NoNote => format!("Hello\n\n{made}"),
            // A client must ignore signatures of keys that it does not know.
            _ => format!("{stranger}{made}"),
        }
        .into_response())
    }

    fn sign(&self, text: &str) -> String {
        let pair = if self.manner == Manner::OtherKey { &self.other } else { &self.pair };
        let message = format!("cosignature/v1\ntime {}\n{text}", self.time);
        let mut named = Sha256::new();
        named.update(&self.name);
        named.update(b"\n\x04");
        named.update(self.pair.public_key().as_ref());
        let id = named.finalize();
        let signature = pair.sign(message.as_bytes());
        let line = [&id[..4], &self.time.to_be_bytes(), signature.as_ref()].concat();
        format!("\u{2014} {} {}\n", self.name, BASE64.encode(&line))
    }
}

fn node(left: &[u8], right: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().to_vec()
}

/// RFC 9162, section 2.1.4.2, for 0 < old < size.
fn consistent(old: u64, old_root: &[u8], size: u64, root: &[u8], proof: &[Vec<u8>]) -> bool {
    let mut path: Vec<&[u8]> = if old.is_power_of_two() { vec![old_root] } else { Vec::new() };
    path.extend(proof.iter().map(Vec::as_slice));
    let (mut place, mut last) = (old - 1, size - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let Some((first, rest)) = path.split_first() else { return false };
    let (mut before, mut after) = (first.to_vec(), first.to_vec());
    for step in rest {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            (before, after) = (node(step, &before), node(step, &after));
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            after = node(&after, step);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && before == old_root && after == root
}
