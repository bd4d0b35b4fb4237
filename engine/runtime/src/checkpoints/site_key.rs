//! The key that signs checkpoints of the history: Ed25519 (RFC 8032), in a file of its own. Write access to the
//! database without read access to this file is not enough to make a checkpoint.

use std::path::{Path, PathBuf};

use clawback_files::FileError;
use clawback_model::{Checkpoint, Digest, Note, NoteError, Signature, VerificationKey, read_private_key};
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// A key that cannot be used, or a checkpoint that it did not sign.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages document the variants")]
pub enum KeyError {
    #[error("the site's key: {0}; `clawback key make` makes one, and nodes of one site share it")]
    Unreadable(#[source] FileError),
    #[error("the site's key {} is not a private key in the form PRIVATE+KEY+NAME+HASH+KEY", .0.display())]
    Malformed(PathBuf),
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("the checkpoint is not signed by `{0}`")]
    NotSigned(String),
    #[error("the checkpoint is of the log `{found}`, not of `{expected}`")]
    OtherLog { found: String, expected: String },
}

/// The site's key.
pub struct SiteKey {
    pair: Ed25519KeyPair,
    public: VerificationKey,
    features: (u64, u64),
}

impl std::fmt::Debug for SiteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SiteKey({})", self.public)
    }
}

impl SiteKey {
    /// Makes a key of this name, and returns it with the text of its file.
    pub fn generate(name: &str, seed: &[u8; 32]) -> Result<(Self, String), KeyError> {
        let key = Self::from_seed(name, seed).ok_or(NoteError::Name)?;
        let kept = key.public.with_seed(seed);
        Ok((key, kept))
    }

    /// Reads the key from this file, which only its owner may read.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = clawback_files::read_secret(path).map_err(KeyError::Unreadable)?;
        let malformed = || KeyError::Malformed(path.to_owned());
        let (name, id, seed) = read_private_key(&text).ok_or_else(malformed)?;
        Self::from_seed(&name, &seed).filter(|key| key.public.id() == id).ok_or_else(malformed)
    }

    fn from_seed(name: &str, seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = VerificationKey::new(name, pair.public_key().as_ref().try_into().ok()?).ok()?;
        // A key for another purpose, so that it says nothing of the signing key.
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, seed), b"clawback features");
        let half = |at: usize| derived.as_ref().get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
        Some(Self { pair, public, features: (half(0)?, half(8)?) })
    }

    /// The public key, with which outsiders check its signatures.
    pub const fn public(&self) -> &VerificationKey {
        &self.public
    }

    /// The key of keyed hashes in features, derived from this key.
    pub const fn features(&self) -> (u64, u64) {
        self.features
    }

    /// Signs the checkpoint of a tree.
    pub fn sign(&self, size: u64, root: Digest) -> Note {
        let text = Checkpoint { origin: self.public.name.clone(), size, root }.to_string();
        let bytes = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        let signature = Signature { name: self.public.name.clone(), id: self.public.id(), bytes };
        Note { text, signatures: vec![signature] }
    }
}

/// The checkpoint in a note, if it is of this key's log and signed by the key.
pub fn open_checkpoint(note: &str, key: &VerificationKey) -> Result<Checkpoint, KeyError> {
    let note: Note = note.parse()?;
    let public = UnparsedPublicKey::new(&ED25519, key.key);
    if !key.of_note(&note).any(|one| public.verify(note.text.as_bytes(), &one.bytes).is_ok()) {
        return Err(KeyError::NotSigned(key.name.clone()));
    }
    let checkpoint: Checkpoint = note.text.parse()?;
    if checkpoint.origin != key.name {
        return Err(KeyError::OtherLog { found: checkpoint.origin, expected: key.name.clone() });
    }
    Ok(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_checkpoints_of_the_key_are_opened() {
        let (key, kept) = SiteKey::generate("corp.example/clawback", &[3; 32]).unwrap();
        assert!(kept.starts_with("PRIVATE+KEY+corp.example/clawback+"));
        let note = key.sign(7, Digest::of(b"root")).to_string();
        let opened = open_checkpoint(&note, key.public()).unwrap();
        assert_eq!((opened.size, opened.root), (7, Digest::of(b"root")));
        let (other, _) = SiteKey::generate("corp.example/clawback", &[4; 32]).unwrap();
        assert!(matches!(open_checkpoint(&note, other.public()), Err(KeyError::NotSigned(_))));
        let changed = note.replace("\n7\n", "\n8\n");
        assert!(matches!(open_checkpoint(&changed, key.public()), Err(KeyError::NotSigned(_))));
        assert!(!format!("{key:?}").contains(&kept[kept.len() - 20..]), "the seed is not shown");
        let example = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let (name, id, seed) = read_private_key(example).unwrap();
        let (key, kept) = SiteKey::generate(&name, &seed).unwrap();
        assert_eq!((key.public().id(), kept.as_str()), (id, example), "as Go's `sumdb/note` writes it");
    }

    #[test]
    fn the_signature_of_the_standards_example_is_good() {
        // Go's `sumdb/note`, Example: signed by PeterNeumann.
        let key: VerificationKey =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        // It is signed, but is no checkpoint.
        assert!(matches!(open_checkpoint(note, &key), Err(KeyError::Note(NoteError::Malformed(_)))));
    }
}
