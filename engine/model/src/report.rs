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
        if kind.is_counted() {
            let (message_id, sender) = (root.message_id().to_owned(), root.identity().address.clone());
            let (root, not_counted) = (Some(root), None);
            let simulation = None;
            return Self {
                id,
                reporter,
                reported_at,
                source,
                kind,
                message_id,
                sender,
                subject,
                root,
                not_counted,
                simulation,
            };
        }
        let (message_id, sender, root, not_counted, simulation) = (String::new(), String::new(), None, None, None);
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
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::counts::Counts;
    use crate::example;
    use crate::sketch::Sketch;

    const DAY: Duration = Duration::from_hours(24);

    /// A message with these word pairs that links to `host`.
    fn root(pairs: std::ops::Range<u64>, host: &str, key: u64) -> Root {
        let hashes: Vec<u64> = pairs.collect();
        let count = u32::try_from(hashes.len()).unwrap();
        let features = crate::Features {
            sketch: Sketch::new(hashes, count),
            key_id: crate::FeatureRequest { key: (key, 0), ..crate::FeatureRequest::default() }.key_id(),
            links: vec![crate::Hyperlink {
                kind: crate::LinkKind::Web,
                host: host.into(),
                address: String::new(),
                path_hash: 0,
                shown_host: String::new(),
                is_rewritten: false,
            }],
            ..crate::Features::default()
        };
        Root::of(&features)
    }

    fn report(reporter: &str, day: u32, root: Option<Root>) -> Report {
        Report {
            id: ReportId::from_random(day.into()),
            reporter: reporter.into(),
            reported_at: Timestamp(0).plus(DAY * day),
            source: ReportSource::Api,
            kind: if root.is_some() { ReportKind::Attached } else { ReportKind::InlineForward },
            message_id: String::new(),
            sender: "eve@evil.example".into(),
            subject: "Your account".into(),
            root,
            not_counted: None,
            simulation: None,
        }
    }

    fn copy() -> Root {
        root(0..60, "evil.example", 1)
    }

    /// Reports one after the other, as a history keeps them; the groups at the end.
    fn groups(reports: &[Report]) -> Vec<(u32, u32, bool)> {
        let mut all: Vec<(ReportGroup, Vec<String>, bool)> = Vec::new();
        for report in reports {
            let open = all.iter().map(|(group, people, _)| OpenGroup {
                group: group.clone(),
                has_reporter: people.contains(&report.reporter),
            });
            let open = OpenGroups { groups: open.collect(), last: i64::try_from(all.len()).unwrap() };
            let Some(placed) = Placed::of(report, open, ReportThreshold::default()) else { continue };
            let Placed { mut group, before, is_due } = placed;
            if before == 0 {
                all.push((group, vec![report.reporter.clone()], is_due));
                continue;
            }
            let known = all.iter_mut().find(|(one, ..)| one.number == group.number).unwrap();
            known.1.push(report.reporter.clone());
            if is_due {
                assert!(!known.2, "a group is due once");
                group.remediation = Some(RemediationId::from_random(1));
            }
            (known.0, known.2) = (group, known.2 || is_due);
        }
        all.into_iter().map(|(group, _, is_due)| (group.reports, group.people, is_due)).collect()
    }

    #[test]
    fn enough_reports_of_enough_people_are_due_once() {
        let of = |names: &[&str]| names.iter().map(|name| report(name, 0, Some(copy()))).collect::<Vec<_>>();
        for (names, expected) in [
            (&["ann"][..], (1, 1, false)),
            (&["ann", "ann", "ann", "ann"], (4, 1, false)),
            (&["ann", "ben"], (2, 2, false)),
            (&["ann", "ann", "ben"], (3, 2, true)),
            (&["ann", "ben", "cy", "dan", "ben"], (5, 4, true)),
        ] {
            assert_eq!(groups(&of(names)), [expected], "{names:?}");
        }
    }

    #[test]
    fn a_campaign_is_a_group() {
        let of = |roots: &[Option<Root>]| {
            let reports: Vec<_> = roots.iter().map(|root| report("ann", 0, root.clone())).collect();
            groups(&reports).iter().map(|(reports, ..)| *reports).collect::<Vec<_>>()
        };
        assert_eq!(of(&[Some(copy()), Some(root(0..60, "evil.example", 1))]), [2]);
        assert_eq!(of(&[Some(copy()), Some(root(0..120, "evil.example", 1))]), [2], "a longer copy");
        assert_eq!(
            of(&[Some(root(0..120, "evil.example", 1)), Some(copy())]),
            [2],
            "a shorter one, in the other direction"
        );
        assert_eq!(of(&[Some(copy()), Some(root(0..60, "other.example", 1))]), [1, 1], "the text alone joins nothing");
        assert_eq!(of(&[Some(copy()), Some(root(100..160, "evil.example", 1))]), [1, 1], "another text");
        assert_eq!(of(&[Some(copy()), Some(root(0..60, "evil.example", 2))]), [1, 1], "hashes of another key");
        assert_eq!(of(&[Some(copy()), None]), [1], "an inline forward is not counted");
        let forged = Report { not_counted: Some(NotCounted::Unauthenticated), ..report("ann", 0, Some(copy())) };
        assert_eq!(groups(&[forged]).len(), 0, "a forged From begins no group");
    }

    #[test]
    fn reports_of_a_simulation_are_a_group_of_their_own_that_is_never_due() {
        let of = |name: &str, simulation: Option<&str>| Report {
            simulation: simulation.map(str::to_owned),
            ..report(name, 0, Some(copy()))
        };
        let names = ["ann", "ben", "cy", "dan"];
        let simulated: Vec<Report> = names.iter().map(|name| of(name, Some("KnowBe4"))).collect();
        assert_eq!(groups(&simulated), [(4, 4, false)]);
        let copied = names.iter().map(|name| of(name, None));
        let all: Vec<Report> = simulated.iter().cloned().chain(copied).collect();
        assert_eq!(groups(&all), [(4, 4, false), (4, 4, true)], "a threat that copies the simulation");
    }

    #[test]
    fn one_message_is_one_group_though_its_text_is_too_short_to_be_compared() {
        let short = |id: &str, sender: &str| Report {
            message_id: id.into(),
            sender: sender.into(),
            ..report("ann", 0, Some(root(0..3, "evil.example", 1)))
        };
        let counts = |reports: &[Report]| groups(reports).len();
        assert_eq!(counts(&[short("<1@x>", "a@x.example"), short("<1@x>", "a@x.example")]), 1);
        assert_eq!(counts(&[short("<1@x>", "a@x.example"), short("<2@x>", "a@x.example")]), 2);
        assert_eq!(
            counts(&[short("<1@x>", "a@x.example"), short("<1@x>", "b@x.example")]),
            2,
            "anybody can copy an ID"
        );
        assert_eq!(counts(&[short("", "a@x.example"), short("", "a@x.example")]), 2, "no ID is no name");
    }

    #[test]
    fn a_group_that_was_idle_for_three_days_is_closed() {
        let of =
            |days: &[u32]| groups(&days.iter().map(|day| report("ann", *day, Some(copy()))).collect::<Vec<_>>()).len();
        assert_eq!(of(&[0, 2, 4, 6]), 1, "each report keeps it open");
        assert_eq!(of(&[0, 3]), 2);
    }

    #[test]
    fn every_end_is_a_verdict() {
        let one = example::fold(&example::events(Action::SoftDelete));
        let ended = |status, succeeded| {
            let counts = Counts { submitted: 2, remediable: 2, succeeded, ..Counts::default() };
            ReportVerdict::of(&Remediation { status, counts, ..one.clone() })
        };
        for status in Status::ALL {
            assert_eq!(ended(status, 0).is_some(), status.is_final(), "{status}");
        }
        for (status, succeeded, expected) in [
            (Status::Completed, 2, ReportVerdict::Malicious),
            (Status::Completed, 0, ReportVerdict::Undecided),
            (Status::PartiallyCompleted, 0, ReportVerdict::Undecided),
            (Status::Cancelled, 1, ReportVerdict::Malicious),
            (Status::Rejected, 0, ReportVerdict::NoThreat),
        ] {
            assert_eq!(ended(status, succeeded), Some(expected), "{status} with {succeeded}");
        }
    }

    #[test]
    fn an_answer_has_no_link_of_the_attacker() {
        let subject = "a\r\nBcc: x@y.example\u{202e} https://evil.example/x {date}. End";
        let said = ReportVerdict::fill("{date}: {subject}", subject, Timestamp(0));
        assert_eq!(
            said,
            "1970-01-01: a\\u{d}\\u{a}Bcc: x[@]y[.]example\\u{202e} https[:]//evil[.]example/x {date}. End"
        );
        for verdict in ReportVerdict::ALL {
            assert!(verdict.text().contains("{subject}") && verdict.text().contains("{date}"), "{verdict}");
        }
    }

    #[test]
    fn a_reporter_is_one_address() {
        assert_eq!(check_reporter(" Ann.B+x@Corp.example "), Ok("ann.b+x@corp.example".into()));
        for wrong in [
            "",
            "ann",
            "ann@",
            "@corp.example",
            "a@b@c",
            "Ann <ann@corp.example>",
            "ann@corp.example, ben@corp.example",
            "ann@corp.example\r\nBcc: x@y",
            "ann..b@corp.example",
            "änn@corp.example",
            "\"a b\"@corp.example",
        ] {
            assert!(check_reporter(wrong).is_err(), "{wrong}");
        }
        assert!(check_reporter(&format!("{}@corp.example", "a".repeat(400))).is_err());
    }
}
