//! How often a call is tried, and how long it is waited for in between. The one policy of reads and acts.

use std::time::Duration;

use clawback_connectors::CallError;

use crate::site::Tuning;

/// The tries of one call.
pub(crate) struct Patience<'a> {
    tuning: &'a Tuning,
    tries: u32,
    failures: u32,
    waited: Duration,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(tuning: &'a Tuning) -> Self {
        Self { tuning, tries: 0, failures: 0, waited: Duration::ZERO }
    }

    /// How long to wait after this error before the next try; none where no further try is worth it.
    pub(crate) fn wait(&mut self, error: &CallError) -> Option<Duration> {
        self.tries += 1;
        let wait = backoff(self.tuning.backoff, self.tries);
        match error {
            CallError::Throttled { after, .. } => {
                // A store that says "at once" is not believed.
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

fn backoff(first: Duration, tries: u32) -> Duration {
    first.saturating_mul(1 << (tries - 1).min(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_is_no_failed_try() {
        let tuning = Tuning { attempts: 2, throttle_patience: Duration::from_secs(10), ..Tuning::default() };
        let throttled = |seconds| CallError::Throttled {
            store: "s".into(),
            after: Some(Duration::from_secs(seconds)),
            detail: None,
        };
        let silent = CallError::Transient { store: "s".into(), detail: String::new() };
        let mut patience = Patience::new(&tuning);
        assert_eq!(patience.wait(&throttled(4)), Some(Duration::from_secs(4)));
        assert_eq!(patience.wait(&throttled(0)), Some(tuning.backoff * 2), "a store that says at once is not believed");
        assert!(patience.wait(&silent).is_some());
        assert_eq!(patience.wait(&silent), None);
        assert_eq!(patience.wait(&throttled(9)), None, "no longer than the patience in all");
    }
}
