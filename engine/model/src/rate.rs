//! How often something may happen: some at once, then one at a time.

use std::time::Duration;

use crate::clock::Timestamp;

/// A rate, as the generic cell rate algorithm (ITU-T I.371) states it: its whole state is one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once; at least one.
    pub burst: u32,
    /// After that, one in this time.
    pub every: Duration,
}

impl Rate {
    /// Counts one more. `full_at` is what the last call returned, or any past time at first.
    ///
    /// # Errors
    /// The limit is reached: how long until the next is allowed. Nothing was counted.
    pub fn take(&self, full_at: Timestamp, now: Timestamp) -> Result<Timestamp, Duration> {
        let next = full_at.max(now).plus(self.every);
        let most = self.every.saturating_mul(self.burst);
        let wait = next.since(now).saturating_sub(most);
        if wait.is_zero() { Ok(next) } else { Err(wait) }
    }

    /// Takes back one that was counted.
    #[must_use]
    pub fn give_back(&self, full_at: Timestamp) -> Timestamp {
        full_at.minus(self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, every: Duration::from_secs(10) };

    fn second(number: i64) -> Timestamp {
        Timestamp(number * 1_000_000)
    }

    #[test]
    fn some_at_once_then_one_at_a_time() {
        let mut state = Timestamp(0);
        for _ in 0..3 {
            state = RATE.take(state, second(100)).unwrap();
        }
        assert_eq!(RATE.take(state, second(100)), Err(Duration::from_secs(10)));
        assert_eq!(RATE.take(state, second(104)), Err(Duration::from_secs(6)));
        state = RATE.take(state, second(110)).unwrap();
        assert_eq!(RATE.take(state, second(110)), Err(Duration::from_secs(10)));
        // Whoever waits has all of it again.
        for _ in 0..3 {
            state = RATE.take(state, second(1_000)).unwrap();
        }
        assert!(RATE.take(state, second(1_000)).is_err());
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut state = Timestamp(0);
        for _ in 0..20 {
            state = RATE.give_back(RATE.take(state, second(100)).unwrap());
        }
        assert!(RATE.take(state, second(100)).is_ok());
    }
}
