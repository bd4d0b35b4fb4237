//! Reports: messages that people found suspicious. Reports of one campaign form a group, and enough reports of enough
//! people make its message malicious. A report by itself acts on nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::clock::Timestamp;
use crate::features::Features;
use crate::id::{RemediationId, ReportId};
use crate::likeness::{Band, Commons, Likeness, Root};
use crate::remediation::Remediation;
use crate::status::Status;
use crate::text::visible_line;
use crate::words;

/// How long a group without a new report takes further ones.
pub const GROUP_IDLE: Duration = Duration::from_hours(72);
/// How long reports are kept.
pub const REPORTS_KEPT: Duration = Duration::from_hours(24 * 90);
/// The longest address of a reporter, in bytes (RFC 5321, section 4.5.3.1).
const LONGEST_ADDRESS: usize = 320;
/// The longest subject in an answer, in characters.
const LONGEST_SUBJECT: usize = 200;

/// How a report came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum ReportSource {
    /// By the API.
    Api,
    /// By `clawback report`.
    Command,
    /// As a mail to the mailbox for reports.
    AbuseMailbox,
}

words!(ReportSource, "source of a report");

/// What a report holds of the message that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// The message as an attachment.
    Attached,
    /// The message itself, without a mail around it.
    Original,
    /// At most its text, inside the mail of the reporter. It shows neither who sent the message nor where its links
    /// lead, so it is not counted.
    InlineForward,
}

words!(ReportKind, "kind of report");

impl ReportKind {
    /// Returns whether it is counted.
    pub const fn is_counted(self) -> bool {
        !matches!(self, Self::InlineForward)
    }
}

/// Why a mail to the mailbox for reports is recorded and not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum NotCounted {
    /// A program sent it: an answer, a notice of absence, a bounce.
    Automatic,
    /// It has no From with one address.
    NoReporter,
    /// Its From is of another domain than those of the reporters.
    OtherDomain,
    /// No trusted server confirms its From.
    Unauthenticated,
    /// It is larger than what is examined.
    TooLarge,
    /// It could not be read or examined.
    Unreadable,
}

words!(NotCounted, "reason not to count a report");

/// A report of one person. Subject and sender are those of the reported message, chosen by an attacker: show them
/// through [`crate::visible`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its ID.
    pub id: ReportId,
    /// The address of the person, in lower case.
    pub reporter: String,
    /// When it came in.
    pub reported_at: Timestamp,
    /// How it came in.
    pub source: ReportSource,
    /// What it holds of the message.
    pub kind: ReportKind,
    /// The Message-ID with angle brackets; empty if it has none, and for an inline forward.
    pub message_id: String,
    /// The From address of the message; empty for an inline forward.
    pub sender: String,
    /// The subject of the message; of an inline forward, that of the reporter's mail.
    pub subject: String,
    /// The message as a root; `None` for an inline forward.
    pub root: Option<Root>,
    /// Why it is not counted, for another reason than its kind.
    pub not_counted: Option<NotCounted>,
    /// Who sent the message as a phishing simulation; `None` if it is none.
    pub simulation: Option<String>,
}

/// Returns which of the examined messages is reported: of a mail its first attached message, since the mail itself is
/// the reporter's, or the message itself. Of an inline forward, it is the mail of the reporter.
pub fn reported(examined: Vec<Features>, is_original: bool) -> Option<(ReportKind, Features)> {
    let mut examined = examined.into_iter();
    let given = examined.next()?;
    Some(match (is_original, examined.next()) {
        (true, _) => (ReportKind::Original, given),
        (false, Some(attached)) => (ReportKind::Attached, attached),
        (false, None) => (ReportKind::InlineForward, given),
    })
}

impl Report {
    /// Makes a report of an examined message: see [`reported`].
    pub fn of(
        (kind, features): (ReportKind, &Features),
        id: ReportId,
        reporter: String,
        source: ReportSource,
        reported_at: Timestamp,
    ) -> Self {
        // A root has no longer texts than a line.
        let root = Root::of(features);
        let subject = root.subject().to_owned();
        let (message_id, sender, root) = if kind.is_counted() {
            (root.message_id().to_owned(), root.identity().address.clone(), Some(root))
        } else {
            (String::new(), String::new(), None)
        };
        let (not_counted, simulation) = (None, None);
        Self { id, reporter, reported_at, source, kind, message_id, sender, subject, root, not_counted, simulation }
    }

