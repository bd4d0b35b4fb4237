//! How reports of people are counted and answered: `[reports]` in the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clawback_model::{ReportThreshold, ReportVerdict};
use serde::{Deserialize, Serialize};

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
}

impl Default for Reports {
    fn default() -> Self {
        let ReportThreshold { least_reports, least_people } = ReportThreshold::default();
        let (answer_by, answers) = (None, AnswerFiles::default());
        Self { least_reports, least_people, playbook: "investigate".to_owned(), answer_by, answers }
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
}

impl Reports {
    /// Checks the settings against the notifiers.
    pub fn check(&self, notifiers: &BTreeMap<String, NotifierConfig>) -> Result<(), String> {
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
}

impl Default for AnswerTexts {
    fn default() -> Self {
        let [malicious, no_threat, undecided] =
            [ReportVerdict::Malicious, ReportVerdict::NoThreat, ReportVerdict::Undecided]
                .map(|verdict| verdict.text().to_owned());
        Self { malicious, no_threat, undecided }
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_checked() {
        let notifiers = BTreeMap::from([("soc".to_owned(), NotifierConfig::Log)]);
        let check = |reports: Reports| reports.check(&notifiers).err().unwrap_or_default();
        assert_eq!(check(Reports::default()), "");
        let by = |name: &str| Reports { answer_by: Some(name.into()), ..Reports::default() };
        assert!(check(by("soc")).contains("kind `email`"));
        assert!(check(by("nobody")).contains("[notifiers.nobody]"));
        assert!(check(Reports { least_people: 0, ..Reports::default() }).contains("1 at least"));
        assert!(check(Reports { least_people: 4, ..Reports::default() }).contains("not be more"));
    }
}
