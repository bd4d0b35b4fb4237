//! A rate for each of many keys, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clawback_model::{Rate, Timestamp};

/// Keys that a limiter remembers; some 2 MB.
const MOST: usize = 16_384;
/// Time between two searches for keys that can be forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// A rate for each key. When there are too many keys, all further ones share one rate: a flood of keys slows down new
/// keys only, not those that are remembered.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    rate: Rate,
    most: usize,
    states: Mutex<States<K>>,
}

#[derive(Debug)]
struct States<K> {
    known: HashMap<K, Timestamp>,
    others: Timestamp,
    swept: Timestamp,
}

impl<K: Eq + Hash> Limiter<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        let states = States { known: HashMap::new(), others: Timestamp(0), swept: Timestamp(0) };
        Self { rate, most: MOST, states: Mutex::new(states) }
    }

    /// Counts a use of a key, or returns how long it has to wait.
    pub(crate) fn take(&self, key: K, now: Timestamp) -> Result<(), Duration> {
        let mut states = self.states();
        let states = &mut *states;
        if states.known.len() >= self.most && now.since(states.swept) >= SWEEP {
            states.swept = now;
            states.known.retain(|_, full_at| *full_at > now);
        }
        let has_room = states.known.len() < self.most;
        let state = match states.known.get_mut(&key) {
            Some(state) => state,
            None if has_room => states.known.entry(key).or_insert(Timestamp(0)),
            None => &mut states.others,
        };
        *state = self.rate.take(*state, now)?;
        Ok(())
    }

    /// Takes back a use of a key.
    pub(crate) fn give_back(&self, key: &K) {
        if let Some(state) = self.states().known.get_mut(key) {
            *state = self.rate.give_back(*state);
        }
    }

    fn states(&self) -> MutexGuard<'_, States<K>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_rate_and_too_many_share_one() {
        let rate = Rate { burst: 2, every: Duration::from_secs(10) };
        let limiter = Limiter { most: 3, ..Limiter::new(rate) };
        let now = Timestamp(1_000_000_000);
        for key in [1, 2, 3] {
            assert!(limiter.take(key, now).is_ok() && limiter.take(key, now).is_ok());
            assert_eq!(limiter.take(key, now), Err(Duration::from_secs(10)));
        }
        assert!(limiter.take(4, now).is_ok() && limiter.take(5, now).is_ok());
        assert!(limiter.take(6, now).is_err(), "too many keys share one rate");
        limiter.give_back(&1);
        assert!(limiter.take(1, now).is_ok());
        assert_eq!(limiter.states().known.len(), 3);
        let later = now.plus(Duration::from_mins(1));
        assert!(limiter.take(6, later).is_ok());
        assert_eq!(limiter.states().known.len(), 1, "expired keys are removed");
    }
}
