//! What a node works by, part by part, so that the nodes of a site can be compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sha256::Digest;

/// The digests of a node's configuration, playbooks, scripts and lists, by the name of the part: `stores.corp`,
/// `playbook manual`, `list vips`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeSetup(BTreeMap<String, Digest>);

impl NodeSetup {
    /// Adds a part.
    pub fn add(&mut self, part: impl Into<String>, digest: Digest) {
        self.0.insert(part.into(), digest);
    }

    /// Returns the parts that differ, or that only one of the two has, sorted by name.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let differs = |part: &&String| self.0.get(*part) != other.0.get(*part);
        let only_there = other.0.keys().filter(|part| !self.0.contains_key(*part));
        let mut parts: Vec<String> = self.0.keys().chain(only_there).filter(differs).cloned().collect();
        parts.sort_unstable();
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(parts: &[(&str, &str)]) -> NodeSetup {
        let mut setup = NodeSetup::default();
        for (part, text) in parts {
            setup.add(*part, Digest::of(text.as_bytes()));
        }
        setup
    }

    #[test]
    fn a_part_that_differs_or_is_missing_on_either_side_is_named_once() {
        let here = setup(&[("limits", "a"), ("list vips", "ann"), ("playbook manual", "1")]);
        let there = setup(&[("limits", "a"), ("list vips", "ben"), ("playbook night", "2")]);
        let differences = ["list vips", "playbook manual", "playbook night"];
        assert_eq!(here.differences(&there), differences);
        assert_eq!(there.differences(&here), differences);
        assert!(here.differences(&here.clone()).is_empty());
    }
}
