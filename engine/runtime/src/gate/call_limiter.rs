//! How many calls a node makes to a store at once, and when it makes none: decided from its seats, its tokens, and the
//! results of calls. No I/O; the time is an argument.
//!
//! A store that throttles or does not answer gets fewer calls at once: half as many, then one more for each round that
//! succeeds. A single mailbox that throttles delays only itself. The store as a whole is held, and the number of calls
//! halved, once a second mailbox reports trouble while the first still has it and less than a round of calls to others
//! has succeeded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::CallError;
use tokio::time::Instant;

/// Minimum time between two cuts of the calls at once.
const CALM: Duration = Duration::from_secs(1);
/// How long trouble without a given time is remembered: longer than [`CALM`], so that lasting trouble cuts again.
const SHARED: Duration = Duration::from_secs(2);
/// Age at which unused tokens are discarded: together with other nodes' they would make a burst.
const FRESH: Duration = Duration::from_millis(100);
/// Limit of the time that a store may ask to wait.
const LONGEST: Duration = Duration::from_hours(1);
/// Number of held mailboxes above which those whose time has passed are removed.
const REMEMBERED: usize = 256;

/// Whether a call may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The call may begin: its seat and token are taken.
    Now,
    /// The store, or this mailbox, asked for no calls until then.
    At(Instant),
    /// All seats are taken, or this node has none yet.
    NoSeat,
    /// There is a seat, but no token.
    NoToken,
}

/// A call that was throttled or not answered.
#[derive(Debug)]
struct Trouble {
    mailbox: Option<Arc<str>>,
    /// Until when trouble of another mailbox makes it the store's.
    counts_until: Instant,
    /// Until when the store asked for no calls.
    asked: Option<Instant>,
    /// Calls to other mailboxes that have succeeded since.
    went_well: u32,
}

/// The state of one store's gate on one node.
#[derive(Debug)]
pub(super) struct CallLimiter {
    /// Calls that the store allows at once, over all nodes.
    total: u32,
    rated: bool,
    seats: u32,
    used: u32,
    /// Estimate of the calls at once that the store can serve.
    most: f64,
    cut_at: Option<Instant>,
    held_until: Option<Instant>,
    mailboxes: HashMap<Arc<str>, Instant>,
    /// The last trouble.
    last: Option<Trouble>,
    tokens: u32,
    filled_at: Option<Instant>,
}

impl CallLimiter {
    /// A limiter without seats. A call needs a token if the store has a rate (`rated`).
    pub(super) fn new(total: u32, rated: bool) -> Self {
        Self {
            total,
            rated,
            seats: 0,
            used: 0,
            most: f64::from(total),
            cut_at: None,
            held_until: None,
            mailboxes: HashMap::new(),
            last: None,
            tokens: 0,
            filled_at: None,
        }
    }

    /// Seats of this node; 0 before its first call, and after it has made none for a while.
    pub(super) fn seats(&self) -> u32 {
        self.seats
    }

    /// Calls under way.
    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// Begins a call to a mailbox, if it may begin now.
    pub(super) fn begin(&mut self, mailbox: Option<&str>, now: Instant) -> Turn {
        let held = mailbox.and_then(|mailbox| self.mailboxes.get(mailbox)).copied().max(self.held_until);
        if let Some(until) = held.filter(|until| *until > now) {
            return Turn::At(until);
        }
        if !self.has_seat() {
            return Turn::NoSeat;
        }
        if self.rated {
            if !self.has_token(now) {
                return Turn::NoToken;
            }
            self.tokens -= 1;
        }
        self.used += 1;
        Turn::Now
    }

    /// Frees the seat of a call that has ended, or was given up before it was made.
    pub(super) fn end(&mut self) {
        self.used -= 1;
    }

    /// Whether another call could begin.
    pub(super) fn has_seat(&self) -> bool {
        self.used < self.seats && f64::from(self.used) < self.most.max(1.0)
    }

    /// Whether there is a token. Discards tokens that are too old.
    pub(super) fn has_token(&mut self, now: Instant) -> bool {
        if self.filled_at.is_some_and(|at| now.saturating_duration_since(at) > FRESH) {
            self.tokens = 0;
        }
        self.tokens > 0
    }

