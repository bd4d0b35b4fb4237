//! The tokens that are kept until shortly before they expire, one for each subject. Calls that need the same token at
//! the same time cause one request for it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clawback_model::{Clock, Timestamp};

use crate::granted::secret::Secret;
use crate::granted::token::challenge::Claims;
use crate::granted::token::failure::TokenError;

/// The most subjects whose tokens are kept; the one that was used longest ago gives way. A token is some 2 KB.
const MOST: usize = 4_096;
/// How long before its end a token is renewed. A token that is valid for less than twice this is renewed after half its
/// time.
const EARLY: Duration = Duration::from_mins(5);
/// How long nothing is requested after a refusal, or after a failure during which the old token is still valid.
const PAUSE: Duration = Duration::from_mins(1);
/// The longest pause that a token server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// A token as it was issued.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) token: Secret,
    pub(crate) lifetime: Duration,
}

/// The tokens of one endpoint.
pub(crate) struct Cache {
    clock: Arc<dyn Clock>,
    most: usize,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    by_subject: HashMap<Arc<str>, (Arc<Slot>, u64)>,
    uses: u64,
}

#[derive(Default)]
struct Slot {
    /// Locked while a token is requested.
    state: tokio::sync::Mutex<State>,
    /// The number of requests that have ended.
    ended: AtomicU64,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// How the last request failed.
    failed: Option<Failed>,
    /// What the endpoint demands of the next token.
    claims: Option<Claims>,
    /// When a token was last dropped because of parts of a batch.
    dropped_at: Option<Timestamp>,
}

struct Failed {
    error: TokenError,
    /// Nothing is requested before.
    until: Timestamp,
}

impl Failed {
    fn new(error: TokenError, now: Timestamp) -> Self {
        let pause = match &error {
            TokenError::NoAccount(_) | TokenError::Denied(_) => PAUSE,
            TokenError::Throttled { after, .. } => after.unwrap_or(PAUSE).min(LONGEST_PAUSE),
            TokenError::Transient(_) => Duration::ZERO,
        };
        Self { error, until: now.plus(pause) }
    }

    /// Returns the error as it is at a time: a wait that was asked for is partly over.
    fn at(&self, now: Timestamp) -> TokenError {
        match &self.error {
            TokenError::Throttled { why, .. } => {
                TokenError::Throttled { why: why.clone(), after: Some(self.until.since(now)) }
            }
            error => error.clone(),
        }
    }
}

struct Held {
    token: Secret,
    renew_at: Timestamp,
    ends_at: Timestamp,
    /// The endpoint refused it when it was new: another one would not be accepted either.
    is_refused: bool,
}

