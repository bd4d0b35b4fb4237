//! Tells people and programs: a line in the log, a signed webhook, a mail, a message in a chat. Numbers, names and a link to the
//! page where one signs in and decides; never the content of a message, and never a link that decides by itself.

mod chat;
mod mail;
mod notice;
mod webhook;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clawback_model::{Checkpoint, Remediation, Reminder, Status, Timestamp};
use futures::future::join_all;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::heads::Told;
use crate::http::endpoint;
use crate::site::Site;
use notice::{Kind, Notice};

pub use mail::{MailConfig, MailTls};

/// For one try.
const TIME_OUT: Duration = Duration::from_secs(10);

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
        /// Told of every change of status of every remediation, whatever playbooks say.
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

/// Whom to tell of what waits for votes: `[approvals]` in the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Approvals {
    /// Notifiers that are told of every plan that waits, beside those that its playbook names.
    pub notify: Vec<String>,
    /// They are told again after this share of the time for the decision; 0: never.
    pub remind_at: f64,
    /// Notifiers that are told once nobody has decided after a longer share.
    pub escalate_to: Vec<String>,
    /// This share; 0: never.
    pub escalate_at: f64,
}

impl Default for Approvals {
    fn default() -> Self {
        Self { notify: Vec::new(), remind_at: 0.5, escalate_to: Vec::new(), escalate_at: 0.75 }
    }
}

impl Approvals {
    /// What is wrong with it, given the names of the notifiers that there are.
    pub fn check(&self, known: impl Iterator<Item = String>) -> Result<(), String> {
        for (name, share) in [("remind-at", self.remind_at), ("escalate-at", self.escalate_at)] {
            if !(0.0..1.0).contains(&share) {
                return Err(format!("[approvals] {name} must be a share of the time: from 0 (never) to less than 1"));
            }
        }
        let known: BTreeSet<String> = known.collect();
        match self.notify.iter().chain(&self.escalate_to).find(|name| !known.contains(*name)) {
            Some(name) => Err(format!("[approvals] names the notifier `{name}`, and there is no [notifiers.{name}]")),
            None => Ok(()),
        }
    }
}

/// Somebody to tell.
pub struct Notifier(Channel);

enum Channel {
    Log,
    Webhook(webhook::Webhook),
    Email(mail::Mailer),
    Chat(chat::Chat),
}

/// Why somebody could not be told. Says nothing of where: the address of a chat is a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error("{0}")]
    Http(reqwest::Error),
    #[error("the mail cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
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

