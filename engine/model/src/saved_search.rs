//! Saved searches: the conditions of a search under a name, for their owner or for everybody who may search. The
//! conditions are inputs of the playbook `manual`, as they were typed, so a time such as `7d` stays relative.

use crate::clock::Timestamp;
use crate::id::SavedSearchId;
use crate::inputs::Inputs;
use crate::normal::normalise;
use crate::principal::{Permission, Principal};
use crate::text::{visible, visible_line};

/// The longest name of a saved search, in characters.
pub const LONGEST_SAVED_SEARCH_NAME: usize = 100;
/// The most saved searches of one owner.
pub const MOST_SAVED_SEARCHES: u32 = 200;
/// Inputs of the playbook that do not select messages.
const NOT_CONDITIONS: [&str; 2] = ["action", "delete_senders_copy"];

/// What its owner sets of a saved search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSearchTerms {
    /// Unique among its owner's, without case.
    pub name: String,
    /// Whether everybody who may search can open it.
    pub is_shared: bool,
    /// Inputs of the playbook `manual`, as typed.
    pub conditions: Inputs,
}

/// A saved search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSearch {
    /// Its ID.
    pub id: SavedSearchId,
    /// The principal who saved it, and alone changes it.
    pub owner: String,
    /// What they set. In a list without its conditions.
    pub terms: SavedSearchTerms,
    /// When it was saved first.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// Counts its changes from 1, so that nobody saves over a change that they have not seen.
    pub version: u32,
}

/// Why a saved search is not saved, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SavedSearchRefused {
    #[error("name: a saved search has a name of 1 to {LONGEST_SAVED_SEARCH_NAME} characters; choose another name")]
    Length,
    #[error("name: `{0}` has white space at an end, or other white space than single blanks; choose another name")]
    WhiteSpace(String),
    #[error("name: `{0}` has a control or invisible character in it; choose another name")]
    Invisible(String),
    #[error("name: `{0}` reads as the ID of a saved search; choose another name")]
    ReadsAsId(String),
    #[error("name: {owner} has a saved search `{name}` already; choose another name, or change that one")]
    Taken { owner: String, name: String },
    #[error("conditions: there is none; give at least one, so that the search means some messages")]
    NoCondition,
    #[error("conditions: `{0}` says what is done with messages, and not which messages; leave it out")]
    NotACondition(&'static str),
    #[error("{owner} has {MOST_SAVED_SEARCHES} saved searches, the most that one may have; remove one of them first")]
    TooMany { owner: String },
    #[error("the saved search `{name}` is of {owner}, who alone may change it; save it under a name of your own")]
    NotTheOwner { name: String, owner: String },
    #[error(
        "version: the saved search `{name}` has changed since you opened it (version {found}, not {expected}); open it again, then change it"
    )]
    Changed { name: String, expected: u32, found: u32 },
}

impl SavedSearchTerms {
    /// Checks the name, and that there are conditions. Their values are checked by the playbook that they are inputs of.
    ///
    /// # Errors
    /// Names the field, and what to do.
    pub fn check(&self) -> Result<(), SavedSearchRefused> {
        let name = self.name.as_str();
        let shown = || visible_line(name, LONGEST_SAVED_SEARCH_NAME);
        if !(1..=LONGEST_SAVED_SEARCH_NAME).contains(&name.chars().count()) {
            return Err(SavedSearchRefused::Length);
        }
        if name.trim() != name || name.contains("  ") || name.chars().any(|c| c.is_whitespace() && c != ' ') {
            return Err(SavedSearchRefused::WhiteSpace(shown()));
        }
        if visible(name) != name {
            return Err(SavedSearchRefused::Invisible(shown()));
        }
        if name.parse::<SavedSearchId>().is_ok() {
            return Err(SavedSearchRefused::ReadsAsId(shown()));
        }
        if let Some(known) = NOT_CONDITIONS.into_iter().find(|known| self.conditions.get(known).is_some()) {
            return Err(SavedSearchRefused::NotACondition(known));
        }
        if self.conditions.pairs().all(|(_, value)| value.trim().is_empty()) {
            return Err(SavedSearchRefused::NoCondition);
        }
        Ok(())
    }

    /// The name as it is compared: two names of one owner that read the same are one.
    pub fn name_key(&self) -> String {
        normalise(&self.name)
    }
}

impl SavedSearch {
    /// Returns whether this principal, who may search, can open it.
    pub fn may_be_opened_by(&self, who: &Principal) -> bool {
        self.terms.is_shared || self.owner == who.name
    }