    /// Tokens in hand.
    pub(super) fn tokens(&self) -> u32 {
        self.tokens
    }

    /// Adds tokens.
    pub(super) fn fill(&mut self, lot: u32, now: Instant) {
        self.tokens += lot;
        self.filled_at = Some(now);
    }

    /// Sets the number of seats.
    pub(super) fn seat(&mut self, seats: u32) {
        self.seats = seats;
    }

    /// Holds the store until then, as another node was asked to.
    pub(super) fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// Adjusts the limits to the result of a call. Returns until when every node is to make no calls to the store, if
    /// that is new.
    pub(super) fn learn<T>(
        &mut self,
        mailbox: Option<&str>,
        result: &Result<T, CallError>,
        now: Instant,
    ) -> Option<Instant> {
        let after = match result {
            Err(CallError::Throttled { after, .. }) => after.map(|after| now + after.min(LONGEST)),
            Err(CallError::Transient { .. }) => None,
            Ok(_) => {
                self.most = (self.most + 1.0 / self.most.max(1.0)).min(f64::from(self.total));
                if let Some(last) = self.last.as_mut().filter(|last| last.mailbox.as_deref() != mailbox) {
                    last.went_well += 1;
                }
                return None;
            }
            // The store answered, which is neither a success nor trouble.
            Err(_) => return None,
        };
        if let (Some(mailbox), Some(until)) = (mailbox, after) {
            self.hold_mailbox(mailbox, until, now);
        }
        let round = self.seats.max(1);
        let before = self.last.take().filter(|last| last.counts_until > now && last.went_well < round);
        let shared = match (&before, mailbox) {
            (_, None) => true,
            (Some(before), Some(mailbox)) => before.mailbox.as_deref() != Some(mailbox),
            (None, Some(_)) => false,
        };
        let counts_until = after.map_or(now + SHARED, |until| until.max(now + SHARED));
        self.last = Some(Trouble { mailbox: mailbox.map(Into::into), counts_until, asked: after, went_well: 0 });
        if !shared {
            return None;
        }
        // Calls that were under way at the same time report the same overload: it is halved once.
        if self.cut_at.is_none_or(|at| now.saturating_duration_since(at) >= CALM) {
            self.cut_at = Some(now);
            self.most = (self.most.min(f64::from(self.seats.max(1))) / 2.0).max(1.0);
        }
        let until = after.max(before.and_then(|before| before.asked)).filter(|until| *until > now)?;
        (self.held_until.is_none_or(|held| held < until)).then(|| {
            self.held_until = Some(until);
            until
        })
    }

