//! Idempotency keys: what a request files is recorded with its key.

use clawback_store::RequestKey;

tokio::task_local! {
    /// The key of the request that this task carries out.
    static KEY: RequestKey;
}

/// Carries out a request under its idempotency key: what it files is recorded with the key, in the same transaction.
pub async fn under_key<F: Future>(key: RequestKey, request: F) -> F::Output {
    KEY.scope(key, request).await
}

/// The key of the request that this task carries out.
pub(crate) fn key() -> Option<RequestKey> {
    KEY.try_with(RequestKey::clone).ok()
}
