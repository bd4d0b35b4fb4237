//! SCRAM (RFC 5802, RFC 7677): the server does not receive the password, and proves that it knows a hash of it.

use std::num::NonZeroU32;

use data_encoding::BASE64;
use ring::rand::SecureRandom as _;
use ring::{digest, hmac, pbkdf2};
use unicode_normalization::UnicodeNormalization as _;

use crate::granted::secret::Secret;

/// The accepted iteration counts: fewer are insecure (RFC 7677), more would block this node.
const ROUNDS: std::ops::RangeInclusive<u32> = 4_096..=1_000_000;

/// The hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        self.hmac().digest_algorithm()
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        }
    }
}

/// An invalid message of the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScramError {
    #[error("the server's answer in SCRAM cannot be read")]
    Malformed,
    #[error("the server's nonce in SCRAM does not continue ours: an old login may have been replayed")]
    Nonce,
    #[error("the server requires {0} iterations in SCRAM; {min} to {max} are accepted", min = ROUNDS.start(), max = ROUNDS.end())]
    Rounds(u32),
    #[error("the server does not prove in SCRAM that it knows the password")]
    Unproven,
    #[error("the server refused in SCRAM: {0}")]
    Refused(String),
}

/// The client's side of one login.
pub(crate) struct Scram {
    hash: Hash,
    act_as: String,
    user: String,
    password: Secret,
    nonce: String,
    state: State,
}

enum State {
    First,
    /// The proof was sent; this is the expected signature of the server.
    Proven {
        server_key: hmac::Key,
        message: String,
    },
    Done,
}

impl Scram {
    pub(crate) fn new(hash: Hash, act_as: &str, user: &str, password: &Secret) -> Result<Self, ScramError> {
        let mut random = [0; 18];
        ring::rand::SystemRandom::new().fill(&mut random).map_err(|_| ScramError::Malformed)?;
        Ok(Self::with_nonce(hash, act_as, user, password, BASE64.encode(&random)))
    }

    fn with_nonce(hash: Hash, act_as: &str, user: &str, password: &Secret, nonce: String) -> Self {
        let (act_as, user) = (name(act_as), name(user));
        Self { hash, act_as, user, password: Secret::new(prepared(password.expose())), nonce, state: State::First }
    }

    /// Returns the header, which names the identity to act as and says that there is no channel binding.
    fn header(&self) -> String {
        if self.act_as.is_empty() { "n,,".to_owned() } else { format!("n,a={},", self.act_as) }
    }

    fn bare(&self) -> String {
        format!("n={},r={}", self.user, self.nonce)
    }

    pub(crate) fn first(&self) -> String {
        format!("{}{}", self.header(), self.bare())
    }

    /// Returns the response to a challenge.
    pub(crate) fn answer(&mut self, challenge: &str) -> Result<String, ScramError> {
        if let Some(why) = challenge.strip_prefix("e=") {
            return Err(ScramError::Refused(clawback_model::visible_line(why, 80)));
        }
        match &self.state {
            State::First => self.prove(challenge),
            State::Proven { server_key, message } => {
                let signature = challenge.strip_prefix("v=").and_then(|text| BASE64.decode(text.as_bytes()).ok());
                let signature = signature.ok_or(ScramError::Malformed)?;
                hmac::verify(server_key, message.as_bytes(), &signature).map_err(|_| ScramError::Unproven)?;
                self.state = State::Done;
                Ok(String::new())
            }
            State::Done => Err(ScramError::Malformed),
        }
    }

