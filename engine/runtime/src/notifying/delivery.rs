//! One try to deliver a notification, and why it may fail.

use std::time::Duration;

/// The time limit of one try.
pub(super) const TIME_OUT: Duration = Duration::from_secs(10);

/// Why a notification was not delivered. Does not contain the address, as that of a chat is a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error("{0}")]
    Http(reqwest::Error),
    #[error("the mail cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the address of the reporter is not one that mail goes to: {0}")]
    Address(#[from] lettre::address::AddressError),
    #[error("{0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    #[error(
        "the receiver answered {0}, and only 2xx is a delivery; requests are not redirected: set the `url` that it moved to"
    )]
    Refused(reqwest::StatusCode),
    #[error("no answer within {} s", TIME_OUT.as_secs())]
    TimedOut,
    #[error("this node's configuration has no such notifier")]
    Unknown,
}

impl From<reqwest::Error> for Undelivered {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

/// Accepts only a success as a delivery (Standard Webhooks): any other answer, also a redirect, is retried.
pub(super) fn delivered(answer: &reqwest::Response) -> Result<(), Undelivered> {
    if answer.status().is_success() { Ok(()) } else { Err(Undelivered::Refused(answer.status())) }
}

/// The client that posts to notifiers.
pub(super) fn client() -> Result<reqwest::Client, String> {
    crate::http::client(TIME_OUT, None)?.build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use crate::http::endpoint;

    #[test]
    fn a_url_uses_tls_or_loopback() {
        for right in ["https://hooks.example/x", "http://127.0.0.1:8080/x", "http://[::1]/x"] {
            endpoint(right).unwrap();
        }
        for wrong in ["http://hooks.example/x", "ftp://127.0.0.1/", "hooks.example"] {
            endpoint(wrong).unwrap_err();
        }
    }
}
