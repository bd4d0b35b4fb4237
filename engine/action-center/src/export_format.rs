//! The formats that a remediation is exported in.

use std::fmt;
use std::str::FromStr;

use clawback_model::UnknownWord;

/// In whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExportFormat {
    /// Our own: each line has a `record` field.
    #[default]
    Clawback,
    /// Events of the Open Cybersecurity Schema Framework.
    Ocsf,
    /// Records as of the Office 365 Management Activity API.
    O365Air,
}

impl ExportFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Clawback, Self::Ocsf, Self::O365Air];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clawback => "clawback",
            Self::Ocsf => "ocsf",
            Self::O365Air => "o365-air",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ExportFormat {
    type Err = UnknownWord;
    fn from_str(given: &str) -> Result<Self, UnknownWord> {
        let known = Self::ALL.into_iter().find(|format| format.as_str() == given);
        known.ok_or_else(|| UnknownWord::new("format", given, Self::ALL.map(Self::as_str)))
    }
}
