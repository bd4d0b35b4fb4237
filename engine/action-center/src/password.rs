//! Passwords of local accounts: Argon2id with the parameters of RFC 9106, section 4 as OWASP narrows them (19 MiB, two
//! passes).

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, Salt};
use argon2::{Argon2, Block, Params, PasswordHash, PasswordHasher as _};
use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Fewest characters of a password: NIST SP 800-63B, section 3.1.1.2, for one that is the only factor.
const SHORTEST: usize = 15;
/// Largest password in bytes, as hashing costs time with length.
const LONGEST: usize = 1_024;

/// The hash of a new password in PHC form, or why the password is refused.
pub fn hash_password(password: &str) -> Result<String, String> {
    let length = password.chars().count();
    if length < SHORTEST || password.len() > LONGEST {
        return Err(format!(
            "a password has at least {SHORTEST} characters and at most {LONGEST} bytes; this has {length}"
        ));
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    Ok(hash.map_err(|error| format!("the password could not be hashed: {error}"))?.to_string())
}

/// Refuses a new password that is the present one. The person who set the present one still knows it.
pub(crate) fn differs(present: &str, new: &str) -> Result<(), Problem> {
    if present == new {
        return Err(Problem::bad_request("the new password is the present one; choose another"));
    }
    Ok(())
}

/// A limit on passwords checked at once: each takes some 20 ms of a processor, and memory that is allocated once and
/// kept.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Turns {
    /// Allows this many checks at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(at_once)), memory: Arc::default() }
    }

    /// Waits for a turn.
    pub(crate) async fn next(&self) -> Result<Turn, Problem> {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| Problem::internal())?;
        Ok(Turn { turns: self.clone(), _permit: permit })
    }
}

/// The right to check one password. It moves into the work, so that it is released when the work ends, not when the
/// caller goes away.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Does the work on a blocking thread, to its end, whether or not the caller still waits.
    async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<(T, Self), Problem> {
        let done = tokio::task::spawn_blocking(move || {
            let mut blocks = self.kept().pop().unwrap_or_default();
            let result = work(&mut blocks);
            self.kept().push(blocks);
            (result, self)
        });
        done.await.map_err(|_| Problem::internal())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.turns.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is the password of this hash. Also returns the turn, which the caller keeps until the result has been
    /// counted.
    pub(crate) async fn compare(self, password: String, hash: Option<String>) -> Result<(bool, Self), Problem> {
        self.work(move |blocks| is_right(&password, hash.as_deref(), blocks)).await
    }
}

/// The same as [`hash_password`], within the limit.
pub(crate) async fn hashed(turns: &Turns, password: String) -> Result<String, Problem> {
    let turn = turns.next().await?;
    let (hashed, _) = turn.work(move |_| hash_password(&password)).await?;
    hashed.map_err(|said| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "password", said))
}

/// Whether it is the password of this hash. Without a hash the same work is done, so that the time does not reveal
/// which accounts exist.
fn is_right(password: &str, hash: Option<&str>, blocks: &mut Vec<Block>) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    let stored = hash.and_then(|hash| PasswordHash::new(hash).ok()).and_then(|hash| {
        let params = Params::try_from(&hash).ok()?;
        let algorithm = argon2::Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.unwrap_or(argon2::Version::V0x13 as u32).try_into().ok()?;
        Some((Argon2::new(algorithm, version, params), hash.salt?, hash.hash?))
    });
    let Some((argon2, salt, expected)) = stored else {
        let _ = derive(&Argon2::default(), password, &Salt::from_b64(NO_SALT).expect("it is one"), blocks);
        return false;
    };
    // Outputs are compared in constant time.
    derive(&argon2, password, &salt, blocks).is_some_and(|output| output == expected)
}

/// The salt for a name without an account.
const NO_SALT: &str = "bm9ib2R5IGhhcyBpdA";

fn derive(argon2: &Argon2<'_>, password: &str, salt: &Salt, blocks: &mut Vec<Block>) -> Option<Output> {
    let length = argon2.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    blocks.resize(argon2.params().block_count(), Block::default());
    let mut buffer = [0; Output::MAX_LENGTH];
    let out = buffer.get_mut(..length)?;
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, blocks).ok()?;
    Output::new(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_is_right() {
        let hash = hash_password("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let mut blocks = Vec::new();
        let mut is_right = |password: &str, hash: Option<&str>| is_right(password, hash, &mut blocks);
        assert!(is_right("correct horse battery", Some(&hash)));
        for wrong in ["", "correct horse batterx", "Correct horse battery", "correct horse battery "] {
            assert!(!is_right(wrong, Some(&hash)), "{wrong}");
        }
        assert!(is_right("correct horse battery", Some(&hash)), "earlier contents of the memory have no effect");
        assert!(!is_right("correct horse battery", None));
        assert!(!is_right("correct horse battery", Some("no hash")));
        // Of an account that was made with other parameters.
        let params = Params::new(64, 1, 1, None).unwrap();
        let other = Argon2::from(params).hash_password(b"correct horse battery").unwrap().to_string();
        assert!(other.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{other}");
        assert!(is_right("correct horse battery", Some(&other)) && !is_right("another", Some(&other)));
    }

    #[test]
    fn short_and_overlong_passwords_are_refused() {
        assert!(hash_password("fourteen chars").is_err());
        assert!(hash_password(&"a".repeat(LONGEST + 1)).is_err());
    }

    #[tokio::test]
    async fn a_turn_ends_with_the_work_and_not_with_the_caller() {
        let turns = Turns::new(1);
        let (go, waits) = std::sync::mpsc::channel::<()>();
        let turn = turns.next().await.unwrap();
        let mut work = Box::pin(turn.work(move |_| waits.recv()));
        assert!(futures::poll!(&mut work).is_pending());
        drop(work);
        assert!(futures::poll!(Box::pin(turns.next())).is_pending(), "the hash continues and keeps its turn");
        go.send(()).unwrap();
        turns.next().await.unwrap();
        assert_eq!(turns.memory.lock().unwrap().len(), 1, "memory is kept for the next");
    }
}
