//! The answer of a token server (RFC 6749 5), as a token or as the kind of failure that it means.

use std::time::Duration;

use serde::Deserialize;

use crate::granted::secret::Secret;
use crate::granted::token::cache::Issued;
use crate::granted::token::failure::TokenError;

/// How long a token is kept whose lifetime the server does not state.
const UNSTATED: Duration = Duration::from_mins(10);
/// The longest lifetime that is believed.
const LONGEST: Duration = Duration::from_hours(24);

/// What an error of a token server needs to be a sentence.
pub(crate) struct Asked<'a> {
    /// The endpoint or key, such as ``endpoint `api` ``.
    pub(crate) what: &'a str,
    /// The host of the token server.
    pub(crate) server: &'a str,
    /// The account for which the token was requested; `None` for the application itself.
    pub(crate) subject: Option<&'a str>,
    /// Whether this account is that of a mailbox.
    pub(crate) is_mailbox: bool,
    /// What was sent, and must not be repeated in a text.
    pub(crate) sent: &'a [Secret],
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
    error: Option<String>,
    #[serde(default)]
    error_description: String,
}

/// Some servers write the number as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

/// Returns the token in a response.
pub(crate) fn read(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    asked: &Asked<'_>,
) -> Result<Issued, TokenError> {
    let Asked { what, server, .. } = asked;
    let answer: Option<Answer> = serde_json::from_slice(body).ok();
    // A server that fails may name an error, too. That is no judgement of the request.
    match status {
        200..300 => {}
        429 => {
            let why = format!("{what}: the token server {server} throttles");
            return Err(TokenError::Throttled { why, after: retry_after });
        }
        503 if retry_after.is_some() => {
            let why = format!("{what}: the token server {server} is busy");
            return Err(TokenError::Throttled { why, after: retry_after });
        }
        408 | 500.. => {
            return Err(TokenError::Transient(format!("{what}: the token server {server} answered {status}")));
        }
        _ => {
            return Err(match answer {
                Some(Answer { error: Some(error), .. }) if error == "temporarily_unavailable" => {
                    TokenError::Transient(format!("{what}: the token server {server} is not available for now"))
                }
                Some(Answer { error: Some(error), error_description, .. }) => {
                    refused(&error, &error_description, asked)
                }
                _ => TokenError::Denied(format!("{what}: the token server {server} answered {status}; check its URL")),
            });
        }
    }
    let no_token = || TokenError::Denied(format!("{what}: {server} answered without a token; check its URL"));
    let Some(Answer { access_token: Some(token), token_type, expires_in, .. }) = answer else {
        return Err(no_token());
    };
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(no_token());
    }
    if token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        let why = format!("{what}: {server} issues tokens that are not bearer tokens; request a bearer token");
        return Err(TokenError::Denied(why));
    }
    let seconds = expires_in.and_then(|given| match given {
        Seconds::Number(number) => Some(number),
        Seconds::Text(text) => text.parse().ok(),
    });
    let lifetime = seconds.map_or(UNSTATED, Duration::from_secs).min(LONGEST);
    Ok(Issued { token: Secret::new(token), lifetime })
}

