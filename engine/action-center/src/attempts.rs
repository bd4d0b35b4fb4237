//! Signing in with a password, as often as is allowed.
//!
//! Strangers are counted apart from browsers in which the owner of the name has signed in before, so that whoever knows a name
//! cannot keep its owner out:
//!
//! - each address, over all names: [`Center::addresses`], counted before anything is looked at;
//! - each name from each address: after [`FREE`] wrong passwords it waits, longer each time;
//! - each name from everywhere: the same after [`FREE_EVERYWHERE`];
//! - a known browser: its own count of [`FREE`], and nothing else. What strangers try does not reach it.
//!
//! Each of these knows a name that nobody has as one that somebody has.

use std::time::Duration;

use axum::http::StatusCode;
use clawback_model::{Digest, Timestamp};
use clawback_store::{Store, StoreError, Wrong};

use crate::center::Center;
use crate::device::Device;
use crate::problem::Problem;
use crate::source::Source;

/// Wrong passwords that cost nothing but the time of looking.
const FREE: u32 = 4;
/// The same of a name from everywhere: NIST SP 800-63B, section 3.2.2, allows a hundred.
const FREE_EVERYWHERE: u32 = 100;
/// The first wait; it doubles with each wrong password.
const WAIT: Duration = Duration::from_secs(30);
/// The longest wait: an account is never shut for good by whoever knows its name.
const LONGEST: Duration = Duration::from_mins(15);
/// Wrong passwords are forgotten this long after the last wait they led to.
const FORGOTTEN: Duration = Duration::from_hours(24);
/// Counts that are remembered of what may be made up without end, names and addresses: more than a node can look at in the longest
/// wait, so that no wait is pushed out before it ends; some 15 MB.
const MOST_UNKNOWN: u32 = 100_000;

/// Who tries.
#[derive(Debug, Clone)]
pub(crate) enum Trier {
    /// Nobody who is known.
    Stranger(Source),
    /// A browser that the owner of the name has signed in with.
    Known(Device),
    /// Whoever has a session of the owner, and is asked for the password again.
    SignedIn,
}

/// The principal whose name and password these are, and the hash of the password; or what to tell whoever tried.
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
    // All that follows is the same for a name that nobody has, or nobody with a password: no answer and no wait tells them apart.
    let hash = account.as_ref().map(|account| account.password.clone());
    let counts = Counts::of(name, trier, hash.as_deref());
    if let Some(wait) = counts.wait(history, center.now()).await? {
        return Err(too_many("wrong passwords for this name", wait, "name-waits"));
    }
    // The turn ends only when this has been counted: whoever has the next one sees it.
    let (is_right, _turn) = turn.compare(given.to_owned(), hash).await?;
    if let Some(account) = account.filter(|_| is_right) {
        counts.right(history).await?;
        return Ok((account.principal.name, account.password));
    }
    counts.wrong(history, center.now()).await?;
    Err(Problem::new(StatusCode::FORBIDDEN, "password", "name or password is not right"))
}

/// The answer to somebody who tries too often, with the time to wait.
pub(crate) fn too_many(what: &str, wait: Duration, code: &'static str) -> Problem {
    let seconds = wait.as_secs().max(1);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, code, format!("too many {what}; try again in {seconds} s"))
}

/// Everything that counts a try, by the name and who tries.
#[derive(Debug)]
struct Counts {
    counted: Vec<Count>,
    /// Of the name from everywhere: only wrong ones in a row count.
    everywhere: Digest,
    is_account: bool,
}

#[derive(Debug)]
struct Count {
    key: Digest,
    free: u32,
    /// What is counted under it cannot be made up without end.
    is_bounded: bool,
}

impl Counts {
    /// `password`: the hash that the account has, if there is one; a new password is not kept waiting by what was tried before it.
    fn of(name: &str, trier: &Trier, password: Option<&str>) -> Self {
        let is_account = password.is_some();
        let password = password.unwrap_or_default();
        let key = |who: &str| Digest::of(format!("{who}\n{password}\n{name}").as_bytes());
        // The store clears it away with a new password.
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

    /// For how long no password is looked at.
    async fn wait(&self, history: &Store, now: Timestamp) -> Result<Option<Duration>, StoreError> {
        let mut until = now;
        for count in &self.counted {
            until = until.max(history.locked_until(&count.key).await?);
        }
        Ok((until > now).then(|| until.since(now)))
    }

    /// The password was right.
    async fn right(&self, history: &Store) -> Result<(), StoreError> {
        for count in &self.counted {
            history.count_right(&count.key).await?;
        }
        history.count_right(&self.everywhere).await
    }

    /// It was not.
    async fn wrong(&self, history: &Store, now: Timestamp) -> Result<(), StoreError> {
        for Count { key, free, is_bounded } in &self.counted {
            let is_account = self.is_account && *is_bounded;
            let forget_before = now.minus(FORGOTTEN);
            let wrong = Wrong { name: *key, is_account, at: now, forget_before, most: MOST_UNKNOWN };
            history.count_wrong(&wrong, |failures| wait(failures, *free)).await?;
        }
        Ok(())
    }
}

/// How long somebody waits after so many wrong passwords.
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
