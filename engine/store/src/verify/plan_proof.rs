//! Proofs of plans: that the stored state of a remediation is the fold of its events, and that its targets are those
//! that were planned. Every vote, start and action requires one.
//!
//! A proof checks each event of the remediation by its own hash. [`Store::verify`] checks that the events are those of
//! the chain, and that the chain continues an earlier head.

use crate::boxed::boxed;
use std::sync::Arc;

use clawback_model::{
    LINES_OF_A_PART, PartHasher, PlanHasher, PlanHeader, PlanParts, Remediation, RemediationId, Target, link_hash,
};

use crate::chain;
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::history::message_rows::{TARGET_COLUMNS, read_target};
use crate::replay::{fold, is_fold};
use crate::rows::{parse, state};
use crate::store::Store;
use crate::work::claims::Claimed;

/// The number of targets that are read at once.
const PAGE: u32 = LINES_OF_A_PART * 64;

/// A proven remediation and plan.
#[derive(Debug, Clone)]
pub struct PlanProof {
    /// The remediation, as the fold of its events.
    pub remediation: Remediation,
    /// The header of its plan.
    pub header: PlanHeader,
    /// The digest of each part of the plan. `None` for a plan of version 1, all of whose targets were read instead.
    parts: Option<Arc<PlanParts>>,
}

impl PlanProof {
    /// Checks claimed lanes against the plan. Returns false if the batch of the claim is no longer open.
    pub fn covers(&self, claimed: &Claimed) -> Result<bool, StoreError> {
        let id = &self.remediation.id;
        let open = self.remediation.progress.open_batch.filter(|(number, ..)| *number == claimed.batch);
        let Some((_, first, targets)) = open else { return Ok(false) };
        for lane in &claimed.lanes {
            let stray = lane.targets.iter().find(|target| {
                let is_in_batch = target.seq >= first && target.seq - first < targets;
                target.store != lane.store || target.mailbox != lane.mailbox || !is_in_batch
            });
            if let Some(target) = stray {
                let detail =
                    format!("work on {} names message {}, which is not in that lane", lane.mailbox, target.seq);
                return Err(StoreError::altered(id, detail));
            }
        }
        let Some(parts) = &self.parts else { return Ok(true) };
        for (first, found) in &claimed.parts {
            if let Some(first) = parts.first_other(*first, found) {
                return Err(StoreError::altered(id, other_targets(first)));
            }
        }
        Ok(true)
    }
}

impl Store {
    /// Returns the remediation as the fold of its events, if its stored state is equal.
    #[tracing::instrument(name = "store.remediations.prove", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn prove_state(&self, id: &RemediationId) -> Result<Remediation, StoreError> {
        prove_state(&mut self.read().await?, id).await
    }

    /// Returns the header of a plan, if it and the parts hash to the plan's digest. The header of a plan of version 1
    /// can only be checked with the targets; it is returned as it is stored.
    #[tracing::instrument(name = "store.plans.prove_header", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn prove_header(&self, id: &RemediationId) -> Result<PlanHeader, StoreError> {
        let mut tx = self.read().await?;
        let remediation = prove_state(&mut tx, id).await?;
        Ok(prove_header(&mut tx, remediation).await?.1.header)
    }

    /// Proves the state of a remediation and the header of its plan. The parts of the plan are those of `known`, if
    /// given, which was proven before.
    #[tracing::instrument(name = "store.plans.prove_terms", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn prove_terms(&self, id: &RemediationId, known: Option<&PlanProof>) -> Result<PlanProof, StoreError> {
        let mut tx = self.read().await?;
        let remediation = prove_state(&mut tx, id).await?;
        if let Some(known) = known.filter(|known| is_of(&remediation, known)) {
            return Ok(PlanProof { remediation, ..known.clone() });
        }
        let (number, proven) = prove_header(&mut tx, remediation).await?;
        if proven.parts.is_none() {
            prove_targets(&mut tx, number, &proven).await?;
        }
        Ok(proven)
    }

    /// Proves the same and every target of the plan, in one pass.
    #[tracing::instrument(name = "store.plans.prove", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn prove_plan(&self, id: &RemediationId) -> Result<PlanProof, StoreError> {
        let mut tx = self.read().await?;
        let remediation = prove_state(&mut tx, id).await?;
        let (number, proven) = prove_header(&mut tx, remediation).await?;
        prove_targets(&mut tx, number, &proven).await?;
        Ok(proven)
    }
}

fn is_of(remediation: &Remediation, known: &PlanProof) -> bool {
    let digest = |one: &Remediation| one.plan.as_ref().map(|plan| plan.digest);
    remediation.id == known.remediation.id && digest(remediation) == digest(&known.remediation)
}

fn check_digest(remediation: &Remediation, found: clawback_model::PlanDigest) -> Result<(), StoreError> {
    match &remediation.plan {
        Some(plan) if plan.digest == found => Ok(()),
        _ => Err(StoreError::altered(&remediation.id, format!("its plan hashes to {}", found.short()))),
    }
}

