//! Signatures by passkeys (`WebAuthn` level 2). The response of a browser is checked as section 7.2 requires: type,
//! challenge, origin, relying party, presence and verification of the user, signature. The counter is not checked,
//! because the file of keys has no state.

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use spki::der::Decode as _;
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

/// The flags for a user who was present and verified (section 6.1).
const PRESENT_AND_VERIFIED: u8 = 0b101;
/// The bytes of the authenticator data before the extensions.
const DATA: usize = 37;

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passkey {
    /// The relying party: the host name of the Action Center.
    pub(crate) host: String,
    /// The ID of the credential.
    pub(crate) credential: String,
    /// Its public key in DER.
    key: Vec<u8>,
}

/// The response of an authenticator, as stored in a vote.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assertion<'a> {
    pub(crate) authenticator_data: &'a str,
    pub(crate) client_data: &'a str,
    pub(crate) signature: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    challenge: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    origin: std::borrow::Cow<'a, str>,
    #[serde(default)]
    cross_origin: bool,
}

/// Returns the challenge for the statement of a vote, in base64url.
pub fn challenge(statement: &str) -> String {
    BASE64URL_NOPAD.encode(digest(&SHA256, statement.as_bytes()).as_ref())
}

impl Passkey {
    /// Parses `HOST CREDENTIAL KEY`.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let mut parts = text.split_ascii_whitespace();
        let (Some(host), Some(credential), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a passkey is `passkey HOST CREDENTIAL KEY`, as the page for passkeys shows it");
        };
        let is_read = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok().filter(|bytes| !bytes.is_empty());
        let wrong = "credential and key of a passkey are in base64url";
        is_read(credential).ok_or(wrong)?;
        let passkey =
            Self { host: host.to_owned(), credential: credential.to_owned(), key: is_read(key).ok_or(wrong)? };
        passkey
            .algorithm()
            .ok_or("the key of the passkey is of no kind that is taken: ES256, Ed25519 and RS256 are")?;
        Ok(passkey)
    }

    /// Returns whether this passkey made this assertion for this statement.
    pub(crate) fn made(&self, assertion: &Assertion<'_>, statement: &str) -> bool {
        self.check(assertion, statement).is_some()
    }

    fn check(&self, assertion: &Assertion<'_>, statement: &str) -> Option<()> {
        let decoded = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let (data, client) = (decoded(assertion.authenticator_data)?, decoded(assertion.client_data)?);
        let said: ClientData<'_> = serde_json::from_slice(&client).ok()?;
        let is_here = said.kind == "webauthn.get" && !said.cross_origin && self.is_origin(&said.origin);
        let (party, rest) = data.split_at_checked(32)?;
        let is_ours = data.len() >= DATA && party == digest(&SHA256, self.host.as_bytes()).as_ref();
        let is_verified = rest.first()? & PRESENT_AND_VERIFIED == PRESENT_AND_VERIFIED;
        if !(is_here && is_ours && is_verified) || said.challenge != challenge(statement) {
            return None;
        }
        let signed = [data.as_slice(), digest(&SHA256, &client).as_ref()].concat();
        let (algorithm, key) = self.algorithm()?;
        UnparsedPublicKey::new(algorithm, key).verify(&signed, &decoded(assertion.signature)?).ok()
    }

    /// Returns whether the origin is a page of the relying party or of a host below it.
    fn is_origin(&self, origin: &str) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let host = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
            .map_or(host, |(host, _)| host);
        let is_host = host == self.host || host.strip_suffix(&self.host).is_some_and(|sub| sub.ends_with('.'));
        is_host && (scheme == "https" || (scheme == "http" && host == "localhost"))
    }

    /// Returns the algorithm of this key, and the key in the form it takes (RFC 5480, RFC 8410, RFC 8017).
    fn algorithm(&self) -> Option<(&'static dyn VerificationAlgorithm, &[u8])> {
        const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
        const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
        const EDWARDS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
        const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
        let info = SubjectPublicKeyInfoRef::from_der(&self.key).ok()?;
        let key = info.subject_public_key.as_bytes()?;
        let algorithm: &'static dyn VerificationAlgorithm = match info.algorithm.oid {
            EC if info.algorithm.parameters_oid().ok()? == P256 => &ECDSA_P256_SHA256_ASN1,
            EDWARDS => &ED25519,
            RSA => &RSA_PKCS1_2048_8192_SHA256,
            _ => return None,
        };
        Some((algorithm, key))
    }
}
