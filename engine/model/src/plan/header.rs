//! The header of a plan: everything except its targets that decides what will happen.

use std::collections::{BTreeMap, BTreeSet};

use crate::words;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::action::Action;
use crate::approval::ApprovalRule;
use crate::guard::Guards;
use crate::sha256::Digest;
use crate::sweep::Sweep;
use crate::throttle::Throttles;

/// What a store's connector may access and how: keys of `[stores.NAME]` with their values. Contains neither secrets,
/// time-outs nor numbers of connections; of files, it contains the sha256 of their content.
pub type Grant = BTreeMap<String, String>;

/// Everything except the targets that decides what will happen. A change in any part makes another plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanHeader {
    /// The action on each target.
    pub action: Action,
    /// Name of the playbook.
    pub playbook: String,
    /// sha256 of the playbook's source text.
    pub playbook_digest: Digest,
    /// The inputs of the playbook.
    pub inputs: BTreeMap<String, String>,
    /// sha256 of each script's source text, by name.
    pub scripts: BTreeMap<String, Digest>,
    /// `connector version sha256` of each store, by store name.
    pub connectors: BTreeMap<String, String>,
    /// The further terms of the plan. `None` in plans of version 1, whose digest does not cover them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

/// The site's part of a plan's header.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Terms {
    /// What each store's connector may access, by store name.
    pub grants: BTreeMap<String, Grant>,
    /// The sha256 of each list of the configuration, by name: its entries in order, one per line.
    pub lists: BTreeMap<String, Digest>,
    /// The batch sizes, the stop rules, and what is kept as evidence.
    pub guards: Guards,
    /// The site's limits on what it does at once and on what it accepts.
    pub throttles: Throttles,
    /// The votes that the playbook requires, if any.
    pub approval: Option<ApprovalRule>,
    /// The sweep for late copies.
    pub sweep: Option<Sweep>,
    /// Whether the copy in the sent items of senders is deleted, too.
    pub delete_senders_copy: bool,
}

/// The kind of a text that a plan was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum TextKind {
    /// The playbook.
    Playbook,
    /// A script.
    Script,
    /// A list of the configuration.
    List,
}

words!(TextKind, "kind of text");

/// A part of a header that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The part, as a path into the header's JSON, for example `terms.grants.corp.directory`.
    pub what: String,
    /// The earlier value; `None` if there was none.
    pub then: Option<String>,
    /// The current value; `None` if there is none.
    pub now: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |value: &Option<String>| value.as_ref().map_or("absent".to_owned(), |text| format!("`{text}`"));
        write!(f, "{} was {} and is {}", self.what, shown(&self.then), shown(&self.now))
    }
}

impl PlanHeader {
    /// Returns every part of the header with its value, by its path, as approvers see it.
    pub fn parts(&self) -> BTreeMap<String, String> {
        let mut parts = BTreeMap::new();
        let value = serde_json::to_value(self).expect("texts, numbers and maps by text serialize");
        flatten(String::new(), &value, &mut parts);
        parts
    }

    /// Returns the sha256 of each text that the plan was made with, by kind and name.
    pub fn texts(&self) -> BTreeMap<(TextKind, &str), Digest> {
        let scripts = self.scripts.iter().map(|(name, digest)| ((TextKind::Script, name.as_str()), *digest));
        let lists = self.terms.iter().flat_map(|terms| &terms.lists);
        let lists = lists.map(|(name, digest)| ((TextKind::List, name.as_str()), *digest));
        let playbook = ((TextKind::Playbook, self.playbook.as_str()), self.playbook_digest);
        std::iter::once(playbook).chain(scripts).chain(lists).collect()
    }

    /// Returns the differences between the header of an earlier plan and this one.
    pub fn differences(&self, then: &Self) -> Vec<Difference> {
        let (before, after) = (then.parts(), self.parts());
        let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differing = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
        let difference = |path: &String| Difference {
            what: path.clone(),
            then: before.get(path).cloned(),
            now: after.get(path).cloned(),
        };
        differing.map(difference).collect()
    }

