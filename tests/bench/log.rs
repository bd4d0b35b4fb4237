//! The cost of the Merkle tree over the events: appending to it, and a proof of one event in ten million.
//!
//! `cargo test --workspace --bench log -- 10000000`, or `cargo bench` for an optimised one.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures and panics on an error")]

use std::time::{Duration, Instant};

use clawback_model::{Digest, Id, Link, LogEdge, LogQuestion, RemediationId, TileAt, Timestamp, link_hash};
use clawback_store::Store;
use sqlx::{Connection as _, SqliteConnection};

/// Events of the one remediation that is proven, spread over the whole history.
const PROVEN: u64 = 16;
/// Events that the program itself appends.
const GROWN: u64 = 100_000;

#[tokio::main]
async fn main() {
    let events: u64 = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(10_000_000);
    let folder = tempfile::tempdir().unwrap();
    grow(&folder.path().join("grown.db").display().to_string()).await;
    prove(&folder.path().join("proven.db").display().to_string(), events).await;
}

/// Short events, as they are hashed.
fn link(seq: u64, of: Option<&RemediationId>, previous: Digest) -> Link {
    let remediation = of.map(ToString::to_string);
    let seq = i64::try_from(seq).unwrap();
    Link { seq, at: Timestamp(1), remediation, actor: "a".into(), kind: "k".into(), body: "{}".into(), previous }
}

async fn insert(to: &mut SqliteConnection, link: &Link, hash: Digest) {
    let sql = "INSERT INTO events (seq, remediation_id, recorded_at, actor, kind, body, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let values = sqlx::query(sql).bind(link.seq).bind(&link.remediation).bind(link.at.0).bind(&link.actor);
    let values = values.bind(&link.kind).bind(&link.body).bind(link.previous.to_string()).bind(hash.to_string());
    values.execute(to).await.unwrap();
}

/// The time in which the program brings the tree up to date.
async fn grow(path: &str) {
    let store = Store::open(path).await.unwrap();
    let mut connection = SqliteConnection::connect(path).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
    let mut previous = Digest::default();
    for seq in 1..=GROWN {
        let link = link(seq, None, previous);
        previous = link_hash(&link);
        insert(&mut connection, &link, previous).await;
    }
    sqlx::raw_sql("COMMIT").execute(&mut connection).await.unwrap();
    let (began, mut steps, mut longest) = (Instant::now(), 0, Duration::ZERO);
    loop {
        let step = Instant::now();
        let more = store.step_log().await.unwrap();
        longest = longest.max(step.elapsed());
        steps += 1;
        if !more {
            break;
        }
    }
    let each = began.elapsed().as_secs_f64() * 1e6 / 1e5;
    println!("growing: {GROWN} events in {steps} steps, {each:.1} us an event, the longest step {longest:.1?}");
}

/// The time of a proof in a tree of this size. Events that are not proven are in the tiles alone.
async fn prove(path: &str, events: u64) {
    let store = Store::open(path).await.unwrap();
    let mut connection = SqliteConnection::connect(path).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
    let id: RemediationId = Id::from_random(1);
    let (mut edge, mut every) = (LogEdge::default(), events / PROVEN);
    every = every.max(1);
    for seq in 1..=events {
        let hash = if seq.is_multiple_of(every) || seq == events {
            let link = link(seq, Some(&id), Digest::default());
            let hash = link_hash(&link);
            insert(&mut connection, &link, hash).await;
            hash
        } else {
            Digest([u8::try_from(seq % 251).unwrap(); 32])
        };
        for (at, hashes) in edge.append(&hash) {
            put(&mut connection, at, &hashes).await;
        }
    }
    for (at, hashes) in edge.partial() {
        put(&mut connection, at, hashes).await;
    }
    sqlx::raw_sql("COMMIT").execute(&mut connection).await.unwrap();
    let mut worst = Duration::ZERO;
    let mut rounds = Vec::new();
    for round in 0..50_u64 {
        let began = Instant::now();
        let index = round * (events / 50);
        store.ask_log(LogQuestion::Inclusion { index, size: events }).await.unwrap();
        worst = worst.max(began.elapsed());
        rounds.push(began.elapsed());
    }
    rounds.sort();
    println!("a proof of one event in {events}: median {:.1?}, worst of 50 {worst:.1?}", rounds[25]);
    let began = Instant::now();
    let proven = store.prove(&id).await.unwrap();
    println!("the proof of a remediation of {} events: {:.1?}", proven.events.len(), began.elapsed());
}

async fn put(to: &mut SqliteConnection, at: TileAt, hashes: &[Digest]) {
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
    let values =
        sqlx::query("INSERT INTO log_tiles (level, number, hashes) VALUES (?, ?, ?)").bind(i64::from(at.level));
    let values = values.bind(i64::try_from(at.number).unwrap()).bind(data_encoding::BASE64.encode(&bytes));
    values.execute(to).await.unwrap();
}
