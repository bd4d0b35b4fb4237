//! The application in the directory and its tokens (RFC 6749 4.4).

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use data_encoding::BASE64;
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
    CalendarsRead,
    CalendarsReadWrite,
}

/// A token that was issued.
#[derive(Debug)]
struct Issued {
    token: String,
    until: Instant,
    /// The claims that were requested.
    claims: Option<Value>,
}

/// The tokens that were issued.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: Vec<Issued>,
    /// The claims that a token needs.
    pub(super) demanded: Option<Value>,
    /// Whether tokens lack the claims that were requested.
    pub(super) ignores_claims: bool,
    /// So many of the first tokens are refused in parts of batches.
    pub(super) refused_in_parts: usize,
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
        let claims =
            field("claims").filter(|_| !self.ignores_claims).and_then(|claims| serde_json::from_str(&claims).ok());
        self.issued.push(Issued { token: token.clone(), until: Instant::now() + lifetime, claims });
        let seconds = lifetime.as_secs();
        (StatusCode::OK, json!({ "token_type": "Bearer", "expires_in": seconds, "access_token": token }))
    }

    /// The number of the token that a request carries, if that is still good.
    fn number(&self, authorization: Option<&str>) -> Option<usize> {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "))?;
        self.issued.iter().position(|issued| issued.token == token && issued.until > Instant::now())
    }

    /// Refuses a request whose token is not good, or lacks claims: the challenge that goes with the refusal.
    pub(super) fn check(&self, authorization: Option<&str>) -> Result<(), String> {
        let uri = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\"";
        let number = self.number(authorization).ok_or_else(|| format!("{uri}, error=\"invalid_token\""))?;
        match &self.demanded {
            Some(claims) if self.issued[number].claims.as_ref() != Some(claims) => {
                let claims = BASE64.encode(claims.to_string().as_bytes());
                Err(format!("{uri}, error=\"insufficient_claims\", claims=\"{claims}\""))
            }
            _ => Ok(()),
        }
    }

    /// Whether parts of a batch with this token are refused.
    pub(super) fn is_refused_in_parts(&self, authorization: Option<&str>) -> bool {
        self.number(authorization).is_none_or(|number| number < self.refused_in_parts)
    }

    /// How many were issued.
    pub(super) fn count(&self) -> usize {
        self.issued.len()
    }
}
