//! How reports of people are counted and answered: `[reports]` in the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clawback_model::{ReportMailRules, ReportThreshold, ReportVerdict, parse_duration, show_duration};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::notifying::notifier::NotifierConfig;

/// The longest text of an answer, in bytes.
const LONGEST_ANSWER: usize = 16 << 10;

/// `[reports]` in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Reports {
    /// Reports of one message that make it malicious.
    pub least_reports: u32,
    /// Different people among their reporters.
    pub least_people: u32,
    /// The playbook of the remediation that is then filed.
    pub playbook: String,
    /// The notifier of kind `email` that answers reporters; without one, nobody is answered.
    pub answer_by: Option<String>,
    /// Files with the texts of the answers.
    pub answers: AnswerFiles,
    /// The mailbox that people send reports to.
    pub mailbox: Option<AbuseMailboxConfig>,
}

/// `[reports.mailbox]`: the mailbox that people send reports to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AbuseMailboxConfig {
    /// The store that it is in.
    pub store: String,
    /// Its name, as the store lists it.
    pub mailbox: String,
    /// The path of the folder that reports come to; the inbox if none is named.
    #[serde(default)]
    pub folder: Option<String>,
    /// The time between two looks.
    #[serde(default = "every_minute", deserialize_with = "read_interval", serialize_with = "write_interval")]
    pub every: Duration,
    /// The domains of the reporters, each with its sub-domains; the domain of the mailbox if none is named.
    #[serde(default)]
    pub reporter_domains: Vec<String>,
    /// Whether From is believed although no trusted server confirms it.
    #[serde(default)]
    pub trust_from: bool,
    /// Whether a mail that was redirected to it is the reported message itself.
    #[serde(default)]
    pub originals: bool,
}

const SHORTEST_INTERVAL: Duration = Duration::from_secs(10);
/// A row that is postponed by more than a day is reported by `verify`.
const LONGEST_INTERVAL: Duration = Duration::from_hours(12);

const fn every_minute() -> Duration {
    Duration::from_mins(1)
}

fn read_interval<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let known = parse_duration(&text).filter(|every| (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(every));
    known.ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no interval; write one from `10s` to `12h`")))
}

fn write_interval<S: Serializer>(interval: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&show_duration(*interval))
}

impl AbuseMailboxConfig {
    /// Which mails are counted.
    pub fn rules(&self) -> ReportMailRules {
        let own = self.mailbox.rsplit_once('@').map(|(_, domain)| domain.to_owned());
        let domains =
            if self.reporter_domains.is_empty() { own.into_iter().collect() } else { self.reporter_domains.clone() };
        ReportMailRules { domains, trust_from: self.trust_from, originals: self.originals }
    }

    /// Checks the settings against the stores, and whether a server is trusted to confirm From.
    fn check(&self, is_store: impl Fn(&str) -> bool, is_confirmed: bool) -> Result<(), String> {
        let Self { store, mailbox, .. } = self;
        if !is_store(store) {
            return Err(format!("[reports.mailbox] names the store `{store}`, and there is no [stores.{store}]"));
        }
        if mailbox.trim().is_empty() {
            return Err("[reports.mailbox] mailbox is empty; write its name as the store lists it".to_owned());
        }
        if self.rules().domains.iter().all(|domain| domain.trim().is_empty()) {
            return Err(format!(
                "[reports.mailbox] `{mailbox}` has no domain, so name those of the reporters: reporter-domains = [\"corp.example\"]"
            ));
        }
        if self.originals && !self.trust_from {
            return Err(
                "[reports.mailbox] originals needs `trust-from = true`, as no server confirms who redirected a mail"
                    .to_owned(),
            );
        }
        if !self.trust_from && !is_confirmed {
            return Err("[reports.mailbox] no report would be counted, as no server is trusted to confirm From: name it in \
                `authentication-servers` under [examination], or set `trust-from = true` if no mail from outside reaches \
                the mailbox with a From of your own"
                .to_owned());
        }
        Ok(())
    }
}

impl Default for Reports {
    fn default() -> Self {
        let ReportThreshold { least_reports, least_people } = ReportThreshold::default();
        let (answer_by, answers, mailbox) = (None, AnswerFiles::default(), None);
        Self { least_reports, least_people, playbook: "investigate".to_owned(), answer_by, answers, mailbox }
    }
}

/// `[reports.answers]`: a file for each verdict; the text of this program where none is named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AnswerFiles {
    /// The message was malicious, and its copies were removed.
    pub malicious: Option<PathBuf>,
    /// An approver did not consider it a threat.
    pub no_threat: Option<PathBuf>,
    /// Nobody decided, or nothing was left to remove.
    pub undecided: Option<PathBuf>,
    /// The message was a phishing simulation.
    pub simulation: Option<PathBuf>,
}

