//! Work that runs to its end even if the caller is cancelled.

use tracing::Instrument as _;

/// Runs a future to its end even if the caller is dropped; its result is then dropped, not lost half-way.
pub async fn run_to_completion<F>(future: F) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    match tokio::spawn(future.in_current_span()).await {
        Ok(output) => output,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Cancelled because the runtime shuts down: the result is not needed.
            Err(_) => std::future::pending().await,
        },
    }
}
