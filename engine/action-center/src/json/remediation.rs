//! A remediation with everything that belongs to it.

use crate::boxed::boxed;
use std::borrow::Cow;

use clawback_model::{
    Action, ActionSource, Counts, InvestigationStatus, LookedAgain, Origin, Outcome, PlanFacts, PublicUrl, Remediation,
    Severity, Status, StopReason, SweepApproval, Target, Timestamp,
};
use clawback_runtime::{Error, Site};
use clawback_store::{Batch, Entry, Store, StoreError, SweepState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::approval::ApprovalJson;
use super::principal::CredentialJson;
use super::record::{AlertJson, InvestigationJson};
use super::terms::TermsJson;

/// Largest number of sweeps under way that are listed.
const MOST_SWEEPS: u32 = 1_000;

/// A remediation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the history")]
pub struct RemediationJson {
    pub id: String,
    pub name: String,
    #[schema(schema_with = crate::json::words::severity)]
    pub severity: Severity,
    pub description: String,
    #[schema(schema_with = crate::json::words::status)]
    pub status: Status,
    #[schema(schema_with = crate::json::words::action)]
    pub action: Action,
    #[schema(schema_with = crate::json::words::action_source)]
    pub action_source: ActionSource,
    pub origin: Cow<'static, str>,
    pub origin_of: Option<String>,
    pub as_of: Option<String>,
    pub approval_id: String,
    pub investigation_id: String,
    pub alert_id: String,
    pub playbook: String,
    /// The selection in words.
    pub selection: String,
    pub plan_digest: Option<String>,
    pub requested_by: String,
    /// The owner of the service that asked, at that time; null for a person.
    #[serde(default)]
    pub owner: Option<String>,
    /// The name of the AI agent that asked on behalf of the requester; null if none did.
    #[serde(default)]
    pub agent: Option<String>,
    pub decided_by: Option<String>,
    /// When the approval that was asked for expires; null if none was.
    pub deadline: Option<String>,
    /// When an approved plan begins, if its playbook waits.
    pub starts_at: Option<String>,
    pub created_at: String,
    pub updated_at: String,
    pub stop_rule: Option<Cow<'static, str>>,
    pub stop_reason: Option<String>,
    /// Whether it waits for a condition that ends without a person.
    pub held: bool,
    /// A person's request that is not carried out yet, in words: it pauses, or is cancelled, after the current call.
    pub asked: Option<String>,
    /// The batch under way.
    pub batch: Option<u32>,
    #[schema(value_type = CountsJson)]
    pub counts: Counts,
    /// What was known when the plan was frozen; null before.
    #[serde(with = "super::facts")]
    #[schema(value_type = Option<Object>)]
    pub facts: Option<PlanFacts>,
    /// Null before, and if the playbook asks for none.
    pub verified: Option<VerificationJson>,
    /// Its page; null if the site has no `public-url`.
    pub url: Option<String>,
}

/// The result of the search for moved messages after the last batch.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct VerificationJson {
    pub confirmed: u64,
    pub unconfirmed: u64,
}

impl From<&Remediation> for RemediationJson {
    fn from(remediation: &Remediation) -> Self {
        let request = &remediation.request;
        let (plan, progress) = (remediation.plan.as_ref(), &remediation.progress);
        Self {
            id: remediation.id.to_string(),
            name: request.name.clone(),
            severity: request.severity,
            description: request.description.clone(),
            status: remediation.status,
            action: request.action,
            action_source: request.source,
            origin: request.origin.as_str().into(),
            origin_of: request.origin.of().map(ToString::to_string),
            as_of: request.as_of.map(|at| at.to_string()),
            approval_id: request.approval_id.to_string(),
            investigation_id: request.investigation_id.to_string(),
            alert_id: request.alert_id.to_string(),
            playbook: request.playbook.clone(),
            selection: request.selection_in_words(),
            plan_digest: plan.map(|plan| plan.digest.to_string()),
            requested_by: request.requested_by.clone(),
            owner: request.owner.clone(),
            agent: request.agent.clone(),
            decided_by: remediation.decided_by.clone(),
            deadline: remediation.approval.as_ref().map(|approval| approval.deadline.to_string()),
            starts_at: remediation.starts_at().map(|at| at.to_string()),
            created_at: remediation.created_at.to_string(),
            updated_at: remediation.updated_at.to_string(),
            stop_rule: remediation.stop.as_ref().map(|reason| StopReason::rule(reason).into()),
            stop_reason: remediation.stop.as_ref().map(ToString::to_string),
            held: remediation.is_held(),
            asked: remediation.asked.as_ref().map(ToString::to_string),
            batch: progress.open_batch.map(|(number, ..)| number),
            counts: remediation.counts,
            facts: plan.map(|plan| plan.facts.clone()),
            verified: progress.verified.map(|(confirmed, unconfirmed)| VerificationJson { confirmed, unconfirmed }),
            url: None,
        }
    }
}

