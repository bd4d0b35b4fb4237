//! Identifiers, short enough to read over a telephone and random enough to be unique.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Crockford's base 32: no I, L, O or U, which are easily misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 12;

/// The kind of thing that an [`Id`] names, with the letter that the ID starts with.
pub trait IdKind {
    /// First letter of the printed form.
    const PREFIX: char;
    /// The noun used in error messages.
    const NOUN: &'static str;
    /// The command that lists the existing ones.
    const LISTED_BY: &'static str = "clawback history";
}

/// An identifier of one kind of thing, printed as `R-7K3M9QX2TA4V` (60 random bits).
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "")]
pub struct Id<K: IdKind>(String, PhantomData<fn() -> K>);

/// The ID of a remediation.
pub type RemediationId = Id<kinds::Remediation>;
/// The ID of an approval; shown to the requester at submit.
pub type ApprovalId = Id<kinds::Approval>;
/// The ID of an investigation.
pub type InvestigationId = Id<kinds::Investigation>;
/// The ID of an alert.
pub type AlertId = Id<kinds::Alert>;
/// The ID of a report of a suspicious message.
pub type ReportId = Id<kinds::Report>;

/// The ID of a saved search.
pub type SavedSearchId = Id<kinds::SavedSearch>;

/// The kinds of identifier.
pub(crate) mod kinds {
    use crate::id::IdKind;

    /// See [`super::RemediationId`].
    #[derive(Debug)]
    pub struct Remediation;
    /// See [`super::ApprovalId`].
    #[derive(Debug)]
    pub struct Approval;
    /// See [`super::InvestigationId`].
    #[derive(Debug)]
    pub struct Investigation;
    /// See [`super::AlertId`].
    #[derive(Debug)]
    pub struct Alert;
    /// See [`super::ReportId`].
    #[derive(Debug)]
    pub struct Report;
    /// See [`super::SavedSearchId`].
    #[derive(Debug)]
    pub struct SavedSearch;

    impl IdKind for Remediation {
        const PREFIX: char = 'R';
        const NOUN: &'static str = "remediation";
    }
    impl IdKind for Approval {
        const PREFIX: char = 'A';
        const NOUN: &'static str = "approval";
    }
    impl IdKind for Investigation {
        const PREFIX: char = 'I';
        const NOUN: &'static str = "investigation";
    }
    impl IdKind for Alert {
        const PREFIX: char = 'L';
        const NOUN: &'static str = "alert";
    }
    impl IdKind for Report {
        const PREFIX: char = 'P';
        const NOUN: &'static str = "report";
    }
    impl IdKind for SavedSearch {
        const PREFIX: char = 'S';
        const NOUN: &'static str = "saved search";
        const LISTED_BY: &'static str = "clawback saved-searches list";
    }
}

/// A text that is not an identifier of the expected kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{given}` is not {noun} ID: expected {prefix}- and {LENGTH} letters or digits, as shown by `{listed_by}`", noun = article(.noun))]
pub struct InvalidId {
    given: String,
    noun: &'static str,
    prefix: char,
    listed_by: &'static str,
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

impl<K: IdKind> Id<K> {
    /// Makes an identifier of 60 random bits; the rest of `bits` is ignored.
    pub fn from_random(bits: u64) -> Self {
        let mut text = String::with_capacity(LENGTH + 2);
        text.push(K::PREFIX);
        text.push('-');
        for place in 0..LENGTH {
            let digit = (bits >> (5 * place)) & 31;
            text.push(char::from(ALPHABET[usize::try_from(digit).expect("five bits fit")]));
        }
        Self(text, PhantomData)
    }

    /// Returns the printed form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = InvalidId;

    /// Accepts upper and lower case.
    fn from_str(given: &str) -> Result<Self, InvalidId> {
        let text = given.trim().to_ascii_uppercase();
        let wrong = || InvalidId {
            given: given.chars().take(40).collect(),
            noun: K::NOUN,
            prefix: K::PREFIX,
            listed_by: K::LISTED_BY,
        };
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('-')).ok_or_else(wrong)?;
        if digits.len() == LENGTH && digits.bytes().all(|byte| ALPHABET.contains(&byte)) {
            Ok(Self(text, PhantomData))
        } else {
            Err(wrong())
        }
    }
}

impl<K: IdKind> TryFrom<String> for Id<K> {
    type Error = InvalidId;
    fn try_from(given: String) -> Result<Self, InvalidId> {
        given.parse()
    }
}

impl<K: IdKind> From<Id<K>> for String {
    fn from(id: Id<K>) -> Self {
        id.0
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// A derive would require the trait of K, which is only a marker.
impl<K: IdKind> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}
impl<K: IdKind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K: IdKind> Eq for Id<K> {}
impl<K: IdKind> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_and_parsed() {
        let id = RemediationId::from_random(0x0123_4567_89AB_CDEF);
        assert_eq!(id.as_str().len(), 14);
        assert_eq!(id.as_str().to_lowercase().parse::<RemediationId>(), Ok(id.clone()));
        let refused = id.as_str().parse::<ApprovalId>().unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "`{id}` is not an approval ID: expected A- and 12 letters or digits, as shown by `clawback history`"
            )
        );
    }

    #[test]
    fn five_bits_make_a_digit_and_sixty_an_identifier() {
        for (bits, printed) in [
            (0, "R-000000000000"),
            (31, "R-Z00000000000"),
            (1 << 5, "R-010000000000"),
            (u64::MAX, "R-ZZZZZZZZZZZZ"),
            (1 << 60, "R-000000000000"),
        ] {
            let id = RemediationId::from_random(bits);
            assert_eq!((id.as_str(), id.to_string().as_str(), format!("{id:?}").as_str()), (printed, printed, printed));
            assert_eq!(String::from(id), printed);
        }
        assert_eq!(format!("{:>16}", RemediationId::from_random(0)), "  R-000000000000");
        assert_ne!(RemediationId::from_random(0), RemediationId::from_random(1));
        let known: std::collections::HashSet<_> = (0..100).map(RemediationId::from_random).collect();
        assert_eq!((known.len(), known.contains(&RemediationId::from_random(7))), (100, true));
    }

    #[test]
    fn hashes_of_identifiers_differ_as_they_do() {
        use std::hash::{BuildHasher as _, RandomState};
        let state = RandomState::new();
        let hash = |bits| state.hash_one(RemediationId::from_random(bits));
        assert_eq!(hash(1), hash(1));
        assert_ne!(hash(1), hash(2));
    }

    #[test]
    fn what_is_no_identifier_is_refused_with_its_noun() {
        for wrong in ["R-00000000000", "R-0000000000000", "R-00000000000U", "R-00000000000!", "R000000000000", "R", ""]
        {
            let refused = wrong.parse::<RemediationId>().unwrap_err().to_string();
            assert!(refused.starts_with(&format!("`{wrong}` is not a remediation ID: expected R-")), "{refused}");
        }
        let nouns = ["x".parse::<AlertId>().unwrap_err(), InvestigationId::try_from("x".to_owned()).unwrap_err()];
        assert!(nouns[0].to_string().contains("is not an alert ID: expected L-"));
        assert!(nouns[1].to_string().contains("is not an investigation ID: expected I-"));
        let saved = "x".parse::<SavedSearchId>().unwrap_err().to_string();
        assert!(saved.ends_with("as shown by `clawback saved-searches list`"), "{saved}");
        assert_eq!(
            " r-000000000001\n".parse(),
            Ok(RemediationId::from_random(1 << 55)),
            "blanks around it do not count"
        );
    }
}
