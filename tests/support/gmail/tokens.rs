//! Google's token server: it verifies the assertion of a service account (RFC 7523) and the delegation of its scopes.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use data_encoding::BASE64URL_NOPAD;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::ADMIN;
use super::refusal::Refusal;
use super::state::Gmail;

#[expect(clippy::disallowed_methods, reason = "the host under test has the clock of the system, too")]
pub(super) fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

/// The key of the service account.
pub(super) struct Key {
    pub(super) pem: String,
    public: Vec<u8>,
}

impl Key {
    pub(super) fn new() -> Self {
        let made = std::process::Command::new("openssl").args(["genrsa", "2048"]).output().expect("openssl runs");
        let pem = String::from_utf8(made.stdout).expect("PEM is text");
        let pair = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key in PEM") {
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            other => KeyPair::from_der(other.secret_der()),
        };
        Self { public: pair.expect("an RSA key").public().as_ref().to_vec(), pem }
    }

    /// Returns the claims of an assertion that this key signed.
    fn verify(&self, assertion: &str) -> Option<Value> {
        let (text, signature) = assertion.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let header: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).ok()?).ok()?;
        if header["alg"] != "RS256" {
            return None;
        }
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public);
        key.verify(text.as_bytes(), &signature).ok()?;
        serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()
    }
}

fn refused(error: &str, description: &str) -> (StatusCode, Json<Value>) {
    let status = if error == "unauthorized_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    (status, Json(json!({ "error": error, "error_description": description })))
}

/// `POST /token`.
pub(super) async fn issue(State(gmail): State<Gmail>, form: Bytes) -> (StatusCode, Json<Value>) {
    let form = String::from_utf8_lossy(&form).into_owned();
    let field = |name: &str| form.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    if field("grant_type") != Some("urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer") {
        return refused("unsupported_grant_type", "Invalid grant_type");
    }
    let Some(claims) = field("assertion").and_then(|assertion| gmail.key.verify(assertion)) else {
        return refused("invalid_grant", "Invalid JWT Signature.");
    };
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let (now, issued, expires) = (now().timestamp(), claims["iat"].as_i64(), claims["exp"].as_i64());
    let is_timely = issued.is_some_and(|issued| (issued - now).abs() < 300)
        && expires.zip(issued).is_some_and(|(expires, issued)| expires > now && expires - issued <= 3_600);
    if !is_timely || text("iss") != "clawback@project.example" || text("aud") != format!("{}/token", gmail.origin()) {
        return refused("invalid_grant", "Invalid JWT: Token must be a short-lived token.");
    }
    let scopes: Vec<String> = text("scope").split(' ').map(str::to_owned).collect();
    let mut shared = gmail.lock();
    if scopes.iter().any(|scope| !shared.delegated.contains(scope)) {
        let why = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any \
                   of the scopes requested.";
        return refused("unauthorized_client", why);
    }
    let subject = text("sub");
    let is_user = shared.mailboxes.get(&subject).is_some_and(|mailbox| !mailbox.is_suspended);
    if !is_user && subject != ADMIN {
        return refused("invalid_grant", "Invalid email or User ID");
    }
    shared.issued += 1;
    let token = format!("ya29.{}-{}", shared.issued, BASE64URL_NOPAD.encode(subject.as_bytes()));
    shared.tokens.insert(token.clone(), (subject, scopes));
    (StatusCode::OK, Json(json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3_599 })))
}

/// Returns the subject and the scopes of the token of a request.
pub(super) fn who(gmail: &Gmail, headers: &HeaderMap) -> Result<(String, Vec<String>), Refusal> {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let known = bearer.and_then(|token| gmail.lock().tokens.get(token).cloned());
    known.ok_or_else(|| {
        Refusal::new(401, "authError", "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    })
}
