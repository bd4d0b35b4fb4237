//! Mails to the mailbox for reports: who reports which message, and whether the report is counted. Anybody can send a
//! mail to this mailbox, with any From.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::comparison::is_within;
use crate::features::Features;
use crate::message::{Message, domain_of};
use crate::report::{NotCounted, REPORTS_KEPT, ReportKind, check_reporter, reported};
use crate::sha256::Digest;

/// The header fields of a mail that the decision reads, in lower case.
pub const REPORT_MAIL_HEADERS: [&str; 3] = ["auto-submitted", "return-path", "resent-from"];
/// The longest wait after looks that failed, unless looks are further apart.
pub const LONGEST_LOOK_WAIT: Duration = Duration::from_mins(15);
/// Mails are searched from this long before the last look that left none, as mail can arrive late.
const OVERLAP: Duration = Duration::from_hours(24);
/// Mails that were received earlier than this are not searched, however long ago a look left none. A mail is new as long
/// as no report of it is kept, so one that is older than reports would be recorded and answered again.
pub const LONGEST_BACK: Duration = Duration::from_hours(24 * 60);
const _: () = assert!(LONGEST_BACK.as_secs() < REPORTS_KEPT.as_secs());

/// Which mails to the mailbox for reports are counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportMailRules {
    /// The domains of the reporters, each with its sub-domains.
    pub domains: Vec<String>,
    /// Whether From is believed although no server confirms it.
    pub trust_from: bool,
    /// Whether a redirected mail is the reported message itself.
    pub originals: bool,
}

/// What a mail to the mailbox for reports says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMail {
    /// The address of the person, in lower case; empty if it names none.
    pub reporter: String,
    /// What the mail holds of the message, and its features.
    pub message: (ReportKind, Features),
    /// Why it is not counted.
    pub not_counted: Option<NotCounted>,
}

impl ReportMail {
    /// A mail of which nothing but its header is used.
    pub fn unread(mail: &Message, why: NotCounted) -> Self {
        let features = Features { subject: mail.subject.clone(), ..Features::default() };
        let reporter = check_reporter(&mail.from_address).unwrap_or_default();
        Self { reporter, message: (ReportKind::InlineForward, features), not_counted: Some(why) }
    }
}

/// Returns whether a program sent the mail (RFC 3834, section 5; RFC 5321, section 4.5.5).
pub fn is_automatic(mail: &Message) -> bool {
    let submitted = mail.header("auto-submitted").map(|value| value.split(';').next().unwrap_or_default().trim());
    submitted.is_some_and(|value| !value.is_empty() && !value.eq_ignore_ascii_case("no"))
        || mail.header("return-path").is_some_and(|path| path.trim() == "<>")
}

impl ReportMailRules {
    /// Returns what a mail reports, from the features of the mail and of the messages that are attached to it.
    pub fn read(&self, mail: &Message, examined: Vec<Features>) -> ReportMail {
        let resent = mail.header("resent-from").filter(|_| self.originals && examined.len() == 1);
        let Some(given) = examined.first() else { return ReportMail::unread(mail, NotCounted::Unreadable) };
        let claimed = resent.map_or(given.from_address.as_str(), one_address);
        let is_one = resent.is_some() || (given.also_from.is_empty() && !given.cut.iter().any(|cut| cut == "from"));
        let reporter = check_reporter(claimed).ok().filter(|_| is_one);
        // Nothing authenticates Resent-From.
        let is_confirmed = resent.is_none() && given.authentication.as_ref().is_some_and(|one| one.dmarc == "pass");
        let not_counted = match &reporter {
            None => Some(NotCounted::NoReporter),
            Some(reporter) if !self.is_of_reporters(reporter) => Some(NotCounted::OtherDomain),
            Some(_) if !(is_confirmed || self.trust_from) => Some(NotCounted::Unauthenticated),
            Some(_) => None,
        };
        match reported(examined, resent.is_some()) {
            Some(message) => ReportMail { reporter: reporter.unwrap_or_default(), message, not_counted },
            None => ReportMail::unread(mail, NotCounted::Unreadable),
        }
    }

    /// Returns what a mail is recorded under, once: its fingerprint. A redirected mail has the fingerprint of the message,
    /// so that of each person is one of its own where it is the reported message.
    pub fn key(&self, mail: &Message) -> String {
        let fingerprint = &mail.reference.fingerprint;
        match mail.header("resent-from").filter(|_| self.originals) {
            Some(by) => format!("{fingerprint}:{}", Digest::of(one_address(by).to_lowercase().as_bytes())),
            None => fingerprint.clone(),
        }
    }

    fn is_of_reporters(&self, address: &str) -> bool {
        let domain = domain_of(address);
        self.domains.iter().any(|own| is_within(domain, own))
    }
}

/// Returns the address of a field with one address, with or without a display name.
fn one_address(field: &str) -> &str {
    field.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(field, |(address, _)| address).trim()
}

/// Returns the time from which a look searches; the last one that left no mail began at `whole_at`.
pub fn searched_from(whole_at: Timestamp, now: Timestamp) -> Timestamp {
    whole_at.minus(OVERLAP).max(now.minus(LONGEST_BACK))
}

