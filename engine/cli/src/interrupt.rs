//! Ctrl-C and SIGTERM while a command works in the foreground: the first signal ends the work in order, the second exits at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::failure::{Exit, Failure};
use crate::progress::Cleared;

/// The note at the first signal.
pub(crate) const STOPPING: &str = "stopping: calls under way are ended and recorded; once more to leave at once";

/// A listener for the signals until the process ends.
pub(crate) struct Interrupt {
    asked: watch::Receiver<bool>,
}

impl Interrupt {
    /// Begins to listen. The progress line is removed before a signal is reported.
    pub(crate) fn listen(progress: Cleared) -> Result<Self, Failure> {
        let mut signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
        let (heard, asked) = watch::channel(false);
        tokio::spawn(async move {
            next(&mut signals).await;
            drop(progress);
            heard.send_replace(true);
            next(&mut signals).await;
            std::process::exit(Exit::Interrupted as i32);
        });
        Ok(Self { asked })
    }

    /// Completes at the first signal, or at once after it.
    pub(crate) async fn asked(&self) {
        if self.asked.clone().wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether there was a signal.
    pub(crate) fn was_asked(&self) -> bool {
        *self.asked.borrow()
    }
}

async fn next([interrupt, terminate]: &mut [Signal; 2]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
