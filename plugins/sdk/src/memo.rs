//! What a connector keeps between calls, as JSON: limits of a server, ids of folders. Never content of messages.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::host::{Memo, Scope};

/// Returns the value that was kept under this key, unless it is missing or of another type.
pub fn recall<T: DeserializeOwned>(memo: &impl Memo, scope: Scope, key: &str) -> Option<T> {
    serde_json::from_slice(&memo.get(scope, key)?).ok()
}

/// Keeps a value for a time. Returns whether it was kept.
pub fn keep(memo: &impl Memo, scope: Scope, key: &str, value: &impl Serialize, time: Duration) -> bool {
    serde_json::to_vec(value).is_ok_and(|bytes| memo.put(scope, key, &bytes, time))
}