    /// Returns whether it is counted.
    pub const fn is_counted(&self) -> bool {
        self.kind.is_counted() && self.not_counted.is_none()
    }
}

/// Reports of one campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportGroup {
    /// Its number, from 1.
    pub number: i64,
    /// When the first report came in.
    pub first_at: Timestamp,
    /// When the last report came in.
    pub last_at: Timestamp,
    /// Counted reports.
    pub reports: u32,
    /// Different people among the reporters.
    pub people: u32,
    /// Of the message that was reported first.
    pub message_id: String,
    /// See [`ReportGroup::message_id`].
    pub sender: String,
    /// See [`ReportGroup::message_id`].
    pub subject: String,
    /// See [`ReportGroup::message_id`].
    pub root: Root,
    /// The remediation that was filed when there were enough reports.
    pub remediation: Option<RemediationId>,
    /// Who sent the message as a phishing simulation: then no reports are enough. `None` if it is none.
    pub simulation: Option<String>,
}

/// A group that a report may belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenGroup {
    /// The group.
    pub group: ReportGroup,
    /// Whether the reporter is one of its people already.
    pub has_reporter: bool,
}

/// The groups that a report may belong to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenGroups {
    /// The groups that are open.
    pub groups: Vec<OpenGroup>,
    /// The largest number of a group, open or not; 0 if there is none.
    pub last: i64,
}

/// How many reports make a message malicious.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportThreshold {
    /// Reports.
    pub least_reports: u32,
    /// Different people among the reporters.
    pub least_people: u32,
}

impl Default for ReportThreshold {
    fn default() -> Self {
        Self { least_reports: 3, least_people: 2 }
    }
}

impl ReportThreshold {
    /// Returns whether so many reports of so many people make a message malicious.
    pub const fn is_reached(self, reports: u32, people: u32) -> bool {
        reports >= self.least_reports && people >= self.least_people
    }
}

impl ReportGroup {
    /// Returns whether its reports are enough, and nothing was filed for them yet.
    pub const fn is_due(&self, threshold: ReportThreshold) -> bool {
        self.remediation.is_none() && self.simulation.is_none() && threshold.is_reached(self.reports, self.people)
    }

    /// Returns whether it takes further reports.
    pub fn is_open(&self, now: Timestamp) -> bool {
        now.since(self.last_at) < GROUP_IDLE
    }

    /// Returns whether a report is about the campaign of this group: the same message, or a copy of it. A threat that
    /// copies a simulation is none, so its reports are no group with those of the simulation.
    pub fn takes(&self, report: &Report) -> bool {
        let Some(root) = report.root.as_ref().filter(|_| self.simulation == report.simulation) else { return false };
        let is_same_message =
            !self.message_id.is_empty() && self.message_id == report.message_id && self.sender == report.sender;
        self.is_open(report.reported_at) && (is_same_message || is_copy(&self.root, root) || is_copy(root, &self.root))
    }
}

/// Returns whether one message is surely a copy of another. Hashes of different keys mean nothing to each other.
fn is_copy(root: &Root, other: &Root) -> bool {
    root.key_id() == other.key_id()
        && Likeness::of(root, other.sketch(), other.identity(), other.calls(), &Commons::default()).band == Band::Copy
}

/// Where a report belongs, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The group with the report.
    pub group: ReportGroup,
    /// The reports that the group had before; 0 for a new one.
    pub before: u32,
    /// Whether the reports are enough and nothing was filed for them yet.
    pub is_due: bool,
}

impl Placed {
    /// Places a report in the first of the open groups that takes it, or in a new one. `None`: it is not counted.
    pub fn of(report: &Report, open: OpenGroups, threshold: ReportThreshold) -> Option<Self> {
        let root = report.root.clone().filter(|_| report.is_counted())?;
        let at = report.reported_at;
        let known = open.groups.into_iter().find(|one| one.group.takes(report));
        let (before, group) = if let Some(OpenGroup { group, has_reporter }) = known {
            let people = group.people.saturating_add(u32::from(!has_reporter));
            let (reports, last_at) = (group.reports.saturating_add(1), group.last_at.max(at));
            (group.reports, ReportGroup { last_at, reports, people, ..group })
        } else {
            let group = ReportGroup {
                number: open.last.saturating_add(1),
                first_at: at,
                last_at: at,
                reports: 1,
                people: 1,
                message_id: report.message_id.clone(),
                sender: report.sender.clone(),
                subject: report.subject.clone(),
                root,
                remediation: None,
                simulation: report.simulation.clone(),
            };
            (0, group)
        };
        let is_due = group.is_due(threshold);
        Some(Self { group, before, is_due })
    }
}

