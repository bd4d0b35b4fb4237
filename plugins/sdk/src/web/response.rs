//! Responses: their bodies, and what their status means for the contract.

use std::time::UNIX_EPOCH;

use serde::de::DeserializeOwned;

use crate::{host::Response, types::Error};

/// The longest pause that a response is believed, in milliseconds: a day.
pub const LONGEST_PAUSE: u64 = 86_400_000;

impl Response {
    /// Returns whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the first field of this name, which is written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the body as a value. Fails if it is not JSON of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // Not the message of serde: it quotes the body.
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::Permanent(format!("the server's response is not of the documented form ({place})"))
        })
    }

    /// Returns how long the server asks to wait, in milliseconds: Retry-After as seconds or as a date (RFC 9110 10.2.3).
    /// `now` in microseconds since 1970 UTC.
    pub fn retry_after(&self, now: i64) -> Option<u64> {
        retry_after(self.header("retry-after")?, now)
    }

    /// Returns the error that a status of no success stands for. `why` says in words of the connector what was refused;
    /// a body of the response is not quoted, because it can repeat content of messages.
    pub fn refused(&self, why: &str, now: i64) -> Error {
        refused(self.status, self.retry_after(now), why)
    }
}

/// Returns the error of a status, such as that of a part of a batch. `pause` in milliseconds.
pub fn refused(status: u16, pause: Option<u64>, why: &str) -> Error {
    let text = format!("{why} (status {status})");
    match (status, pause) {
        (429, pause) => Error::Throttled(pause),
        // A server that says when to come back is busy, whatever else it says.
        (408 | 409 | 423 | 425 | 500.., Some(pause)) => Error::Throttled(Some(pause)),
        (401 | 403, _) => Error::Denied(text),
        (408 | 409 | 423 | 425 | 500 | 502..=504 | 507 | 520..=529, _) => Error::Transient(text),
        _ => Error::Permanent(text),
    }
}

/// Returns a value of Retry-After in milliseconds, such as that of a part of a batch. `now` in microseconds since 1970 UTC.
pub fn retry_after(value: &str, now: i64) -> Option<u64> {
    let value = value.trim();
    let pause = if !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit()) {
        value.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000)
    } else {
        let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?.as_millis();
        let now = u128::try_from(now / 1_000).unwrap_or_default();
        u64::try_from(date.saturating_sub(now)).unwrap_or(u64::MAX)
    };
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response { status, headers, body: b"{\"secret\": 1".to_vec() }
    }

    #[test]
    fn pauses_in_seconds_and_as_a_date() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = 784_111_777_000_000;
        for (value, pause) in [
            ("7", Some(7_000)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10_000)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("99999999999999999999", Some(LONGEST_PAUSE)),
            ("99999999999999", Some(LONGEST_PAUSE)),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(response(429, &[("retry-after", value)]).retry_after(now), pause, "{value}");
        }
    }

    #[test]
    fn a_status_is_an_error_of_the_contract() {
        let refused = |status, headers: &[(&str, &str)]| response(status, headers).refused("the search was refused", 0);
        assert_eq!(refused(429, &[]), Error::Throttled(None));
        assert_eq!(refused(429, &[("Retry-After", "2")]), Error::Throttled(Some(2_000)));
        assert_eq!(refused(503, &[("retry-after", "2")]), Error::Throttled(Some(2_000)));
        assert_eq!(refused(504, &[("retry-after", "2")]), Error::Throttled(Some(2_000)));
        assert!(matches!(refused(503, &[]), Error::Transient(_)));
        assert_eq!(refused(403, &[]), Error::Denied("the search was refused (status 403)".into()));
        assert!(matches!(refused(404, &[]), Error::Permanent(_)), "only the connector knows what was not found");
        assert!(matches!(refused(302, &[]), Error::Permanent(_)));
    }

    #[test]
    fn a_body_is_not_quoted() {
        let error = response(200, &[]).json::<Vec<String>>().unwrap_err();
        assert!(matches!(&error, Error::Permanent(text) if !text.contains("secret")), "{error:?}");
    }
}
