//! Stores with an API over HTTP: requests, responses as errors of the contract, addresses and times.

mod address;
mod failure;
mod request;
mod response;
mod time;

pub use address::{escaped, path_of, query, with_query};
pub use failure::Failure;
pub use response::{LONGEST_PAUSE, refused, retry_after};
pub use time::{from_rfc3339, to_rfc3339};

use crate::{host::HttpError, types::Error};

/// Decodes base64url (RFC 4648 5), with or without padding. `None` if it is none.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok()
}

/// Returns the error of a request without a response.
pub fn unanswered(error: HttpError) -> Error {
    match error {
        HttpError::Denied(why) => Error::Denied(why),
        HttpError::TimedOut => Error::Transient("the server did not answer in time".into()),
        HttpError::TooLarge(bytes) => Error::Permanent(format!("the server's response of {bytes} bytes is too large")),
        HttpError::Failed(why) => Error::Transient(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_with_and_without_padding() {
        for (text, bytes) in [("", &b""[..]), ("_-8", b"\xff\xef"), ("_-8=", b"\xff\xef"), ("YWI=", b"ab")] {
            assert_eq!(from_base64url(text).as_deref(), Some(bytes), "{text}");
        }
        for wrong in ["+/8", "a", "YW I"] {
            assert_eq!(from_base64url(wrong), None, "{wrong}");
        }
    }
}
