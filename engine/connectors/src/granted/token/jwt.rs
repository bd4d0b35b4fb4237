//! Signed JSON web tokens (RFC 7515, RFC 7519), by an RSA key.

use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::config::token::SignatureAlgorithm;
use crate::granted::secret::{Secret, read_private};

/// A private RSA key.
#[derive(Debug)]
pub(crate) struct SigningKey(KeyPair);

impl SigningKey {
    /// Reads a PEM file that only this user can read.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = read_private(path).map_err(|error| error.to_string())?;
        Self::parse(&text).map_err(|why| format!("`{}`: {why}", path.display()))
    }

    /// Parses PEM, PKCS#8 or PKCS#1.
    pub(crate) fn parse(pem: &Secret) -> Result<Self, String> {
        // The errors of both parsers name no part of the key.
        let key = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes())
            .map_err(|_| "it holds no private key in PEM".to_owned())?;
        let pair = match &key {
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err("it is not an RSA key".to_owned()),
        };
        pair.map(Self).map_err(|error| format!("it is not an RSA key of 2048 to 4096 bits ({error})"))
    }

    /// Returns whether a public key (`SubjectPublicKeyInfo`) is that of this key.
    pub(crate) fn fits(&self, public_key: &[u8]) -> bool {
        public_key.ends_with(self.0.public().as_ref())
    }

    /// Returns the token. `header` gets `alg` and `typ`.
    pub(crate) fn sign(
        &self,
        algorithm: SignatureAlgorithm,
        mut header: Value,
        claims: &Value,
    ) -> Result<Secret, String> {
        let (name, padding): (_, &'static dyn RsaEncoding) = match algorithm {
            SignatureAlgorithm::Ps256 => ("PS256", &RSA_PSS_SHA256),
            SignatureAlgorithm::Rs256 => ("RS256", &RSA_PKCS1_SHA256),
        };
        header["alg"] = json!(name);
        header["typ"] = json!("JWT");
        let [header, claims] = [&header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
        let text = format!("{header}.{claims}");
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(padding, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| "the key cannot sign".to_owned())?;
        Ok(Secret::new(format!("{text}.{}", BASE64URL_NOPAD.encode(&signature))))
    }
}

/// Returns an identifier that no other token has (`jti`).
pub(crate) fn unique() -> Result<String, String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system gives no random bytes".to_owned())?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::process::Command;

    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey};

    use super::*;

    /// Writes a private key of 2,048 bits, readable by its owner only.
    pub(crate) fn write_key(path: &Path) {
        let made = Command::new("openssl").args(["genrsa", "-out"]).arg(path).arg("2048").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        #[cfg(unix)]
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    #[test]
    fn both_signatures_are_verified_by_the_public_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        write_key(&path);
        let key = SigningKey::read(&path).unwrap();
        let public = key.0.public().as_ref().to_vec();
        for (algorithm, name, check) in [
            (SignatureAlgorithm::Ps256, "PS256", &RSA_PSS_2048_8192_SHA256 as &'static RsaParameters),
            (SignatureAlgorithm::Rs256, "RS256", &RSA_PKCS1_2048_8192_SHA256),
        ] {
            let signed = key.sign(algorithm, json!({ "kid": "k" }), &json!({ "sub": "ann\"x" })).unwrap();
            let parts: Vec<&str> = signed.expose().split('.').collect();
            let read = |at: usize| -> Value {
                serde_json::from_slice(&BASE64URL_NOPAD.decode(parts[at].as_bytes()).unwrap()).unwrap()
            };
            assert_eq!(read(0), json!({ "alg": name, "typ": "JWT", "kid": "k" }));
            assert_eq!(read(1), json!({ "sub": "ann\"x" }), "a quote in a name is text");
            let signature = BASE64URL_NOPAD.decode(parts[2].as_bytes()).unwrap();
            let text = format!("{}.{}", parts[0], parts[1]);
            assert!(UnparsedPublicKey::new(check, &public).verify(text.as_bytes(), &signature).is_ok(), "{name}");
        }
        assert!(key.fits(&public) && !key.fits(b"another"));
        assert_ne!(unique().unwrap(), unique().unwrap());
    }

    #[test]
    fn what_is_no_key_is_named_without_its_content() {
        let not_pem = SigningKey::parse(&Secret::new("hunter2")).unwrap_err();
        let broken = "-----BEGIN RSA PRIVATE KEY-----\naHVudGVyMg==\n-----END RSA PRIVATE KEY-----\n";
        let not_rsa = SigningKey::parse(&Secret::new(broken)).unwrap_err();
        assert!(
            !not_pem.contains("hunter2") && !not_rsa.contains("hunter2") && !not_rsa.contains("aHVud"),
            "{not_rsa}"
        );
    }
}
