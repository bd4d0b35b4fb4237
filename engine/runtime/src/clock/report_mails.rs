//! Mails of the mailbox for reports. Each new one is fetched, examined in the sandbox, and recorded once. Nothing in the
//! mailbox is moved, deleted or marked.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::{CallError, MailStore};
use clawback_model::{
    FeatureRequest, Gap, LocationKind, Message, NotCounted, Query, REPORT_MAIL_HEADERS, ReportMail, ReportMailRules,
    ReportSource, Timestamp, is_automatic,
};

use crate::automation::automation;
use crate::bucket::LARGEST_EVIDENCE as LARGEST;
use crate::error::Error;
use crate::intake::{self, Incoming};
use crate::planning::reported_simulation;
use crate::report_settings::AbuseMailboxConfig;
use crate::retry::with_retries;
use crate::site::Site;

/// The most mails that one look records. The next look follows at once.
const MOST: u32 = 1_000;
/// After so many mails in a row that could not be read, the store is asked whether it answers at all.
const ASKED_AFTER: u32 = 10;
/// Mails that could not be read, after which a look ends.
const MOST_UNREAD: u32 = 1_000;
/// A mail on which the examiner fails for a passing reason is examined again for this long after it was received.
const EXAMINED_FOR: Duration = Duration::from_hours(24);
/// The longest text of what a look could not do, in characters.
const LONGEST_TROUBLE: usize = 1_000;

/// What a look did.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Mails that were recorded.
    pub(super) recorded: u32,
    /// Whether mails are left that the next look can record.
    pub(super) are_left: bool,
    /// Mails that could not be read, and why the last one could not.
    unread: (u32, String),
    /// What could not be searched.
    gap: Option<String>,
    /// Why no remediation was filed although there are enough reports.
    refused: Option<String>,
    /// Why the look failed as a whole.
    failed: Option<String>,
}

impl Looked {
    /// A look that failed as a whole.
    pub(super) fn failed(error: &Error) -> Self {
        Self { failed: Some(error.to_string()), ..Self::default() }
    }

    /// Returns whether no mail is left that a look may have to record.
    pub(super) const fn is_whole(&self) -> bool {
        !self.are_left && self.unread.0 == 0 && self.gap.is_none() && self.failed.is_none()
    }

    /// Returns whether the next look should wait for longer. A few mails that cannot be read delay no others.
    pub(super) const fn has_failed(&self) -> bool {
        self.failed.is_some() || self.unread.0 >= ASKED_AFTER
    }

    /// Returns what it could not do, in words.
    pub(super) fn trouble(&self) -> Option<String> {
        let (mails, why) = &self.unread;
        let unread = match mails {
            0 => None,
            1 => Some(format!("1 mail could not be read: {why}")),
            many => Some(format!("{many} mails could not be read, the last one: {why}")),
        };
        let refused =
            self.refused.as_ref().map(|why| format!("reports are enough, and no remediation was filed: {why}"));
        let all: Vec<String> = [self.failed.clone(), unread, self.gap.clone(), refused].into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; ").chars().take(LONGEST_TROUBLE).collect())
    }
}

/// Records the mails since then that are not recorded yet.
pub(super) async fn read(site: &Site, config: &AbuseMailboxConfig, since: Timestamp) -> Result<Looked, Error> {
    let reader = Reader {
        site,
        store: &**site.store(&config.store)?,
        mailbox: config.mailbox.as_str().into(),
        rules: config.rules(),
    };
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
    let search = |cursor: Option<String>, most| {
        with_retries(site, {
            let (store, mailbox, query) = (reader.store, &reader.mailbox, &query);
            move || store.search(mailbox, query, cursor.clone(), most)
        })
    };
    let (mut looked, mut in_a_row, mut cursor) = (Looked::default(), 0, None);
    loop {
        let page = search(cursor, site.tuning.page).await?;
        let mut mails = page.items;
        mails.retain(is_asked_for);
        looked.gap = looked.gap.or_else(|| gap(&page.gaps, config.folder.as_deref(), &mails));
        let keys: Vec<String> = mails.iter().map(|mail| reader.rules.key(mail)).collect();
        let named: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut recorded: HashSet<String> = site.history.recorded_mails(&named).await?;
        for (mail, key) in mails.iter().zip(keys) {
            if recorded.contains(&key) {
                continue;
            }
            if looked.recorded == MOST {
                looked.are_left = true;
                return Ok(looked);
            }
            match reader.record(mail, &key).await {
                Ok(refused) => {
                    looked.refused = refused.map(|error| error.to_string()).or(looked.refused);
                    (looked.recorded, in_a_row) = (looked.recorded + 1, 0);
                }
                Err(Error::Store(error)) => {
                    looked.unread = (looked.unread.0 + 1, error.to_string());
                    in_a_row += 1;
                    if in_a_row % ASKED_AFTER == 0 {
                        search(None, 1).await?;
                    }
                    if looked.unread.0 == MOST_UNREAD {
                        return Ok(looked);
                    }
                }
                Err(error) => return Err(error),
            }
            recorded.insert(key);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(looked),
        }
    }
}

