//! The settings that this node works by, for administrators.

use clawback_model::{
    BlockListRules, CountedBy, Investigations, Limits, Permission, Principal, SignedVotes, Throttles, Unit, Window,
    WithoutAVote,
};
use clawback_runtime::{Approvals, Error, Reports};
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::authorization::allow;

/// A key of the configuration, with the value in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The table that it is in, such as `without-a-vote.requester.hour`; empty for a key above all tables.
    pub table: String,
    /// The key.
    pub key: String,
    /// Its value; null if it has none.
    pub value: Value,
    /// Whether it is the default.
    pub is_default: bool,
}

impl Api {
    /// Returns the settings in force on this node, by the tables and keys of the configuration file. Secrets and paths
    /// of files with secrets are not among them.
    pub fn settings(&self, who: &Principal) -> Result<Vec<Setting>, Error> {
        allow(who, Permission::Administer)?;
        let site = self.site();
        let mut all = Vec::new();
        let mut table = |name: &str, value: Value, default: &Value| flatten(&mut all, name, value, Some(default));
        let signed = |required: SignedVotes, since| json!({ "required": required, "since": since });
        let since = site.vote_rules.since.map(|since| since.to_string());
        table(
            "",
            json!({ "public-url": site.public_url.as_ref().map(ToString::to_string) }),
            &json!({ "public-url": null }),
        );
        table("limits", tree(&site.limits), &tree(&Limits::default()));
        table("throttles", tree(&site.throttles), &tree(&Throttles::default()));
        table("approvals", tree(&site.approvals), &tree(&Approvals::default()));
        table("signed-votes", signed(site.vote_rules.required, since), &signed(SignedVotes::default(), None));
        let second = |is_asked: bool| json!({ "second-administrator": is_asked });
        table("principals", second(site.second_administrator), &second(true));
        let without = |may_run: bool| json!({ "without-a-vote": may_run });
        table("suggestions", without(site.suggestions_without_a_vote), &without(false));
        table("investigations", tree(&site.investigations), &tree(&Investigations::default()));
        table("reports", tree(&site.reports), &tree(&Reports::default()));
        table("block-lists", tree(&site.block_lists), &tree(&BlockListRules::default()));
        without_a_vote(&mut all, &site.without_a_vote);
        Ok(all)
    }
}

/// The limits on what runs without a vote. One that is not set has a default of its own.
fn without_a_vote(all: &mut Vec<Setting>, limits: &WithoutAVote) {
    let unset = WithoutAVote { limited: limits.limited, ..WithoutAVote::default() };
    flatten(all, "without-a-vote", json!({ "limited": limits.limited }), Some(&json!({ "limited": true })));
    for by in CountedBy::ALL {
        for (window, name) in [(Window::Hour, "hour"), (Window::Day, "day")] {
            let of = |limits: &WithoutAVote| -> Value {
                Unit::ALL
                    .into_iter()
                    .map(|unit| (unit.as_str().to_owned(), Value::from(limits.limit(by, window, unit))))
                    .collect()
            };
            let table = format!("without-a-vote.{}.{name}", by.as_str());
            flatten(all, &table, of(limits), Some(&of(&unset)));
        }
    }
}

fn tree(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("settings are texts, numbers and lists by text")
}

/// Adds every key of a tree; the keys of an inner object are in a table of their own.
fn flatten(all: &mut Vec<Setting>, table: &str, tree: Value, default: Option<&Value>) {
    let Value::Object(keys) = tree else { return };
    for (key, value) in keys {
        let default = default.and_then(|default| default.get(&key));
        if value.is_object() {
            flatten(all, &format!("{table}.{key}"), value, default);
        } else {
            let is_default = default.unwrap_or(&Value::Null) == &value;
            all.push(Setting { table: table.to_owned(), key, value, is_default });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_tables_have_names_of_their_own_and_changed_values_are_marked() {
        let mut all = Vec::new();
        let value =
            json!({ "automatic": true, "at-most": 100, "simulations": { "networks": ["192.0.2.0/24"] }, "none": null });
        flatten(&mut all, "investigations", value, Some(&tree(&Investigations::default())));
        let mut seen: Vec<_> = all.iter().map(|it| (it.table.as_str(), it.key.as_str(), it.is_default)).collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                ("investigations", "at-most", true),
                ("investigations", "automatic", false),
                ("investigations", "none", true),
                ("investigations.simulations", "networks", false),
            ]
        );
    }

    #[test]
    fn a_limit_that_is_not_set_shows_its_default() {
        let mut limits = WithoutAVote::default();
        limits.requester.hour.messages = Some(7);
        let mut all = Vec::new();
        without_a_vote(&mut all, &limits);
        let hour: Vec<_> = all.iter().filter(|it| it.table == "without-a-vote.requester.hour").collect();
        let of = |key: &str| hour.iter().find(|it| it.key == key).map(|it| (it.value.clone(), it.is_default));
        assert_eq!(of("messages"), Some((json!(7), false)));
        assert_eq!(of("remediations"), Some((json!(30), true)));
    }
}