    /// Returns a difference in where the plan acts and by which component. The rest of the header, and the list of
    /// mailboxes to search, took effect when its targets were chosen.
    pub fn configuration_difference(&self, then: &Self) -> Option<Difference> {
        let where_it_acts = |header: &Self| Self {
            terms: header.terms.clone().map(|terms| Terms { grants: terms.grants, ..Terms::default() }),
            connectors: header.connectors.clone(),
            action: header.action,
            ..Self::default()
        };
        let (mut then, mut now) = (where_it_acts(then), where_it_acts(self));
        if then.terms.is_none() {
            // A plan of version 1 has no terms to compare.
            now.terms = None;
        }
        // Stores that were added since do not concern the plan.
        now.connectors.retain(|store, _| then.connectors.contains_key(store));
        if let (Some(then), Some(now)) = (&mut then.terms, &mut now.terms) {
            now.grants.retain(|store, _| then.grants.contains_key(store));
            for grant in then.grants.values_mut().chain(now.grants.values_mut()) {
                grant.remove("mailboxes");
            }
        }
        now.differences(&then).into_iter().next()
    }
}

impl Default for PlanHeader {
    /// The header of a soft delete without a playbook.
    fn default() -> Self {
        Self {
            action: Action::SoftDelete,
            playbook: String::new(),
            playbook_digest: Digest::default(),
            inputs: BTreeMap::new(),
            scripts: BTreeMap::new(),
            connectors: BTreeMap::new(),
            terms: None,
        }
    }
}

/// Collects leaves by their paths. A key with a dot in it keeps the dot: paths are for people and are never parsed.
fn flatten(path: String, value: &Value, into: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| flatten(below(key), value, into)),
        Value::Null => {}
        Value::String(text) => _ = into.insert(path, text.clone()),
        other => _ = into.insert(path, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> PlanHeader {
        let grant = Grant::from([("directory".to_owned(), "/mail".to_owned())]);
        PlanHeader {
            connectors: BTreeMap::from([("corp".to_owned(), "maildir 1.0.0 00".to_owned())]),
            terms: Some(Terms { grants: BTreeMap::from([("corp".to_owned(), grant)]), ..Terms::default() }),
            ..PlanHeader::default()
        }
    }

    fn changed(change: impl FnOnce(&mut PlanHeader, &mut Terms)) -> PlanHeader {
        let mut header = header();
        let mut terms = header.terms.take().unwrap();
        change(&mut header, &mut terms);
        PlanHeader { terms: Some(terms), ..header }
    }

    fn directory(terms: &mut Terms, path: &str) {
        _ = terms.grants.get_mut("corp").unwrap().insert("directory".into(), path.into());
    }

    #[test]
    fn a_difference_names_what_it_was_and_what_it_is() {
        let now = changed(|_, terms| directory(terms, "/mail2"));
        let found = now.differences(&header());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "terms.grants.corp.directory was `/mail` and is `/mail2`");
        let now = changed(|_, terms| _ = terms.lists.insert("vips".into(), Digest([1; 32])));
        assert!(now.differences(&header())[0].to_string().starts_with("terms.lists.vips was absent and is `0101"));
        assert_eq!(header().differences(&header()), []);
    }

    #[test]
    fn where_a_plan_acts_is_its_action_its_connectors_and_their_grants() {
        for (now, otherwise) in [
            (header(), None),
            (changed(|_, terms| directory(terms, "/mail2")), Some("terms.grants.corp.directory")),
            (changed(|header, _| header.connectors.clear()), Some("connectors.corp")),
            (changed(|header, _| header.action = Action::HardDelete), Some("action")),
            (changed(|_, terms| terms.grants.clear()), Some("terms.grants.corp.directory")),
            // A new store does not concern the plan; scripts and lists have taken effect already.
            (changed(|header, _| _ = header.connectors.insert("new".into(), String::new())), None),
            (changed(|_, terms| _ = terms.grants.insert("new".into(), Grant::from([("a".into(), "b".into())]))), None),
            (
                changed(|_, terms| _ = terms.grants.get_mut("corp").unwrap().insert("mailboxes".into(), "3".into())),
                None,
            ),
            (changed(|header, _| _ = header.scripts.insert("keep.rhai".into(), Digest([1; 32]))), None),
        ] {
            assert_eq!(now.configuration_difference(&header()).map(|found| found.what).as_deref(), otherwise);
        }
    }

    #[test]
    fn a_plan_of_version_1_is_held_to_its_connectors() {
        let then = PlanHeader { terms: None, ..header() };
        assert_eq!(changed(|_, terms| directory(terms, "/mail2")).configuration_difference(&then), None);
        assert!(changed(|header, _| header.connectors.clear()).configuration_difference(&then).is_some());
    }
}