impl Cache {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, most: MOST, slots: Mutex::default() }
    }

    /// Returns the token of a subject, from `issue` if none is kept. Calls that waited for a request share its result,
    /// also if it failed. A refusal is kept for a minute, and a throttle as long as the server asks for, so that a wrong
    /// secret is not sent with every call. `issue` gets the claims that the endpoint demanded when it refused the last one.
    pub(crate) async fn get<F>(
        &self,
        subject: &str,
        issue: impl FnOnce(Option<Claims>) -> F,
    ) -> Result<Secret, TokenError>
    where
        F: Future<Output = Result<Issued, TokenError>>,
    {
        let slot = self.slot(subject);
        let ended = slot.ended.load(Ordering::Acquire);
        let mut state = slot.state.lock().await;
        let now = self.clock.now();
        if let Some(held) = &state.held
            && now < held.renew_at
        {
            return Ok(held.token.clone());
        }
        if let Some(failed) = &state.failed
            && (now < failed.until || slot.ended.load(Ordering::Acquire) != ended)
        {
            return Err(failed.at(now));
        }
        let issued = issue(state.claims.take()).await;
        slot.ended.fetch_add(1, Ordering::Release);
        let now = self.clock.now();
        match issued {
            Ok(Issued { token, lifetime }) => {
                let early = EARLY.min(lifetime / 2);
                let (renew_at, ends_at) = (now.plus(lifetime.saturating_sub(early)), now.plus(lifetime));
                state.held = Some(Held { token: token.clone(), renew_at, ends_at, is_refused: false });
                state.failed = None;
                Ok(token)
            }
            Err(error) => {
                let may_pass = error.may_pass();
                let failed = state.failed.insert(Failed::new(error.clone(), now));
                let until = failed.until.max(now.plus(PAUSE));
                if may_pass
                    && let Some(held) = &mut state.held
                    && now < held.ends_at
                {
                    held.renew_at = until.min(held.ends_at);
                    return Ok(held.token.clone());
                }
                state.held = None;
                Err(error)
            }
        }
    }

    /// Drops a token that the endpoint refused; the next one is requested with these claims. Returns whether another one
    /// may be accepted.
    pub(crate) async fn refuse(&self, subject: &str, token: &Secret, claims: Option<Claims>) -> bool {
        let slot = self.slot(subject);
        let mut state = slot.state.lock().await;
        match &state.held {
            Some(held) if held.token == *token => {
                let is_refused = held.is_refused;
                if !is_refused {
                    (state.held, state.claims) = (None, claims);
                }
                !is_refused
            }
            // It was renewed meanwhile.
            _ => true,
        }
    }

    /// Drops a token that the endpoint refused in parts of a batch, at most once a minute: such a part can also concern
    /// something that no token reaches.
    pub(crate) async fn refuse_in_part(&self, subject: &str, token: &Secret, claims: Option<Claims>) {
        let slot = self.slot(subject);
        let mut state = slot.state.lock().await;
        let now = self.clock.now();
        if state.dropped_at.is_some_and(|at| now < at.plus(PAUSE)) {
            return;
        }
        if state.held.as_ref().is_some_and(|held| held.token == *token && !held.is_refused) {
            (state.held, state.claims, state.dropped_at) = (None, claims, Some(now));
        }
    }

    /// Records that the endpoint refused a token right after it was issued. For a minute no other is requested.
    pub(crate) async fn give_up(&self, subject: &str, token: &Secret) {
        let slot = self.slot(subject);
        let mut state = slot.state.lock().await;
        let soon = self.clock.now().plus(PAUSE);
        if let Some(held) = state.held.as_mut().filter(|held| held.token == *token) {
            held.is_refused = true;
            held.renew_at = soon.min(held.renew_at);
            held.ends_at = held.renew_at;
        }
    }

    fn slot(&self, subject: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.uses += 1;
        let now = slots.uses;
        if let Some((slot, used)) = slots.by_subject.get_mut(subject) {
            *used = now;
            return Arc::clone(slot);
        }
        if slots.by_subject.len() >= self.most
            && let Some(oldest) = slots.by_subject.iter().min_by_key(|(_, (_, used))| *used)
        {
            let oldest = Arc::clone(oldest.0);
            slots.by_subject.remove(&oldest);
        }
        let slot = Arc::<Slot>::default();
        slots.by_subject.insert(subject.into(), (Arc::clone(&slot), now));
        slot
    }
}

#[cfg(test)]
mod tests {
    use clawback_model::ManualClock;
    use futures::future::join_all;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    /// A cache with a counted issuer.
    struct Bench {
        clock: Arc<ManualClock>,
        cache: Cache,
        issued: AtomicU64,
    }

    impl Bench {
        fn new(most: usize) -> Self {
            let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
            let cache = Cache { most, ..Cache::new(Arc::<ManualClock>::clone(&clock)) };
            Self { clock, cache, issued: AtomicU64::new(0) }
        }

        fn count(&self) -> u64 {
            self.issued.load(Ordering::SeqCst)
        }

        async fn get(&self, subject: &str, lifetime: Duration) -> String {
            let issue = |_| async {
                let number = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::task::yield_now().await;
                Ok(Issued { token: Secret::new(format!("{subject}{number}")), lifetime })
            };
            self.cache.get(subject, issue).await.unwrap().expose().to_owned()
        }

