//! Work that ends whatever becomes of the caller.

use tracing::Instrument as _;

/// Sees a future through even if whoever waits for it is dropped meanwhile: what it gives is dropped then, not lost on the way.
pub async fn see_through<F>(future: F) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    match tokio::spawn(future.in_current_span()).await {
        Ok(output) => output,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Cancelled because the runtime shuts down: nobody will ask again.
            Err(_) => std::future::pending().await,
        },
    }
}
