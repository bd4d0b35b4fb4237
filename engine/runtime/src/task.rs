//! Tasks that end with the future that waits for them: work that was given up (a halt, a pause, a lost lease) makes no
//! further call.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// A spawned task that is aborted when this is dropped.
pub(crate) struct Task<T>(JoinHandle<T>);

/// Runs a future on any core, in the span of the caller.
pub(crate) fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    Task(tokio::spawn(future.in_current_span()))
}

impl<T> Future for Task<T> {
    type Output = T;

    /// A panic in the task is resumed here.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match std::task::ready!(Pin::new(&mut self.0).poll(context)) {
            Ok(output) => Poll::Ready(output),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Aborted because the runtime shuts down: nothing polls this again.
                Err(_) => Poll::Pending,
            },
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_task_without_a_waiter_ends() {
        assert_eq!(spawn(async { 7 }).await, 7);
        let (begun, held) = (Arc::new(Notify::new()), Arc::new(()));
        let (tell, inside) = (Arc::clone(&begun), Arc::clone(&held));
        let task = spawn(async move {
            tell.notify_one();
            std::future::pending::<()>().await;
            drop(inside);
        });
        begun.notified().await;
        drop(task);
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
