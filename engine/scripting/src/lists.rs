//! Lists of the configuration (`[lists]`) as sets for scripts.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use clawback_model::{Digest, registrable_domain};

use crate::homoglyph::SkeletonIndex;
use crate::words::{Words, after_last, lower_case};

/// Lists that exist even if the configuration does not define them, so that shipped scripts always load.
const ALWAYS: [&str; 3] = ["vips", SECOPS_MAILBOXES, "simulation_senders"];
/// The list of the mailboxes of security people.
pub const SECOPS_MAILBOXES: &str = "secops_mailboxes";

/// Words that have another meaning in scripts.
const TAKEN: [&str; 5] = ["message", "inputs", "now", "plan", "this"];

/// A set of texts, compared without case.
#[derive(Debug, Default)]
pub struct TextSet {
    entries: Words,
    looks: OnceLock<SkeletonIndex>,
}

impl TextSet {
    /// Creates a set of these texts.
    pub fn new(entries: impl IntoIterator<Item = String>) -> Self {
        let entries = entries.into_iter().map(|entry| entry.trim().to_lowercase()).filter(|entry| !entry.is_empty());
        Self { entries: entries.collect(), looks: OnceLock::new() }
    }

    /// Returns whether the text is in the set.
    pub fn contains(&self, text: &str) -> bool {
        !self.is_empty() && self.entries.has(&lower_case(text))
    }

    /// Returns whether the address, its domain or a parent domain is in the set.
    pub fn covers(&self, address: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let address = lower_case(address);
        if self.entries.has(&address) {
            return true;
        }
        let mut domain = after_last(&address, b'@');
        loop {
            if self.entries.has(domain) {
                return true;
            }
            match domain.bytes().position(|byte| byte == b'.') {
                Some(dot) => domain = &domain[dot + 1..],
                None => return false,
            }
        }
    }

    /// Returns the union of the sets.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            entries: self.entries.iter().chain(other.entries.iter()).map(str::to_owned).collect(),
            ..Self::default()
        }
    }

    /// Returns the texts in order, one per line.
    pub fn lines(&self) -> String {
        let mut entries: Vec<&str> = self.entries.iter().collect();
        entries.sort_unstable();
        entries.into_iter().flat_map(|entry| [entry, "\n"]).collect()
    }

    /// Returns the sha256 of [`Self::lines`].
    pub fn digest(&self) -> Digest {
        Digest::of(self.lines().as_bytes())
    }

    /// Returns the number of texts.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns whether the domain looks like one of the set without being in it or below it: it has the same skeleton,
    /// or differs by one letter in a sufficiently long name.
    pub(crate) fn has_look_alike_of(&self, domain: &str) -> bool {
        if self.is_empty() || domain.is_empty() {
            return false;
        }
        let lower = lower_case(domain);
        let looks = self.looks.get_or_init(|| SkeletonIndex::of(self.entries.iter()));
        // If the list covers the domain, its registrable domain is almost always in the list: the full check comes
        // last.
        looks.mislead(registrable_domain(&lower)) && !self.covers(domain)
    }
}

/// A name that a list cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` cannot name a list: {why}")]
pub struct InvalidListName {
    name: String,
    why: &'static str,
}

/// The lists of one configuration, by name. A `-` in a name is a `_` in scripts.
#[derive(Debug, Clone)]
pub struct Lists(BTreeMap<String, Arc<TextSet>>);

impl Lists {
    /// Returns the sha256 of each list's texts, by name.
    pub fn digests(&self) -> BTreeMap<String, Digest> {
        self.0.iter().map(|(name, list)| (name.clone(), list.digest())).collect()
    }
}

impl Default for Lists {
    fn default() -> Self {
        Self(ALWAYS.iter().map(|name| ((*name).to_owned(), Arc::default())).collect())
    }
}

impl Lists {
    /// Creates the lists of `[lists]`; `vips`, `secops_mailboxes` and `simulation_senders` always exist.
    pub fn new(given: impl IntoIterator<Item = (String, Vec<String>)>) -> Result<Self, InvalidListName> {
        let mut lists = Self::default();
        for (name, entries) in given {
            let plain = name.replace('-', "_");
            let starts_well = plain.starts_with(|c: char| c.is_ascii_lowercase());
            if !starts_well || !plain.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
                return Err(InvalidListName { name, why: "use lower-case letters, digits and _, a letter first" });
            }
            if TAKEN.contains(&plain.as_str()) {
                return Err(InvalidListName { name, why: "scripts use this word otherwise" });
            }
            lists.0.insert(plain, Arc::new(TextSet::new(entries)));
        }
        Ok(lists)
    }

    /// Returns the lists with one more text in the list of this name.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        let more = TextSet::new([text.to_owned()]);
        let list = self.0.entry(name.to_owned()).or_default();
        *list = Arc::new(list.and(&more));
        self
    }

    /// Returns the list of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<TextSet>> {
        self.0.get(name)
    }

    /// Returns every list, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<TextSet>)> {
        self.0.iter().map(|(name, set)| (name.as_str(), set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_ignore_case_and_cover_domains() {
        let set = TextSet::new(["Boss@Corp.example".into(), "knowbe4.example".into()]);
        assert!(set.contains("BOSS@corp.EXAMPLE") && !set.contains("boss"));
        assert!(set.covers("x@mail.knowbe4.example") && !set.covers("x@notknowbe4.example"));
        assert!(set.covers("X@Mail.KnowBe4.example") && set.covers("knowbe4.example") && !set.covers("example"));
    }

    #[test]
    fn long_and_foreign_entries_are_found() {
        let long = format!("{}@corp.example", "x".repeat(100));
        let set = TextSet::new([long.clone(), "Ünal@corp.example".into()]);
        assert!(set.contains(&long.to_uppercase()) && !set.contains(&long[1..]) && !set.contains(&format!("x{long}")));
        assert!(set.contains("ÜNAL@corp.example") && set.contains("ünal@CORP.example"));
        assert!(!set.contains("") && !TextSet::default().contains("") && !TextSet::default().covers(""));
    }

    #[test]
    fn the_shipped_lists_are_always_there() {
        let lists = Lists::new([("brand-domains".to_owned(), vec!["corp.example".to_owned()])]).unwrap();
        assert!(lists.get("vips").is_some_and(|set| set.is_empty()));
        assert!(lists.get("brand_domains").is_some());
        let more = lists.with("secops_mailboxes", "Abuse@corp.example");
        assert!(more.get(SECOPS_MAILBOXES).is_some_and(|set| set.contains("abuse@corp.example")));
        assert!(Lists::new([("now".to_owned(), vec![])]).is_err());
        assert!(Lists::new([("a b".to_owned(), vec![])]).is_err());
    }

    #[test]
    fn look_alikes_are_not_the_thing_itself() {
        let list = TextSet::new(["contoso.example".into(), "corp.co.uk".into(), "ann@fabrikam.example".into()]);
        for domain in ["c0ntoso.example", "contosso.example", "mail.cοntoso.example", "fabrikarn.example", "c0rp.co.uk"]
        {
            assert!(list.has_look_alike_of(domain), "{domain}");
        }
        for domain in
            ["contoso.example", "mail.contoso.example", "fabrikam.example", "example.example", "carp.co.uk", ""]
        {
            assert!(!list.has_look_alike_of(domain), "{domain}");
        }
    }
}