impl RemediationJson {
    /// Adds the address of its page, if the site has one.
    #[must_use]
    pub fn linked(self, site: Option<&PublicUrl>) -> Self {
        Self { url: site.map(|site| site.page(&format!("/remediations/{}", self.id))), ..self }
    }
}

/// One remediation with its related records.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DetailJson {
    /// The remediation.
    pub remediation: RemediationJson,
    /// Whether it has ended, or waits for a person: nothing more happens without one.
    pub settled: bool,
    /// Votes asked for and cast; null if none was needed.
    pub approval: Option<ApprovalJson>,
    /// The alert.
    pub alert: AlertJson,
    /// The investigation.
    pub investigation: InvestigationJson,
    /// Derived from the remediation.
    #[schema(schema_with = crate::json::words::investigation_status)]
    pub investigation_status: InvestigationStatus,
    /// What its plan was made under, which the digest covers; null before it has a plan.
    pub terms: Option<TermsJson>,
    /// The sweep that it began or belongs to.
    pub sweep: Option<SweepJson>,
    /// The undos that put back messages of it, or may yet.
    pub undone_by: Vec<UndoJson>,
    /// Messages that it moved and no undo has put back.
    pub to_undo: u64,
    /// Where the messages of a plan that waits for votes were when they were last looked at.
    pub looked_again: Option<LookedAgainJson>,
}

/// Where the messages of a plan were at a time after it was made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LookedAgainJson {
    /// When they were looked at.
    pub at: String,
    /// Where the plan found them.
    pub still_there: u64,
    /// In another place, where the action would still do something.
    pub moved: u64,
    /// In no mailbox, or already where the action would put them.
    pub gone: u64,
    /// Not looked at.
    pub unknown: u64,
}

impl From<LookedAgain> for LookedAgainJson {
    fn from(looked: LookedAgain) -> Self {
        let LookedAgain { at, still_there, moved, gone, unknown } = looked;
        Self { at: at.to_string(), still_there, moved, gone, unknown }
    }
}

/// An undo of a remediation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UndoJson {
    /// Its ID.
    pub id: String,
    /// Its status.
    #[schema(schema_with = crate::json::words::status)]
    pub status: Status,
    /// Messages that it has put back.
    pub succeeded: u64,
}

impl UndoJson {
    /// Those undos of one remediation that put messages back, or may yet.
    pub fn of(undos: &[Remediation]) -> Vec<Self> {
        let counts = undos.iter().filter(|undo| !undo.status.is_final() || undo.counts.succeeded > 0);
        let item = |undo: &Remediation| Self {
            id: undo.id.to_string(),
            status: undo.status,
            succeeded: undo.counts.succeeded,
        };
        counts.map(item).collect()
    }

    /// In words, for people.
    pub fn in_words(&self) -> String {
        format!("{} ({}, {} put back)", self.id, self.status, self.succeeded)
    }
}

impl DetailJson {
    /// Reads the related records of a remediation, and what is recorded of its open batch.
    #[boxed]
    pub async fn load(site: &Site, remediation: &Remediation) -> Result<Self, Error> {
        let (history, url) = (&site.history, site.public_url.as_ref());
        let counted = history.with_open_batch(remediation.clone()).await?;
        let undos = history.undos(&remediation.id).await?;
        let alert = history.alert(&remediation.request.alert_id).await?;
        let investigation = history.investigation(&remediation.request.investigation_id).await?;
        Ok(Self {
            remediation: RemediationJson::from(&counted).linked(url),
            settled: is_settled(remediation, site.now()),
            approval: remediation.approval.as_ref().map(ApprovalJson::from),
            alert: AlertJson::new(&alert, remediation, url),
            investigation: InvestigationJson::new(&investigation, remediation, url),
            investigation_status: InvestigationStatus::of(remediation),
            terms: TermsJson::load(site, remediation).await?,
            sweep: SweepJson::load(history, remediation).await?,
            to_undo: remediation.left_to_undo(&undos),
            looked_again: history.looked_again(remediation).await?.map(LookedAgainJson::from),
            undone_by: UndoJson::of(&undos),
        })
    }
}

