//! The verification of a server's identity: authorities, single certificates, pins; and the client certificate.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clawback_model::Digest;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use crate::granted::secret;

/// The settings of the operator.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    /// PEM file of the authorities and single certificates that are trusted instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The sha256 of the only certificates, or public keys, that are accepted.
    pub(crate) pins: Vec<Digest>,
    /// PEM files of the client certificate chain and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
}

/// The invalid key of the configuration, and the reason.
#[derive(Debug)]
pub(crate) struct TrustProblem {
    pub(crate) key: &'static str,
    pub(crate) problem: String,
}

impl Trust {
    /// Returns the trust in the system's authorities, or only in those of one file.
    pub(crate) fn in_authorities(ca_file: Option<&Path>) -> Self {
        Self { ca_file: ca_file.map(Path::to_owned), ..Self::default() }
    }

    /// Returns the TLS configuration.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, TrustProblem> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let own = match &self.ca_file {
            Some(path) => certificates(path).map_err(|problem| TrustProblem { key: "ca-file", problem })?,
            None => Vec::new(),
        };
        // If certificates are pinned, authorities are not checked.
        let by_authority = if self.pins.is_empty() { Some(self.authorities(&own, &provider)?) } else { None };
        let verifier = Verifier { by_authority, own, pins: self.pins.clone(), provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TrustProblem { key: "tls", problem: error.to_string() })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let Some((chain, key)) = &self.client else { return Ok(Arc::new(builder.with_no_client_auth())) };
        let chain = certificates(chain).map_err(|problem| TrustProblem { key: "client-cert-file", problem })?;
        let wrong = |problem: String| TrustProblem { key: "client-key-file", problem };
        let text = secret::read_private(key).map_err(|error| wrong(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(text.expose().as_bytes())
            .map_err(|error| wrong(format!("cannot read a private key from `{}`: {error}", key.display())))?;
        let config = builder.with_client_auth_cert(chain, key);
        config.map(Arc::new).map_err(|error| wrong(format!("it does not fit the certificate: {error}")))
    }

    fn authorities(
        &self,
        own: &[CertificateDer<'static>],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, TrustProblem> {
        let wrong = |problem: String| TrustProblem { key: "ca-file", problem };
        let mut roots = RootCertStore::empty();
        if self.ca_file.is_some() {
            for certificate in own {
                roots
                    .add(certificate.clone())
                    .map_err(|error| wrong(format!("a certificate cannot be read: {error}")))?;
            }
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                let problem =
                    "this machine has no trusted root certificates; install ca-certificates, or name a `ca-file`";
                return Err(wrong(problem.to_owned()));
            }
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| wrong(error.to_string()))
    }
}

/// Reads the certificates of a PEM file.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error: &dyn fmt::Display| format!("cannot read certificates from `{}`: {error}", path.display());
    let text = clawback_files::read_policy_bytes(path).map_err(|error| error.to_string())?;
    let read: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|error| unreadable(&error))?;
    if read.is_empty() {
        return Err(format!("`{}` holds no PEM certificate", path.display()));
    }
    Ok(read)
}

/// Parses a pin as `openssl x509 -fingerprint -sha256` and `sha256sum` write it.
pub(crate) fn pin(text: &str) -> Option<Digest> {
    text.trim().replace(':', "").to_ascii_lowercase().parse().ok()
}

/// A certificate that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotTrusted {
    /// The reason, in words.
    pub(crate) why: String,
    /// The digest of the certificate that was presented.
    pub(crate) sha256: Digest,
    /// Whether certificates are pinned.
    pub(crate) is_pinned: bool,
}

impl fmt::Display for NotTrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for NotTrusted {}

#[derive(Debug)]
struct Verifier {
    /// `None` if certificates are pinned.
    by_authority: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates of `ca-file`: each is also trusted directly, if the server presents exactly this one.
    own: Vec<CertificateDer<'static>>,
    pins: Vec<Digest>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn judge(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), String> {
        let Some(by_authority) = &self.by_authority else {
            let key = ParsedCertificate::try_from(shown).map(|parsed| parsed.subject_public_key_info());
            let is_pinned = self.pins.contains(&Digest::of(shown.as_ref()))
                || key.is_ok_and(|key| self.pins.contains(&Digest::of(key.as_ref())));
            return if is_pinned { Ok(()) } else { Err("it is not the pinned one".to_owned()) };
        };
        match by_authority.verify_server_cert(shown, intermediates, name, &[], now) {
            Ok(_) => Ok(()),
            Err(_) if self.own.iter().any(|own| own.as_ref() == shown.as_ref()) => Ok(()),
            Err(error) => Err(in_words(&error)),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge(shown, intermediates, name, now).map(|()| ServerCertVerified::assertion()).map_err(|why| {
            let refused = NotTrusted { why, sha256: Digest::of(shown.as_ref()), is_pinned: !self.pins.is_empty() };
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn in_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet".to_owned()
            }
            CertificateError::UnknownIssuer => "none of the trusted authorities signed it".to_owned(),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it is for another name".to_owned()
            }
            CertificateError::Other(OtherError(other)) if other.to_string() == "CaUsedAsEndEntity" => {
                "it signs itself, as an authority".to_owned()
            }
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// Returns the certificate that was refused in a handshake with this error.
pub(crate) fn refused(error: &rustls::Error) -> Option<&NotTrusted> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => other.downcast_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_authority() -> CertificateDer<'static> {
        let mut parameters = rcgen::CertificateParams::new(vec!["mail.example".to_owned()]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn judge(
        own: &[CertificateDer<'static>],
        pins: Vec<Digest>,
        shown: &CertificateDer<'static>,
    ) -> Result<(), String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = Trust { ca_file: Some("x".into()), pins: pins.clone(), client: None };
        let by_authority = pins.is_empty().then(|| trust.authorities(own, &provider).unwrap());
        let verifier = Verifier { by_authority, own: own.to_vec(), pins, provider };
        verifier.judge(shown, &[], &ServerName::try_from("mail.example").unwrap(), UnixTime::now())
    }

    #[test]
    fn a_self_signed_certificate_is_taken_where_it_is_the_very_one() {
        let (ours, another) = (own_authority(), own_authority());
        assert_eq!(judge(std::slice::from_ref(&ours), Vec::new(), &ours), Ok(()));
        let refused = judge(std::slice::from_ref(&another), Vec::new(), &ours).unwrap_err();
        assert_eq!(refused, "it signs itself, as an authority");
    }

    #[test]
    fn a_pin_is_of_the_certificate_or_its_key_and_excludes_all_others() {
        let (ours, another) = (own_authority(), own_authority());
        let key = ParsedCertificate::try_from(&ours).unwrap().subject_public_key_info();
        for pin in [Digest::of(ours.as_ref()), Digest::of(key.as_ref())] {
            assert_eq!(judge(&[], vec![pin], &ours), Ok(()));
            assert_eq!(judge(&[], vec![pin], &another).unwrap_err(), "it is not the pinned one");
        }
    }

    #[test]
    fn pins_as_programs_write_them() {
        let digest = Digest::of(b"x");
        let hex = digest.to_string();
        let pairs: Vec<&str> = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
        assert_eq!(pin(&pairs.join(":").to_ascii_uppercase()), Some(digest));
        assert_eq!(pin(&hex), Some(digest));
        assert_eq!(pin("abc"), None);
    }
}
