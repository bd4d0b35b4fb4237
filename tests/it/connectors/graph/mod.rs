//! The connector for Microsoft 365 against a fake of Graph that is as strict as Microsoft's documentation. No server of
//! Microsoft was asked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::{CallError, MailStore, Page, SandboxLimits};
use clawback_model::{Effect, Message, Query};
use clawback_tests::graph::{self, Graph};

use super::conformance::secret;
use super::{config, host};

mod acts;
mod calendar;
mod confinement;
mod contract;
mod hunts;
mod killed;
mod searches;
mod throttling;
mod tokens;

const ANN: &str = "ann@acme.test";
const BEN: &str = "ben@acme.test";
/// Monday, 23 November 2026, 10:00 UTC, in microseconds.
const MONDAY: i64 = 1_795_428_000_000_000;

/// The store's configuration, with the credentials of the application.
fn table(graph: &Graph, folder: &Path, rest: &str) -> String {
    let secret = secret(folder, graph::SECRET);
    format!(
        "connector = \"graph\"\n{rest}\n[endpoints.api]\nurl = {:?}\nallow-private-network = true\n\
         [endpoints.api.auth]\nkind = \"client-credentials\"\ntoken-url = {:?}\nclient-id = {:?}\n\
         scope = \"https://graph.microsoft.com/.default\"\nclient-secret-file = {secret:?}\nallow-private-network = true",
        graph.url(),
        graph.token_url(),
        graph::CLIENT,
    )
}

async fn store_with(graph: &Graph, folder: &Path, rest: &str) -> Arc<dyn MailStore> {
    let config = config(&table(graph, folder, rest));
    host(SandboxLimits::default()).load("cloud", &config).await.unwrap()
}

/// The fake with these users, and the connector on it.
async fn start(options: graph::Options, users: &[&str]) -> (Graph, Arc<dyn MailStore>, tempfile::TempDir) {
    let graph = Graph::start(options, users).await;
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(&graph, folder.path(), "").await;
    (graph, store, folder)
}

fn mail(number: usize, subject: &str) -> String {
    format!(
        "From: Parcels <parcels@bulk.example>\r\nTo: {ANN}\r\nSubject: {subject}\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@bulk.example>\r\n\r\nBody {number}\r\n"
    )
}

/// An invitation to a meeting, with further lines of its event.
fn invitation(number: usize, subject: &str, sender: &str, organizer: &str, lines: &str) -> String {
    format!(
        "From: {sender}\r\nTo: {ANN}\r\nSubject: {subject}\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{number}@bulk.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n\
         BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:{number}@bulk.example\r\n\
         ORGANIZER:mailto:{organizer}\r\nATTENDEE:mailto:{ANN}\r\nSUMMARY:{subject}\r\n{lines}\
         LOCATION:https://phish.example/{number}\r\nDTSTART:20261201T100000Z\r\nDTEND:20261201T110000Z\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// Makes a call again as long as the store throttles it, as the engine does.
async fn patiently<T>(mut call: impl AsyncFnMut() -> Result<T, CallError>) -> T {
    for _ in 0..100 {
        match call().await {
            Ok(answer) => return answer,
            Err(CallError::Throttled { after, .. }) => {
                tokio::time::sleep(after.unwrap_or(Duration::from_secs(1))).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store throttles without end");
}

/// All pages of a search; a throttled call is made again.
async fn search(store: &dyn MailStore, mailbox: &str, query: &Query, most: u32) -> Vec<Message> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page: Page<Message> =
            patiently(async || store.search(&mailbox.into(), query, cursor.clone(), most).await).await;
        assert!(page.gaps.is_empty(), "{:?}", page.gaps);
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

fn is_success(effect: &Effect) -> bool {
    matches!(effect, Effect::Succeeded(_))
}
