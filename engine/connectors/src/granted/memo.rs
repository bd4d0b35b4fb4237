//! The values that a store's connector keeps between calls.
//!
//! **Invariant:** a value of a mailbox is returned only to calls for this mailbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clawback_model::Timestamp;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::limits::RECORD_BYTES;

/// The bytes of all values of a store, with their keys.
const MOST_BYTES: u64 = 32 << 20;
/// About how many values that is, from which the cache derives the size of its index.
const USUAL_VALUES: usize = 16 << 10;
const MOST_VALUE_BYTES: usize = 64 << 10;
const MOST_KEY_BYTES: usize = 256;
const LONGEST: Duration = Duration::from_hours(1);

/// Whose value it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Store,
    Mailbox(Arc<str>),
}

type Key = (Owner, String);

#[derive(Debug, Clone)]
struct Value {
    bytes: Arc<[u8]>,
    ends_at: Timestamp,
}

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Key, Value> for Bytes {
    fn weight(&self, (owner, key): &Key, value: &Value) -> u64 {
        let owner = match owner {
            Owner::Store => 0,
            Owner::Mailbox(mailbox) => mailbox.len(),
        };
        (owner + key.len() + value.bytes.len() + 2 * RECORD_BYTES) as u64
    }
}

/// The values of one store. Those that were used longest ago are displaced.
///
/// One cache for all: parts of it, each with a share of the bytes, would have no room for a large value.
#[derive(Debug)]
pub(crate) struct Memo(Mutex<Cache<Key, Value, Bytes>>);

impl Default for Memo {
    fn default() -> Self {
        Self(Mutex::new(Cache::with_weighter(USUAL_VALUES, MOST_BYTES, Bytes)))
    }
}

impl Memo {
    pub(crate) fn get(&self, owner: Owner, key: String, now: Timestamp) -> Option<Vec<u8>> {
        self.values().get(&(owner, key)).filter(|value| now < value.ends_at).map(|value| value.bytes.to_vec())
    }

    /// Keeps a value, or removes it if it is empty or already expired. Returns whether it was kept.
    pub(crate) fn put(&self, owner: Owner, key: String, value: Vec<u8>, lifetime: Duration, now: Timestamp) -> bool {
        if key.len() > MOST_KEY_BYTES {
            return false;
        }
        if value.is_empty() || value.len() > MOST_VALUE_BYTES || lifetime.is_zero() {
            self.values().remove(&(owner, key));
            return false;
        }
        let key = (owner, key);
        let mut values = self.values();
        values.insert(key.clone(), Value { bytes: value.into(), ends_at: now.plus(lifetime.min(LONGEST)) });
        values.peek(&key).is_some()
    }

    fn values(&self) -> MutexGuard<'_, Cache<Key, Value, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);
    const MINUTE: Duration = Duration::from_mins(1);

    fn of(mailbox: &str) -> Owner {
        Owner::Mailbox(mailbox.into())
    }

    #[test]
    fn a_value_belongs_to_its_owner_and_expires() {
        let memo = Memo::default();
        let get = |owner, now| memo.get(owner, "session".into(), now);
        assert!(memo.put(of("a"), "session".into(), b"of a".to_vec(), MINUTE, NOW));
        assert_eq!(get(of("a"), NOW).as_deref(), Some(&b"of a"[..]));
        assert_eq!((get(of("b"), NOW), get(Owner::Store, NOW)), (None, None));
        assert_eq!(get(of("a"), NOW.plus(MINUTE)), None);
    }

    #[test]
    fn values_have_bounds() {
        let memo = Memo::default();
        let put = |key: &str, bytes, lifetime| memo.put(Owner::Store, key.into(), vec![1; bytes], lifetime, NOW);
        assert!(put("k", MOST_VALUE_BYTES, MINUTE));
        assert!(!put("k", MOST_VALUE_BYTES + 1, MINUTE));
        assert_eq!(memo.get(Owner::Store, "k".into(), NOW), None, "the value that was to be replaced is gone");
        assert!(!put(&"k".repeat(MOST_KEY_BYTES + 1), 1, MINUTE));
        assert!(put("k", 1, Duration::from_hours(9)) && !put("k", 0, MINUTE));
        assert_eq!(memo.get(Owner::Store, "k".into(), NOW), None, "an empty value removes it");
        assert!(put("long", 1, Duration::from_hours(9)));
        assert_eq!(memo.get(Owner::Store, "long".into(), NOW.plus(LONGEST)), None);
    }

    #[test]
    fn all_values_together_have_a_bound() {
        let memo = Memo::default();
        for number in 0..2_000 {
            assert!(memo.put(of(&number.to_string()), "k".into(), vec![1; MOST_VALUE_BYTES], MINUTE, NOW));
        }
        assert!(memo.values().weight() <= MOST_BYTES);
        let kept = (0..2_000).filter(|number| memo.get(of(&number.to_string()), "k".into(), NOW).is_some()).count();
        assert!(kept > 100, "{kept}");
    }
}
