//! A rate limit: a burst, then one at a time.

use std::time::Duration;

use crate::clock::Timestamp;

/// A rate as defined by the generic cell rate algorithm (ITU-T I.371): its whole state is one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The largest burst; at least one.
    pub burst: u32,
    /// After a burst, one per this interval.
    pub every: Duration,
}

impl Rate {
    /// Counts one event. `full_at` is the result of the last call, or any past time at first.
    ///
    /// # Errors
    /// If the limit is reached, returns the time until the next event is allowed. Nothing is counted.
    pub fn take(&self, full_at: Timestamp, now: Timestamp) -> Result<Timestamp, Duration> {
        let next = full_at.max(now).plus(self.every);
        let most = self.every.saturating_mul(self.burst);
        let wait = next.since(now).saturating_sub(most);
        if wait.is_zero() { Ok(next) } else { Err(wait) }
    }

    /// Reverts one counted event.
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
        // After waiting, the whole burst is available again.
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
