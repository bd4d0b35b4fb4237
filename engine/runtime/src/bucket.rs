//! A bucket of an S3 server as the place for evidence. The keys are read at each use, so that they can be changed
//! without a restart, and only from a file that is private to its owner or from the environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, RetryConfig};
use serde::Deserialize;

use crate::error::Error;
use crate::http;

/// The time limit of a request, which may carry a whole message.
const TIME_OUT: Duration = Duration::from_mins(1);
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of the largest message that can be kept: what a connector gives in one answer. A larger one is not deleted.
pub const LARGEST_EVIDENCE: u64 = (15 << 20) - 1;
/// The limit of an answer: nothing larger than a message is requested.
#[expect(clippy::cast_possible_truncation, reason = "fifteen mebibytes")]
const LARGEST_ANSWER: usize = LARGEST_EVIDENCE as usize;
/// Number and total time of retries. The mailbox waits meanwhile, and what could not be kept can be retried.
const RETRIES: (usize, Duration) = (3, Duration::from_secs(20));
/// The default region. A server without regions accepts any name; this one is the usual.
const REGION: &str = "us-east-1";

/// `[evidence.bucket]` in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BucketConfig {
    /// `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    pub url: String,
    /// `https://…`, or `http://…` on this machine; default: Amazon's endpoint of the region.
    pub endpoint: Option<String>,
    /// Whether messages may go to an `http://` endpoint on another machine.
    #[serde(default)]
    pub allow_cleartext: bool,
    /// Region of the bucket.
    pub region: Option<String>,
    /// File in the format of `~/.aws/credentials`; default: the variables `AWS_ACCESS_KEY_ID` and so on.
    pub credentials_file: Option<PathBuf>,
    /// Certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

impl BucketConfig {
    /// The endpoint, if messages go to it over a network without encryption.
    pub fn in_the_clear(&self) -> Option<&str> {
        let endpoint = self.endpoint.as_deref().filter(|endpoint| endpoint.starts_with("http://"))?;
        let host = reqwest::Url::parse(endpoint).ok().and_then(|url| url.host_str().map(str::to_owned));
        (!host.is_some_and(|host| http::is_loopback(&host))).then_some(endpoint)
    }

    /// Reads the keys, so that a mistake shows at the start and not before the first delete.
    pub fn check_keys(&self) -> Result<(), Error> {
        Keys(self.credentials_file.clone()).read().map(drop).map_err(|detail| self.wrong(detail))
    }

    fn wrong(&self, detail: String) -> Error {
        Error::Bucket { url: self.url.clone(), detail }
    }
}

/// Opens the bucket. Makes no request yet.
pub(crate) fn open(config: &BucketConfig) -> Result<Arc<dyn ObjectStore>, Error> {
    let wrong = |detail| config.wrong(detail);
    let place = config.url.strip_prefix("s3://").filter(|place| !place.contains(['?', '#', '@']));
    let (bucket, prefix) = place
        .map(|place| place.split_once('/').unwrap_or((place, "")))
        .filter(|(bucket, _)| !bucket.is_empty())
        .ok_or_else(|| wrong("its url must be s3://BUCKET or s3://BUCKET/PREFIX".to_owned()))?;
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(config.region.as_deref().unwrap_or(REGION))
        .with_credentials(Arc::new(Keys(config.credentials_file.clone())))
        .with_retry(RetryConfig { backoff, max_retries: RETRIES.0, retry_timeout: RETRIES.1 })
        .with_http_connector(Client(client(config.ca_file.as_deref()).map_err(wrong)?));
    if let Some(endpoint) = &config.endpoint {
        let plain = endpoint.starts_with("http://");
        if !plain && !endpoint.starts_with("https://") {
            return Err(wrong(format!("endpoint `{endpoint}` must start with https:// (or with http://)")));
        }
        if config.in_the_clear().is_some() && !config.allow_cleartext {
            return Err(wrong(format!(
                "endpoint `{endpoint}` would send messages to another machine in the clear; write https:// (`allow-cleartext = true` allows it nevertheless)"
            )));
        }
        builder = builder.with_endpoint(endpoint.trim_end_matches('/')).with_allow_http(plain);
    }
    let bucket = builder.build().map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(PrefixStore::new(bucket, prefix)))
}

