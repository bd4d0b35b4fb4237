//! Webhooks as the Standard Webhooks specification says. The payload is for programs: stable fields, names as given.

use std::path::Path;

use clawback_model::{Checkpoint, Remediation, Timestamp};
use data_encoding::BASE64;
use hmac::{Hmac, Mac as _};
use serde::Serialize;

use super::delivery::{Undelivered, client, delivered};
use super::notice::{CheckpointNotice, Kind, Notice};
use crate::http::{endpoint, secret};

/// Where to post, and the key to sign with.
pub(super) struct Webhook {
    url: reqwest::Url,
    key: Vec<u8>,
    client: reqwest::Client,
    pub(super) every_change: bool,
}

/// The payload of a webhook. Stable fields.
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
    deadline: Option<String>,
    url: Option<&'a str>,
    counts: clawback_model::Counts,
}

impl Webhook {
    pub(super) fn open(url: &str, secret_file: &Path, every_change: bool) -> Result<Self, String> {
        let url = endpoint(url)?;
        let text = secret(secret_file)?;
        let key = BASE64
            .decode(text.strip_prefix("whsec_").unwrap_or(&text).as_bytes())
            .map_err(|_| format!("{} must hold `whsec_` and base64", secret_file.display()))?;
        Ok(Self { url, key, client: client()?, every_change })
    }

    pub(super) async fn post(
        &self,
        notice: &Notice,
        remediation: &Remediation,
        now: Timestamp,
    ) -> Result<(), Undelivered> {
        let body = serde_json::to_string(&payload(notice, remediation)).expect("texts and numbers serialize");
        self.send(notice, body, now).await
    }

    /// Posts a signed checkpoint of the history.
    pub(super) async fn post_checkpoint(
        &self,
        notice: &Notice,
        checkpoint: &Checkpoint,
        of: &CheckpointNotice,
        now: Timestamp,
    ) -> Result<(), Undelivered> {
        let Checkpoint { origin, size, root } = checkpoint;
        let CheckpointNotice { note, signed, quorum } = of;
        let data = serde_json::json!({
            "origin": origin, "size": size, "root": root, "checkpoint": note, "cosigned_by": signed, "quorum": quorum,
        });
        let timestamp = notice.at.to_string();
        let body = serde_json::json!({ "type": "history.checkpoint", "timestamp": timestamp, "data": data });
        self.send(notice, body.to_string(), now).await
    }

    async fn send(&self, notice: &Notice, body: String, now: Timestamp) -> Result<(), Undelivered> {
        // The time of this try, as receivers refuse old signatures. The time of the event is in the body.
        let seconds = now.0 / 1_000_000;
        let answer = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &notice.id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", sign(&self.key, &notice.id, seconds, &body))
            .body(body)
            .send()
            .await?;
        delivered(&answer)
    }
}

fn payload<'a>(notice: &'a Notice, remediation: &'a Remediation) -> Payload<'a> {
    let request = &remediation.request;
    let what = match notice.kind {
        Kind::Changed => remediation.status.as_str(),
        Kind::Reminder(reminder) => reminder.as_str(),
        Kind::Checkpoint => "checkpoint",
    };
    let pending = remediation.approval.as_ref().filter(|_| !remediation.status.is_final());
    Payload {
        kind: format!("remediation.{what}"),
        timestamp: notice.at.to_string(),
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
            deadline: pending.map(|approval| approval.deadline.to_string()),
            url: notice.link.as_deref(),
            counts: remediation.counts,
        },
    }
}

/// `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks 1.0, "Signature scheme").
fn sign(key: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_standard_says() {
        // Test vector of the Standard Webhooks reference libraries.
        let key = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
