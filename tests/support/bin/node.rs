//! One node in a process of its own, on a remote store: storm tests kill it and benches count it. It works until it
//! gets a signal.

use std::sync::Arc;
use std::time::Duration;

use clawback_runtime::{Worker, silent};
use clawback_store::Store;
use clawback_tests::remote_store::{NodeOptions, RemoteStore};
use clawback_tests::site::{self, SystemClock};

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options = NodeOptions::from_words(&words);
    let history = loop {
        match Store::open(&options.database).await {
            Ok(history) => break history,
            // The storm restarts the database too.
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let NodeOptions { address, rules, mailboxes, each, largest_batch, .. } = options;
    let store = Arc::new(RemoteStore::new(address, rules, mailboxes, each, largest_batch));
    // As if on another machine: other nodes cannot detect its death, so its leases have to expire.
    let name = format!("node-{:x}", site::random());
    let site = site::site_of(history, vec![store], &[], Arc::new(SystemClock), &name, options.lease);
    let worker = Worker::new(Arc::new(site), silent());
    loop {
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        match worker.serve(stop, |_| {}).await {
            Ok(()) => return,
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
