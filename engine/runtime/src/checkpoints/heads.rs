//! Checkpoints that leave the site. With a copy elsewhere one can detect later that anything before it was changed,
//! even by somebody who can write the database and has the site's key. Each covers all that earlier ones covered, so
//! one that could not be delivered is not sent again: the next one is, sooner.

use crate::boxed::boxed;
use std::sync::Arc;
use std::time::Duration;

use clawback_model::{Checkpoint, Digest, VerificationKey};
use clawback_store::{Found, Store, VerifyError};
use futures::future::join_all;

use super::keepers::Checkpoints;
use super::site_key::{SiteKey, open_checkpoint};
use super::witness::{Cosigned, Witnesses};
use crate::error::Error;
use crate::notifying::{self, CheckpointNotice};
use crate::site::Site;

/// Time between two checkpoints while events are recorded.
const EVERY: Duration = Duration::from_hours(1);
/// Steps in which one run brings the tree up to date; the rest is left to the next run.
const STEPS: u32 = 64;

/// Kept checkpoints read at once.
const PAGE: u32 = 256;

/// Checks that the site's key has signed each checkpoint that is kept.
#[boxed]
pub async fn check_heads(history: &Store, signer: &VerificationKey) -> Result<(), VerifyError> {
    let mut after = 0;
    loop {
        let page = history.heads(after, PAGE).await?;
        for (size, note) in &page {
            if !open_checkpoint(note, signer).is_ok_and(|kept| kept.size == *size) {
                return Err(Found::HeadUnsigned { size: *size, key: signer.name.clone() }.into());
            }
            after = *size;
        }
        if page.len() < PAGE as usize {
            return Ok(());
        }
    }
}

/// Brings the tree up to date, and sends a checkpoint if the last is an hour old.
pub(crate) async fn tend(site: Arc<Site>) {
    let tended = async {
        for _ in 0..STEPS {
            if !site.history.step_log().await? {
                break;
            }
        }
        if let Some(checkpoints) = &site.checkpoints
            && site.history.head_due(site.now().minus(EVERY)).await?
        {
            send(&site, checkpoints).await?;
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = tended.await {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "No checkpoint of the history was made; it is retried.");
    }
}

/// Sends a checkpoint before messages are deleted for good. A recipient that cannot be reached does not delay the
/// delete.
pub(crate) async fn before_hard_delete(site: &Site) -> Result<(), Error> {
    match &site.checkpoints {
        Some(checkpoints) if site.history.head_due(site.now()).await? => send(site, checkpoints).await,
        _ => Ok(()),
    }
}

/// Makes a checkpoint of the whole history, signed by the key and by every witness that agrees, and keeps it. A witness
/// that does not sign is logged by name; the caller decides whether enough have signed.
#[boxed]
pub async fn make_checkpoint(
    site: &Site,
    key: &SiteKey,
    witnesses: &Witnesses,
) -> Result<(Checkpoint, Cosigned), Error> {
    let (events, root) = site.history.grow_log().await?;
    let checkpoint = Checkpoint { origin: key.public().name.clone(), size: events, root };
    Ok((checkpoint, sign_tree(site, key, witnesses, events, root).await?))
}

/// The same for the tree of the first `events` events, whose root is known.
#[boxed]
pub async fn sign_tree(
    site: &Site,
    key: &SiteKey,
    witnesses: &Witnesses,
    events: u64,
    root: Digest,
) -> Result<Cosigned, Error> {
    let note = site.history.keep_head(events, &key.sign(events, root), site.now()).await?;
    if witnesses.is_empty() {
        return Ok(Cosigned { note, missing: Vec::new() });
    }
    let mut cosigned = witnesses.cosign(&site.history, note, events).await;
    for name in witnesses.signed(&cosigned.note) {
        site.metrics.notice(name, "sent");
    }
    for (name, error) in &cosigned.missing {
        site.metrics.notice(name, "failed");
        let error: &dyn std::error::Error = error;
        tracing::warn!(
            witness.name = name,
            log.size = events,
            error,
            "A witness has not signed a checkpoint; it is asked again for the next."
        );
    }
    cosigned.note = site.history.keep_head(events, &cosigned.note, site.now()).await?;
    if !witnesses.is_enough(&cosigned.note) {
        let signed = witnesses.signed(&cosigned.note).len();
        tracing::error!(
            log.size = events,
            witness.signed = signed,
            witness.quorum = witnesses.quorum(),
            "Too few witnesses have signed a checkpoint."
        );
    }
    Ok(cosigned)
}

async fn send(site: &Site, checkpoints: &Checkpoints) -> Result<(), Error> {
    let (checkpoint, cosigned) = make_checkpoint(site, &checkpoints.key, &checkpoints.witnesses).await?;
    let signed: Vec<String> = checkpoints.witnesses.signed(&cosigned.note).into_iter().map(str::to_owned).collect();
    let quorum = checkpoints.witnesses.quorum();
    let events = checkpoint.size;
    let (checkpoint, note) = (&checkpoint, &CheckpointNotice { note: cosigned.note.to_string(), signed, quorum });
    let sent = checkpoints.notify.iter().map(|name| async move {
        let sent = notifying::send_checkpoint(site, name, checkpoint, note).await;
        site.metrics.notice(name, if sent.is_ok() { "sent" } else { "failed" });
        if let Err(error) = &sent {
            tracing::warn!(notifier.name = name, log.size = events, %error, "Checkpoint not delivered; the next one follows.");
        }
        sent.is_ok()
    });
    let kept = async {
        let Some(bucket) = &checkpoints.bucket else { return true };
        let kept = bucket.keep(events, &note.note).await;
        site.metrics.notice("bucket", if kept.is_ok() { "sent" } else { "failed" });
        if let Err(error) = &kept {
            tracing::warn!(log.size = events, error, "Checkpoint not stored in the bucket; the next one follows.");
        }
        kept.is_ok()
    };
    let (sent, kept) = futures::join!(join_all(sent), kept);
    if kept && sent.into_iter().all(|sent| sent) {
        site.history.head_sent(events, site.now()).await?;
    }
    Ok(())
}