    /// Returns whether this principal, who may search, can remove it: its owner, and administrators.
    pub fn may_be_removed_by(&self, who: &Principal) -> bool {
        self.owner == who.name || who.may(Permission::Administer)
    }

    /// Refuses a change by anybody but its owner, and one of another version than the owner has seen.
    ///
    /// # Errors
    /// Names the saved search, and what to do.
    pub fn check_change(&self, who: &Principal, version: u32) -> Result<(), SavedSearchRefused> {
        let name = self.terms.name.clone();
        if self.owner != who.name {
            return Err(SavedSearchRefused::NotTheOwner { name, owner: self.owner.clone() });
        }
        if self.version != version {
            return Err(SavedSearchRefused::Changed { name, expected: version, found: self.version });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::{PrincipalKind, Role};

    fn terms(name: &str, conditions: &[(&str, &str)]) -> SavedSearchTerms {
        SavedSearchTerms { name: name.to_owned(), is_shared: false, conditions: conditions.iter().copied().collect() }
    }

    fn saved(owner: &str, is_shared: bool) -> SavedSearch {
        SavedSearch {
            id: SavedSearchId::from_random(7),
            owner: owner.to_owned(),
            terms: SavedSearchTerms { is_shared, ..terms("Payroll", &[("from", "a@x")]) },
            created_at: Timestamp(1),
            changed_at: Timestamp(2),
            version: 3,
        }
    }

    #[test]
    fn names_are_one_line_that_reads_as_it_is() {
        for good in ["Payroll", "<script>alert(1)</script>", "a/b, c", "\u{2709}\u{fe0f} Mail", &"ä".repeat(100)] {
            assert_eq!(terms(good, &[("from", "a@x")]).check(), Ok(()), "{good}");
        }
        for (bad, refused) in [
            ("", SavedSearchRefused::Length),
            (&*"a".repeat(101), SavedSearchRefused::Length),
            (" Payroll", SavedSearchRefused::WhiteSpace(" Payroll".into())),
            ("Pay  roll", SavedSearchRefused::WhiteSpace("Pay  roll".into())),
            ("Pay\nroll", SavedSearchRefused::WhiteSpace("Pay\\u{a}roll".into())),
            ("Pay\u{202e}llor", SavedSearchRefused::Invisible("Pay\\u{202e}llor".into())),
            ("Pay\u{200b}roll", SavedSearchRefused::Invisible("Pay\\u{200b}roll".into())),
            ("s-000000000001", SavedSearchRefused::ReadsAsId("s-000000000001".into())),
        ] {
            assert_eq!(terms(bad, &[("from", "a@x")]).check(), Err(refused), "{bad:?}");
        }
    }

    #[test]
    fn names_that_read_the_same_have_one_key() {
        let key = |name: &str| terms(name, &[]).name_key();
        assert_eq!(key("Payroll"), key("PAYROLL"));
        assert_eq!(key("Ｐayroll"), key("payroll"));
        assert_ne!(key("Payroll"), key("Payrolls"));
    }

    #[test]
    fn conditions_select_messages_and_nothing_else() {
        let refused = |conditions| terms("Payroll", conditions).check().unwrap_err().to_string();
        assert!(refused(&[]).starts_with("conditions: there is none"));
        assert!(refused(&[("from", " ")]).starts_with("conditions: there is none"));
        let said = refused(&[("from", "a@x"), ("action", "hard-delete")]);
        assert!(said.starts_with("conditions: `action` says what is done"), "{said}");
    }

    #[test]
    fn the_owner_changes_it_and_administrators_remove_it() {
        let who = |name: &str, role| Principal::new(name, PrincipalKind::Person, vec![role]);
        let (ann, ben, root) = (who("ann", Role::Analyst), who("ben", Role::Analyst), who("root", Role::Admin));
        let (private, shared) = (saved("ann", false), saved("ann", true));
        let may = |one: &SavedSearch, who| (one.may_be_opened_by(who), one.may_be_removed_by(who));
        assert_eq!((may(&private, &ann), may(&shared, &ann)), ((true, true), (true, true)));
        assert_eq!((may(&private, &ben), may(&shared, &ben)), ((false, false), (true, false)));
        assert_eq!((may(&private, &root), may(&shared, &root)), ((false, true), (true, true)));
        assert_eq!(shared.check_change(&ann, 3), Ok(()));
        for other in [&ben, &root] {
            let refused = shared.check_change(other, 3).unwrap_err().to_string();
            assert!(refused.contains("`Payroll` is of ann"), "{refused}");
        }
        let refused = shared.check_change(&ann, 2).unwrap_err().to_string();
        assert!(refused.contains("has changed since you opened it (version 3, not 2)"), "{refused}");
    }
}
