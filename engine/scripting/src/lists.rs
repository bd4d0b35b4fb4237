//! Lists of the configuration (`[lists]`) as sets that scripts can ask.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::domain::registrable_domain;
use crate::homoglyph::skeleton;

/// Lists that exist even where the configuration has none of them, so that shipped scripts load everywhere.
const ALWAYS: [&str; 3] = ["vips", "secops_mailboxes", "simulation_senders"];

/// Words that scripts use otherwise.
const TAKEN: [&str; 5] = ["message", "inputs", "now", "plan", "this"];

/// A set of texts, compared without case.
#[derive(Debug, Default)]
pub struct TextSet {
    entries: HashSet<String>,
    looks: OnceLock<Vec<(String, String)>>,
}

impl TextSet {
    /// A set of these texts.
    pub fn new(entries: impl IntoIterator<Item = String>) -> Self {
        let entries = entries.into_iter().map(|entry| entry.trim().to_lowercase()).filter(|entry| !entry.is_empty());
        Self { entries: entries.collect(), looks: OnceLock::new() }
    }

    /// Whether the text is in the set.
    pub fn contains(&self, text: &str) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        if is_lower { self.entries.contains(text) } else { self.entries.contains(&text.to_lowercase()) }
    }

    /// Whether the address, its domain or a domain above it is in the set.
    pub fn covers(&self, address: &str) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        if self.contains(address) {
            return true;
        }
        let mut domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
        loop {
            if self.contains(domain) {
                return true;
            }
            match domain.split_once('.') {
                Some((_, above)) => domain = above,
                None => return false,
            }
        }
    }

    /// How many texts.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Each entry's registrable domain and how that looks; made once.
    pub(crate) fn looks(&self) -> &[(String, String)] {
        self.looks.get_or_init(|| {
            let domain = |entry: &String| {
                let bare = entry.rsplit_once('@').map_or(entry.as_str(), |(_, domain)| domain);
                let domain = registrable_domain(bare).to_owned();
                let look = skeleton(&domain);
                (domain, look)
            };
            let mut looks: Vec<_> = self.entries.iter().map(domain).collect();
            looks.sort_unstable();
            looks.dedup();
            looks
        })
    }
}

/// A name that no list can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` cannot name a list: {why}")]
pub struct InvalidListName {
    name: String,
    why: &'static str,
}

/// The lists of one configuration, by name. A `-` in a name is a `_` in scripts.
#[derive(Debug, Clone)]
pub struct Lists(BTreeMap<String, Arc<TextSet>>);

impl Default for Lists {
    fn default() -> Self {
        Self(ALWAYS.iter().map(|name| ((*name).to_owned(), Arc::default())).collect())
    }
}

impl Lists {
    /// The lists of `[lists]`; `vips`, `secops_mailboxes` and `simulation_senders` are there in any case.
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

    /// The list of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<TextSet>> {
        self.0.get(name)
    }

    /// Every list, by name.
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
    }

    #[test]
    fn the_shipped_lists_are_always_there() {
        let lists = Lists::new([("brand-domains".to_owned(), vec!["corp.example".to_owned()])]).unwrap();
        assert!(lists.get("vips").is_some_and(|set| set.is_empty()));
        assert!(lists.get("brand_domains").is_some());
        assert!(Lists::new([("now".to_owned(), vec![])]).is_err());
        assert!(Lists::new([("a b".to_owned(), vec![])]).is_err());
    }
}
