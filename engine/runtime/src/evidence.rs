//! Evidence: the raw message is kept before it is deleted for good, and what cannot be kept is not deleted.
//!
//! A message lies under the sha256 of its bytes, in a folder or any other object store, so that it proves itself: whoever reads
//! it hashes it. The order is the point: bytes on the disk, then the row that says so, then the delete, then the outcome with
//! the digest in its receipt. A crash leaves at worst a message that was kept and not deleted.

use std::path::Path;
use std::sync::Arc;

use clawback_connectors::{ActionTarget, CallError, MailStore};
use clawback_model::{
    Action, Digest, Guards, OutcomeKind, Permission, Principal, Reason, Remediation, RemediationId, Target,
};
use clawback_playbooks::Bound;
use clawback_store::{Kept, KeptMessage};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Place;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::api::{Api, allow};
use crate::bucket::{self, BucketConfig};
use crate::error::Error;
use crate::site::Site;

/// Bytes of the largest message that can be kept: what a connector gives in one answer. A larger one is not deleted.
pub const LARGEST: u64 = (15 << 20) - 1;
/// Kept messages that are looked at in one page.
const PAGE: u32 = 500;
/// After so many messages one after the other that the place did not give, it is away: no more are asked for.
const AWAY: u32 = 3;

/// Where messages are kept.
#[derive(Debug, Clone)]
pub struct Evidence {
    objects: Arc<dyn ObjectStore>,
    /// Before every hard delete, unless the playbook says otherwise.
    always: bool,
}

impl Evidence {
    /// In a folder, which is made if it is missing, for its owner alone. Every message is on the disk before it is deleted.
    pub fn folder(path: &Path, always: bool) -> Result<Self, Error> {
        let fail = |detail: String| Error::File { path: path.display().to_string(), detail };
        clawback_files::create_folder(path).map_err(|error| fail(error.to_string()))?;
        let folder = LocalFileSystem::new_with_prefix(path).map_err(|error| fail(error.to_string()))?.with_fsync(true);
        Ok(Self { objects: Arc::new(folder), always })
    }

    /// In a bucket of an S3 server, which says that it has a message before that message is deleted.
    pub fn bucket(config: &BucketConfig, always: bool) -> Result<Self, Error> {
        Ok(Self { objects: bucket::open(config)?, always })
    }

