//! When a message is given up that the server cannot give: it must not hide the rest of the mailbox.

use std::time::Duration;

use clawback_connector_sdk::{
    host::{Memo, Scope},
    memo,
};

/// How many calls end with a failure at the same message before it becomes a gap.
const CALLS: u32 = 3;
/// How long a failure counts.
const KEPT: Duration = Duration::from_mins(10);

/// Counts a failure of this message, with which a call begins. Returns whether it is one too many.
pub(crate) fn is_due(memo: &impl Memo, id: &str) -> bool {
    let key = format!("failed {id}");
    let failures = memo::recall::<u32>(memo, Scope::Mailbox, &key).unwrap_or(0).saturating_add(1);
    memo::keep(memo, Scope::Mailbox, &key, &failures, KEPT);
    failures >= CALLS
}
