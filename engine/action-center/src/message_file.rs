//! A message as a file, byte for byte.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// Largest message that is examined, in bytes.
pub const LARGEST_MESSAGE: usize = 2 << 20;

/// A message as a download that no browser opens on its own.
pub(crate) fn message_file(name: &str, raw: Vec<u8>) -> Response {
    let mut response = raw.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let disposition = format!("attachment; filename=\"{name}.eml\"");
    headers.extend(HeaderValue::from_str(&disposition).map(|it| (header::CONTENT_DISPOSITION, it)));
    response
}
