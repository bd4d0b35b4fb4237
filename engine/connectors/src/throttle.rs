//! Responses of a server to too many connections or requests. Some servers have response codes for it, others only
//! texts.

use std::time::Duration;

/// A server's request to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Throttle {
    /// The server's text, escaped.
    pub(crate) why: String,
    /// The time to wait, if given.
    pub(crate) after: Option<Duration>,
}

/// Codes (RFC 5530, RFC 9051) and texts (Dovecot, Courier, Cyrus, Exchange, Gmail, Yahoo) of servers, in upper case.
const SIGNS: [&str; 13] = [
    "[LIMIT]",
    "[THROTTLED]",
    "TOO MANY",
    "TOO FAST",
    "MAXIMUM NUMBER OF CONNECTIONS",
    "MAXIMUM CONNECTIONS",
    "MAIL_MAX_USERIP_CONNECTIONS",
    "CONNECTION LIMIT",
    "CONNECTIONS EXCEEDED",
    "RATE LIMIT",
    "BANDWIDTH LIMIT",
    "THROTTLED",
    "BACKOFF TIME",
];

/// The longest wait that is accepted.
const LONGEST: Duration = Duration::from_hours(1);

/// Returns the throttle if a refusal means too many connections or requests.
pub(crate) fn of(text: &str) -> Option<Throttle> {
    let upper = text.to_ascii_uppercase();
    let is_throttled = SIGNS.iter().any(|sign| upper.contains(sign));
    is_throttled.then(|| Throttle { why: clawback_model::visible_line(text.trim(), 200), after: wait(&upper) })
}

/// Parses the time in `Suggested Backoff Time: 5000 milliseconds`, `try again in 30 seconds`.
fn wait(upper: &str) -> Option<Duration> {
    let from = ["BACKOFF TIME", "AGAIN IN", "RETRY IN", "RETRY AFTER", "WAIT"]
        .iter()
        .find_map(|sign| upper.find(sign).map(|at| at + sign.len()))?;
    let rest = upper[from..].trim_start_matches([':', ' ', '=']);
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let number: u64 = rest[..digits].parse().ok()?;
    let unit: String = rest[digits..].trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let duration = match unit.as_str() {
        "MS" | "MILLISECOND" | "MILLISECONDS" => Duration::from_millis(number),
        "S" | "SEC" | "SECS" | "SECOND" | "SECONDS" => Duration::from_secs(number),
        "M" | "MIN" | "MINS" | "MINUTE" | "MINUTES" => Duration::from_secs(number.saturating_mul(60)),
        _ => return None,
    };
    Some(duration.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_servers() {
        for (text, after) in [
            ("Request is throttled. Suggested Backoff Time: 299961 milliseconds", Some(299_961)),
            (
                "[UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
                None,
            ),
            ("[LIMIT] later", None),
            ("Too many connections from this address", None),
            ("[UNAVAILABLE] Too many logins, try again in 30 seconds", Some(30_000)),
            ("Account exceeded command or bandwidth limits. (Failure)", None),
            ("[THROTTLED] wait 5 minutes", Some(300_000)),
            ("Request is throttled. Suggested Backoff Time: 99999999999 milliseconds", Some(3_600_000)),
        ] {
            let seen = of(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(seen.after, after.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn other_refusals_are_none() {
        for text in ["[AUTHENTICATIONFAILED] wrong password", "[UNAVAILABLE] later", "[INUSE] locked", ""] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
