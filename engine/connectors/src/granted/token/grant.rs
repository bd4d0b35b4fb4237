//! What a token server is asked for, and by which proof (RFC 6749 4.4, RFC 7523), and tokens that the host signs
//! itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clawback_model::Timestamp;
use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use rustls::server::ParsedCertificate;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::config::ConfigError;
use crate::config::token::{ClientCredentials, ServiceAccount, SignatureAlgorithm};
use crate::granted::context::GrantContext;
use crate::granted::outbound::Address;
use crate::granted::secret::{Secret, SecretSource, read_private};
use crate::granted::token::cache::Issued;
use crate::granted::token::challenge::Claims;
use crate::granted::token::failure::TokenError;
use crate::granted::token::jwt::{self, SigningKey};
use crate::granted::token::server::TokenServer;
use crate::granted::trust;

/// How long an assertion is valid: it is used at once.
const ASSERTION: Duration = Duration::from_mins(10);
/// How long a token of the host's own is used. Servers may accept only tokens that were signed lately.
const OWN: Duration = Duration::from_mins(5);

/// How tokens are obtained. Keys and secrets are read at each use, so that they can be changed without a restart.
#[derive(Debug)]
pub(crate) enum Grant {
    ClientCredentials { server: TokenServer, client_id: String, scope: Option<String>, proof: Proof },
    ServiceAccount { server: TokenServer, key_file: PathBuf, scope: String },
    Own { key_file: PathBuf, issuer: Option<String>, audience: Option<String> },
}

/// By what the application proves who it is.
#[derive(Debug)]
pub(crate) enum Proof {
    Secret(SecretSource),
    Certificate { certificate: PathBuf, key: PathBuf, algorithm: SignatureAlgorithm },
}

/// The key of a service account, as Google writes it.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
}

impl Grant {
    pub(crate) fn client_credentials(
        context: &GrantContext<'_>,
        table: &str,
        config: &ClientCredentials,
    ) -> Result<Self, ConfigError> {
        let address = Address {
            table,
            key: "token-url",
            url: &config.token_url,
            ca_file: config.ca_file.as_deref(),
            allow_private_network: config.allow_private_network,
            allow_cleartext: config.allow_cleartext,
        };
        let server = TokenServer::of(context, &address)?;
        let (file, variable) = (config.client_secret_file.as_deref(), config.client_secret_env.as_deref());
        let proof = match (&config.certificate_file, &config.key_file) {
            (None, None) => Proof::Secret(context.secret(&format!("{table}.client-secret"), file, variable)?),
            (Some(_), Some(_)) if file.is_some() || variable.is_some() => {
                let help = "keep either the secret, or `certificate-file` and `key-file`";
                return Err(context.wrong(&format!("{table}.client-secret"), "given beside a certificate", help));
            }
            (Some(certificate), Some(key)) => {
                let (certificate, key) = (context.path(certificate), context.path(key));
                certified(&certificate, &key).map_err(|problem| {
                    let help =
                        "name PEM files of the certificate and of its private RSA key, which only this user can read";
                    context.wrong(&format!("{table}.key-file"), problem, help)
                })?;
                Proof::Certificate { certificate, key, algorithm: config.algorithm }
            }
            _ => {
                let help = "write both `certificate-file` and `key-file`, or a client secret";
                return Err(context.wrong(&format!("{table}.key-file"), "only one of two files", help));
            }
        };
        Ok(Self::ClientCredentials { server, client_id: config.client_id.clone(), scope: config.scope.clone(), proof })
    }

    pub(crate) fn service_account(
        context: &GrantContext<'_>,
        table: &str,
        config: &ServiceAccount,
    ) -> Result<Self, ConfigError> {
        let key_file = context.path(&config.key_file);
        let wrong = |problem: String| {
            let help = "name the JSON file of the service account's key, which only this user can read";
            context.wrong(&format!("{table}.key-file"), problem, help)
        };
        KeyFile::read(&key_file).map_err(wrong)?;
        let Some(url) = token_url(context, config).map_err(wrong)? else {
            return Err(context.wrong(
                &format!("{table}.token-url"),
                "missing, and the key file names none",
                "write the URL that issues tokens",
            ));
        };
        let address = Address {
            table,
            key: "token-url",
            url: &url,
            ca_file: config.ca_file.as_deref(),
            allow_private_network: config.allow_private_network,
            allow_cleartext: config.allow_cleartext,
        };
        let server = TokenServer::of(context, &address)?;
        Ok(Self::ServiceAccount { server, key_file, scope: config.scope.clone() })
    }

    pub(crate) fn own(
        context: &GrantContext<'_>,
        table: &str,
        key_file: &Path,
        issuer: Option<&String>,
        audience: Option<&String>,
    ) -> Result<Self, ConfigError> {
        let key_file = context.path(key_file);
        SigningKey::read(&key_file).map_err(|problem| {
            let help = "name a PEM file of a private RSA key that only this user can read";
            context.wrong(&format!("{table}.key-file"), problem, help)
        })?;
        Ok(Self::Own { key_file, issuer: issuer.cloned(), audience: audience.cloned() })
    }