/// The verdict in the answer to a reporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum ReportVerdict {
    /// The message was malicious, and its copies were removed.
    Malicious,
    /// An approver did not consider it a threat.
    NoThreat,
    /// Nobody decided, or nothing was removed.
    Undecided,
    /// The message was a phishing simulation.
    Simulation,
}

words!(ReportVerdict, "verdict on a report");

impl ReportVerdict {
    /// Returns the verdict that the end of a remediation is; `None` before its end. Whatever its status is, something
    /// was removed if a message is where the action puts it.
    pub const fn of(remediation: &Remediation) -> Option<Self> {
        if !remediation.status.is_final() {
            return None;
        }
        let counts = &remediation.counts;
        let is_removed = counts.succeeded + counts.already_in_destination > 0;
        Some(match remediation.status {
            Status::Rejected => Self::NoThreat,
            _ if is_removed => Self::Malicious,
            _ => Self::Undecided,
        })
    }

    /// Returns the text of the answer, unless the site has its own. `{subject}` is the reported subject, and `{date}`
    /// the day of the report.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Malicious => {
                "Thank you for your report of {date}.\n\nThe message \"{subject}\" was malicious. Copies of it were \
                 removed from the mailboxes of your organisation.\nIf you opened a link or an attachment of it, or \
                 answered it, tell your security team now.\n"
            }
            Self::NoThreat => {
                "Thank you for your report of {date}.\n\nYour security team looked at the message \"{subject}\" and \
                 does not consider it a threat. Nothing was removed.\nPlease report the next suspicious message, too.\n"
            }
            Self::Undecided => {
                "Thank you for your report of {date}.\n\nThe message \"{subject}\" was looked into, and nothing was \
                 removed. This is no statement that it is harmless.\nDo not open its links and attachments.\n"
            }
            Self::Simulation => {
                "Thank you for your report of {date}.\n\nThe message \"{subject}\" was part of a training of your \
                 organisation, and no threat. To report it was right.\nPlease report the next suspicious message, too.\n"
            }
        }
    }

    /// Fills in the text of an answer. The subject is an attacker's: it becomes one visible line that no mail program
    /// turns into a link.
    pub fn fill(text: &str, subject: &str, reported_at: Timestamp) -> String {
        let date: String = reported_at.to_string().chars().take(10).collect();
        let subject = without_links(&visible_line(subject, LONGEST_SUBJECT));
        // The subject last, so that nothing is filled into it.
        text.replace("{date}", &date).replace("{subject}", &subject)
    }
}

/// Returns the text with `[.]`, `[:]` and `[@]` wherever a mail program would see a part of a link.
fn without_links(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let next = text[at + c.len_utf8()..].chars().next();
        let joins = next.is_some_and(|next| !next.is_whitespace());
        if matches!(c, '.' | ':' | '@' | '。' | '．' | '｡') && joins {
            safe.push('[');
            safe.push(c);
            safe.push(']');
        } else {
            safe.push(c);
        }
    }
    safe
}

/// An address that cannot be that of a reporter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no mail address of a reporter; write ann@corp.example")]
pub struct InvalidReporter(String);

/// Returns the address of a reporter in lower case. It becomes a recipient, so it has no character that a header field
/// reads as more than an address.
pub fn check_reporter(given: &str) -> Result<String, InvalidReporter> {
    let address = given.trim().to_lowercase();
    let is_part = |part: &str| {
        !part.is_empty()
            && part.split('.').all(|label| {
                !label.is_empty()
                    && label.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c))
            })
    };
    let parts = address.split_once('@').filter(|_| address.len() <= LONGEST_ADDRESS);
    if parts.is_some_and(|(local, domain)| is_part(local) && is_part(domain)) {
        Ok(address)
    } else {
        Err(InvalidReporter(visible_line(given, 60)))
    }
}

#[cfg(test)]
mod tests;
