//! Tokens: a caller is always identified by a secret, never by a name that the caller gives.

use clawback_model::Digest;
use data_encoding::BASE32_NOPAD;

/// The start of every token, so that secret scanners find a leaked one.
const PREFIX: &str = "cbk_";

/// A new token. Shown once; the database keeps only its digest.
pub struct NewToken(String);

impl NewToken {
    /// Generates 256 random bits.
    pub fn generate(random: fn() -> u64) -> Self {
        let bits: Vec<u8> = (0..4).flat_map(|_| random().to_be_bytes()).collect();
        Self(format!("{PREFIX}{}", BASE32_NOPAD.encode(&bits).to_ascii_lowercase()))
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the database keeps.
    pub fn digest(&self) -> Digest {
        token_digest(&self.0)
    }
}

/// The digest of a token. A plain sha256 is enough: the secret has 256 random bits.
pub fn token_digest(secret: &str) -> Digest {
    Digest::of(secret.trim().as_bytes())
}
