//! Checkpoints of the log and the notes that carry them, in the formats of C2SP: a signed note (`c2sp.org/signed-note`)
//! whose text is a checkpoint (`c2sp.org/tlog-checkpoint`). This module only formats and parses; the caller signs and
//! checks the bytes.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

use crate::sha256::Digest;

/// The type of Ed25519 signatures of a log's own key (signed-note, "Signatures").
const ED25519: u8 = 1;
/// The largest note that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// The size and the root of the log at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// The number of events in it.
    pub size: u64,
    /// The root of the tree over these events.
    pub root: Digest,
}

/// Three lines: origin, size, root in base64.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root.0))
    }
}

/// A text that is not a checkpoint, note or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NoteError {
    #[error("this is not a signed checkpoint: {0}")]
    Malformed(&'static str),
    #[error("this is not a verification key: expected NAME+HASH+KEY, as `clawback key show` prints it")]
    Key,
    #[error("this is not a witness's key: expected NAME+HASH+KEY of the type for cosignatures")]
    WitnessKey,
    #[error("a log's name is 1 to 200 letters without spaces and without `+`")]
    Name,
}

impl FromStr for Checkpoint {
    type Err = NoteError;
    /// Lines after the third are extensions; they are signed and ignored.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.split('\n');
        let mut next = |missing| lines.next().filter(|line| !line.is_empty()).ok_or(NoteError::Malformed(missing));
        let origin = next("it has no origin")?.to_owned();
        let size = next("it has no size")?;
        let number = size.parse::<u64>().ok().filter(|number| number.to_string() == size);
        let size = number.ok_or(NoteError::Malformed("its size is no number"))?;
        let root = BASE64.decode(next("it has no root hash")?.as_bytes()).ok().and_then(|root| root.try_into().ok());
        let root = Digest(root.ok_or(NoteError::Malformed("its root hash is not 32 bytes in base64"))?);
        Ok(Self { origin, size, root })
    }
}

/// A text with its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The signed text, including its last line break.
    pub text: String,
    /// The signatures: name, key ID and the bytes after the ID.
    pub signatures: Vec<Signature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// The first four bytes of the hash that names the key.
    pub id: [u8; 4],
    /// The signature.
    pub bytes: Vec<u8>,
}

impl Note {
    /// Adds the signatures of another note of the same text that this one lacks: no note has two by one key.
    #[must_use]
    pub fn with_signatures_of(mut self, other: Self) -> Self {
        if self.text == other.text {
            for one in other.signatures {
                if !self.signatures.iter().any(|known| (&known.name, known.id) == (&one.name, one.id)) {
                    self.signatures.push(one);
                }
            }
        }
        self
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, id, bytes } in &self.signatures {
            writeln!(f, "\u{2014} {name} {}", BASE64.encode(&[&id[..], bytes].concat()))?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = NoteError;
    fn from_str(given: &str) -> Result<Self, NoteError> {
        if given.len() > LARGEST || given.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NoteError::Malformed("it is too long or has control characters"));
        }
        let (text, signatures) = given.rsplit_once("\n\n").ok_or(NoteError::Malformed("it has no signature"))?;
        let wrong = NoteError::Malformed("a line of its signatures is not `\u{2014} NAME BASE64`");
        let lines = signatures.strip_suffix('\n').ok_or_else(|| wrong.clone())?;
        let signatures: Option<Vec<Signature>> = lines
            .split('\n')
            .map(|line| {
                let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
                let bytes = BASE64.decode(signature.as_bytes()).ok()?;
                let (id, bytes) = bytes.split_first_chunk::<4>()?;
                is_name(name).then(|| Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
            })
            .collect();
        Ok(Self { text: format!("{text}\n"), signatures: signatures.ok_or(wrong)? })
    }
}

/// A public Ed25519 key with its name, as outsiders get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey {
    /// The name of the log.
    pub name: String,
    /// The key (RFC 8032).
    pub key: [u8; 32],
}

impl VerificationKey {
    /// Creates a key with this name.
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, NoteError> {
        if is_name(name) { Ok(Self { name: name.to_owned(), key }) } else { Err(NoteError::Name) }
    }