/// Maps an error code (RFC 6749 5.2).
fn refused(error: &str, description: &str, asked: &Asked<'_>) -> TokenError {
    let Asked { what, server, subject, is_mailbox, sent } = asked;
    let repeats = |text: &str| sent.iter().any(|secret| text.contains(secret.expose()));
    let shown = |text: &str| clawback_model::visible_line(text, 200);
    let said = match (repeats(error), description.is_empty() || repeats(description)) {
        (true, _) => String::new(),
        (false, true) => format!(" ({})", shown(error)),
        (false, false) => format!(" ({}: {})", shown(error), shown(description)),
    };
    match (error, subject) {
        ("invalid_grant", Some(subject)) => {
            let subject = shown(subject);
            // Google's words for an address that has no account. Any other reason is no statement about the account.
            let is_unknown = description.to_ascii_lowercase().contains("user id");
            if *is_mailbox && is_unknown {
                return TokenError::NoAccount(format!("{what}: {server} has no account `{subject}`{said}"));
            }
            let help = "check that the account exists and is active, and that the clock of this machine is right";
            TokenError::Denied(format!("{what}: {server} issues no token for `{subject}`{said}; {help}"))
        }
        ("unauthorized_client" | "access_denied", _) => TokenError::Denied(format!(
            "{what}: {server} does not allow the application to request this{said}; \
             grant it the permissions of `scope` there"
        )),
        ("invalid_scope", _) => {
            TokenError::Denied(format!("{what}: {server} does not know the scope{said}; check `scope`"))
        }
        ("invalid_client" | "invalid_grant", _) => TokenError::Denied(format!(
            "{what}: {server} does not recognise the application{said}; check its id, and its secret or key"
        )),
        _ => TokenError::Denied(format!("{what}: {server} issues no token{said}; check the keys of its `auth`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str, is_mailbox: bool) -> Result<Issued, TokenError> {
        let sent = [Secret::new("hunter2")];
        let subject = Some(if is_mailbox { "ann@x" } else { "admin@x" });
        let asked = Asked { what: "endpoint `api`", server: "login.example", subject, is_mailbox, sent: &sent };
        read(status, Some(Duration::from_secs(7)), body.as_bytes(), &asked)
    }

    #[test]
    fn a_token_with_its_lifetime() {
        for (body, seconds) in [
            (r#"{"access_token":"t0k","token_type":"Bearer","expires_in":3599}"#, 3_599),
            (r#"{"access_token":"t0k","expires_in":"60"}"#, 60),
            (r#"{"access_token":"t0k","token_type":"bearer"}"#, 600),
            (r#"{"access_token":"t0k","expires_in":99999999}"#, 86_400),
        ] {
            let issued = answer(200, body, true).unwrap();
            assert_eq!((issued.token.expose(), issued.lifetime.as_secs()), ("t0k", seconds));
            assert!(!format!("{issued:?}").contains("t0k"));
        }
        for wrong in ["", "[]", "{}", r#"{"access_token":""}"#, r#"{"access_token":"a\r\nb"}"#, "<html>"] {
            assert!(matches!(answer(200, wrong, true), Err(TokenError::Denied(_))), "{wrong}");
        }
        assert!(answer(200, r#"{"access_token":"t0k","token_type":"mac"}"#, true).is_err());
    }

    #[test]
    fn a_refusal_of_one_account_is_not_that_of_the_application() {
        let unknown = r#"{"error":"invalid_grant","error_description":"Invalid email or User ID"}"#;
        let said = answer(400, unknown, true).unwrap_err();
        assert!(matches!(&said, TokenError::NoAccount(why) if why.contains("`ann@x`")), "{said}");
        assert!(matches!(answer(400, unknown, false), Err(TokenError::Denied(why)) if why.contains("admin@x")));
        let clock = r#"{"error":"invalid_grant","error_description":"Invalid JWT: iat and exp values"}"#;
        let said = answer(400, clock, true).unwrap_err();
        assert!(matches!(&said, TokenError::Denied(why) if why.contains("clock")), "{said}");
        for (code, help) in [
            ("unauthorized_client", "permissions"),
            ("access_denied", "permissions"),
            ("invalid_client", "secret or key"),
            ("invalid_scope", "`scope`"),
            ("invalid_request", "`auth`"),
        ] {
            let said = answer(401, &format!(r#"{{"error":"{code}"}}"#), true).unwrap_err().to_string();
            assert!(said.starts_with("endpoint `api`: login.example ") && said.contains(help), "{said}");
            assert!(said.contains(code), "{said}");
        }
    }

    #[test]
    fn a_busy_server_is_asked_again_later() {
        let busy = answer(429, r#"{"error":"slow_down"}"#, true).unwrap_err();
        assert!(matches!(busy, TokenError::Throttled { after: Some(after), .. } if after.as_secs() == 7));
        assert!(matches!(answer(500, "oops", true), Err(TokenError::Transient(_))));
        assert!(matches!(answer(400, r#"{"error":"temporarily_unavailable"}"#, true), Err(TokenError::Transient(_))));
        assert!(matches!(answer(404, "oops", true), Err(TokenError::Denied(_))));
    }

    #[test]
    fn a_server_that_fails_refuses_nothing_although_it_names_an_error() {
        for (status, code) in [
            (500, "server_error"),
            (502, "invalid_client"),
            (504, "invalid_grant"),
            (599, "x"),
            (408, "invalid_request"),
        ] {
            let said = answer(status, &format!(r#"{{"error":"{code}"}}"#), true).unwrap_err();
            assert!(matches!(&said, TokenError::Transient(why) if why.contains(&status.to_string())), "{said:?}");
        }
        let busy = answer(503, r#"{"error":"server_busy"}"#, true).unwrap_err();
        assert!(matches!(busy, TokenError::Throttled { after: Some(after), .. } if after.as_secs() == 7));
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        let echo = r#"{"error":"invalid_client","error_description":"the secret hunter2 is wrong"}"#;
        let said = answer(401, echo, true).unwrap_err().to_string();
        assert!(!said.contains("hunter2") && said.contains("invalid_client"), "{said}");
        let echo = r#"{"error":"hunter2"}"#;
        assert!(!answer(401, echo, true).unwrap_err().to_string().contains("hunter2"));
    }
}
