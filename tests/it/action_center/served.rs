//! The Action Center on a port of the loopback, over a desk with remediations in every state, and with a worker.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clawback_action_center::{Bounds, Center, Settings};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Desk, NOON, SENDER};
use clawback_tests::world;

/// A remediation, for the address that changes it and for all that show it.
pub(super) struct Seed {
    pub(super) address: &'static str,
    pub(super) id: String,
    pub(super) digest: String,
}

/// Creates remediations in each state that an address needs, as IDs cannot be guessed.
pub(super) async fn seed(desk: &Desk) -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (address, then) in [
        ("approve", None),
        ("reject", None),
        ("cancel", None),
        ("replan", None),
        ("undo", Some("approve")),
        // The same selection again: it is paused for a person to decide.
        ("resume", Some("approve")),
        ("messages", Some("reject")),
        ("batches", Some("cancel")),
    ] {
        desk.store.deliver("u3@corp.example", SENDER, "Salary \u{202e}<b>", NOON);
        let (id, digest) = desk.pending().await;
        if let Some(decision) = then {
            let path = format!("/api/v1/remediations/{id}/{decision}");
            let vote = json!({ "plan_digest": digest });
            let answer = desk.center.call(&desk.ben, "POST", &path, Some(vote)).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            desk.center.work().await;
        }
        seeds.push(Seed { address, id, digest });
    }
    seeds
}

/// A running Action Center.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
    stopped: Arc<AtomicBool>,
    worker: tokio::task::JoinHandle<()>,
}

impl Served {
    pub(super) async fn start(desk: &Desk) -> Self {
        Self::start_with(desk, Settings::default()).await
    }

    pub(super) async fn start_with(desk: &Desk, settings: Settings) -> Self {
        let center = Center::new(desk.center.api.clone(), settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, told) = oneshot::channel();
        let server =
            tokio::spawn(
                async move { center.serve(listener, Bounds::of(256), None, async { drop(told.await) }).await },
            );
        let stopped = Arc::new(AtomicBool::new(false));
        let worker = world::worker(&desk.center.api);
        let seen = Arc::clone(&stopped);
        let worker = tokio::spawn(async move {
            while !seen.load(Ordering::Relaxed) {
                if worker.run_next().await.unwrap().is_none() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
        Self { address, stop, server, stopped, worker }
    }

    /// Stops it after all started work; an error of the worker fails the test.
    pub(super) async fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.worker.await.unwrap();
        drop(self.stop);
        self.server.await.unwrap();
    }
}