    /// Returns the four bytes by which signatures name the key: sha256 over name, line break, type and key.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, ED25519, &self.key)
    }

    /// Returns the signatures of a note that claim to be by this key.
    pub fn of_note<'a>(&'a self, note: &'a Note) -> impl Iterator<Item = &'a Signature> {
        note.signatures.iter().filter(|one| one.name == self.name && one.id == self.id())
    }

    /// Formats a private key as it is stored: `PRIVATE+KEY+NAME+HASH+BASE64` over the seed, as Go's `sumdb/note` writes
    /// it.
    pub fn with_seed(&self, seed: &[u8; 32]) -> String {
        let kept = BASE64.encode(&[&[ED25519][..], seed].concat());
        format!("PRIVATE+KEY+{}+{}+{kept}", self.name, data_encoding::HEXLOWER.encode(&self.id()))
    }
}

/// Parses name, key ID and seed of a private key as [`VerificationKey::with_seed`] writes it. The caller computes the
/// public key and compares the ID.
pub fn read_private_key(text: &str) -> Option<(String, [u8; 4], [u8; 32])> {
    let (name, id, seed) = key_parts(text.trim().strip_prefix("PRIVATE+KEY+")?, ED25519)?;
    Some((name, id, seed))
}

/// Returns the four bytes by which signatures name a key: sha256 over name, line break, type and key.
pub(crate) fn key_id(name: &str, kind: u8, key: &[u8; 32]) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name);
    hash.update([b'\n', kind]);
    hash.update(key);
    *hash.finalize().first_chunk().expect("a hash has 32 bytes")
}

/// Parses name, key ID and key from `NAME+HASH+BASE64` of this type.
pub(crate) fn key_parts(text: &str, expected: u8) -> Option<(String, [u8; 4], [u8; 32])> {
    let mut parts = text.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let id = data_encoding::HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok()?;
    let key = BASE64.decode(key.as_bytes()).ok()?;
    let (kind, key) = key.split_first()?;
    (*kind == expected && is_name(name)).then_some(())?;
    Some((name.to_owned(), id, key.try_into().ok()?))
}

/// `NAME+HASH+BASE64` (signed-note, "Verifier keys").
impl fmt::Display for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64.encode(&[&[ED25519][..], &self.key].concat());
        write!(f, "{}+{}+{key}", self.name, data_encoding::HEXLOWER.encode(&self.id()))
    }
}

impl FromStr for VerificationKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, key) = key_parts(text.trim(), ED25519).ok_or(NoteError::Key)?;
        let found = Self { name, key };
        if found.id() == id { Ok(found) } else { Err(NoteError::Key) }
    }
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the example in the specification of signed notes, and of Go's `sumdb/note`.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn keys_are_those_of_the_standard() {
        let key: VerificationKey = KEY.parse().unwrap();
        assert_eq!((key.name.as_str(), key.to_string().as_str()), ("PeterNeumann", KEY));
        for wrong in
            ["", "x", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "a b+c74f20a3+AQ=="]
        {
            assert_eq!(wrong.parse::<VerificationKey>(), Err(NoteError::Key), "{wrong}");
        }
        let seed = [7; 32];
        let kept = key.with_seed(&seed);
        assert_eq!(read_private_key(&format!("{kept}\n")), Some((key.name.clone(), key.id(), seed)));
        assert_eq!(read_private_key(KEY), None);
        assert_eq!(VerificationKey::new("a+b", [0; 32]), Err(NoteError::Name));
    }

    #[test]
    fn notes_are_read_as_written() {
        let checkpoint = Checkpoint { origin: "corp.example/clawback".into(), size: 12, root: Digest::of(b"x") };
        let key: VerificationKey = KEY.parse().unwrap();
        let signature = Signature { name: key.name.clone(), id: key.id(), bytes: vec![5; 64] };
        let note = Note { text: checkpoint.to_string(), signatures: vec![signature] };
        let read: Note = note.to_string().parse().unwrap();
        assert_eq!(read, note);
        assert_eq!(read.text.parse(), Ok(checkpoint));
        assert_eq!(key.of_note(&read).count(), 1);
        let other = VerificationKey { key: [1; 32], ..key };
        assert_eq!(other.of_note(&read).count(), 0);
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = BASE64.encode(&[1; 32]);
        for wrong in [
            String::new(),
            format!("o\n-1\n{root}\n"),
            format!("o\n01\n{root}\n"),
            "o\n1\nAA==\n".into(),
            format!("\n1\n{root}\n"),
        ] {
            assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong:?}");
        }
        for wrong in
            ["", "a\n\n", "a\n\nb\n", "a\n\n\u{2014} n AAAA", "a\n\n\u{2014} n AA==\n", "a\r\n\n\u{2014} n AAAAAAAA\n"]
        {
            assert!(wrong.parse::<Note>().is_err(), "{wrong:?}");
        }
    }
}