/// Returns the first gap that concerns the folder that is read: the named one, or the inbox, which is `INBOX` or where
/// the mails are.
fn gap(gaps: &[Gap], folder: Option<&str>, mails: &[Message]) -> Option<String> {
    let inboxes: BTreeSet<&str> = mails.iter().map(|mail| mail.location.path.as_str()).collect();
    let concerns = |gap: &&Gap| {
        gap.folder.is_empty()
            || folder.map_or_else(
                || gap.folder.eq_ignore_ascii_case("inbox") || inboxes.contains(gap.folder.as_str()),
                |folder| gap.folder == folder,
            )
    };
    gaps.iter().find(concerns).map(ToString::to_string)
}

/// Reads the mails of one look.
struct Reader<'a> {
    site: &'a Site,
    store: &'a dyn MailStore,
    mailbox: Arc<str>,
    rules: ReportMailRules,
}

impl Reader<'_> {
    /// Records one mail under its key. Returns why no remediation was filed although there are enough reports. An error
    /// of the store says that the mail could not be read now.
    async fn record(&self, mail: &Message, key: &str) -> Result<Option<Error>, Error> {
        let Self { site, store, mailbox, .. } = self;
        let said = if is_automatic(mail) {
            ReportMail::unread(mail, NotCounted::Automatic)
        } else if mail.size > LARGEST {
            ReportMail::unread(mail, NotCounted::TooLarge)
        } else {
            match with_retries(site, || store.fetch_raw(mailbox, &mail.reference, LARGEST + 1)).await {
                Ok(raw) if raw.len() as u64 > LARGEST => ReportMail::unread(mail, NotCounted::TooLarge),
                Ok(raw) => self.examine(mail, &raw).await?,
                Err(error) if is_of_the_mail(&error) => {
                    let reference = std::slice::from_ref(&mail.reference);
                    let Ok(located) = with_retries(site, || store.locate(mailbox, reference)).await else {
                        return Err(error.into());
                    };
                    let is_gone = located.iter().all(|one| one.sightings.is_empty());
                    if is_gone || matches!(error, CallError::NotFound { .. }) {
                        // A person has removed or moved it.
                        return Ok(None);
                    }
                    tracing::warn!(%error, "A mail of the mailbox for reports could not be read.");
                    ReportMail::unread(mail, NotCounted::Unreadable)
                }
                Err(error) => return Err(error.into()),
            }
        };
        let simulation = match said.not_counted {
            None => reported_simulation(site, &said.reporter, (said.message.0, &said.message.1)).await,
            Some(_) => None,
        };
        let incoming = Incoming {
            reporter: &said.reporter,
            source: ReportSource::AbuseMailbox,
            message: (said.message.0, &said.message.1),
            fingerprint: Some(key),
            not_counted: said.not_counted,
            simulation,
        };
        Ok(intake::report(site, &automation(), &incoming).await?.refused)
    }

    /// Examines a mail. One on which the examiner fails is recorded as unreadable, so that it does not hold up others.
    /// After a passing failure, such as a time-out, it is examined again by the next look.
    async fn examine(&self, mail: &Message, raw: &[u8]) -> Result<ReportMail, Error> {
        let site = self.site;
        let examiner = site.examiner.as_ref().ok_or(Error::NoExaminer(None))?;
        let request = FeatureRequest { most: raw.len() as u64 + 1, ..site.examination.clone() };
        match with_retries(site, || examiner.examine_raw(raw, &request)).await {
            Ok(features) => Ok(self.rules.read(mail, features)),
            Err(error) if error.is_retryable() && site.now().since(mail.received_at) < EXAMINED_FOR => {
                Err(error.into())
            }
            Err(error) => {
                tracing::warn!(%error, "A mail of the mailbox for reports could not be examined.");
                Ok(ReportMail::unread(mail, NotCounted::Unreadable))
            }
        }
    }
}

/// Returns whether the error may be that of one mail, and not of the whole store.
const fn is_of_the_mail(error: &CallError) -> bool {
    matches!(error, CallError::Permanent { .. } | CallError::Fault { .. } | CallError::NotFound { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_of_another_folder_holds_up_nothing() {
        let gaps = |folder: &str| [Gap { folder: folder.into(), item: String::new(), reason: "no right".into() }];
        for (of, folder, expected) in [
            ("", None, true),
            ("INBOX", None, true),
            ("Archive", None, false),
            ("Phish", Some("Phish"), true),
            ("INBOX", Some("Phish"), false),
            ("", Some("Phish"), true),
        ] {
            assert_eq!(gap(&gaps(of), folder, &[]).is_some(), expected, "{of} {folder:?}");
        }
    }

    #[test]
    fn a_look_says_all_that_it_could_not_do() {
        assert_eq!((Looked::default().trouble(), Looked::default().is_whole()), (None, true));
        let unread = Looked { unread: (2, "no answer".into()), ..Looked::default() };
        assert!(!unread.is_whole() && !unread.has_failed(), "two mails slow nothing down");
        assert!(Looked { unread: (10, String::new()), ..Looked::default() }.has_failed());
        let refused = Looked { refused: Some("no playbook".into()), ..Looked::default() };
        assert!(refused.is_whole() && !refused.has_failed(), "no mail is left");
        let both = Looked { refused: refused.refused, ..unread };
        assert_eq!(
            both.trouble().unwrap(),
            "2 mails could not be read, the last one: no answer; reports are enough, and no remediation was filed: no \
             playbook"
        );
    }
}
