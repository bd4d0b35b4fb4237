//! What an agent may take of a process: one call at a time, and so many proposals.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clawback_model::{Clock as _, Digest, Rate, Timestamp};

use crate::open::SystemClock;

/// Proposals of an agent: this many, then one more an hour.
const PROPOSALS: Rate = Rate { burst: 20, every: Duration::from_hours(1) };
/// Agents that are remembered at once. Each has a token of the site.
const MOST: usize = 1_024;

/// The allowance of one agent.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// One call is carried out at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// The state of [`PROPOSALS`].
    proposals: Mutex<Timestamp>,
}

impl Allowance {
    /// Counts a proposal.
    ///
    /// # Errors
    /// If the limit is reached, returns a sentence that says so.
    pub(super) fn propose(&self) -> Result<(), String> {
        let mut state = self.proposals.lock().unwrap_or_else(PoisonError::into_inner);
        *state = PROPOSALS.take(*state, SystemClock.now()).map_err(|wait| {
            let minutes = wait.as_secs().div_ceil(60);
            format!("{} proposals were made; the next one is possible in {minutes} minutes", PROPOSALS.burst)
        })?;
        Ok(())
    }

    /// Whether nothing of it is used.
    fn is_unused(&self) -> bool {
        *self.proposals.lock().unwrap_or_else(PoisonError::into_inner) <= SystemClock.now()
    }
}

/// The allowance of each agent, by the digest of its token.
#[derive(Debug, Default)]
pub(super) struct Allowances(Mutex<HashMap<Digest, Arc<Allowance>>>);

impl Allowances {
    /// That of the agent with this token; `None` while too many agents are at work.
    pub(super) fn of(&self, token: &[u8]) -> Option<Arc<Allowance>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, one| Arc::strong_count(one) > 1 || !one.is_unused());
        }
        let key = Digest::of(token);
        if known.len() >= MOST && !known.contains_key(&key) {
            return None;
        }
        Some(Arc::clone(known.entry(key).or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_an_allowance_of_its_own_and_few_are_remembered() {
        let allowances = Allowances::default();
        let one = allowances.of(b"one").unwrap();
        for _ in 0..PROPOSALS.burst {
            one.propose().unwrap();
        }
        let said = allowances.of(b"one").unwrap().propose().unwrap_err();
        assert!(said.contains("20 proposals were made; the next one is possible in 60 minutes"), "{said}");
        let mut others: Vec<_> = (1..MOST).map(|other| allowances.of(&other.to_le_bytes()).unwrap()).collect();
        others[0].propose().unwrap();
        assert!(allowances.of(b"more").is_none(), "all of them are at work");
        others.clear();
        assert!(allowances.of(b"more").is_some());
        assert_eq!(allowances.0.lock().unwrap().len(), 3, "those that made proposals are remembered");
    }
}
