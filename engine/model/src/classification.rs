//! What people found an alert to be: the classification, and the determination that says it more exactly. The words are
//! those of the reference product.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::words;

/// Whether an alert was right.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumCount,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Classification {
    /// A threat.
    TruePositive,
    /// What was reported is true and expected, as a test.
    Informational,
    /// No threat.
    FalsePositive,
}

words!(Classification, "classification");

/// What it was exactly. Each belongs to one classification.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumCount,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Determination {
    Phishing,
    Malware,
    Spam,
    CompromisedAccount,
    MaliciousUserActivity,
    MultistageAttack,
    SecurityTesting,
    ConfirmedActivity,
    LineOfBusinessApplication,
    NotMalicious,
    NotEnoughData,
}

words!(Determination, "determination");

impl Determination {
    /// The classification that it belongs to.
    pub const fn classification(self) -> Classification {
        match self {
            Self::Phishing
            | Self::Malware
            | Self::Spam
            | Self::CompromisedAccount
            | Self::MaliciousUserActivity
            | Self::MultistageAttack => Classification::TruePositive,
            Self::SecurityTesting | Self::ConfirmedActivity | Self::LineOfBusinessApplication => {
                Classification::Informational
            }
            Self::NotMalicious | Self::NotEnoughData => Classification::FalsePositive,
        }
    }
}

/// A determination that does not belong to the classification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "determination: `{determination}` belongs to the classification `{}`; give both, or no determination",
    determination.classification()
)]
pub struct DeterminationRefused {
    /// What was given.
    pub determination: Determination,
}

/// Refuses a determination without its classification.
pub fn check_determination(
    classification: Option<Classification>,
    determination: Option<Determination>,
) -> Result<(), DeterminationRefused> {
    match determination {
        Some(determination) if classification != Some(determination.classification()) => {
            Err(DeterminationRefused { determination })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_determination_belongs_to_one_classification() {
        for determination in Determination::ALL {
            let fits: Vec<Classification> = Classification::ALL
                .into_iter()
                .filter(|classification| check_determination(Some(*classification), Some(determination)).is_ok())
                .collect();
            assert_eq!(fits, [determination.classification()]);
            let refused = check_determination(None, Some(determination)).unwrap_err().to_string();
            assert!(refused.contains(determination.classification().as_str()), "{refused}");
        }
        for classification in Classification::ALL {
            assert_eq!(check_determination(Some(classification), None), Ok(()));
            assert!(Determination::ALL.iter().any(|one| one.classification() == classification));
        }
    }
}