    fn hold_mailbox(&mut self, mailbox: &str, until: Instant, now: Instant) {
        if self.mailboxes.len() >= REMEMBERED {
            self.mailboxes.retain(|_, until| *until > now);
        }
        let held = self.mailboxes.entry(mailbox.into()).or_insert(until);
        *held = (*held).max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Option<&str> = Some("ann@corp.example");
    const BEN: Option<&str> = Some("ben@corp.example");

    fn throttled(seconds: u64) -> Result<(), CallError> {
        Err(CallError::Throttled { store: "s".into(), after: Some(Duration::from_secs(seconds)), detail: None })
    }

    fn silent() -> Result<(), CallError> {
        Err(CallError::Transient { store: "s".into(), detail: "time-out".into() })
    }

    fn seated(total: u32) -> (CallLimiter, Instant) {
        let mut limiter = CallLimiter::new(total, false);
        limiter.seat(total);
        (limiter, Instant::now())
    }

    fn at_once(limiter: &mut CallLimiter, now: Instant) -> u32 {
        let mut begun = 0;
        while limiter.begin(None, now) == Turn::Now {
            begun += 1;
        }
        (0..begun).for_each(|_| limiter.end());
        begun
    }

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_store_that_throttles_is_held_as_long_as_it_asked_for() {
        let (mut limiter, now) = seated(8);
        assert_eq!(limiter.learn(ANN, &throttled(30), now), None);
        assert_eq!(limiter.learn(BEN, &throttled(20), now), Some(now + seconds(30)), "the longer of the two");
        assert_eq!(limiter.begin(Some("third@corp.example"), now + seconds(29)), Turn::At(now + seconds(30)));
        assert_eq!(limiter.begin(Some("third@corp.example"), now + seconds(30)), Turn::Now);
        limiter.end();
        assert_eq!(
            at_once(&mut limiter, now + seconds(60)),
            4,
            "and called by half as many, however long nobody called"
        );
    }

    #[test]
    fn a_throttling_mailbox_delays_only_itself() {
        let (mut limiter, now) = seated(8);
        for _ in 0..5 {
            assert_eq!(limiter.learn(ANN, &throttled(30), now), None);
        }
        assert_eq!(limiter.begin(ANN, now), Turn::At(now + seconds(30)));
        assert_eq!(at_once(&mut limiter, now), 8);
        // Trouble of another mailbox long after the first is not the same trouble.
        assert_eq!(limiter.learn(BEN, &throttled(1), now + seconds(31)), None);
        assert_eq!(at_once(&mut limiter, now + seconds(31)), 8);
    }

    #[test]
    fn throttling_mailboxes_delay_only_themselves_while_a_round_of_others_succeeds() {
        let (mut limiter, now) = seated(8);
        limiter.learn(ANN, &throttled(30), now);
        (0..8).for_each(|_| assert_eq!(limiter.learn(Some("other@corp.example"), &Ok(()), now), None));
        assert_eq!(limiter.learn(BEN, &throttled(30), now), None);
        assert_eq!(at_once(&mut limiter, now), 8);
        assert_eq!(limiter.begin(BEN, now), Turn::At(now + seconds(30)));
    }

    #[test]
    fn a_throttle_without_a_mailbox_holds_the_store() {
        let (mut limiter, now) = seated(8);
        assert_eq!(limiter.learn(None, &throttled(5), now), Some(now + seconds(5)));
        assert_eq!(at_once(&mut limiter, now + seconds(5)), 4);
    }

    #[test]
    fn a_store_that_does_not_answer_gets_fewer_calls_and_then_more() {
        let (mut limiter, now) = seated(8);
        limiter.learn(ANN, &silent(), now);
        assert_eq!(at_once(&mut limiter, now), 8);
        limiter.learn(BEN, &silent(), now);
        assert_eq!(at_once(&mut limiter, now), 4);
        limiter.learn(ANN, &silent(), now);
        assert_eq!(at_once(&mut limiter, now), 4, "one limiter is halved once");
        limiter.learn(BEN, &silent(), now + CALM);
        assert_eq!(at_once(&mut limiter, now), 2);
        let refused: Result<(), CallError> = Err(CallError::Permanent { store: "s".into(), detail: String::new() });
        limiter.learn(ANN, &refused, now + CALM);
        assert_eq!(at_once(&mut limiter, now), 2);
        limiter.learn(ANN, &Ok(()), now + CALM);
        assert_eq!(at_once(&mut limiter, now), 3);
    }

    #[test]
    fn the_wait_that_a_store_asks_for_is_limited() {
        let (mut limiter, now) = seated(8);
        assert_eq!(limiter.learn(None, &throttled(u64::MAX / 4), now), Some(now + LONGEST));
    }

    #[test]
    fn a_rate_takes_a_token_for_each_call_and_old_tokens_are_discarded() {
        let mut limiter = CallLimiter::new(4, true);
        let now = Instant::now();
        assert_eq!(limiter.begin(ANN, now), Turn::NoSeat);
        limiter.seat(4);
        assert_eq!(limiter.begin(ANN, now), Turn::NoToken);
        limiter.fill(2, now);
        assert_eq!(limiter.begin(ANN, now), Turn::Now);
        assert_eq!(limiter.tokens(), 1);
        assert_eq!(limiter.begin(ANN, now + seconds(1)), Turn::NoToken);
        assert_eq!(limiter.used(), 1, "a call that did not begin takes nothing");
    }

    #[test]
    fn mailboxes_whose_time_has_come_are_forgotten() {
        let (mut limiter, now) = seated(1);
        for number in 0..2_000_u64 {
            let mailbox = format!("user{number}@corp.example");
            limiter.learn(Some(&mailbox), &throttled(1), now + seconds(number * 5));
        }
        assert!(limiter.mailboxes.len() <= REMEMBERED);
    }
}