/// Whether it has ended, or waits for a person or a time.
pub(crate) fn is_settled(remediation: &Remediation, now: Timestamp) -> bool {
    remediation.next(now).is_waiting()
}

/// A sweep with its follow-ups.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the history")]
pub struct SweepJson {
    pub first: String,
    pub every_seconds: u64,
    pub for_seconds: u64,
    #[schema(value_type = String)]
    pub approval: SweepApproval,
    pub at_most: u64,
    pub until: Option<String>,
    pub looks: u64,
    pub looked_at: Option<String>,
    pub next_at: Option<String>,
    pub ended: Option<String>,
    pub late_copies: u64,
    pub follow_ups: Vec<String>,
}

impl SweepJson {
    /// Built from the records of the history.
    fn new(sweep: &SweepState, first: &Remediation, follow_ups: &[Remediation]) -> Self {
        let settings = &sweep.sweep;
        Self {
            first: sweep.first.to_string(),
            every_seconds: settings.every.as_secs(),
            for_seconds: settings.lasts.as_secs(),
            approval: settings.approval,
            at_most: settings.at_most,
            until: first.status.is_final().then(|| settings.until(first).to_string()),
            looks: sweep.looks,
            looked_at: sweep.looked_at.map(|at| at.to_string()),
            next_at: sweep.next_at.map(|at| at.to_string()),
            ended: sweep.ended.as_ref().map(ToString::to_string),
            late_copies: follow_ups.iter().map(|follow_up| follow_up.counts.submitted).sum(),
            follow_ups: follow_ups.iter().map(|follow_up| follow_up.id.to_string()).collect(),
        }
    }

    /// Every sweep under way.
    #[boxed]
    pub async fn under_way(history: &Store) -> Result<Vec<Self>, StoreError> {
        let mut items = Vec::new();
        for sweep in history.sweeps(MOST_SWEEPS).await? {
            let first = history.load(&sweep.first).await?;
            let follow_ups = history.follow_ups(&sweep.first).await?;
            items.push(Self::new(&sweep, &first, &follow_ups));
        }
        Ok(items)
    }

    /// The sweep that a remediation began or belongs to.
    pub(crate) async fn load(history: &Store, remediation: &Remediation) -> Result<Option<Self>, StoreError> {
        let first = match &remediation.request.origin {
            Origin::Sweep { of } => history.load(of).await?,
            _ => remediation.clone(),
        };
        let Some(sweep) = history.sweep(&first.id).await? else { return Ok(None) };
        let follow_ups = history.follow_ups(&first.id).await?;
        Ok(Some(Self::new(&sweep, &first, &follow_ups)))
    }
}

/// A message of a plan, with its outcome.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the history")]
pub struct MessageJson {
    /// Its number in the plan, with which its content is requested.
    pub seq: u32,
    pub store: String,
    pub mailbox: String,
    pub message_id: String,
    pub fingerprint: String,
    pub subject: String,
    pub from: String,
    pub received_at: String,
    /// Where it was first delivered, if the store knows.
    pub original_delivery_location: Option<String>,
    /// Where it was when the plan was made.
    pub location_before: String,
    /// Where it is after its outcome; null if it has none yet, if it is gone, and if it was not located.
    pub location_after: Option<String>,
    /// Where it was last seen: `location_after` once it has its outcome, `location_before` until then. Null if it is no
    /// longer there and its place is not known.
    pub latest_delivery_location: Option<String>,
    #[schema(schema_with = crate::json::words::action)]
    pub action: Cow<'static, str>,
    #[schema(schema_with = crate::json::words::outcome_or_null)]
    pub outcome: Option<Cow<'static, str>>,
    #[schema(schema_with = crate::json::words::reason_or_null)]
    pub reason: Option<Cow<'static, str>>,
    pub detail: Option<String>,
    /// Why the scripts of the playbook kept it, in their words.
    pub script_reason: Option<String>,
    /// The word that a script groups it by.
    pub script_tag: Option<String>,
    pub evidence: Option<String>,
    /// What became of the entry that an invitation left in the calendar; null if there was none.
    #[schema(schema_with = crate::json::words::calendar_entry_or_null)]
    pub calendar_entry: Option<Cow<'static, str>>,
    /// Why the entry was not removed or restored.
    pub calendar_entry_detail: Option<String>,
    pub batch: Option<u32>,
    pub recorded_at: Option<String>,
}

