//! Submissions and votes, and what a submission would select.

use std::borrow::Cow;
use std::collections::BTreeMap;

use clawback_model::{Counts, Inputs, LocationKind, Picked, PlanFacts, Reason, Target};
use clawback_runtime::{DryRun, Submission};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::approval::{ApprovalRuleJson, VoteSignatureJson};

/// A vote.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteJson {
    /// The plan that the voter was shown.
    pub plan_digest: String,
    /// The reason, in the voter's words.
    #[serde(default)]
    pub comment: Option<String>,
    /// The signature of the voter's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<VoteSignatureJson>,
}

/// A picked message, or an exclusion: named by its mailbox and at least one of the others; all that are given must
/// match.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PickedJson {
    /// Its mailbox.
    pub mailbox: String,
    /// With its angle brackets. Two different messages of a mailbox may share it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message_id: String,
    /// Names the mail; every copy of it in the mailbox is selected.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// Names one copy of it, as long as that is not moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<String>,
}

impl From<PickedJson> for Picked {
    fn from(one: PickedJson) -> Self {
        let PickedJson { mailbox, message_id, fingerprint, locator } = one;
        Self { mailbox, message_id, fingerprint, locator }
    }
}

impl From<Picked> for PickedJson {
    fn from(one: Picked) -> Self {
        let Picked { mailbox, message_id, fingerprint, locator } = one;
        Self { mailbox, message_id, fingerprint, locator }
    }
}

/// What is to be remediated.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmissionJson {
    /// The playbook; `manual` takes any action and conditions.
    pub playbook: String,
    /// Its inputs. Several values of one input are a list; a comma in a text does not separate values.
    #[serde(default)]
    #[schema(schema_with = crate::json::words::inputs, required = false)]
    pub inputs: Inputs,
    /// Name of the remediation; default: the playbook's.
    #[serde(default)]
    pub name: Option<String>,
    /// Default: the playbook's.
    #[serde(default)]
    #[schema(schema_with = crate::json::words::severity_or_null, required = false)]
    pub severity: Option<String>,
    /// Why it is submitted. Default: the playbook's for a suggestion of a detector, and empty otherwise.
    #[serde(default)]
    pub description: Option<String>,
    /// Where it comes from; default: `api`.
    #[serde(default)]
    #[schema(schema_with = crate::json::words::action_source_or_null, required = false)]
    pub action_source: Option<String>,
    /// The name of the AI agent that asks on behalf of the caller. Its plan then waits for the vote of another person,
    /// whatever the playbook and the site ask for, and `hard-delete` is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// `handpicked`, `query` or `query-with-exclusions`.
    #[serde(default)]
    #[schema(schema_with = crate::json::words::selection_or_null, required = false)]
    pub selection: Option<String>,
    /// Handpicked messages, or exclusions.
    #[serde(default)]
    pub messages: Vec<PickedJson>,
}

impl From<Submission> for SubmissionJson {
    fn from(submission: Submission) -> Self {
        Self {
            playbook: submission.playbook,
            inputs: submission.inputs,
            name: submission.name,
            severity: submission.severity.map(|severity| severity.to_string()),
            description: submission.description,
            action_source: Some(submission.source.to_string()),
            agent: submission.agent,
            selection: Some(submission.mode.to_string()),
            messages: submission.picked.into_iter().map(PickedJson::from).collect(),
        }
    }
}

/// What a plan would be.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PreviewJson {
    /// The digest that the plan would have; null if there would be none.
    pub plan_digest: Option<String>,
    /// The selection in words, as it was understood.
    pub selection: String,
    /// Why there would be no plan.
    pub refused: Option<String>,
    /// Mailboxes that were searched.
    pub searched: u64,
    /// Messages of the plan.
    #[schema(value_type = Option<super::remediation::CountsJson>)]
    pub counts: Option<Counts>,
    /// Mailboxes with a message of the plan.
    pub mailboxes: Option<u64>,
    /// What else would be known of the plan.
    #[serde(with = "super::facts")]
    #[schema(value_type = Option<Object>)]
    pub facts: Option<PlanFacts>,
    /// Votes that would be needed; null if none.
    pub approval: Option<ApprovalRuleJson>,
    /// Messages by latest delivery location.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub by_location: BTreeMap<LocationKind, u64>,
    /// Messages of the selection in the folders that "any folder" leaves out, by location; null if it leaves none out,
    /// or if they could not be counted in time.
    #[schema(value_type = Option<BTreeMap<String, u64>>)]
    pub left_out: Option<BTreeMap<LocationKind, u64>>,
    /// What the stores say against the action, for the first mailboxes of the plan.
    pub obstacles: Vec<String>,
    /// Messages by the hour of their arrival.
    pub by_hour: BTreeMap<String, u64>,
    /// The first messages.
    pub sample: Vec<SampleJson>,
}

/// A message that would be remediated.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of a message")]
pub struct SampleJson {
    pub mailbox: String,
    pub message_id: String,
    pub fingerprint: String,
    /// Names this one copy, as long as it is not moved.
    pub locator: String,
    pub subject: String,
    pub from: String,
    pub received_at: String,
    pub latest_delivery_location: String,
    pub remediable: bool,
    /// Why it is not.
    pub not_remediable: Option<Cow<'static, str>>,
    /// Why the scripts of the playbook kept it, in their words.
    pub script_reason: Option<String>,
    /// The word that a script groups it by.
    pub script_tag: Option<String>,
}

impl From<&Target> for SampleJson {
    fn from(target: &Target) -> Self {
        Self {
            mailbox: target.mailbox.to_string(),
            message_id: target.reference.message_id.clone(),
            fingerprint: target.reference.fingerprint.clone(),
            locator: target.reference.locator.clone(),
            subject: target.subject.clone(),
            from: target.from_address.clone(),
            received_at: target.received_at.to_string(),
            latest_delivery_location: target.location.to_string(),
            remediable: target.not_remediable.is_none(),
            not_remediable: target.not_remediable.map(Reason::as_str).map(Cow::Borrowed),
            script_reason: target.script_reason.clone(),
            script_tag: target.script_tag.clone(),
        }
    }
}

impl From<DryRun> for PreviewJson {
    fn from(found: DryRun) -> Self {
        let plan = found.plan.as_ref().ok();
        Self {
            plan_digest: plan.map(|plan| plan.digest.to_string()),
            refused: found.plan.as_ref().err().map(ToString::to_string),
            selection: found.in_words,
            searched: found.searched,
            left_out: found.left_out,
            obstacles: found.obstacles,
            counts: plan.map(|plan| plan.counts),
            mailboxes: plan.map(|plan| plan.facts.mailboxes),
            facts: plan.map(|plan| plan.facts.clone()),
            by_location: found.by_location,
            by_hour: found.by_hour.iter().map(|(hour, count)| (hour.to_string(), *count)).collect(),
            sample: found.sample.iter().map(SampleJson::from).collect(),
            approval: found.approval.as_ref().map(ApprovalRuleJson::from),
        }
    }
}