    /// Asks the place for something that it does not have, so that one that does not answer is known before it is needed.
    pub async fn check(&self) -> Result<(), String> {
        match self.objects.get(&place(&Digest::default())).await {
            Err(object_store::Error::NotFound { source, .. }) if has_no_bucket(&source.to_string()) => {
                Err("there is no such bucket".to_owned())
            }
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Keeps these bytes. Again is no mistake, and mends what was damaged.
    async fn put(&self, raw: Vec<u8>) -> Result<Digest, object_store::Error> {
        let digest = Digest::of(&raw);
        self.objects.put(&place(&digest), raw.into()).await?;
        Ok(digest)
    }

    /// The bytes, which are what the digest says.
    async fn get(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        let lost = |detail: String| Error::EvidenceLost { digest: *digest, detail };
        let place = place(digest);
        // Of a message that grew beyond all bounds no byte is asked for.
        let size = self.objects.head(&place).await.map_err(|error| not_given(digest, &error))?.size;
        if size > LARGEST {
            return Err(lost(format!("its bytes were changed: there are {size} of them now")));
        }
        let found = self.objects.get(&place).await.map_err(|error| not_given(digest, &error))?;
        let raw = found.bytes().await.map_err(|error| not_given(digest, &error))?;
        let now = Digest::of(&raw);
        if now == *digest {
            Ok(raw.into())
        } else {
            Err(lost(format!("its bytes were changed: their digest is {now}")))
        }
    }
}

/// Only who answers that there is no such message has lost it. No answer, no right or no such bucket says nothing of the message.
fn not_given(digest: &Digest, error: &object_store::Error) -> Error {
    let (digest, detail) = (*digest, error.to_string());
    match error {
        object_store::Error::NotFound { .. } if !has_no_bucket(&detail) => Error::EvidenceLost { digest, detail },
        _ => Error::EvidenceUnavailable { digest, detail },
    }
}

fn has_no_bucket(detail: &str) -> bool {
    detail.contains("NoSuchBucket")
}

/// `sha256/ab/ab12…`: no folder gets too full.
fn place(digest: &Digest) -> Place {
    let digits = digest.to_string();
    Place::from(format!("sha256/{}/{digits}", &digits[..2]))
}

/// Refuses what promises evidence where there is no place for it.
pub(crate) fn check(site: &Site, bound: &Bound) -> Result<(), Error> {
    let asked = bound.action() == Action::HardDelete && bound.guards().keep_evidence == Some(true);
    if asked && site.evidence.is_none() { Err(Error::NoEvidence) } else { Ok(()) }
}

/// The guards with the site's word where the playbook gives none, so that the plan's event says it for good.
pub(crate) fn settled(site: &Site, guards: &Guards) -> Guards {
    let always = site.evidence.as_ref().is_some_and(|evidence| evidence.always);
    Guards { keep_evidence: Some(guards.keep_evidence.unwrap_or(always)).filter(|keep| *keep), ..guards.clone() }
}

/// Keeps the messages of one remediation.
pub(crate) struct Keeper {
    site: Arc<Site>,
    id: RemediationId,
}

/// A target that must not be deleted, and the outcome that it has instead.
pub(crate) struct Spared {
    pub(crate) seq: u32,
    pub(crate) kind: OutcomeKind,
    pub(crate) reason: Reason,
    pub(crate) detail: Option<String>,
}

/// Who keeps the messages of a remediation; nobody where nothing is kept.
pub(crate) fn keeper(site: &Arc<Site>, remediation: &Remediation) -> Option<Keeper> {
    let kept = remediation.request.action == Action::HardDelete && remediation.guards.keep_evidence == Some(true);
    kept.then(|| Keeper { site: Arc::clone(site), id: remediation.id.clone() })
}

/// Keeps every target that is about to be deleted, and takes those that could not be kept out of both lists. An error that may
/// pass is given back: nothing was deleted, and all of it may be tried again.
pub(crate) async fn keep(
    keeper: Option<&Keeper>,
    store: &dyn MailStore,
    mailbox: &str,
    targets: &mut Vec<&Target>,
    aims: &mut Vec<ActionTarget>,
) -> Result<Vec<Spared>, CallError> {
    let Some(keeper) = keeper else { return Ok(Vec::new()) };
    let mut spared = Vec::new();
    let mut kept = Vec::with_capacity(targets.len());
    for target in targets.iter() {
        match keeper.one(store, mailbox, target).await? {
            Ok(one) => kept.push(one),
            Err(outcome) => spared.push(outcome),
        }
    }
    if let Err(error) = keeper.site.history.record_evidence(&keeper.id, &kept).await {
        let detail = format!("the history could not note what was kept: {error}");
        return Err(CallError::Transient { store: Arc::clone(store.name()), detail });
    }
    let is_kept: Vec<bool> =
        targets.iter().map(|target| spared.iter().all(|outcome| outcome.seq != target.seq)).collect();
    let mut of_target = is_kept.iter();
    targets.retain(|_| of_target.next() == Some(&true));
    let mut of_aim = is_kept.iter();
    aims.retain(|_| of_aim.next() == Some(&true));
    Ok(spared)
}

impl Keeper {
    async fn one(
        &self,
        store: &dyn MailStore,
        mailbox: &str,
        target: &Target,
    ) -> Result<Result<Kept, Spared>, CallError> {
        let spared = |kind, reason, detail| Ok(Err(Spared { seq: target.seq, kind, reason, detail }));
        let not_kept = |detail: String| spared(OutcomeKind::Failed, Reason::EvidenceNotKept, Some(detail));
        let raw = match store.fetch_raw(mailbox, &target.reference, LARGEST + 1).await {
            Ok(raw) => raw,
            Err(error) if error.is_passing() => return Err(error),
            // It may be gone: then there is nothing to keep, and nothing to delete.
            Err(error) => match store.locate(mailbox, std::slice::from_ref(&target.reference)).await {
                Ok(located) if located.iter().all(|one| one.sightings.is_empty()) => {
                    return spared(OutcomeKind::NotFound, Reason::Gone, None);
                }
                Err(error) if error.is_passing() => return Err(error),
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

/// What a look at all evidence found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EvidenceReport {
    /// Messages whose bytes are what their digest says.
    pub sound: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// What is missing or changed, a sentence each.
    pub problems: Vec<String>,
    /// What could not be asked for, a sentence each: nobody knows whether it is sound.
    pub unavailable: Vec<String>,
}

impl Api {
    /// The message that was kept under a digest, byte for byte. Who reads it is noted in the history first.
    pub async fn examine(&self, who: &Principal, digest: &Digest) -> Result<Vec<u8>, Error> {
        allow(who, Permission::Examine)?;
        self.give(who, &self.site().history.evidence_by_digest(digest).await?).await
    }

    /// What was kept of a message, by its number in the plan of its remediation. Who reads it is noted in the history first.
    pub async fn examine_message(&self, who: &Principal, id: &RemediationId, seq: u32) -> Result<Vec<u8>, Error> {
        allow(who, Permission::Examine)?;
        self.give(who, &self.site().history.evidence_of(id, seq).await?).await
    }

    async fn give(&self, who: &Principal, kept: &KeptMessage) -> Result<Vec<u8>, Error> {
        let site = self.site();
        let evidence = site.evidence.as_ref().ok_or(Error::NoEvidence)?;
        let raw = evidence.get(&kept.kept.digest).await?;
        site.history.record_evidence_read(kept, who, site.now()).await?;
        Ok(raw)
    }

    /// Hashes every message that was kept, and compares it with what the history says.
    pub async fn verify_evidence(&self) -> Result<EvidenceReport, Error> {
        let site = self.site();
        let evidence = site.evidence.as_ref().ok_or(Error::NoEvidence)?;
        let (mut report, mut after) = (EvidenceReport::default(), None);
        let (mut silent, mut not_asked) = (0, 0_u64);
        loop {
            let (page, next) = site.history.evidence(None, after, PAGE).await?;
            for one in &page {
                if silent >= AWAY {
                    not_asked += 1;
                    continue;
                }
                let of = format!("message {} of {}", one.kept.seq, one.remediation);
                let given = evidence.get(&one.kept.digest).await;
                silent = if matches!(given, Err(Error::EvidenceUnavailable { .. })) { silent + 1 } else { 0 };
                match given {
                    Err(error @ Error::EvidenceUnavailable { .. }) => report.unavailable.push(format!("{of}: {error}")),
                    Err(error) => report.problems.push(format!("{of}: {error}")),
                    Ok(_) if one.receipt.is_some_and(|receipt| receipt != one.kept.digest) => {
                        report.problems.push(format!("{of}: its receipt names another digest than its row"));
                    }
                    Ok(raw) => {
                        report.sound += 1;
                        report.bytes += raw.len() as u64;
                    }
                }
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        if not_asked > 0 {
            let said = "messages were not asked for, as the place for evidence did not answer";
            report.unavailable.push(format!("{not_asked} further {said}"));
        }
        if let Some((remediation, seq)) = site.history.lost_evidence().await? {
            report
                .problems
                .push(format!("message {seq} of {remediation}: its receipt says that it was kept, and no row does"));
        }
        Ok(report)
    }
}
