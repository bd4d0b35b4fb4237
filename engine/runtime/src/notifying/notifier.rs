//! A notifier: a line in the log, a signed webhook, a mail, a message in a chat.

use std::path::Path;

use clawback_model::{Checkpoint, Remediation, Timestamp};
use serde::{Deserialize, Serialize};

use super::delivery::{TIME_OUT, Undelivered};
use super::mail::MailConfig;
use super::notice::{CheckpointNotice, Notice};
use super::{chat, mail, webhook};
use crate::error::Error;

/// `[notifiers.NAME]` in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum NotifierConfig {
    /// A line in the node's log.
    Log,
    /// An HTTP POST, signed as the Standard Webhooks specification says.
    Webhook {
        /// `https://…`; `http://` only to a loopback address.
        url: String,
        /// File with the secret: `whsec_` and base64.
        secret_file: String,
        /// Notified of every change of status of every remediation, whatever playbooks say.
        #[serde(default)]
        every_change: bool,
    },
    /// A mail by SMTP.
    Email(MailConfig),
    /// A message to an incoming webhook of Slack.
    Slack {
        /// File with the URL, which is a secret.
        url_file: String,
    },
    /// An Adaptive Card to a workflow of Teams.
    Teams {
        /// File with the URL, which is a secret.
        url_file: String,
    },
}

/// A channel for notifications.
pub struct Notifier(Channel);

enum Channel {
    Log,
    Webhook(webhook::Webhook),
    Email(mail::Mailer),
    Chat(chat::Chat),
}

impl Notifier {
    /// A line in the node's log.
    pub const LOG: Self = Self(Channel::Log);

    /// Checks the configuration and reads the secrets; relative paths begin at `base`.
    pub fn open(name: &str, config: &NotifierConfig, base: &Path) -> Result<Self, Error> {
        let opened = match config {
            NotifierConfig::Log => Ok(Channel::Log),
            NotifierConfig::Webhook { url, secret_file, every_change } => {
                webhook::Webhook::open(url, &base.join(secret_file), *every_change).map(Channel::Webhook)
            }
            NotifierConfig::Email(config) => mail::Mailer::open(config, base).map(Channel::Email),
            NotifierConfig::Slack { url_file } => {
                chat::Chat::open(chat::Shape::Slack, &base.join(url_file)).map(Channel::Chat)
            }
            NotifierConfig::Teams { url_file } => {
                chat::Chat::open(chat::Shape::Teams, &base.join(url_file)).map(Channel::Chat)
            }
        };
        opened.map(Self).map_err(|detail| Error::Notifier { name: name.to_owned(), detail })
    }

    pub(super) const fn wants_every_change(&self) -> bool {
        matches!(&self.0, Channel::Webhook(webhook) if webhook.every_change)
    }

    /// Makes one try; the holder of the delivery's row retries.
    pub(super) async fn notify(
        &self,
        notice: &Notice,
        remediation: &Remediation,
        now: Timestamp,
    ) -> Result<(), Undelivered> {
        let sent = tokio::time::timeout(TIME_OUT, self.send(notice, remediation, now));
        sent.await.unwrap_or(Err(Undelivered::TimedOut))
    }

    async fn send(&self, notice: &Notice, remediation: &Remediation, now: Timestamp) -> Result<(), Undelivered> {
        match &self.0 {
            Channel::Log => {
                log(notice, remediation);
                Ok(())
            }
            Channel::Webhook(webhook) => webhook.post(notice, remediation, now).await,
            Channel::Email(mailer) => mailer.send(notice).await,
            Channel::Chat(chat) => chat.post(notice).await,
        }
    }

    /// Makes one try to answer a reporter, which only a mail can.
    pub(super) async fn answer(&self, answer: &mail::Answer<'_>) -> Result<(), Undelivered> {
        let Channel::Email(mailer) = &self.0 else { return Err(Undelivered::Unknown) };
        let sent = tokio::time::timeout(TIME_OUT, mailer.answer(answer));
        sent.await.unwrap_or(Err(Undelivered::TimedOut))
    }

    /// Sends a signed checkpoint of the history.
    pub(super) async fn send_checkpoint(
        &self,
        notice: &Notice,
        checkpoint: &Checkpoint,
        of: &CheckpointNotice,
        now: Timestamp,
    ) -> Result<(), Undelivered> {
        let send = async {
            match &self.0 {
                Channel::Log => {
                    tracing::info!(
                        target: "clawback::notice",
                        { log.origin = %checkpoint.origin, log.size = checkpoint.size, log.root = %checkpoint.root },
                        "{}", notice.kind.sentence()
                    );
                    Ok(())
                }
                Channel::Webhook(webhook) => webhook.post_checkpoint(notice, checkpoint, of, now).await,
                Channel::Email(mailer) => mailer.send(notice).await,
                Channel::Chat(chat) => chat.post(notice).await,
            }
        };
        tokio::time::timeout(TIME_OUT, send).await.unwrap_or(Err(Undelivered::TimedOut))
    }
}

fn log(notice: &Notice, remediation: &Remediation) {
    let counts = &remediation.counts;
    tracing::info!(
        target: "clawback::notice",
        {
            remediation.id = %remediation.id,
            remediation.status = %remediation.status,
            counts.submitted = counts.submitted,
            counts.succeeded = counts.succeeded,
            counts.failed = counts.failed,
        },
        "{}", notice.kind.sentence()
    );
}
