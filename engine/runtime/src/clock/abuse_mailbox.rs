//! Looks into the mailbox for reports. Each new mail is fetched, examined in the sandbox, and recorded once, by its
//! fingerprint. Nothing in the mailbox is moved, deleted or marked.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::{CallError, MailStore};
use clawback_model::{
    FeatureRequest, LocationKind, Message, NotCounted, Query, REPORT_MAIL_HEADERS, ReportMail, ReportSource, Timestamp,
    is_automatic, wait_after,
};
use clawback_store::AbuseMailbox;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::automation::automation;
use crate::bucket::LARGEST_EVIDENCE as LARGEST;
use crate::error::Error;
use crate::intake::{self, Incoming};
use crate::report_settings::AbuseMailboxConfig;
use crate::retry::with_retries;
use crate::site::Site;

/// How often a node asks whether a look is due.
const ASKED_EVERY: Duration = Duration::from_secs(5);
/// How often a node renews its claim of a look.
const KEPT_EVERY: Duration = Duration::from_secs(20);
/// How long other nodes leave the mailbox alone after the last renewal.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// The most mails that one look records. The next look follows at once.
const MOST: u32 = 1_000;
/// Mails that fail one after the other, after which a look ends: it is the store that fails.
const MOST_FAILURES: u32 = 10;
/// Mails are searched from this long before the last look that left none, as mail can arrive late.
const OVERLAP: Duration = Duration::from_hours(24);

/// The look of a node that is under way. Dropping it drops the look.
pub(crate) struct AbuseMailboxLooks {
    site: Arc<Site>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    asked_at: Option<Timestamp>,
}

impl AbuseMailboxLooks {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self { site, stop: watch::Sender::new(false), tasks: JoinSet::new(), asked_at: None }
    }

    /// Starts a look if it is due and none is under way. Does not wait for it.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        let Some(config) = &self.site.reports.mailbox else { return Ok(()) };
        while self.tasks.try_join_next().is_some() {}
        let now = self.site.now();
        let asked = self.asked_at.is_some_and(|at| now.since(at) < ASKED_EVERY);
        if asked || !self.tasks.is_empty() || *self.stop.borrow() {
            return Ok(());
        }
        self.asked_at = Some(now);
        let due = self.site.history.abuse_mailbox(&config.store, &config.mailbox).await?;
        if due.next_at > now {
            return Ok(());
        }
        let (site, config, stop) = (Arc::clone(&self.site), config.clone(), self.stop.subscribe());
        let look = async move {
            if let Err(error) = look(&site, &config, &due, stop).await {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "The look into the mailbox for reports was not recorded; it is repeated.");
            }
        };
        self.tasks.spawn(look.in_current_span());
        Ok(())
    }

    /// Waits until none is under way.
    pub(crate) async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Drops the look under way. It is due again for any node.
    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        self.ended().await;
    }
}

/// What a look did.
#[derive(Debug, Default)]
struct Looked {
    /// Mails that were recorded.
    recorded: u32,
    /// Whether mails are left that the next look can record.
    are_left: bool,
    /// What could not be read.
    trouble: Option<String>,
    /// Whether the look failed as a whole.
    has_failed: bool,
}

/// Takes the look that is due, unless another node has, and writes what it did. A stop gives it back.
#[tracing::instrument(name = "reports.look", skip_all, fields(store.name = config.store))]
async fn look(
    site: &Arc<Site>,
    config: &AbuseMailboxConfig,
    due: &AbuseMailbox,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let (history, began) = (&site.history, site.now());
    let Some(mut taken) = history.take_abuse_mailbox(due, began.plus(KEPT_FOR)).await? else { return Ok(()) };
    let since = due.whole_at.unwrap_or(began).minus(OVERLAP);
    let mut looking = Box::pin(read(site, config, since));
    let looked = loop {
        tokio::select! {
            looked = &mut looking => break looked,
            () = async { drop(stop.wait_for(|stop| *stop).await) } => {
                history.take_abuse_mailbox(&taken, began).await?;
                return Ok(());
            }
            () = tokio::time::sleep(KEPT_EVERY) => {}
        }
        match history.take_abuse_mailbox(&taken, site.now().plus(KEPT_FOR)).await {
            Ok(Some(kept)) => taken = kept,
            Ok(None) => return Ok(()),
            Err(error) => tracing::warn!(%error, "The look is not renewed; trying again."),
        }
    };
    let looked = looked.unwrap_or_else(|error| Looked {
        trouble: Some(error.to_string()),
        has_failed: true,
        ..Looked::default()
    });
    if let Some(trouble) = &looked.trouble {
        tracing::warn!(trouble, recorded = looked.recorded, "The mailbox for reports could not be read completely.");
    }
    let now = site.now();
    let failures = if looked.has_failed { taken.failures.saturating_add(1) } else { 0 };
    let is_whole = !looked.are_left && looked.trouble.is_none();
    let next_at = if looked.are_left { now } else { now.plus(wait_after(config.every, failures)) };
    let whole_at = if is_whole { Some(began) } else { taken.whole_at };
    (taken.next_at, taken.whole_at, taken.looked_at) = (next_at, whole_at, Some(now));
    (taken.failures, taken.trouble) = (failures, looked.trouble);
    history.finish_abuse_mailbox(&taken).await?;
    Ok(())
}

