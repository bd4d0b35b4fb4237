//! The memory of the node while it hunts in one large mailbox, reading every message.

use std::time::Instant;

use clawback_connectors::{CallError, MailStore};
use clawback_model::Query;

use super::load;
use super::stand_in::{self, StandIn};

/// A large mailbox may cost so many MiB more than one with a tenth of the messages: what the allocator keeps.
const GROWTH: f64 = 16.0;
/// The memory of the component, in MiB: flat memory of the guest shows in that it is enough.
const GUEST: usize = 24;

/// Reads a line of this process's status, in MiB.
fn status(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches([':', ' ', '\t']).split(' ').next().unwrap().parse::<f64>().unwrap() / 1_024.0
}

/// Reads every message of a mailbox, page by page. Returns how many there are, and the peak of this process's memory.
async fn hunt(store: &dyn MailStore, mailbox: &str) -> (usize, f64) {
    // The component is compiled, and has worked once.
    let first = store.search(&mailbox.into(), &Query::default(), None, 1_000).await.unwrap();
    assert!(!first.items.is_empty());
    drop(first);
    // From here on the peak counts anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (mut found, mut cursor) = (0, None);
    loop {
        match store.search(&mailbox.into(), &Query::default(), cursor.clone(), 1_000).await {
            Ok(page) => {
                assert!(page.gaps.is_empty(), "{:?}", page.gaps);
                found += page.items.len();
                cursor = page.next;
                if cursor.is_none() {
                    return (found, status("VmHWM"));
                }
            }
            Err(CallError::Throttled { after, .. }) => tokio::time::sleep(after.unwrap_or_default()).await,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn measure(kind: &str, messages: usize) -> f64 {
    let limits = format!("limits = {{ memory-mib = {GUEST} }}\n");
    let began = Instant::now();
    let stand_in = StandIn::start(kind, messages);
    let text = stand_in.config.replacen('\n', &format!("\n{limits}"), 1);
    let (found, peak) = hunt(&*load(&text).await, &stand_in::mailbox(kind)).await;
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
