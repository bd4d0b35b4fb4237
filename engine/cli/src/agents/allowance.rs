//! What an agent may take of a process: one call at a time, a few that wait, and so many proposals.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clawback_model::{Clock as _, Rate, Timestamp};
use tokio::sync::{MutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::open::SystemClock;

/// Proposals of an agent: this many, then one more an hour.
const PROPOSALS: Rate = Rate { burst: 20, every: Duration::from_hours(1) };
/// Calls of an agent that wait for the one under way.
const WAITING: usize = 4;
/// Requests of an agent under way, of any method. Each may hold a message.
const REQUESTS: usize = 16;
/// The same of all agents.
const ALL_REQUESTS: usize = 64;
/// Agents that are remembered at once. Each is a principal of the site.
const MOST: usize = 1_024;

/// The allowance of one agent.
#[derive(Debug)]
pub(super) struct Allowance {
    /// One call is carried out at a time.
    turn: tokio::sync::Mutex<()>,
    /// Places to wait for the turn.
    waiting: Semaphore,
    requests: Arc<Semaphore>,
    /// The state of [`PROPOSALS`].
    proposals: Mutex<Timestamp>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            turn: tokio::sync::Mutex::default(),
            waiting: Semaphore::new(WAITING),
            requests: Arc::new(Semaphore::new(REQUESTS)),
            proposals: Mutex::default(),
        }
    }
}

impl Allowance {
    /// Waits until no other call of the agent is carried out. The turn ends when the result is dropped.
    ///
    /// # Errors
    /// If too many calls wait, or the call under way takes too long, returns a sentence that says so.
    pub(super) async fn turn(&self, within: Duration) -> Result<MutexGuard<'_, ()>, String> {
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(format!("one call is carried out at a time, and {WAITING} wait for it already"));
        };
        tokio::time::timeout(within, self.turn.lock()).await.map_err(|_| {
            let seconds = within.as_secs();
            format!("one call is carried out at a time, and another one was not finished within {seconds} seconds")
        })
    }

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

    /// Calls that wait for the turn, and requests under way.
    #[cfg(test)]
    pub(super) fn under_way(&self) -> (usize, usize) {
        (WAITING - self.waiting.available_permits(), REQUESTS - self.requests.available_permits())
    }

    /// Whether nothing of it is used.
    fn is_unused(&self) -> bool {
        *self.proposals.lock().unwrap_or_else(PoisonError::into_inner) <= SystemClock.now()
    }
}

/// The allowances of all agents of a process.
#[derive(Debug)]
pub(super) struct Allowances {
    /// By the name of the principal.
    known: Mutex<HashMap<String, Arc<Allowance>>>,
    requests: Arc<Semaphore>,
}

impl Default for Allowances {
    fn default() -> Self {
        Self { known: Mutex::default(), requests: Arc::new(Semaphore::new(ALL_REQUESTS)) }
    }
}

/// The places that a request under way takes.
#[derive(Debug)]
pub(super) struct Places {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// Why a request is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The agent has too many requests under way.
    Own,
    /// All agents together have.
    All,
}

impl Allowances {
    /// The allowance of this principal, and the places of one more request of it.
    pub(super) fn of(&self, principal: &str) -> Result<(Arc<Allowance>, Places), Full> {
        let allowance = self.known(principal).ok_or(Full::All)?;
        let own = Arc::clone(&allowance.requests).try_acquire_owned().map_err(|_| Full::Own)?;
        let of_all = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| Full::All)?;
        Ok((allowance, Places { _own: own, _of_all: of_all }))
    }

    /// `None` while too many agents are at work.
    pub(super) fn known(&self, principal: &str) -> Option<Arc<Allowance>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(allowance) = known.get(principal) {
            return Some(Arc::clone(allowance));
        }
        if known.len() >= MOST {
            known.retain(|_, one| Arc::strong_count(one) > 1 || !one.is_unused());
        }
        if known.len() >= MOST {
            return None;
        }
        Some(Arc::clone(known.entry(principal.to_owned()).or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_principal_has_an_allowance_of_its_own_and_few_are_remembered() {
        let allowances = Allowances::default();
        let one = allowances.known("one").unwrap();
        for _ in 0..PROPOSALS.burst {
            one.propose().unwrap();
        }
        let said = allowances.known("one").unwrap().propose().unwrap_err();
        assert!(said.contains("20 proposals were made; the next one is possible in 60 minutes"), "{said}");
        let mut others: Vec<_> = (1..MOST).map(|other| allowances.known(&other.to_string()).unwrap()).collect();
        others[0].propose().unwrap();
        assert!(allowances.known("more").is_none(), "all of them are at work");
        others.clear();
        assert!(allowances.known("more").is_some());
        assert_eq!(allowances.known.lock().unwrap().len(), 3, "those that made proposals are remembered");
    }

    #[test]
    fn the_requests_of_one_agent_leave_room_for_others_and_all_are_bounded() {
        let allowances = Allowances::default();
        let mut places = Vec::new();
        for agent in 0..ALL_REQUESTS / REQUESTS {
            let agent = agent.to_string();
            places.extend((0..REQUESTS).map(|_| allowances.of(&agent).unwrap()));
            assert_eq!(allowances.of(&agent).unwrap_err(), Full::Own);
        }
        assert_eq!(allowances.of("more").unwrap_err(), Full::All);
        places.pop();
        assert!(allowances.of("more").is_ok());
    }

    #[tokio::test]
    async fn few_calls_wait_for_the_turn_and_none_for_ever() {
        let allowance = Allowance::default();
        let turn = allowance.turn(Duration::ZERO).await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(allowance.turn(Duration::from_hours(1)))).collect();
        for one in &mut waiting {
            assert!(futures::poll!(one).is_pending());
        }
        let said = allowance.turn(Duration::from_hours(1)).await.err().unwrap();
        assert_eq!(said, "one call is carried out at a time, and 4 wait for it already");
        drop(waiting);
        let said = allowance.turn(Duration::ZERO).await.err().unwrap();
        assert!(said.contains("another one was not finished within 0 seconds"), "{said}");
        drop(turn);
        assert!(allowance.turn(Duration::ZERO).await.is_ok());
    }
}