    /// Obtains a token. `subject` is the account it is for, and whether that is the account of a mailbox. `claims` is what
    /// an endpoint demands of it, which only the credentials of a client can request.
    pub(crate) async fn issue(
        &self,
        what: &str,
        (subject, is_mailbox): (&str, bool),
        now: Timestamp,
        claims: Option<&Claims>,
    ) -> Result<Issued, TokenError> {
        let unusable = |why: String| TokenError::Denied(format!("{what}: {why}"));
        let seconds = now.0.div_euclid(1_000_000);
        let until = seconds + ASSERTION.as_secs().cast_signed();
        match self {
            Self::ClientCredentials { server, client_id, scope, proof } => {
                let mut form = vec![
                    ("grant_type", Secret::new("client_credentials")),
                    ("client_id", Secret::new(client_id.as_str())),
                ];
                form.extend(scope.iter().map(|scope| ("scope", Secret::new(scope.as_str()))));
                form.extend(claims.iter().map(|claims| ("claims", Secret::new(claims.json()))));
                match proof {
                    Proof::Secret(source) => {
                        let secret = source.read().map_err(|error| unusable(error.to_string()))?;
                        form.push(("client_secret", secret));
                    }
                    Proof::Certificate { certificate, key, algorithm } => {
                        let (key, thumbprint) = certified(certificate, key).map_err(unusable)?;
                        let jti = jwt::unique().map_err(unusable)?;
                        let claims = json!({
                            "aud": server.url(), "iss": client_id, "sub": client_id, "jti": jti,
                            "iat": seconds, "nbf": seconds, "exp": until,
                        });
                        let header = json!({ "x5t#S256": thumbprint });
                        let assertion = key.sign(*algorithm, header, &claims).map_err(unusable)?;
                        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                        form.push(("client_assertion_type", Secret::new(kind)));
                        form.push(("client_assertion", assertion));
                    }
                }
                server.request(what, None, &form).await
            }
            Self::ServiceAccount { server, key_file, scope } => {
                let (account, key) = KeyFile::read(key_file).map_err(unusable)?;
                let claims = json!({
                    "iss": account.client_email, "sub": subject, "scope": scope, "aud": server.url(),
                    "iat": seconds, "exp": until,
                });
                let header = account.private_key_id.map_or_else(|| json!({}), |id| json!({ "kid": id }));
                let assertion = key.sign(SignatureAlgorithm::Rs256, header, &claims).map_err(unusable)?;
                let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                let form = [("grant_type", Secret::new(kind)), ("assertion", assertion)];
                server.request(what, Some((subject, is_mailbox)), &form).await
            }
            Self::Own { key_file, issuer, audience } => {
                let key = SigningKey::read(key_file).map_err(unusable)?;
                let mut claims =
                    Map::from_iter([("sub".to_owned(), json!(subject)), ("iat".to_owned(), json!(seconds))]);
                claims.extend(issuer.iter().map(|issuer| ("iss".to_owned(), json!(issuer))));
                claims.extend(audience.iter().map(|audience| ("aud".to_owned(), json!(audience))));
                let token = key.sign(SignatureAlgorithm::Rs256, json!({}), &Value::Object(claims)).map_err(unusable)?;
                Ok(Issued { token, lifetime: OWN })
            }
        }
    }
}

impl KeyFile {
    fn read(path: &Path) -> Result<(Self, SigningKey), String> {
        let text = read_private(path).map_err(|error| error.to_string())?;
        // The error of the parser may quote a value.
        let account: Self = serde_json::from_str(text.expose())
            .map_err(|_| format!("`{}` is not the JSON key of a service account", path.display()))?;
        let key = SigningKey::parse(&Secret::new(account.private_key.as_str()))
            .map_err(|why| format!("`private_key` in `{}`: {why}", path.display()))?;
        Ok((account, key))
    }
}

/// Returns the URL that issues the tokens of a service account: that of the configuration, or of the key file.
pub(crate) fn token_url(context: &GrantContext<'_>, config: &ServiceAccount) -> Result<Option<String>, String> {
    match &config.token_url {
        Some(url) => Ok(Some(url.clone())),
        None => KeyFile::read(&context.path(&config.key_file)).map(|(account, _)| account.token_uri),
    }
}

/// Reads a certificate and its key; returns the key with the thumbprint of the certificate (`x5t#S256`).
fn certified(certificate: &Path, key: &Path) -> Result<(SigningKey, String), String> {
    let chain = trust::certificates(certificate)?;
    let first = chain.first().ok_or_else(|| format!("`{}` holds no certificate", certificate.display()))?;
    let signing = SigningKey::read(key)?;
    let public = ParsedCertificate::try_from(first).map(|parsed| parsed.subject_public_key_info());
    if !public.is_ok_and(|public| signing.fits(&public)) {
        return Err(format!("`{}` is not the key of the certificate `{}`", key.display(), certificate.display()));
    }
    Ok((signing, BASE64URL_NOPAD.encode(digest(&SHA256, first.as_ref()).as_ref())))
}
