//! Tells people: a line in the log, or a signed webhook. Numbers and names only, never the content of a message.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clawback_model::{Remediation, Status};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::site::Site;

/// Tries of one webhook, and the time for each.
const TRIES: u32 = 3;
const TIME_OUT: Duration = Duration::from_secs(10);

/// `[notifiers.NAME]` in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum NotifierConfig {
    /// A line in the node's log.
    Log,
    /// An HTTP POST, signed as the Standard Webhooks specification says.
    Webhook {
        /// `https://…`; `http://` only to a loopback address.
        url: String,
        /// File with the secret: `whsec_` and base64.
        #[serde(rename = "secret-file")]
        secret_file: String,
    },
}

/// Somebody to tell.
pub enum Notifier {
    /// See [`NotifierConfig::Log`].
    Log,
    /// See [`NotifierConfig::Webhook`].
    Webhook {
        /// Where.
        url: reqwest::Url,
        /// The signing key.
        key: Vec<u8>,
        /// Reused connections.
        client: reqwest::Client,
    },
}

impl Notifier {
    /// Checks the configuration and reads the secret.
    pub fn open(name: &str, config: &NotifierConfig) -> Result<Self, Error> {
        let wrong = |detail: String| Error::Notifier { name: name.to_owned(), detail };
        let NotifierConfig::Webhook { url, secret_file } = config else { return Ok(Self::Log) };
        let url: reqwest::Url = url.parse().map_err(|error| wrong(format!("`{url}` is not a URL: {error}")))?;
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            return Err(wrong("the URL must start with https:// (plain http only to this machine)".to_owned()));
        }
        let secret = std::fs::read_to_string(secret_file)
            .map_err(|error| wrong(format!("secret-file {secret_file} cannot be read: {error}")))?;
        let secret = secret.trim();
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap_or(secret))
            .map_err(|_| wrong(format!("secret-file {secret_file} must hold `whsec_` and base64")))?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME_OUT)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self::Webhook { url, key, client })
    }
}

/// What a webhook says. Stable fields.
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: &'a str,
    name: &'a str,
    severity: &'a str,
    status: &'a str,
    action: &'a str,
    action_source: &'a str,
    approval_id: &'a str,
    investigation_id: &'a str,
    requested_by: &'a str,
    decided_by: Option<&'a str>,
    plan_digest: Option<String>,
    counts: clawback_model::Counts,
}

/// Tells whoever the playbook names about a new status that asks for a person or ends the matter. Failing to tell never
/// fails the remediation: it is logged, and the history has the fact.
pub(crate) async fn status_changed(site: &Arc<Site>, remediation: &Remediation) {
    let status = remediation.status;
    let occasion = match status {
        Status::PendingApproval => "pending",
        Status::InProgress => "started",
        Status::Paused => "paused",
        Status::Failed => "failed",
        status if status.is_final() => "finished",
        _ => return,
    };
    let bound = match crate::api::bind(site, &remediation.request) {
        Ok(bound) => bound,
        Err(error) => {
            tracing::warn!(remediation.id = %remediation.id, %error, "Nobody told: the playbook cannot be read any more.");
            return;
        }
    };
    let facts = remediation.plan.as_ref().map(|plan| plan.facts.clone()).unwrap_or_default();
    for name in bound.notifiers(occasion, &facts, &remediation.counts) {
        match site.notifiers.get(name) {
            Some(Notifier::Log) => tracing::info!(
                remediation.id = %remediation.id,
                remediation.status = %status,
                counts.submitted = remediation.counts.submitted,
                counts.succeeded = remediation.counts.succeeded,
                counts.failed = remediation.counts.failed,
                "Remediation changed its status."
            ),
            Some(Notifier::Webhook { url, key, client }) => {
                if let Err(error) = post(site, remediation, url, key, client).await {
                    tracing::warn!(remediation.id = %remediation.id, notifier.name = name, %error, "Webhook not delivered.");
                }
            }
            None => tracing::warn!(notifier.name = name, "No such notifier is configured."),
        }
    }
}

async fn post(
    site: &Site,
    remediation: &Remediation,
    url: &reqwest::Url,
    key: &[u8],
    client: &reqwest::Client,
) -> Result<(), reqwest::Error> {
    let request = &remediation.request;
    let now = site.now();
    let payload = Payload {
        kind: format!("remediation.{}", remediation.status),
        timestamp: now.to_string(),
        data: Data {
            id: remediation.id.as_str(),
            name: &request.name,
            severity: request.severity.as_str(),
            status: remediation.status.as_str(),
            action: request.action.as_str(),
            action_source: request.source.as_str(),
            approval_id: request.approval_id.as_str(),
            investigation_id: request.investigation_id.as_str(),
            requested_by: &request.requested_by,
            decided_by: remediation.decided_by.as_deref(),
            plan_digest: remediation.plan.as_ref().map(|plan| plan.digest.to_string()),
            counts: remediation.counts,
        },
    };
    let body = serde_json::to_string(&payload).expect("texts and numbers serialize");
    // One identifier per status of a remediation: a receiver that sees it twice knows it for the same.
    let id = format!("{}.{}", remediation.id, remediation.status);
    let seconds = now.0 / 1_000_000;
    let signature = sign(key, &id, seconds, &body);
    let mut wait = Duration::from_secs(1);
    for left in (0..TRIES).rev() {
        let result = client
            .post(url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", &signature)
            .body(body.clone())
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        match result {
            Err(error) if left == 0 => return Err(error),
            Err(_) => tokio::time::sleep(wait).await,
            Ok(_) => return Ok(()),
        }
        wait *= 2;
    }
    Ok(())
}

/// `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks 1.0, "Signature scheme").
fn sign(key: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_standard_says() {
        // Test vector of the Standard Webhooks reference libraries.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