    fn prove(&mut self, challenge: &str) -> Result<String, ScramError> {
        let mut fields = challenge.split(',');
        let mut field = |key| fields.next().and_then(|text| text.strip_prefix(key)).ok_or(ScramError::Malformed);
        let (nonce, salt, rounds) = (field("r=")?, field("s=")?, field("i=")?);
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(ScramError::Nonce);
        }
        let salt = BASE64.decode(salt.as_bytes()).map_err(|_| ScramError::Malformed)?;
        let rounds: u32 = rounds.parse().map_err(|_| ScramError::Malformed)?;
        let Some(rounds) = NonZeroU32::new(rounds).filter(|rounds| ROUNDS.contains(&rounds.get())) else {
            return Err(ScramError::Rounds(rounds));
        };
        let mut salted = vec![0; self.hash.digest().output_len()];
        pbkdf2::derive(self.hash.pbkdf2(), rounds, &salt, self.password.expose().as_bytes(), &mut salted);
        let salted = hmac::Key::new(self.hash.hmac(), &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());
        let unproven = format!("c={},r={nonce}", BASE64.encode(self.header().as_bytes()));
        let message = format!("{},{challenge},{unproven}", self.bare());
        let signature = hmac::sign(&hmac::Key::new(self.hash.hmac(), stored_key.as_ref()), message.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        let server_key = hmac::Key::new(self.hash.hmac(), hmac::sign(&salted, b"Server Key").as_ref());
        self.state = State::Proven { server_key, message };
        Ok(format!("{unproven},p={}", BASE64.encode(&proof)))
    }

    /// Checks the exchange after the server reported success: the server must have proven itself.
    pub(crate) fn finish(&self) -> Result<(), ScramError> {
        if matches!(self.state, State::Done) { Ok(()) } else { Err(ScramError::Unproven) }
    }
}

/// Escapes a name between commas.
fn name(text: &str) -> String {
    prepared(text).replace('=', "=3D").replace(',', "=2C")
}

/// Applies `SASLprep` (RFC 4013) without its prohibitions, which the server checks.
fn prepared(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let is_nothing = |c: char| {
        matches!(c, '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}'
            | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
    };
    let kept = text.chars().filter(|c| !is_nothing(*c));
    kept.map(|c| if c.is_whitespace() { ' ' } else { c }).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scram(hash: Hash, nonce: &str) -> Scram {
        Scram::with_nonce(hash, "", "user", &Secret::new("pencil"), nonce.to_owned())
    }

    #[test]
    fn the_exchange_of_rfc_7677() {
        let mut scram = scram(Hash::Sha256, "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(scram.answer(challenge).unwrap(), proof);
        assert_eq!(scram.finish(), Err(ScramError::Unproven), "an OK without the server's proof");
        assert_eq!(scram.answer("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap(), "");
        assert_eq!(scram.finish(), Ok(()));
    }

    #[test]
    fn the_exchange_of_rfc_5802() {
        let mut scram = scram(Hash::Sha1, "fyko+d2lbbFgONRv9qkxdawL");
        let challenge = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        let proof = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
        assert_eq!(scram.answer(challenge).unwrap(), proof);
        assert_eq!(scram.answer("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").unwrap(), "");
    }

    #[test]
    fn a_server_that_lies_is_found_out() {
        let first = "s=W22ZaJ0SNY7soEsUEjb6gQ==";
        let answer = |challenge: &str| scram(Hash::Sha256, "abc").answer(challenge).unwrap_err();
        assert_eq!(answer(&format!("r=abc,{first},i=4096")), ScramError::Nonce);
        assert_eq!(answer(&format!("r=other,{first},i=4096")), ScramError::Nonce);
        assert_eq!(answer(&format!("r=abcd,{first},i=1")), ScramError::Rounds(1));
        assert_eq!(answer(&format!("r=abcd,{first},i=4000000000")), ScramError::Rounds(4_000_000_000));
        assert_eq!(answer("garbage"), ScramError::Malformed);
        let mut scram = scram(Hash::Sha256, "abc");
        scram.answer(&format!("r=abcd,{first},i=4096")).unwrap();
        assert_eq!(scram.answer("v=AAAA"), Err(ScramError::Unproven));
    }

    #[test]
    fn names_are_escaped_and_normalised() {
        assert_eq!(name("a,b=c"), "a=2Cb=3Dc");
        assert_eq!(prepared("I\u{ad}X\u{a0}\u{2168}"), "IX IX");
        let scram = Scram::with_nonce(Hash::Sha256, "u1", "admin", &Secret::new("x"), "n".into());
        assert_eq!(scram.first(), "n,a=u1,n=admin,r=n");
    }
}
