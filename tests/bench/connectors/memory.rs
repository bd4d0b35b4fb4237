//! The memory of the node while it hunts in one large mailbox, reading every message.

use std::time::Instant;

use clawback_connectors::{CallError, MailStore};
use clawback_model::Query;
use clawback_tests::cyrus::Cyrus;

use super::stand_in::{self, StandIn};
use super::{load, raw};

/// A large mailbox may cost so many MiB more than one with a tenth of the messages.
const GROWTH: f64 = 8.0;
/// The memory of the component, in MiB: flat memory of the guest shows in that it is enough.
const GUEST: usize = 24;
const RECEIVED: i64 = 1_795_000_000;

/// Reads a line of this process's status, in MiB.
fn status(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches([':', ' ', '\t']).split(' ').next().unwrap().parse::<f64>().unwrap() / 1_024.0
}

/// Searches for what no message has, then for all; returns how many there are, and the peak of this process's memory.
async fn hunt(store: &dyn MailStore, mailbox: &str) -> (usize, f64) {
    let nothing = Query { subject_contains: vec!["nothing has this".to_owned()], ..Query::default() };
    let first = store.search(&mailbox.into(), &Query::default(), None, 1_000).await.unwrap();
    assert!(!first.items.is_empty());
    drop(first);
    // From here on the peak counts anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let mut all = 0;
    for query in [nothing, Query::default()] {
        let (mut found, mut cursor) = (0, None);
        loop {
            match store.search(&mailbox.into(), &query, cursor.clone(), 1_000).await {
                Ok(page) => {
                    assert!(page.gaps.is_empty(), "{:?}", page.gaps);
                    found += page.items.len();
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                }
                Err(CallError::Throttled { after, .. }) => tokio::time::sleep(after.unwrap_or_default()).await,
                Err(error) => panic!("{error}"),
            }
        }
        all = found;
    }
    (all, status("VmHWM"))
}

async fn measure(kind: &str, messages: usize) -> f64 {
    let limits = format!("limits = {{ memory-mib = {GUEST} }}\n");
    let began = Instant::now();
    let (found, peak) = if kind == "jmap" {
        let server = Cyrus::with_jmap(1);
        let mut session = server.access().session("u0001");
        for start in (0..messages).step_by(10_000) {
            let mails: Vec<Vec<u8>> =
                (start..messages.min(start + 10_000)).map(|n| raw(n, "friend@acme.test")).collect();
            let mails: Vec<&[u8]> = mails.iter().map(Vec::as_slice).collect();
            session.append_all("INBOX", &mails, RECEIVED + i64::try_from(start).unwrap());
        }
        println!("{kind}: {messages} messages are there after {:.0} s", began.elapsed().as_secs_f64());
        let text = format!(
            "connector = \"jmap\"\nmailboxes = [\"u0001\"]\n{limits}[endpoints.api]\nurl = \"http://{}\"\n\
             allow-private-network = true\n[endpoints.api.auth]\nkind = \"jwt\"\nkey-file = {:?}\n",
            server.http(),
            server.token_key()
        );
        hunt(&*load(&text).await, "u0001").await
    } else {
        let stand_in = StandIn::start(kind, messages);
        let text = stand_in.config.replacen('\n', &format!("\n{limits}"), 1);
        hunt(&*load(&text).await, &stand_in::mailbox(kind)).await
    };
    assert_eq!(found, messages);
    println!("{kind:<6} {messages:>8} messages: peak {peak:>6.1} MiB, {:.0} s in all", began.elapsed().as_secs_f64());
    peak
}

/// Returns whether the goals were met.
pub(super) async fn run(messages: usize) -> bool {
    let mut is_met = true;
    for kind in ["graph", "gmail", "jmap"] {
        let (few, many) = (measure(kind, messages / 10).await, measure(kind, messages).await);
        println!("{kind}: {:+.1} MiB for ten times the messages", many - few);
        is_met &= many <= few + GROWTH;
    }
    is_met
}
