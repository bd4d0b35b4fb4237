//! Passwords of local accounts: Argon2id with the parameters of RFC 9106, section 4 as OWASP narrows them (19 MiB, two passes).

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _};
use axum::http::StatusCode;

use crate::center::Center;
use crate::problem::Problem;

/// A password is refused under this many characters: NIST SP 800-63B, section 3.1.1.2, for one that stands alone.
const SHORTEST: usize = 15;
/// More than anybody types; hashing costs time with length.
const LONGEST: usize = 1_024;

/// The hash of a new password in PHC form, or why it is none.
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

/// The same for somebody who waits for it, at their turn: it takes some 20 ms of a processor, and 19 MiB.
pub(crate) async fn hashed(center: &Center, password: String) -> Result<String, Problem> {
    let turn = center.passwords().acquire().await.map_err(|_| Problem::internal())?;
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    drop(turn);
    let weak = |said| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "password", said);
    hashed.map_err(|_| Problem::internal())?.map_err(weak)
}

/// Whether it is the password of this hash. Without a hash the same work is done for nothing, so that the time tells nobody
/// which accounts there are.
pub(crate) fn is_right(password: &str, hash: Option<&str>) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    let Some(parsed) = hash.and_then(|hash| PasswordHash::new(hash).ok()) else {
        let _ = Argon2::default().hash_password(password.as_bytes());
        return false;
    };
    Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_is_right() {
        let hash = hash_password("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_right("correct horse battery", Some(&hash)));
        for wrong in ["", "correct horse batterx", "Correct horse battery", "correct horse battery "] {
            assert!(!is_right(wrong, Some(&hash)), "{wrong}");
        }
        assert!(!is_right("correct horse battery", None));
        assert!(!is_right("correct horse battery", Some("no hash")));
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        assert!(hash_password("fourteen chars").is_err());
        assert!(hash_password(&"a".repeat(LONGEST + 1)).is_err());
    }
}
