//! What all HTTP requests share: our own client, and limits for answers.

use crate::boxed::boxed;
use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Response};

/// A client that follows no redirects, and trusts the certificates of `ca_file` in addition to the system's.
pub fn client(time_out: Duration, ca_file: Option<&Path>) -> Result<ClientBuilder, String> {
    let mut builder = reqwest::Client::builder().redirect(Policy::none()).no_gzip().http1_only().timeout(time_out);
    if let Some(path) = ca_file {
        let unreadable = |error: &dyn std::fmt::Display| format!("ca-file {} cannot be read: {error}", path.display());
        let pem = clawback_files::read_policy_bytes(path).map_err(|error| format!("ca-file {error}"))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(&error))?;
        if certificates.is_empty() {
            return Err(format!("ca-file {} holds no certificate", path.display()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    Ok(builder)
}

/// Why an answer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// There is none, or it broke off.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// It is larger than the caller's limit.
    #[error("the answer is larger than {most} bytes")]
    TooLarge {
        /// The limit, in bytes.
        most: usize,
    },
}

/// Reads an answer to its end, up to `most` bytes.
#[boxed]
pub async fn body(answer: &mut Response, most: usize) -> Result<Vec<u8>, Broken> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > most {
            return Err(Broken::TooLarge { most });
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// Parses a URL that is posted to: https, or http to this machine.
pub fn endpoint(text: &str) -> Result<reqwest::Url, String> {
    let url: reqwest::Url = text.parse().map_err(|error| format!("it is no valid URL: {error}"))?;
    let loopback = url.host_str().is_some_and(is_loopback);
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err("the URL must start with https:// (plain http only to this machine)".to_owned());
    }
    Ok(url)
}

/// Whether a host of a URL is this machine, to which requests may be unencrypted.
pub fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "[::1]" | "::1" | "localhost")
}

/// The text of a file that holds a secret, without the line break at its end. Refused if other users may read it.
pub fn secret(path: &Path) -> Result<String, String> {
    clawback_files::read_secret(path).map(|text| text.trim().to_owned()).map_err(|error| error.to_string())
}
