//! Signatures by SSH keys (OpenSSH, `PROTOCOL.sshsig`), including those of security keys (`PROTOCOL.u2f`).

use clawback_model::VOTE_NAMESPACE;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, EcdsaCurve, Mpint, PublicKey, SshSig};

/// The bytes of the flags and the counter after a signature of a security key.
const TRAILER: usize = 5;
/// The flag for a touch of the security key.
const PRESENT: u8 = 1;

/// Parses an armoured signature.
pub(crate) fn read(armoured: &str) -> Option<SshSig> {
    SshSig::from_pem(armoured.trim_end()).ok().filter(|signature| signature.namespace() == VOTE_NAMESPACE)
}

/// Returns whether this key made this signature of this text.
pub(crate) fn is_by(signature: &SshSig, key: &PublicKey, text: &str) -> bool {
    if signature.public_key() != key.key_data() || signature.algorithm() != key.algorithm() {
        return false;
    }
    let Ok(signed) = SshSig::signed_data(VOTE_NAMESPACE, signature.hash_alg(), text.as_bytes()) else { return false };
    let bytes = signature.signature_bytes();
    match (key.key_data(), key.algorithm()) {
        (KeyData::Ed25519(key), _) => is_good(&ED25519, key.as_ref(), &signed, bytes),
        (KeyData::Ecdsa(key), Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }) => {
            fixed(bytes).is_some_and(|fixed| is_good(&ECDSA_P256_SHA256_FIXED, key.as_sec1_bytes(), &signed, &fixed))
        }
        (KeyData::SkEd25519(key), _) => with_trailer(key.application(), &signed, bytes)
            .is_some_and(|(signed, bytes)| is_good(&ED25519, key.public_key().as_ref(), &signed, bytes)),
        (KeyData::SkEcdsaSha2NistP256(key), _) => {
            with_trailer(key.application(), &signed, bytes).is_some_and(|(signed, bytes)| {
                let point = key.ec_point().as_bytes();
                fixed(bytes).is_some_and(|fixed| is_good(&ECDSA_P256_SHA256_FIXED, point, &signed, &fixed))
            })
        }
        _ => false,
    }
}

fn is_good(algorithm: &'static dyn VerificationAlgorithm, key: &[u8], text: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(algorithm, key).verify(text, signature).is_ok()
}

/// Returns what a security key signs (the hash of its application, flags, counter, the hash of the text), and the bare
/// signature.
fn with_trailer<'a>(application: &str, text: &[u8], bytes: &'a [u8]) -> Option<(Vec<u8>, &'a [u8])> {
    let (signature, trailer) = bytes.split_at_checked(bytes.len().checked_sub(TRAILER)?)?;
    if trailer.first()? & PRESENT == 0 {
        return None;
    }
    let application = digest(&SHA256, application.as_bytes());
    Some(([application.as_ref(), trailer, digest(&SHA256, text).as_ref()].concat(), signature))
}

/// Converts two numbers as OpenSSH writes them (RFC 5656, section 3.1.2) to 32 bytes each.
fn fixed(mut bytes: &[u8]) -> Option<[u8; 64]> {
    let mut both = [0; 64];
    for half in both.chunks_exact_mut(32) {
        let (length, rest) = bytes.split_first_chunk()?;
        let (number, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let number = Mpint::from_bytes(number).ok()?;
        let number = number.as_positive_bytes()?;
        bytes = rest;
        half.get_mut(32_usize.checked_sub(number.len())?..)?.copy_from_slice(number);
    }
    bytes.is_empty().then_some(both)
}
