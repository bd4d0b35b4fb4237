//! The check of passwords, with limits on wrong ones.
//!
//! Strangers are counted separately from browsers in which the owner of the name has signed in before, so that knowing
//! a name is not enough to lock its owner out:
//!
//! - each address, over all names: [`Center::addresses`], counted before anything is checked;
//! - each name from each address: after [`FREE`] wrong passwords it waits, longer each time;
//! - each name from everywhere: the same after [`FREE_EVERYWHERE`];
//! - a known browser: its own count of [`FREE`], and nothing else. Tries of strangers do not affect it.
//!
//! Each of these treats a name without an account like one with an account.

use std::time::Duration;

use axum::http::StatusCode;
use clawback_model::{Digest, Timestamp};
use clawback_store::{FailedAttempt, Store, StoreError};

use crate::center::Center;
use crate::device::Device;
use crate::problem::Problem;
use crate::source::Source;

/// Wrong passwords that cause no wait.
const FREE: u32 = 4;
/// The same of a name from everywhere: NIST SP 800-63B, section 3.2.2, allows a hundred.
const FREE_EVERYWHERE: u32 = 100;
/// The first wait; it doubles with each wrong password.
const WAIT: Duration = Duration::from_secs(30);
/// The longest wait, so that strangers cannot lock an account for good.
const LONGEST: Duration = Duration::from_mins(15);
/// Wrong passwords are forgotten this long after the last wait that they caused.
const FORGOTTEN: Duration = Duration::from_hours(24);
/// Limit of counts under keys that a stranger can make up, names and addresses: more than a node can check in the
/// longest wait, so that no wait is evicted before it ends; some 15 MB.
const MOST_UNKNOWN: u32 = 100_000;

/// Who tries a password.
#[derive(Debug, Clone)]
pub(crate) enum Trier {
    /// An unknown caller.
    Stranger(Source),
    /// A browser that the owner of the name has signed in with.
    Known(Device),
    /// A caller with a session of the owner, who is asked for the password again.
    SignedIn,
}

/// The principal with this name and password, and the hash of the password; or the problem to answer with.
pub(crate) async fn check(
    center: &Center,
    name: &str,
    given: &str,
    trier: &Trier,
) -> Result<(String, String), Problem> {
    let history = &center.site().history;
    let passwords = center.passwords();
    let turns = if matches!(trier, Trier::Stranger(_)) { &passwords.strangers } else { &passwords.known };
    let turn = turns.next().await?;
    let account = history.account(name).await?;
    // Everything below treats a name without an account, or without a password, the same, so that neither answer nor
    // wait reveals which names exist.
    let hash = account.as_ref().map(|account| account.password.clone());
    let counts = Counts::of(name, trier, hash.as_deref());
    if let Some(wait) = counts.wait(history, center.now()).await? {
        return Err(too_many("wrong passwords for this name", wait, "name-waits"));
    }
    // The turn is kept until the result has been counted, so that the next turn sees the count.
    let (is_right, _turn) = turn.compare(given.to_owned(), hash).await?;
    if let Some(account) = account.filter(|_| is_right) {
        counts.right(history).await?;
        return Ok((account.principal.name, account.password));
    }
    counts.wrong(history, center.now()).await?;
    Err(Problem::new(StatusCode::FORBIDDEN, "password", "name or password is not right"))
}

/// The answer after too many tries, with the time to wait.
pub(crate) fn too_many(what: &str, wait: Duration, code: &'static str) -> Problem {
    let seconds = wait.as_secs().max(1);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, code, format!("too many {what}; try again in {seconds} s"))
}

/// The counts that a try belongs to, by the name and who tries.
#[derive(Debug)]
struct Counts {
    counted: Vec<Count>,
    /// Of the name from everywhere: counts only consecutive wrong passwords.
    everywhere: Digest,
    is_account: bool,
}

#[derive(Debug)]
struct Count {
    key: Digest,
    free: u32,
    /// Whether strangers cannot make up further keys of this kind.
    is_bounded: bool,
}

impl Counts {
    /// `password` is the hash that the account has, if there is one: a new password is not affected by earlier tries.
    fn of(name: &str, trier: &Trier, password: Option<&str>) -> Self {
        let is_account = password.is_some();
        let password = password.unwrap_or_default();
        let key = |who: &str| Digest::of(format!("{who}\n{password}\n{name}").as_bytes());
        // The store removes this count when a new password is set.
        let everywhere = Digest::of(name.as_bytes());
        let own = |who: &str, is_bounded| Count { key: key(who), free: FREE, is_bounded };
        let counted = match trier {
            Trier::Stranger(source) => vec![
                own(&format!("address {source}"), false),
                Count { key: everywhere, free: FREE_EVERYWHERE, is_bounded: true },
            ],
            Trier::Known(device) => vec![own(&format!("device {}", device.id()), true)],
            Trier::SignedIn => vec![own("session", true)],
        };
        Self { counted, everywhere, is_account }
    }

    /// How long no password is checked; `None` if there is no wait.
    async fn wait(&self, history: &Store, now: Timestamp) -> Result<Option<Duration>, StoreError> {
        let mut until = now;
        for count in &self.counted {
            until = until.max(history.locked_until(&count.key).await?);
        }
        Ok((until > now).then(|| until.since(now)))
    }

    /// Clears the counts after the right password.
    async fn right(&self, history: &Store) -> Result<(), StoreError> {
        for count in &self.counted {
            history.count_right(&count.key).await?;
        }
        history.count_right(&self.everywhere).await
    }

    /// Counts a wrong password.
    async fn wrong(&self, history: &Store, now: Timestamp) -> Result<(), StoreError> {
        for Count { key, free, is_bounded } in &self.counted {
            let is_account = self.is_account && *is_bounded;
            let forget_before = now.minus(FORGOTTEN);
            let wrong = FailedAttempt { name: *key, is_account, at: now, forget_before, most: MOST_UNKNOWN };
            history.count_wrong(&wrong, |failures| wait(failures, *free)).await?;
        }
        Ok(())
    }
}

/// The wait after this number of wrong passwords.
fn wait(failures: u32, free: u32) -> Duration {
    match failures.saturating_sub(free) {
        0 => Duration::ZERO,
        doublings => (WAIT * (1 << (doublings - 1).min(10))).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let waits: Vec<u64> = (4..12).map(|failures| wait(failures, FREE).as_secs()).collect();
        assert_eq!(waits, [0, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!((wait(100, FREE_EVERYWHERE).as_secs(), wait(u32::MAX, FREE_EVERYWHERE).as_secs()), (0, 900));
    }
}