impl Reports {
    /// Checks the settings against the notifiers and the stores, and whether a server is trusted to confirm From.
    pub fn check(
        &self,
        notifiers: &BTreeMap<String, NotifierConfig>,
        is_store: impl Fn(&str) -> bool,
        is_confirmed: bool,
    ) -> Result<(), String> {
        self.mailbox.as_ref().map_or(Ok(()), |mailbox| mailbox.check(is_store, is_confirmed))?;
        if self.least_reports == 0 || self.least_people == 0 {
            return Err("[reports] least-reports and least-people must be 1 at least".to_owned());
        }
        if self.least_people > self.least_reports {
            return Err("[reports] least-people must not be more than least-reports".to_owned());
        }
        let Some(name) = &self.answer_by else { return Ok(()) };
        match notifiers.get(name) {
            Some(NotifierConfig::Email(_)) => Ok(()),
            Some(_) => Err(format!("[reports] answer-by must be a notifier of kind `email`, and `{name}` is none")),
            None => Err(format!("[reports] names the notifier `{name}`, and there is no [notifiers.{name}]")),
        }
    }

    /// How many reports make a message malicious.
    pub const fn threshold(&self) -> ReportThreshold {
        ReportThreshold { least_reports: self.least_reports, least_people: self.least_people }
    }
}

/// The texts of the answers to reporters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerTexts {
    malicious: String,
    no_threat: String,
    undecided: String,
    simulation: String,
}

impl Default for AnswerTexts {
    fn default() -> Self {
        let text = |verdict: ReportVerdict| verdict.text().to_owned();
        Self {
            malicious: text(ReportVerdict::Malicious),
            no_threat: text(ReportVerdict::NoThreat),
            undecided: text(ReportVerdict::Undecided),
            simulation: text(ReportVerdict::Simulation),
        }
    }
}

impl AnswerTexts {
    /// Reads the files that are named; relative paths begin at `base`.
    pub fn read(files: &AnswerFiles, base: &Path) -> Result<Self, String> {
        let mut texts = Self::default();
        for (file, text) in [
            (&files.malicious, &mut texts.malicious),
            (&files.no_threat, &mut texts.no_threat),
            (&files.undecided, &mut texts.undecided),
            (&files.simulation, &mut texts.simulation),
        ] {
            let Some(file) = file else { continue };
            let path = base.join(file);
            *text = clawback_files::read_policy(&path).map_err(|error| error.to_string())?;
            if text.len() > LONGEST_ANSWER || text.trim().is_empty() {
                return Err(format!("{}: an answer has 1 to {LONGEST_ANSWER} bytes", path.display()));
            }
        }
        Ok(texts)
    }

    /// The text for a verdict.
    pub fn of(&self, verdict: ReportVerdict) -> &str {
        match verdict {
            ReportVerdict::Malicious => &self.malicious,
            ReportVerdict::NoThreat => &self.no_threat,
            ReportVerdict::Undecided => &self.undecided,
            ReportVerdict::Simulation => &self.simulation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_checked() {
        let notifiers = BTreeMap::from([("soc".to_owned(), NotifierConfig::Log)]);
        let check = |reports: Reports| reports.check(&notifiers, |_| true, true).err().unwrap_or_default();
        assert_eq!(check(Reports::default()), "");
        let by = |name: &str| Reports { answer_by: Some(name.into()), ..Reports::default() };
        assert!(check(by("soc")).contains("kind `email`"));
        assert!(check(by("nobody")).contains("[notifiers.nobody]"));
        assert!(check(Reports { least_people: 0, ..Reports::default() }).contains("1 at least"));
        assert!(check(Reports { least_people: 4, ..Reports::default() }).contains("not be more"));
    }

    #[test]
    fn the_mailbox_is_checked() {
        let check = |more: serde_json::Value, is_confirmed| {
            let mut settings = serde_json::json!({ "store": "corp", "mailbox": "abuse@corp.example" });
            settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let mailbox: AbuseMailboxConfig = serde_json::from_value(settings).map_err(|error| error.to_string())?;
            let reports = Reports { mailbox: Some(mailbox), ..Reports::default() };
            reports.check(&BTreeMap::new(), |store| store == "corp", is_confirmed)
        };
        assert_eq!(check(serde_json::json!({}), true), Ok(()));
        assert_eq!(check(serde_json::json!({ "trust-from": true, "originals": true, "every": "5m" }), false), Ok(()));
        for (more, is_confirmed, said) in [
            (serde_json::json!({}), false, "authentication-servers"),
            (serde_json::json!({ "originals": true }), true, "trust-from"),
            (serde_json::json!({ "store": "lab" }), true, "[stores.lab]"),
            (serde_json::json!({ "mailbox": "abuse" }), true, "reporter-domains"),
            (serde_json::json!({ "mailbox": " " }), true, "is empty"),
            (serde_json::json!({ "every": "0s" }), true, "`10s` to `12h`"),
        ] {
            let refused = check(more, is_confirmed).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