fn other_targets(first: u32) -> String {
    let last = first.saturating_add(LINES_OF_A_PART - 1);
    format!("messages {first} to {last} of its plan are not those that were planned")
}

/// Returns the state, if it is the fold of the events.
async fn prove_state(tx: &mut Tx, id: &RemediationId) -> Result<Remediation, StoreError> {
    let differs = |detail: String| StoreError::not_its_events(id, detail);
    let entries = chain::of_remediation(tx, id.as_str()).await?;
    if let Some(entry) = entries.iter().find(|entry| link_hash(&entry.link) != entry.hash) {
        return Err(differs(format!("event {} does not match its hash", entry.link.seq)));
    }
    let folded = fold(id, &entries).map_err(|error| match error {
        StoreError::Illegal(_) | StoreError::Corrupt { .. } => differs(error.to_string()),
        error => error,
    })?;
    let row = tx.row("SELECT id, state FROM remediations WHERE id = $1", &[id.as_str().into()]).await?;
    let row = row.ok_or_else(|| StoreError::not_found("remediation", id))?;
    match state(&row, 1) {
        Ok(stored) if is_fold(&stored, &folded) => Ok(folded),
        _ => Err(differs("its stored state differs".to_owned())),
    }
}

/// Returns the number of the remediation, and the header and the parts of its plan if they hash to its digest. A plan
/// of version 1 can only be checked with its targets.
async fn prove_header(tx: &mut Tx, remediation: Remediation) -> Result<(i64, PlanProof), StoreError> {
    let id = &remediation.id;
    let sql = "SELECT r.id, r.number, p.header, p.parts, p.targets FROM plans p JOIN remediations r ON r.number = p.remediation WHERE r.id = $1";
    let missing = || StoreError::altered(id, "its plan is missing".to_owned());
    let row = tx.row(sql, &[id.as_str().into()]).await?.ok_or_else(missing)?;
    let header: PlanHeader = parse(&row, 2, "plans", "header")
        .map_err(|_| StoreError::altered(id, "the header of its plan cannot be read".to_owned()))?;
    let parts = read_parts(&header, row.opt_text(3)?.as_deref(), row.int(4)?)
        .ok_or_else(|| StoreError::altered(id, "the digests of its plan's parts cannot be read".to_owned()))?;
    if let Some(parts) = &parts {
        check_digest(&remediation, parts.digest(&header))?;
    }
    Ok((row.int(1)?, PlanProof { remediation, header, parts: parts.map(Arc::new) }))
}

/// Returns the stored parts of a plan with this header, which a plan of version 1 does not have. The outer `None` means
/// that the stored parts are invalid.
#[expect(clippy::option_option, reason = "no parts, and parts that cannot be read")]
pub(crate) fn read_parts(header: &PlanHeader, text: Option<&str>, targets: i64) -> Option<Option<PlanParts>> {
    match (&header.terms, text) {
        (None, None) => Some(None),
        (Some(_), Some(text)) => PlanParts::from_hex(text, u64::try_from(targets).unwrap_or(0)).map(Some),
        _ => None,
    }
}

/// Checks all targets in one pass.
async fn prove_targets(tx: &mut Tx, number: i64, proven: &PlanProof) -> Result<(), StoreError> {
    let id = &proven.remediation.id;
    let sql = format!(
        "SELECT {TARGET_COLUMNS} FROM targets t LEFT JOIN lanes l ON l.remediation = t.remediation AND l.lane = t.lane \
         WHERE t.remediation = $1 AND t.seq > $2 ORDER BY t.seq LIMIT {PAGE}"
    );
    let (mut whole, mut after, mut first) = (PlanHasher::new(&proven.header), -1, 0);
    let mut last: Option<Target> = None;
    loop {
        let rows = tx.rows(sql.clone(), &[number.into(), after.into()]).await?;
        let mut page = PartHasher::default();
        for row in &rows {
            let target = read_target(row, last.as_ref())
                .map_err(|_| StoreError::altered(id, format!("message {} of its plan cannot be read", after + 1)))?;
            after = i64::from(target.seq);
            match proven.parts {
                Some(_) => page.add(&target),
                None => whole.add(&target),
            }
            last = Some(target);
        }
        if let Some(parts) = &proven.parts {
            if let Some(first) = parts.first_other(first, &page.finish()) {
                return Err(StoreError::altered(id, other_targets(first)));
            }
            first = first.saturating_add(PAGE);
        }
        if rows.len() < PAGE as usize {
            break;
        }
    }
    match &proven.parts {
        Some(parts) if i64::try_from(parts.targets()) == Ok(after + 1) => Ok(()),
        Some(_) => Err(StoreError::altered(id, "its plan has fewer or more messages than were planned".to_owned())),
        None => check_digest(&proven.remediation, whole.finish().digest),
    }
}