impl MessageJson {
    /// Built from the records of the history.
    pub fn new(remediation: &Remediation, target: &Target, outcome: Option<&Outcome>) -> Self {
        let receipt = outcome.and_then(|outcome| outcome.receipt.as_ref());
        let calendar_entry = receipt.and_then(|receipt| receipt.calendar_entry.as_ref());
        let after = outcome.and_then(|outcome| outcome.location_after(&target.location)).map(ToString::to_string);
        let before = target.location.to_string();
        Self {
            seq: target.seq,
            store: target.store.to_string(),
            mailbox: target.mailbox.to_string(),
            message_id: target.reference.message_id.clone(),
            fingerprint: target.reference.fingerprint.clone(),
            subject: target.subject.clone(),
            from: target.from_address.clone(),
            received_at: target.received_at.to_string(),
            original_delivery_location: target.original_location.as_ref().map(ToString::to_string),
            latest_delivery_location: if outcome.is_some() { after.clone() } else { Some(before.clone()) },
            location_before: before,
            location_after: after,
            action: remediation.request.action.as_str().into(),
            outcome: outcome.map(|outcome| outcome.kind.as_str().into()),
            reason: outcome.map(|outcome| outcome.reason.as_str().into()),
            detail: outcome.and_then(|outcome| outcome.detail.clone()),
            script_reason: target.script_reason.clone(),
            script_tag: target.script_tag.clone(),
            evidence: receipt.and_then(|receipt| receipt.evidence).map(|digest| digest.to_string()),
            calendar_entry: calendar_entry.map(|entry| entry.fate.as_str().into()),
            calendar_entry_detail: calendar_entry.and_then(|entry| entry.detail.clone()),
            batch: outcome.and_then(|outcome| outcome.batch),
            recorded_at: outcome.map(|outcome| outcome.recorded_at.to_string()),
        }
    }
}

/// One event of the chain.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the chain")]
pub struct EventJson {
    pub seq: i64,
    pub at: String,
    pub actor: String,
    /// The actor's credential; null for the program itself, an identity provider, and events of older versions.
    pub credential: Option<CredentialJson>,
    pub event: String,
    /// What it says, in words: the vote and its comment, counts, the reason.
    pub detail: String,
    pub hash: String,
}

impl From<Entry> for EventJson {
    fn from(entry: Entry) -> Self {
        Self {
            detail: entry.in_words(),
            credential: entry.credential().map(CredentialJson::from),
            seq: entry.link.seq,
            at: entry.link.at.to_string(),
            actor: entry.link.actor,
            event: entry.link.kind,
            hash: entry.hash.to_string(),
        }
    }
}

/// One batch.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the history")]
pub struct BatchJson {
    pub number: u32,
    pub first: u32,
    pub messages: u32,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub throttled: Option<u64>,
    #[schema(value_type = Option<CountsJson>)]
    pub counts: Option<Counts>,
    pub outcomes_digest: Option<String>,
}

impl From<Batch> for BatchJson {
    fn from(batch: Batch) -> Self {
        let finished = batch.finished.as_ref();
        Self {
            number: batch.number,
            first: batch.first,
            messages: batch.targets,
            started_at: batch.started_at.to_string(),
            finished_at: finished.map(|(at, ..)| at.to_string()),
            throttled: finished.map(|(_, report, _)| report.throttled),
            counts: finished.map(|(_, report, _)| report.counts),
            outcomes_digest: finished.map(|(.., digest)| digest.to_string()),
        }
    }
}

/// The shape of [`Counts`]: `submitted = remediable + not_remediable`, and `remediable` is the sum of those after it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the model, which knows nothing of OpenAPI")]
pub(crate) struct CountsJson {
    pub(crate) submitted: u64,
    pub(crate) remediable: u64,
    pub(crate) not_remediable: u64,
    pub(crate) succeeded: u64,
    pub(crate) already_in_destination: u64,
    pub(crate) not_found: u64,
    pub(crate) moved_since: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) open: u64,
}
