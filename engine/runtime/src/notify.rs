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

use clawback_model::{Remediation, Reminder, Status};
use futures::future::join_all;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::http::is_loopback;
use crate::site::Site;
use notice::{Kind, Notice};

pub use mail::{MailConfig, MailTls};

/// Tries of one delivery, and the time for each.
const TRIES: u32 = 3;
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
enum Undelivered {
    #[error("{0}")]
    Http(reqwest::Error),
    #[error("the mail cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("{0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    #[error("no answer within {} s", TIME_OUT.as_secs())]
    TimedOut,
}

impl From<reqwest::Error> for Undelivered {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
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

    /// Tries a few times; the same notice each time, so that a receiver can know it for the same.
    async fn tell(&self, notice: &Notice, remediation: &Remediation) -> Result<(), Undelivered> {
        let mut wait = Duration::from_secs(1);
        for left in (0..TRIES).rev() {
            let told = tokio::time::timeout(TIME_OUT, self.try_once(notice, remediation));
            match told.await.unwrap_or(Err(Undelivered::TimedOut)) {
                Err(error) if left == 0 => return Err(error),
                Err(_) => tokio::time::sleep(wait).await,
                Ok(()) => return Ok(()),
            }
            wait *= 2;
        }
        Ok(())
    }

    async fn try_once(&self, notice: &Notice, remediation: &Remediation) -> Result<(), Undelivered> {
        match &self.0 {
            Channel::Log => {
                log(notice, remediation);
                Ok(())
            }
            Channel::Webhook(webhook) => webhook.post(notice, remediation).await,
            Channel::Email(mailer) => mailer.send(notice).await,
            Channel::Chat(chat) => chat.post(notice).await,
        }
    }
}

fn log(notice: &Notice, remediation: &Remediation) {
    let counts = &remediation.counts;
    tracing::info!(
        remediation.id = %remediation.id,
        remediation.status = %remediation.status,
        counts.submitted = counts.submitted,
        counts.succeeded = counts.succeeded,
        counts.failed = counts.failed,
        "{}", notice.kind.sentence()
    );
}

/// Tells of a new status whoever wants to know of each, whoever the playbook names, and, of what waits, the approvers. Failing
/// to tell never fails the remediation: it is logged, and the history has the fact.
pub(crate) async fn status_changed(site: &Arc<Site>, remediation: &Remediation) {
    let mut names: BTreeSet<&str> =
        site.notifiers.iter().filter(|(_, one)| one.wants_every_change()).map(|(name, _)| name.as_str()).collect();
    if remediation.status == Status::PendingApproval {
        names.extend(site.approvals.notify.iter().map(String::as_str));
    }
    let of_playbook = of_playbook(site, remediation);
    names.extend(of_playbook.iter().map(String::as_str));
    tell(site, remediation, Kind::Changed, &names).await;
}

/// Tells of what still waits: those who were told first, or those above them. False if nobody could be told who should have been.
pub(crate) async fn remind(site: &Arc<Site>, remediation: &Remediation, reminder: Reminder) -> bool {
    let of_playbook = of_playbook(site, remediation);
    let names: BTreeSet<&str> = match reminder {
        Reminder::Again => site.approvals.notify.iter().chain(&of_playbook).map(String::as_str).collect(),
        Reminder::Escalation => site.approvals.escalate_to.iter().map(String::as_str).collect(),
    };
    names.is_empty() || tell(site, remediation, Kind::Reminder(reminder), &names).await > 0
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

/// Tells all of them at once; gives how many were.
async fn tell(site: &Site, remediation: &Remediation, kind: Kind, names: &BTreeSet<&str>) -> usize {
    if names.is_empty() {
        return 0;
    }
    let notice = &Notice::new(kind, remediation, site.public_url.as_ref(), site.now());
    let told = names.iter().map(|&name| async move {
        let Some(notifier) = site.notifiers.get(name) else {
            tracing::warn!(notifier.name = name, "No such notifier is configured.");
            return false;
        };
        let told = notifier.tell(notice, remediation).await;
        if let Err(error) = &told {
            tracing::warn!(remediation.id = %remediation.id, notifier.name = name, %error, "Nobody told.");
        }
        told.is_ok()
    });
    join_all(told).await.into_iter().filter(|told| *told).count()
}

/// A URL to post to: `https://`, or plain only to this machine.
fn endpoint(text: &str) -> Result<reqwest::Url, String> {
    let url: reqwest::Url = text.parse().map_err(|error| format!("the URL is none: {error}"))?;
    let loopback = url.host_str().is_some_and(is_loopback);
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err("the URL must start with https:// (plain http only to this machine)".to_owned());
    }
    Ok(url)
}

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