fn client(ca_file: Option<&Path>) -> Result<reqwest::Client, String> {
    http::client(TIME_OUT, ca_file)?.connect_timeout(CONNECT).build().map_err(|error| error.to_string())
}

/// Our own client, with our own TLS.
#[derive(Debug, Clone)]
struct Client(reqwest::Client);

impl HttpConnector for Client {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let url = head.uri.to_string().parse().map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let mut request = reqwest::Request::new(head.method, url);
        *request.headers_mut() = head.headers;
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let mut answer = self.0.execute(request).await.map_err(failed)?;
        let body = http::body(&mut answer, LARGEST_ANSWER).await.map_err(|error| match error {
            http::Broken::Http(error) => failed(error),
            large @ http::Broken::TooLarge { .. } => HttpError::new(HttpErrorKind::Decode, large),
        })?;
        let mut response = HttpResponse::new(body.into());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// The kind of an error, which decides whether it is retried: all are but an answer that cannot be decoded.
fn failed(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        HttpErrorKind::Interrupted
    };
    // The caller's error names the address.
    HttpError::new(kind, error.without_url())
}

/// Where the keys are: a file, or the environment.
#[derive(Debug)]
struct Keys(Option<PathBuf>);

#[async_trait::async_trait]
impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let wrong = |detail: String| object_store::Error::Generic { store: "S3", source: detail.into() };
        self.read().map(Arc::new).map_err(wrong)
    }
}

impl Keys {
    fn read(&self) -> Result<AwsCredential, String> {
        let text = self.0.as_deref().map(private).transpose()?;
        let found = |name: &str| match &text {
            Some(text) => in_profile(text, name),
            None => std::env::var(name.to_ascii_uppercase()).ok(),
        };
        let needed = |name: &str| {
            let value = found(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| {
                let (name, place) = match &self.0 {
                    Some(path) => (name.to_owned(), path.display().to_string()),
                    None => (name.to_ascii_uppercase(), "the environment".to_owned()),
                };
                format!("{name} is not in {place}; set it, or name a credentials-file that has it")
            })
        };
        Ok(AwsCredential {
            key_id: needed("aws_access_key_id")?,
            secret_key: needed("aws_secret_access_key")?,
            token: found("aws_session_token").filter(|token| !token.is_empty()),
        })
    }
}

/// Reads a file of keys. Refused if other users may read it.
fn private(path: &Path) -> Result<String, String> {
    clawback_files::read_secret(path).map_err(|error| format!("credentials-file {error}"))
}

/// A value of the profile `default`. Values before the first profile belong to it.
fn in_profile(text: &str, name: &str) -> Option<String> {
    let mut ours = true;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if let Some(profile) = line.strip_prefix('[') {
            ours = profile.trim_end_matches(']').trim() == "default";
        } else if ours
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == name
        {
            found = Some(value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_default_profile() {
        let text =
            "# mine\n[other]\naws_secret_access_key = no\n[ default ]\naws_secret_access_key = a=b/c+\n\n[third]\n";
        assert_eq!(in_profile(text, "aws_secret_access_key").as_deref(), Some("a=b/c+"));
        assert_eq!(in_profile(text, "aws_access_key_id"), None);
        assert_eq!(in_profile("aws_access_key_id=x", "aws_access_key_id").as_deref(), Some("x"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let folder = std::env::temp_dir();
        let config = BucketConfig {
            url: "s3://".to_owned(),
            endpoint: None,
            region: None,
            allow_cleartext: false,
            credentials_file: Some(folder.join("clawback-no-such-credentials")),
            ca_file: None,
        };
        for (url, said) in [
            ("s3://", "must be s3://BUCKET"),
            ("s3:///prefix", "must be s3://BUCKET"),
            ("https://bucket", "must be s3://BUCKET"),
            ("s3://key:secret@bucket", "must be s3://BUCKET"),
        ] {
            let error = open(&BucketConfig { url: url.to_owned(), ..config.clone() }).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let error = config.check_keys().unwrap_err().to_string();
        assert!(error.contains("clawback-no-such-credentials` cannot be read"), "{error}");
    }
}