/// Returns the wait until the next look after so many looks in a row that failed.
pub fn wait_after(every: Duration, failures: u32) -> Duration {
    every.saturating_mul(1 << failures.min(10)).min(LONGEST_LOOK_WAIT.max(every))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Authentication;
    use crate::plan::tests::message;

    fn mail(headers: &[(&str, &str)]) -> Message {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Message { headers, ..message(1) }
    }

    fn features(from: &str, dmarc: &str) -> Features {
        let authentication = Some(Authentication { dmarc: dmarc.into(), ..Authentication::default() });
        Features { from_address: from.into(), authentication, ..Features::default() }
    }

    fn rules(trust_from: bool) -> ReportMailRules {
        ReportMailRules { domains: vec!["Corp.example".into()], trust_from, originals: false }
    }

    fn phish() -> Features {
        Features { subject: "Salary".into(), ..features("eve@evil.example", "pass") }
    }

    #[test]
    fn a_from_counts_if_a_trusted_server_confirms_it() {
        let read = |trust, given: Features| rules(trust).read(&mail(&[]), vec![given, phish()]);
        for (trust, from, dmarc, expected) in [
            (false, "ann@corp.example", "pass", None),
            (false, "ann@hr.corp.example", "pass", None),
            (false, "ann@corp.example", "fail", Some(NotCounted::Unauthenticated)),
            (false, "ann@corp.example", "", Some(NotCounted::Unauthenticated)),
            (true, "ann@corp.example", "fail", None),
            (true, "eve@evil.example", "pass", Some(NotCounted::OtherDomain)),
            (false, "eve@evilcorp.example", "pass", Some(NotCounted::OtherDomain)),
            (true, "", "pass", Some(NotCounted::NoReporter)),
        ] {
            let said = read(trust, features(from, dmarc));
            assert_eq!((said.not_counted, said.message.0), (expected, ReportKind::Attached), "{from} {dmarc} {trust}");
            assert_eq!(said.message.1.subject, "Salary");
        }
        let unknown = Features { authentication: None, ..features("ann@corp.example", "") };
        assert_eq!(read(false, unknown).not_counted, Some(NotCounted::Unauthenticated));
        let two = Features { also_from: vec!["ben@corp.example".into()], ..features("ann@corp.example", "pass") };
        assert_eq!(read(true, two).not_counted, Some(NotCounted::NoReporter), "a result is for one From");
        let cut = Features { cut: vec!["from".into()], ..features("ann@corp.example", "pass") };
        assert_eq!(read(true, cut).not_counted, Some(NotCounted::NoReporter));
    }

    #[test]
    fn a_redirected_mail_is_an_original_only_where_the_site_says_so() {
        let given = mail(&[("resent-from", "Ann B <Ann@corp.example>")]);
        let read = |originals, examined| ReportMailRules { originals, ..rules(true) }.read(&given, examined);
        let said = read(true, vec![phish()]);
        assert_eq!((said.reporter.as_str(), said.message.0), ("ann@corp.example", ReportKind::Original));
        assert_eq!(said.not_counted, None);
        let said = read(false, vec![phish()]);
        assert_eq!((said.message.0, said.not_counted), (ReportKind::InlineForward, Some(NotCounted::OtherDomain)));
        let said = read(true, vec![features("ann@corp.example", ""), phish()]);
        assert_eq!(said.message.0, ReportKind::Attached, "a report that was redirected is a report");
        let untrusted = ReportMailRules { originals: true, ..rules(false) }.read(&given, vec![phish()]);
        assert_eq!(untrusted.not_counted, Some(NotCounted::Unauthenticated), "anybody can write Resent-From");
    }

    #[test]
    fn what_programs_send_is_no_report() {
        for (name, value, expected) in [
            ("auto-submitted", "auto-replied", true),
            ("auto-submitted", "auto-generated; owner-email=x", true),
            ("auto-submitted", "No", false),
            ("auto-submitted", "no; x=y", false),
            ("return-path", "<>", true),
            ("return-path", "<ann@corp.example>", false),
            ("resent-from", "ann@corp.example", false),
        ] {
            assert_eq!(is_automatic(&mail(&[(name, value)])), expected, "{name}: {value}");
        }
        assert_eq!(rules(true).read(&mail(&[]), Vec::new()).not_counted, Some(NotCounted::Unreadable));
    }

    #[test]
    fn a_message_that_three_people_redirect_is_three_mails() {
        let originals = ReportMailRules { originals: true, ..rules(true) };
        let by = |from: &str| originals.key(&mail(&[("resent-from", from)]));
        let plain = originals.key(&mail(&[]));
        assert_eq!(plain, mail(&[]).reference.fingerprint);
        assert_ne!(by("ann@corp.example"), plain, "a copy that an attacker sent uses nothing up");
        assert_ne!(by("ann@corp.example"), by("ben@corp.example"));
        assert_eq!(by("Ann B <Ann@corp.example>"), by("ann@corp.example"));
        assert_eq!(rules(true).key(&mail(&[("resent-from", "ann@corp.example")])), plain);
    }

    #[test]
    fn a_look_searches_from_the_last_whole_one_and_no_longer_back_than_reports_are_kept() {
        let day = |days: u64| Timestamp(0).plus(Duration::from_hours(24 * days));
        assert_eq!(searched_from(day(100), day(100)), day(99));
        assert_eq!(searched_from(day(90), day(100)), day(89));
        assert_eq!(searched_from(day(10), day(100)), day(40), "though no look was whole for 90 days");
    }

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour() {
        let minute = Duration::from_mins(1);
        let waits = [0, 1, 3, 40].map(|failures| wait_after(minute, failures).as_secs() / 60);
        assert_eq!(waits, [1, 2, 8, 15]);
        assert_eq!(wait_after(minute * 60, 3), minute * 60);
    }
}
