//! What an agent gives to the tools. A field that no tool has is refused.

use clawback_action_center::json::{PickedJson, SubmissionJson};
use clawback_model::{Inputs, SelectionMode, Status};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One value of an input, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text or a list of texts")]
pub(super) enum Values {
    /// One.
    One(String),
    /// Several; any of them matches.
    Several(Vec<String>),
}

/// A message of a mailbox, by what `search` or `plan` gave of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    /// The mailbox
    mailbox: String,
    /// The fingerprint, which `search` and `plan` give for each message
    fingerprint: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Conditions, which must all hold: from, `from_domain`, subject, to, `message_id`, since (such as 3d), `received_after`,
    /// `received_before`, `url_host`, url, `attachment_name`, `attachment_sha256`, `reply_to`, `sender_ip`, `body_contains`, like (a
    /// root that `investigate` gave), location, folder, mailbox
    conditions: BTreeMap<String, Values>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// Name of the playbook, such as `manual`, whose inputs are an action and the conditions that `search` takes
    playbook: String,
    /// Inputs of the playbook by name
    #[serde(default)]
    inputs: BTreeMap<String, Values>,
    /// Only these messages
    #[serde(default)]
    messages: Vec<Message>,
    /// All that the playbook finds except these messages
    #[serde(default)]
    exclude: Vec<Message>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Propose {
    /// Name of the playbook, such as `manual`, whose inputs are an action and the conditions that `search` takes
    playbook: String,
    /// Inputs of the playbook by name
    #[serde(default)]
    inputs: BTreeMap<String, Values>,
    /// Only these messages
    #[serde(default)]
    messages: Vec<Message>,
    /// All that the playbook finds except these messages
    #[serde(default)]
    exclude: Vec<Message>,
    /// A name for people, who see it in lists
    name: String,
    /// Why, for the people who vote
    description: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Explain {
    /// ID of a remediation (R-…), approval (A-…), investigation (I-…) or alert (L-…)
    pub(super) id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Investigate {
    /// A message file (RFC 5322) in base64, at most 2 MiB; either this or `id`
    #[serde(default)]
    pub(super) message: Option<String>,
    /// ID of a remediation, approval, investigation or alert; either this or `message`
    #[serde(default)]
    pub(super) id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListOf {
    /// Only these statuses, such as pending-approval, in-progress, completed or failed
    #[serde(default)]
    status: Vec<String>,
    /// Only those of this playbook
    #[serde(default)]
    playbook: Option<String>,
    /// Only those of this requester
    #[serde(default)]
    requested_by: Option<String>,
    /// Only those with a message in this mailbox
    #[serde(default)]
    mailbox: Option<String>,
    /// Only those submitted at or after this time (RFC 3339)
    #[serde(default)]
    since: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl Search {
    /// A search of these conditions by the playbook `manual`, whose action a dry run does not carry out.
    pub(super) fn submission(self, agent: &str) -> Result<SubmissionJson, String> {
        if self.conditions.contains_key("action") {
            return Err("`search` takes no action; `plan` shows what an action would do".to_owned());
        }
        if self.conditions.is_empty() {
            return Err("no condition says which messages are meant; give at least one, such as `from`".to_owned());
        }
        let mut inputs = inputs(self.conditions);
        inputs.push("action", "soft-delete");
        Ok(SubmissionJson { inputs, ..empty("manual".to_owned(), agent) })
    }
}

impl Plan {
    pub(super) fn submission(self, agent: &str) -> Result<SubmissionJson, String> {
        selected(empty(self.playbook, agent), self.inputs, self.messages, self.exclude)
    }
}

impl Propose {
    pub(super) fn submission(self, agent: &str) -> Result<SubmissionJson, String> {
        let named = SubmissionJson {
            name: Some(self.name),
            description: Some(self.description),
            ..empty(self.playbook, agent)
        };
        selected(named, self.inputs, self.messages, self.exclude)
    }
}

impl ListOf {
    /// The filter as the API takes it.
    pub(super) fn query(self) -> Result<Vec<(&'static str, String)>, String> {
        for word in &self.status {
            word.parse::<Status>().map_err(|error| error.to_string())?;
        }
        let status = (!self.status.is_empty()).then(|| self.status.join(","));
        let fields = [
            ("status", status),
            ("playbook", self.playbook),
            ("requested_by", self.requested_by),
            ("mailbox", self.mailbox),
            ("since", self.since),
        ];
        Ok(fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }
}

fn empty(playbook: String, agent: &str) -> SubmissionJson {
    SubmissionJson {
        playbook,
        inputs: Inputs::default(),
        name: None,
        severity: None,
        description: None,
        action_source: None,
        agent: Some(agent.to_owned()),
        selection: None,
        messages: Vec::new(),
    }
}

fn selected(
    submission: SubmissionJson,
    given: BTreeMap<String, Values>,
    messages: Vec<Message>,
    exclude: Vec<Message>,
) -> Result<SubmissionJson, String> {
    let (mode, picked) = match (messages.is_empty(), exclude.is_empty()) {
        (true, true) => (SelectionMode::Query, Vec::new()),
        (false, true) => (SelectionMode::Handpicked, messages),
        (true, false) => (SelectionMode::QueryWithExclusions, exclude),
        (false, false) => return Err("give `messages` or `exclude`, not both".to_owned()),
    };
    let inputs = inputs(given);
    let messages = picked.into_iter().map(|one| PickedJson {
        mailbox: one.mailbox,
        message_id: String::new(),
        fingerprint: Some(one.fingerprint),
        locator: None,
    });
    Ok(SubmissionJson { inputs, selection: Some(mode.to_string()), messages: messages.collect(), ..submission })
}

fn inputs(given: BTreeMap<String, Values>) -> Inputs {
    let mut inputs = Inputs::default();
    for (name, values) in given {
        match values {
            Values::One(value) => inputs.push(name, value),
            Values::Several(values) => values.into_iter().for_each(|value| inputs.push(name.clone(), value)),
        }
    }
    inputs
}
