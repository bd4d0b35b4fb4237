//! Word pairs of a root that strangers write, too: footers, disclaimers, phrases of a mailing list.

use std::collections::{BTreeMap, BTreeSet};

use super::band::ALIKE;
use super::root::Root;
use crate::sketch::Sketch;

/// In the messages of how many sender domains a pair of words must be to be boilerplate.
///
/// The phrases of two domains are often those of one campaign. By 3, the 4,150 messages of the `SpamAssassin` ham remove
/// 39 % of the word pairs of 1,366 spam messages. The pairs of both that reach [`ALIKE`] fall from 524 to 4, the copies
/// that reach [`CONTAINED`](super::CONTAINED) by at most 1.3 percentage points, and 46 roots become too short.
pub const BOILERPLATE_DOMAINS: usize = 3;

/// The longest name of a domain (RFC 1035, section 2.3.4).
const LONGEST_DOMAIN: usize = 253;

/// Counts in how many sender domains each word pair of a root occurs, over messages that are not like the root.
///
/// Memory is limited: at most [`BOILERPLATE_DOMAINS`] domains for each of the at most 256 hashes of the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boilerplate {
    root: Sketch,
    seen: BTreeMap<u64, BTreeSet<String>>,
}

impl Boilerplate {
    /// Begins to count for this root.
    pub fn of(root: &Root) -> Self {
        Self { root: root.sketch().clone(), seen: BTreeMap::new() }
    }

    /// Counts a message by its sender's registrable domain. A message that is like the root (a share of [`ALIKE`] or
    /// more) is not counted, because it can be a copy; neither is one whose domain is empty or no domain.
    pub fn count(&mut self, sender_domain: &str, sketch: &Sketch) {
        let Some(seen) = self.root.containment(sketch) else { return };
        if seen.share() >= ALIKE || sender_domain.is_empty() || sender_domain.len() > LONGEST_DOMAIN {
            return;
        }
        for hash in self.root.hashes() {
            if sketch.contains(*hash) == Some(true) {
                let domains = self.seen.entry(*hash).or_default();
                if domains.len() < BOILERPLATE_DOMAINS {
                    domains.insert(sender_domain.to_ascii_lowercase());
                }
            }
        }
    }

    /// Returns whether this word pair occurs in the messages of enough sender domains.
    pub fn contains(&self, hash: u64) -> bool {
        self.seen.get(&hash).is_some_and(|domains| domains.len() >= BOILERPLATE_DOMAINS)
    }
}

impl Root {
    /// Returns the root without the word pairs that strangers write, too.
    #[must_use]
    pub fn without(&self, boilerplate: &Boilerplate) -> Self {
        self.keeping(|hash| !boilerplate.contains(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::likeness::tests::{numbered, root};

    fn count(boilerplate: &mut Boilerplate, domains: &[&str], hashes: std::ops::Range<u64>) {
        for domain in domains {
            boilerplate.count(domain, &numbered(hashes.clone()));
        }
    }

    #[test]
    fn pairs_of_three_domains_are_boilerplate() {
        let root = root(0..100);
        let mut boilerplate = Boilerplate::of(&root);
        count(&mut boilerplate, &["a.example", "b.example", "A.example"], 0..10);
        assert_eq!(root.without(&boilerplate), root, "two domains");
        count(&mut boilerplate, &["c.example"], 5..20);
        let own = root.without(&boilerplate);
        assert_eq!(own.sketch().pairs(), 95);
        assert!(boilerplate.contains(5) && !boilerplate.contains(4) && !boilerplate.contains(15));
        assert_eq!((own.identity(), own.calls()), (root.identity(), root.calls()));
    }

    #[test]
    fn copies_are_no_boilerplate() {
        let root = root(0..100);
        let mut boilerplate = Boilerplate::of(&root);
        count(&mut boilerplate, &["a.example", "b.example", "c.example"], 0..50);
        assert_eq!(root.without(&boilerplate), root);
        count(&mut boilerplate, &["a.example", "b.example", "c.example"], 0..49);
        assert_eq!(root.without(&boilerplate).sketch().pairs(), 51);
    }

    #[test]
    fn memory_is_limited() {
        let mut boilerplate = Boilerplate::of(&root(0..2000));
        for number in 0..1000 {
            boilerplate.count(&format!("d{number}.example"), &numbered(0..90));
        }
        count(&mut boilerplate, &["", &"a".repeat(254)], 90..100);
        assert_eq!(boilerplate.seen.len(), 90);
        assert!(boilerplate.seen.values().all(|domains| domains.len() == BOILERPLATE_DOMAINS));
    }
}