        async fn fail(&self, subject: &str, error: TokenError) -> Result<Secret, TokenError> {
            let issue = |_| async {
                self.issued.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Err(error)
            };
            self.cache.get(subject, issue).await
        }
    }

    #[tokio::test]
    async fn a_hundred_calls_at_once_are_one_request() {
        let bench = Bench::new(MOST);
        let tokens = join_all((0..100).map(|_| bench.get("ann", HOUR))).await;
        assert!(tokens.iter().all(|token| token == "ann1"));
        assert_eq!(bench.count(), 1);
        let failed = || bench.fail("ben", TokenError::Denied("no".to_owned()));
        let failures = join_all((0..100).map(|_| failed())).await;
        assert!(failures.iter().all(Result::is_err));
        assert_eq!(bench.count(), 2, "those who waited share the failure");
        bench.clock.advance(PAUSE);
        assert!(failed().await.is_err());
        assert_eq!(bench.count(), 3, "a call after the pause asks again");
    }

    #[tokio::test]
    async fn a_refusal_is_kept_for_a_minute() {
        let bench = Bench::new(MOST);
        let denied = || bench.fail("", TokenError::Denied("the secret has expired".to_owned()));
        for _ in 0..10_000 {
            assert_eq!(denied().await, Err(TokenError::Denied("the secret has expired".to_owned())));
        }
        assert_eq!(bench.count(), 1, "a wrong secret is sent once");
        assert_eq!(bench.get("ben", HOUR).await, "ben2", "another subject is not refused");
        bench.clock.advance(PAUSE);
        assert_eq!(bench.get("", HOUR).await, "3", "a secret that was replaced is used");
        let away = || bench.fail("cid", TokenError::Transient("away".to_owned()));
        assert!(away().await.is_err() && away().await.is_err());
        assert_eq!(bench.count(), 5, "a failure is no refusal");
    }

    #[tokio::test]
    async fn a_throttle_is_kept_as_long_as_the_server_asks_for() {
        let bench = Bench::new(MOST);
        let throttled =
            |seconds| TokenError::Throttled { why: "busy".to_owned(), after: Some(Duration::from_secs(seconds)) };
        for (passed, left) in [(0, 90), (60, 30), (29, 1)] {
            bench.clock.advance(Duration::from_secs(passed));
            assert_eq!(bench.fail("ann", throttled(90)).await, Err(throttled(left)));
        }
        assert_eq!(bench.count(), 1);
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.get("ann", HOUR).await, "ann2");

        bench.clock.advance(Duration::from_mins(56));
        for _ in 0..3 {
            assert_eq!(bench.fail("ann", throttled(150)).await.unwrap().expose(), "ann2");
            bench.clock.advance(Duration::from_mins(1));
        }
        assert_eq!(bench.count(), 3, "the old token is used until then");
        assert_eq!(bench.fail("ann", throttled(150)).await.unwrap().expose(), "ann2");
        bench.clock.advance(Duration::from_mins(1));
        assert_eq!(bench.fail("ann", throttled(150)).await, Err(throttled(90)), "it has ended");

