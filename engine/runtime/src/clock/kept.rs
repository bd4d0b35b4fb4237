//! Work under a claim: a row that this node has taken, and renews for as long as the work takes.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use clawback_store::StoreError;
use tokio::sync::watch;

/// How often a node renews its claim.
const KEPT_EVERY: Duration = Duration::from_secs(20);
/// How long other nodes leave the work alone after the last renewal.
pub(super) const KEPT_FOR: Duration = Duration::from_mins(1);

/// How work under a claim ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept<T, C> {
    /// It is done. With the claim as it was renewed last.
    Done(T, C),
    /// A stop was requested, and the work was dropped. The claim is to be given back.
    Stopped(C),
    /// The claim is another's, or nobody's, and the work was dropped: nothing that it found would be written.
    Lost,
}

/// Works until the work is done, a stop is requested, or the claim is lost. A renewal never waits for work that is not
/// polled: the work may have the only connection that writes.
pub(super) async fn while_kept<T, C, R>(
    claim: C,
    work: impl Future<Output = T>,
    stop: watch::Receiver<bool>,
    renew: impl FnMut(C) -> R,
) -> Kept<T, C>
where
    C: Clone,
    R: Future<Output = Result<Option<C>, StoreError>>,
{
    while_kept_every(KEPT_EVERY, claim, work, stop, renew).await
}

async fn while_kept_every<T, C, R>(
    every: Duration,
    mut claim: C,
    work: impl Future<Output = T>,
    mut stop: watch::Receiver<bool>,
    mut renew: impl FnMut(C) -> R,
) -> Kept<T, C>
where
    C: Clone,
    R: Future<Output = Result<Option<C>, StoreError>>,
{
    // A stop drops the work, and the connections that it has, before anything else is written.
    let mut working = Box::pin(async move {
        tokio::select! {
            done = work => Some(done),
            () = async { drop(stop.wait_for(|stop| *stop).await) } => None,
        }
    });
    let ended = |done, claim| match done {
        Some(done) => Kept::Done(done, claim),
        None => Kept::Stopped(claim),
    };
    loop {
        tokio::select! {
            done = &mut working => return ended(done, claim),
            () = tokio::time::sleep(every) => {}
        }
        let mut renewing = pin!(renew(claim.clone()));
        let (done, renewed) = tokio::select! {
            // Whether the renewal was written must be known.
            done = &mut working => (Some(done), renewing.await),
            renewed = &mut renewing => (None, renewed),
        };
        match renewed {
            Ok(Some(kept)) => claim = kept,
            Ok(None) => return Kept::Lost,
            Err(error) => tracing::warn!(%error, "The claim of a look is not renewed; trying again."),
        }
        if let Some(done) = done {
            return ended(done, claim);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Mutex, Notify};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// The one connection of a database that writes, and that a renewal has asked for it.
    #[derive(Default)]
    struct Writer {
        connection: Mutex<()>,
        asked: Notify,
        renewed: Notify,
    }

    impl Writer {
        async fn renew(&self, claim: u32) -> Result<Option<u32>, StoreError> {
            self.asked.notify_one();
            let connection = self.connection.lock().await;
            self.renewed.notify_one();
            drop(connection);
            Ok(Some(claim + 1))
        }
    }

    #[tokio::test]
    async fn work_that_has_the_only_connection_goes_on_while_the_claim_is_renewed() {
        let (writer, stop) = (Arc::new(Writer::default()), watch::Sender::new(false));
        let work = async {
            let connection = writer.connection.lock().await;
            writer.asked.notified().await;
            drop(connection);
            writer.renewed.notified().await;
            "done"
        };
        let kept = while_kept_every(Duration::from_millis(1), 1, work, stop.subscribe(), |claim| writer.renew(claim));
        let kept = tokio::time::timeout(LONG, kept).await.expect("the renewal does not wait for the work");
        assert!(matches!(kept, Kept::Done("done", 2..)), "{kept:?}");
    }

    #[tokio::test]
    async fn a_stop_drops_the_work_before_the_claim_is_given_back() {
        let (writer, stop) = (Arc::new(Writer::default()), watch::Sender::new(false));
        let work = async {
            let connection = writer.connection.lock().await;
            stop.send_replace(true);
            std::future::pending::<()>().await;
            drop(connection);
        };
        let kept = tokio::time::timeout(LONG, while_kept(1, work, stop.subscribe(), |claim| writer.renew(claim)));
        assert_eq!(kept.await.expect("it stops"), Kept::Stopped(1));
        assert!(writer.connection.try_lock().is_ok());
    }

    #[tokio::test]
    async fn a_lost_claim_drops_the_work() {
        let stop = watch::Sender::new(false);
        let kept =
            while_kept_every(Duration::from_millis(1), 1, std::future::pending::<()>(), stop.subscribe(), |_| async {
                Ok(None)
            });
        assert_eq!(tokio::time::timeout(LONG, kept).await.expect("it ends"), Kept::Lost);
    }
}
