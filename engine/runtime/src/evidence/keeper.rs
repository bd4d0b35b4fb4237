//! Keeps messages before they are deleted for good.

use std::sync::Arc;

use clawback_connectors::{ActionTarget, CallError, MailStore};
use clawback_model::{Action, Guards, OutcomeKind, Reason, Remediation, RemediationId, Target};
use clawback_playbooks::Bound;
use clawback_store::Kept;

use crate::bucket::LARGEST_EVIDENCE as LARGEST;
use crate::error::Error;
use crate::site::Site;

/// Refuses a playbook that asks for evidence on a site that has no place for it.
pub(crate) fn check(site: &Site, bound: &Bound) -> Result<(), Error> {
    let asked = bound.action() == Action::HardDelete && bound.guards().keep_evidence == Some(true);
    if asked && site.evidence.is_none() { Err(Error::NoEvidence) } else { Ok(()) }
}

/// The guards with the site's setting where the playbook has none, so that the plan's event records it.
pub(crate) fn resolve_guards(site: &Site, guards: &Guards) -> Guards {
    let always = site.evidence.as_ref().is_some_and(|evidence| evidence.always);
    Guards { keep_evidence: Some(guards.keep_evidence.unwrap_or(always)).filter(|keep| *keep), ..guards.clone() }
}

/// Keeps the messages of one remediation.
pub(crate) struct Keeper {
    site: Arc<Site>,
    id: RemediationId,
}

/// A target that must not be deleted, and the outcome that it gets.
pub(crate) struct Skipped {
    pub(crate) seq: u32,
    pub(crate) kind: OutcomeKind,
    pub(crate) reason: Reason,
    pub(crate) detail: Option<String>,
}

/// The keeper of a remediation's messages; `None` if it keeps none.
pub(crate) fn keeper(site: &Arc<Site>, remediation: &Remediation) -> Option<Keeper> {
    let kept = remediation.request.action == Action::HardDelete && remediation.guards.keep_evidence == Some(true);
    kept.then(|| Keeper { site: Arc::clone(site), id: remediation.id.clone() })
}

/// Keeps every target that is about to be deleted, and removes those that could not be kept from both lists. Returns an
/// error that may pass: nothing was deleted, and the whole call may be retried.
pub(crate) async fn keep(
    keeper: Option<&Keeper>,
    store: &dyn MailStore,
    mailbox: &str,
    targets: &mut Vec<&Target>,
    aims: &mut Vec<ActionTarget>,
) -> Result<Vec<Skipped>, CallError> {
    let Some(keeper) = keeper else { return Ok(Vec::new()) };
    let mut skipped = Vec::new();
    let mut kept = Vec::with_capacity(targets.len());
    for target in targets.iter() {
        match keeper.one(store, mailbox, target).await? {
            Ok(one) => kept.push(one),
            Err(outcome) => skipped.push(outcome),
        }
    }
    if let Err(error) = keeper.site.history.record_evidence(&keeper.id, &kept).await {
        let detail = format!("the history could not record what was kept: {error}");
        return Err(CallError::Transient { store: Arc::clone(store.name()), detail });
    }
    let is_kept: Vec<bool> =
        targets.iter().map(|target| skipped.iter().all(|outcome| outcome.seq != target.seq)).collect();
    let mut of_target = is_kept.iter();
    targets.retain(|_| of_target.next() == Some(&true));
    let mut of_aim = is_kept.iter();
    aims.retain(|_| of_aim.next() == Some(&true));
    Ok(skipped)
}

impl Keeper {
    async fn one(
        &self,
        store: &dyn MailStore,
        mailbox: &str,
        target: &Target,
    ) -> Result<Result<Kept, Skipped>, CallError> {
        let skipped = |kind, reason, detail| Ok(Err(Skipped { seq: target.seq, kind, reason, detail }));
        let not_kept = |detail: String| skipped(OutcomeKind::Failed, Reason::EvidenceNotKept, Some(detail));
        let raw = match store.fetch_raw(mailbox, &target.reference, LARGEST + 1).await {
            Ok(raw) => raw,
            Err(error) if error.is_retryable() => return Err(error),
            // The message may be gone: then there is nothing to keep and nothing to delete.
            Err(error) => match store.locate(mailbox, std::slice::from_ref(&target.reference)).await {
                Ok(located) if located.iter().all(|one| one.sightings.is_empty()) => {
                    return skipped(OutcomeKind::NotFound, Reason::Gone, None);
                }
                Err(error) if error.is_retryable() => return Err(error),
                _ => return not_kept(error.to_string()),
            },
        };
        if raw.is_empty() {
            return not_kept("the store gave an empty message".to_owned());
        }
        let bytes = raw.len() as u64;
        if bytes > LARGEST {
            return not_kept(format!("it is larger than {LARGEST} bytes"));
        }
        let Some(evidence) = &self.site.evidence else {
            return not_kept("no place for evidence is configured any more".to_owned());
        };
        match evidence.put(raw).await {
            Ok(digest) => Ok(Ok(Kept { seq: target.seq, digest, bytes, at: self.site.now() })),
            Err(error) => not_kept(error.to_string()),
        }
    }
}
