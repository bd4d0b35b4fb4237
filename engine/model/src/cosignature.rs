//! Cosignatures of witnesses (`c2sp.org/tlog-cosignature`): a witness that has seen that a checkpoint continues every
//! earlier one it saw signs it together with the time. Also the request to a witness (`c2sp.org/tlog-witness`,
//! `add-checkpoint`). This module only formats and parses; the caller signs and checks the bytes.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use data_encoding::BASE64;

use crate::checkpoint::{Note, NoteError, Signature, is_name, key_id, key_parts};
use crate::sha256::Digest;

/// The type of cosigning keys (tlog-cosignature, "Format").
const COSIGNATURE: u8 = 4;
/// The most hashes in a proof (tlog-witness, "add-checkpoint").
pub const LONGEST_PROOF: usize = 63;

/// The public Ed25519 key of a witness, with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    /// The name of the witness.
    pub name: String,
    /// The key (RFC 8032).
    pub key: [u8; 32],
}

/// A signature with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// The signature over [`Cosignature::message`].
    pub bytes: [u8; 64],
}

impl WitnessKey {
    /// Creates a key with this name.
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, NoteError> {
        if is_name(name) { Ok(Self { name: name.to_owned(), key }) } else { Err(NoteError::Name) }
    }

    /// Returns the four bytes by which signatures name the key.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, COSIGNATURE, &self.key)
    }

    /// Returns the cosignatures of a note that claim to be by this key.
    pub fn of_note<'a>(&'a self, note: &'a Note) -> impl Iterator<Item = (&'a Signature, Cosignature)> {
        let id = self.id();
        let own = note.signatures.iter().filter(move |one| one.name == self.name && one.id == id);
        own.filter_map(|one| Some((one, Cosignature::read(&one.bytes)?)))
    }
}

/// `NAME+HASH+BASE64` (signed-note, "Verifier keys").
impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64.encode(&[&[COSIGNATURE][..], &self.key].concat());
        write!(f, "{}+{}+{key}", self.name, data_encoding::HEXLOWER.encode(&self.id()))
    }
}

impl FromStr for WitnessKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, key) = key_parts(text.trim(), COSIGNATURE).ok_or(NoteError::WitnessKey)?;
        let found = Self { name, key };
        if found.id() == id { Ok(found) } else { Err(NoteError::WitnessKey) }
    }
}

impl Cosignature {
    /// Parses what follows the key's ID: eight bytes of time, then the signature.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (time, bytes) = bytes.split_first_chunk::<8>()?;
        Some(Self { time: u64::from_be_bytes(*time), bytes: bytes.try_into().ok()? })
    }

    /// Returns the bytes that follow the key's ID.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.time.to_be_bytes()[..], &self.bytes].concat()
    }

    /// Returns the signed message (tlog-cosignature, "Signed message").
    pub fn message(time: u64, text: &str) -> String {
        format!("cosignature/v1\ntime {time}\n{text}")
    }
}

/// Returns the beginning of the body of an `add-checkpoint` request, before the checkpoint: the size that is known, the
/// proof, an empty line.
pub fn old_and_proof(old: u64, proof: &[Digest]) -> String {
    let mut text = format!("old {old}\n");
    for hash in proof {
        let _ = writeln!(text, "{}", BASE64.encode(&hash.0));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::VerificationKey;

    #[test]
    fn keys_that_cosign_are_of_a_type_of_their_own() {
        let key = WitnessKey::new("witness.example/w1", [7; 32]).unwrap();
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        let log = VerificationKey::new("witness.example/w1", [7; 32]).unwrap();
        assert_ne!(key.id(), log.id());
        assert_eq!(log.to_string().parse::<WitnessKey>(), Err(NoteError::WitnessKey));
        assert_eq!(key.to_string().parse::<VerificationKey>(), Err(NoteError::Key));
    }

    #[test]
    fn a_cosignature_is_read_as_written() {
        let key = WitnessKey::new("w", [7; 32]).unwrap();
        let cosignature = Cosignature { time: 1_679_315_147, bytes: [5; 64] };
        let line = Signature { name: "w".into(), id: key.id(), bytes: cosignature.to_bytes() };
        let note = Note { text: "o\n1\nx\n".into(), signatures: vec![line] };
        assert_eq!(key.of_note(&note).map(|(_, found)| found).collect::<Vec<_>>(), [cosignature]);
        assert_eq!(Cosignature::read(&[0; 71]), None);
        assert_eq!(Cosignature::message(7, "o\n"), "cosignature/v1\ntime 7\no\n");
        assert_eq!(old_and_proof(0, &[]), "old 0\n\n");
        assert_eq!(old_and_proof(2, &[Digest([0; 32])]), format!("old 2\n{}\n\n", BASE64.encode(&[0; 32])));
    }
}
