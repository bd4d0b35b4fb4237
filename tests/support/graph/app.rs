//! The application in the directory and its tokens (RFC 6749 4.4).

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::request::decoded;

/// The name of the application.
pub const CLIENT: &str = "0f7b2c1e-clawback";
/// Its secret.
pub const SECRET: &str = "a secret, of the application";
const SCOPE: &str = "https://graph.microsoft.com/.default";

/// A permission of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of Microsoft's permissions")]
pub enum Right {
    MailRead,
    MailReadWrite,
    UserReadAll,
}

/// The tokens that were issued.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: Vec<(String, Instant)>,
}

impl Tokens {
    /// Answers a request to the token endpoint.
    pub(super) fn issue(&mut self, form: &[u8], lifetime: Duration) -> (StatusCode, Value) {
        let form = String::from_utf8_lossy(form).into_owned();
        let field = |name: &str| {
            let fields = form.split('&').filter_map(|field| field.split_once('='));
            fields.filter(|(known, _)| *known == name).map(|(_, value)| decoded(&value.replace('+', " "))).next()
        };
        let has = |name: &str, wanted: &str| field(name).is_some_and(|value| value == wanted);
        if !has("grant_type", "client_credentials") {
            return (StatusCode::BAD_REQUEST, json!({ "error": "unsupported_grant_type" }));
        }
        if !has("client_id", CLIENT) || !has("client_secret", SECRET) {
            return (StatusCode::UNAUTHORIZED, json!({ "error": "invalid_client" }));
        }
        if !has("scope", SCOPE) {
            return (StatusCode::BAD_REQUEST, json!({ "error": "invalid_scope" }));
        }
        let token = format!("eyJ0b2tlbiI6{}.graph-token", self.issued.len());
        self.issued.push((token.clone(), Instant::now() + lifetime));
        let seconds = lifetime.as_secs();
        (StatusCode::OK, json!({ "token_type": "Bearer", "expires_in": seconds, "access_token": token }))
    }

    /// Whether a request carries a token that is still good.
    pub(super) fn is_good(&self, authorization: Option<&str>) -> bool {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| self.issued.iter().any(|(known, until)| known == token && *until > Instant::now()))
    }

    /// How many were issued.
    pub(super) fn count(&self) -> usize {
        self.issued.len()
    }
}
