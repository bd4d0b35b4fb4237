//! The cost of one record that leaves a component: a page of a thousand messages that the guest generates, less a page
//! of one, so that the cost of the call itself is left out.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use clawback_connectors::{Host, HostOptions, MailStore, StoreConfig};
use clawback_model::{Digest, Query};

use crate::median;

const RECORDS: u32 = 1_000;
const ROUNDS: usize = 201;

/// Prints what one record and one call cost.
pub(crate) fn run() {
    tokio::runtime::Runtime::new().unwrap().block_on(measure());
}

async fn measure() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist/hostile/hostile.wasm");
    let digest = Digest::of(&std::fs::read(&path).unwrap());
    let text = format!(
        "connector = {{ path = \"{}\", sha256 = \"{digest}\" }}\nsettings = {{ records = \"{RECORDS}\" }}\n",
        path.display()
    );
    let config: StoreConfig = toml::from_str(&text).unwrap();
    let store = Host::new(HostOptions::default()).unwrap().load("corp", &config).await.unwrap();
    let (mut whole, mut call) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        whole.push(page(&*store, RECORDS).await);
        call.push(page(&*store, 1).await);
    }
    let (whole, call) = (median(whole), median(call));
    let record = whole.saturating_sub(call) / u128::from(RECORDS - 1);
    println!("{:<40} {record:>8}", "wasm boundary, a record");
    println!("{:<40} {call:>8}", "wasm boundary, a call with one record");
}

/// Nanoseconds for one page: a new instance, the call, the guest's own work, and every check of the host.
async fn page(store: &dyn MailStore, most: u32) -> u128 {
    let mailbox: Arc<str> = "benign@corp.example".into();
    let began = Instant::now();
    let page = store.search(&mailbox, &Query::default(), None, most).await.unwrap();
    let took = began.elapsed().as_nanos();
    assert_eq!(page.items.len(), most as usize);
    took
}