/// Records the mails since then that are not recorded yet.
async fn read(site: &Site, config: &AbuseMailboxConfig, since: Timestamp) -> Result<Looked, Error> {
    let store = site.store(&config.store)?;
    let mailbox: Arc<str> = config.mailbox.as_str().into();
    let query = Query {
        received_after: Some(since),
        locations: if config.folder.is_none() { vec![LocationKind::Inbox] } else { Vec::new() },
        folders: config.folder.iter().cloned().collect(),
        want_headers: REPORT_MAIL_HEADERS.map(str::to_owned).to_vec(),
        ..Query::default()
    };
    let is_asked_for = |mail: &Message| {
        mail.received_at >= since
            && match &config.folder {
                Some(folder) => mail.location.path == *folder,
                None => mail.location.kind == LocationKind::Inbox,
            }
    };
    let (mut looked, mut failures, mut cursor) = (Looked::default(), 0, None);
    loop {
        let page = with_retries(site, || store.search(&mailbox, &query, cursor.clone(), site.tuning.page)).await?;
        looked.trouble = page.gaps.first().map(ToString::to_string).or(looked.trouble);
        let mut mails = page.items;
        mails.retain(is_asked_for);
        let fingerprints: Vec<&str> = mails.iter().map(|mail| mail.reference.fingerprint.as_str()).collect();
        let mut recorded: HashSet<String> = site.history.recorded_mails(&fingerprints).await?;
        for mail in &mails {
            if !recorded.insert(mail.reference.fingerprint.clone()) {
                continue;
            }
            if looked.recorded == MOST {
                looked.are_left = true;
                return Ok(looked);
            }
            match record(site, config, &**store, &mailbox, mail).await {
                Ok(()) => (looked.recorded, failures) = (looked.recorded + 1, 0),
                Err(Error::Store(error)) => {
                    failures += 1;
                    looked.trouble = Some(error.to_string());
                    if failures == MOST_FAILURES {
                        looked.has_failed = true;
                        return Ok(looked);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(Looked { has_failed: failures > 0, ..looked }),
        }
    }
}

/// Records one mail. An error says that the store could not give it.
async fn record(
    site: &Site,
    config: &AbuseMailboxConfig,
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    mail: &Message,
) -> Result<(), Error> {
    let said = if is_automatic(mail) {
        ReportMail::unread(mail, NotCounted::Automatic)
    } else if mail.size > LARGEST {
        ReportMail::unread(mail, NotCounted::TooLarge)
    } else {
        match with_retries(site, || store.fetch_raw(mailbox, &mail.reference, LARGEST + 1)).await {
            Ok(raw) if raw.len() as u64 > LARGEST => ReportMail::unread(mail, NotCounted::TooLarge),
            Ok(raw) => examine(site, config, mail, &raw).await?,
            Err(error) if is_of_the_mail(&error) => {
                let reference = std::slice::from_ref(&mail.reference);
                let Ok(located) = with_retries(site, || store.locate(mailbox, reference)).await else {
                    return Err(error.into());
                };
                let is_gone = located.iter().all(|one| one.sightings.is_empty());
                if is_gone || matches!(error, CallError::NotFound { .. }) {
                    // A person has removed or moved it.
                    return Ok(());
                }
                tracing::warn!(%error, "A mail of the mailbox for reports could not be read.");
                ReportMail::unread(mail, NotCounted::Unreadable)
            }
            Err(error) => return Err(error.into()),
        }
    };
    let incoming = Incoming {
        reporter: &said.reporter,
        source: ReportSource::AbuseMailbox,
        message: (said.message.0, &said.message.1),
        fingerprint: Some(&mail.reference.fingerprint),
        not_counted: said.not_counted,
    };
    intake::report(site, &automation(), &incoming).await?;
    Ok(())
}

/// Returns whether the error may be that of one mail, and not of the whole store.
const fn is_of_the_mail(error: &CallError) -> bool {
    matches!(error, CallError::Permanent { .. } | CallError::Fault { .. } | CallError::NotFound { .. })
}

/// Examines a mail. One on which the examiner fails is recorded as unreadable, so that it does not hold up others.
async fn examine(site: &Site, config: &AbuseMailboxConfig, mail: &Message, raw: &[u8]) -> Result<ReportMail, Error> {
    let examiner = site.examiner.as_ref().ok_or(Error::NoExaminer(None))?;
    let request = FeatureRequest { most: raw.len() as u64 + 1, ..site.examination.clone() };
    Ok(match examiner.examine_raw(raw, &request).await {
        Ok(features) => config.rules().read(mail, features),
        Err(error) => {
            tracing::warn!(%error, "A mail of the mailbox for reports could not be examined.");
            ReportMail::unread(mail, NotCounted::Unreadable)
        }
    })
}