/// Only a success is a delivery (Standard Webhooks): an answer of any other kind, a redirect too, is tried again.
fn delivered(answer: &reqwest::Response) -> Result<(), Undelivered> {
    if answer.status().is_success() { Ok(()) } else { Err(Undelivered::Refused(answer.status())) }
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

    const fn wants_every_change(&self) -> bool {
        matches!(&self.0, Channel::Webhook(webhook) if webhook.every_change)
    }

    /// Tries once; that it is tried again is for whoever has the row.
    async fn tell(&self, notice: &Notice, remediation: &Remediation, now: Timestamp) -> Result<(), Undelivered> {
        let told = tokio::time::timeout(TIME_OUT, self.send(notice, remediation, now));
        told.await.unwrap_or(Err(Undelivered::TimedOut))
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
}

/// Tells one notifier where the history stands: a signed checkpoint.
pub(crate) async fn tell_checkpoint(
    site: &Site,
    name: &str,
    checkpoint: &Checkpoint,
    told: &Told,
) -> Result<(), Undelivered> {
    let notifier = site.notifiers.get(name).ok_or(Undelivered::Unknown)?;
    let now = site.now();
    let notice = Notice::checkpoint(checkpoint, told, now);
    let send = async {
        match &notifier.0 {
            Channel::Log => {
                tracing::info!(
                    target: "clawback::notice",
                    { log.origin = %checkpoint.origin, log.size = checkpoint.size, log.root = %checkpoint.root },
                    "{}", notice.kind.sentence()
                );
                Ok(())
            }
            Channel::Webhook(webhook) => webhook.post_checkpoint(&notice, checkpoint, told, now).await,
            Channel::Email(mailer) => mailer.send(&notice).await,
            Channel::Chat(chat) => chat.post(&notice).await,
        }
    };
    tokio::time::timeout(TIME_OUT, send).await.unwrap_or(Err(Undelivered::TimedOut))
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

/// Who is told of a new status: whoever wants to know of each, whoever the playbook names, and, of what waits, the approvers.
pub(crate) fn whom(site: &Arc<Site>, remediation: &Remediation) -> Vec<String> {
    let every = site.notifiers.iter().filter(|(_, one)| one.wants_every_change()).map(|(name, _)| name.clone());
    let mut names: BTreeSet<String> = every.chain(of_playbook(site, remediation)).collect();
    if remediation.status == Status::PendingApproval {
        names.extend(site.approvals.notify.iter().cloned());
    }
    names.retain(|name| {
        let known = site.notifiers.contains_key(name);
        if !known {
            tracing::warn!(notifier.name = name, "No such notifier is configured.");
        }
        known
    });
    names.into_iter().collect()
}

/// Tells one notifier of a new status. The notice is the same in every try, so that a receiver can know it for the same.
pub(crate) async fn tell_change(site: &Site, name: &str, remediation: &Remediation) -> Result<(), Undelivered> {
    let notifier = site.notifiers.get(name).ok_or(Undelivered::Unknown)?;
    let notice = Notice::new(Kind::Changed, remediation, site.public_url.as_ref(), remediation.updated_at);
    notifier.tell(&notice, remediation, site.now()).await
}

/// Tells of what still waits: those who were told first, or those above them. False if nobody could be told who should have been.
pub(crate) async fn remind(site: &Arc<Site>, remediation: &Remediation, reminder: Reminder) -> bool {
    let of_playbook = of_playbook(site, remediation);
    let names: BTreeSet<&str> = match reminder {
        Reminder::Again => site.approvals.notify.iter().chain(&of_playbook).map(String::as_str).collect(),
        Reminder::Escalation => site.approvals.escalate_to.iter().map(String::as_str).collect(),
    };
    if names.is_empty() {
        return true;
    }
    let now = site.now();
    let notice = &Notice::new(Kind::Reminder(reminder), remediation, site.public_url.as_ref(), now);
    let told = names.into_iter().map(|name| async move {
        let told = match site.notifiers.get(name) {
            Some(notifier) => notifier.tell(notice, remediation, now).await,
            None => Err(Undelivered::Unknown),
        };
        if let Err(error) = &told {
            tracing::warn!(remediation.id = %remediation.id, notifier.name = name, %error, "Nobody told.");
        }
        told.is_ok()
    });
    join_all(told).await.contains(&true)
}

/// Whom the playbook names for this status.
fn of_playbook(site: &Arc<Site>, remediation: &Remediation) -> Vec<String> {
    let occasion = match remediation.status {
        Status::PendingApproval => "pending",
        Status::InProgress => "started",
        Status::Paused => "paused",
        Status::Failed => "failed",
        status if status.is_final() => "finished",
        _ => return Vec::new(),
    };
    let bound = match crate::api::bind(site, &remediation.request) {
        Ok(bound) => bound,
        Err(error) => {
            tracing::warn!(remediation.id = %remediation.id, %error, "The playbook cannot be read any more: nobody it names is told.");
            return Vec::new();
        }
    };
    let facts = remediation.plan.as_ref().map(|plan| plan.facts.clone()).unwrap_or_default();
    bound.notifiers(occasion, &facts, &remediation.counts).into_iter().map(str::to_owned).collect()
}

/// A URL to post to: `https://`, or plain only to this machine.
fn client() -> Result<reqwest::Client, String> {
    crate::http::client(TIME_OUT, None)?.build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvals_are_checked() {
        let known = || ["soc", "chief"].map(str::to_owned).into_iter();
        let check = |toml: Approvals| toml.check(known());
        assert_eq!(check(Approvals::default()), Ok(()));
        let wrong = Approvals { escalate_to: vec!["nobody".into()], ..Approvals::default() };
        assert!(check(wrong).unwrap_err().contains("[notifiers.nobody]"));
        let wrong = Approvals { remind_at: 1.0, ..Approvals::default() };
        assert!(check(wrong).unwrap_err().contains("remind-at"));
    }

    #[test]
    fn a_url_is_encrypted_or_near() {
        for right in ["https://hooks.example/x", "http://127.0.0.1:8080/x", "http://[::1]/x"] {
            endpoint(right).unwrap();
        }
        for wrong in ["http://hooks.example/x", "ftp://127.0.0.1/", "hooks.example"] {
            endpoint(wrong).unwrap_err();
        }
    }
}