        assert!(bench.fail("ben", throttled(u64::MAX)).await.is_err());
        bench.clock.advance(LONGEST_PAUSE);
        bench.get("ben", HOUR).await;
    }

    #[tokio::test]
    async fn a_token_is_renewed_five_minutes_before_it_ends() {
        let bench = Bench::new(MOST);
        assert_eq!(bench.get("ann", HOUR).await, "ann1");
        bench.clock.advance(Duration::from_secs(55 * 60 - 1));
        assert_eq!(bench.get("ann", HOUR).await, "ann1");
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.get("ann", Duration::from_mins(4)).await, "ann2");
        bench.clock.advance(Duration::from_secs(119));
        assert_eq!(bench.get("ann", HOUR).await, "ann2", "a short one after half its time");
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.get("ann", HOUR).await, "ann3");
    }

    #[tokio::test]
    async fn a_token_that_is_still_valid_bridges_a_failure() {
        let bench = Bench::new(MOST);
        bench.get("ann", HOUR).await;
        bench.clock.advance(Duration::from_mins(56));
        let away = || TokenError::Transient("away".to_owned());
        assert_eq!(bench.fail("ann", away()).await.unwrap().expose(), "ann1");
        assert_eq!(bench.fail("ann", away()).await.unwrap().expose(), "ann1");
        assert_eq!(bench.count(), 2, "for a minute nothing is requested");
        bench.clock.advance(Duration::from_mins(4));
        assert!(bench.fail("ann", away()).await.is_err());
        bench.get("ben", HOUR).await;
        bench.clock.advance(Duration::from_mins(56));
        assert!(bench.fail("ben", TokenError::Denied("no".to_owned())).await.is_err(), "a refusal is no failure");
    }

    #[tokio::test]
    async fn the_subject_that_was_used_longest_ago_gives_way() {
        let bench = Bench::new(3);
        for subject in ["a", "b", "c"] {
            bench.get(subject, HOUR).await;
        }
        bench.get("a", HOUR).await;
        bench.get("d", HOUR).await;
        assert_eq!(bench.count(), 4);
        assert_eq!(bench.cache.slots.lock().unwrap().by_subject.len(), 3);
        for kept in ["a", "c", "d"] {
            bench.get(kept, HOUR).await;
        }
        assert_eq!(bench.count(), 4);
        bench.get("b", HOUR).await;
        assert_eq!(bench.count(), 5);
    }

    #[tokio::test]
    async fn a_refused_token_is_replaced_once() {
        let bench = Bench::new(MOST);
        let first = Secret::new(bench.get("ann", HOUR).await);
        assert!(bench.cache.refuse("ann", &first, None).await);
        let second = Secret::new(bench.get("ann", HOUR).await);
        assert_eq!(second.expose(), "ann2");
        assert!(bench.cache.refuse("ann", &first, None).await, "it is the old one that was refused");
        assert_eq!(bench.get("ann", HOUR).await, "ann2");
        bench.cache.give_up("ann", &second).await;
        assert!(!bench.cache.refuse("ann", &second, None).await);
        assert_eq!(bench.get("ann", HOUR).await, "ann2");
        bench.clock.advance(PAUSE);
        assert_eq!(bench.get("ann", HOUR).await, "ann3");
    }

    #[tokio::test]
    async fn parts_of_batches_replace_a_token_once_a_minute() {
        let bench = Bench::new(MOST);
        for (passed, wanted) in [(0, "ann2"), (59, "ann2"), (1, "ann3")] {
            bench.clock.advance(Duration::from_secs(passed));
            let token = Secret::new(bench.get("ann", HOUR).await);
            bench.cache.refuse_in_part("ann", &token, None).await;
            assert_eq!(bench.get("ann", HOUR).await, wanted);
        }
        bench.clock.advance(PAUSE);
        bench.cache.refuse_in_part("ann", &Secret::new("ann1"), None).await;
        assert_eq!(bench.get("ann", HOUR).await, "ann3", "an old one was refused");
    }

    #[tokio::test]
    async fn demanded_claims_are_sent_once() {
        let bench = Bench::new(MOST);
        let claims = crate::granted::token::challenge::in_batch(
            br#"{"responses":[{"status":401,"headers":{"WWW-Authenticate":"Bearer error=insufficient_claims, claims=e30"}}]}"#,
        );
        let claims = claims.unwrap().claims;
        assert!(claims.is_some());
        let first = Secret::new(bench.get("ann", HOUR).await);
        assert!(bench.cache.refuse("ann", &first, claims.clone()).await);
        for wanted in [claims, None] {
            let issue = |given| async move {
                assert_eq!(given, wanted);
                Ok(Issued { token: Secret::new("new"), lifetime: Duration::ZERO })
            };
            bench.cache.get("ann", issue).await.unwrap();
        }
    }
}
