//! How often a call is tried, and how long to wait between tries. The same policy holds for reads and acts.

use std::time::Duration;

use clawback_connectors::{CallError, MailStore};
use clawback_model::{Located, MessageRef};

use crate::site::{Site, Tuning};

/// The tries of one call.
pub(crate) struct RetryPolicy<'a> {
    tuning: &'a Tuning,
    tries: u32,
    failures: u32,
    waited: Duration,
}

impl<'a> RetryPolicy<'a> {
    pub(crate) fn new(tuning: &'a Tuning) -> Self {
        Self { tuning, tries: 0, failures: 0, waited: Duration::ZERO }
    }

    /// How long to wait after this error before the next try; `None` if no further try is worthwhile.
    pub(crate) fn wait(&mut self, error: &CallError) -> Option<Duration> {
        self.tries += 1;
        let wait = backoff(self.tuning.backoff, self.tries);
        match error {
            CallError::Throttled { after, .. } => {
                // A store that asks for no wait is not taken at its word.
                let wait = after.unwrap_or_default().max(wait);
                self.waited += wait;
                (self.waited <= self.tuning.throttle_patience).then_some(wait)
            }
            CallError::Transient { .. } => {
                self.failures += 1;
                (self.failures < self.tuning.attempts).then_some(wait)
            }
            _ => None,
        }
    }
}

/// Retries a read after a passing error, with the policy of acts: a wait that a throttling store asks for does not
/// count as a try.
pub(crate) async fn with_retries<T, F>(site: &Site, mut call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut retries = RetryPolicy::new(&site.tuning);
    loop {
        let error = match call().await {
            Err(error) => error,
            result => return result,
        };
        match retries.wait(&error) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(error),
        }
    }
}

/// Locates messages of one mailbox, with no more in a call than the store accepts.
pub(crate) async fn locate_all(
    site: &Site,
    store: &dyn MailStore,
    mailbox: &str,
    references: &[MessageRef],
) -> Result<Vec<Located>, CallError> {
    let most = usize::try_from(store.capabilities().largest_batch.max(1)).unwrap_or(usize::MAX);
    let mut located = Vec::with_capacity(references.len());
    for part in references.chunks(most) {
        located.extend(with_retries(site, || store.locate(mailbox, part)).await?);
    }
    Ok(located)
}

fn backoff(first: Duration, tries: u32) -> Duration {
    first.saturating_mul(1 << (tries - 1).min(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_does_not_count_as_a_try() {
        let tuning = Tuning { attempts: 2, throttle_patience: Duration::from_secs(10), ..Tuning::default() };
        let throttled = |seconds| CallError::Throttled {
            store: "s".into(),
            after: Some(Duration::from_secs(seconds)),
            detail: None,
        };
        let silent = CallError::Transient { store: "s".into(), detail: String::new() };
        let mut retries = RetryPolicy::new(&tuning);
        assert_eq!(retries.wait(&throttled(4)), Some(Duration::from_secs(4)));
        assert_eq!(
            retries.wait(&throttled(0)),
            Some(tuning.backoff * 2),
            "a store that asks for no wait still causes one"
        );
        assert!(retries.wait(&silent).is_some());
        assert_eq!(retries.wait(&silent), None);
        assert_eq!(retries.wait(&throttled(9)), None, "no longer than the limit in all");
    }
}
