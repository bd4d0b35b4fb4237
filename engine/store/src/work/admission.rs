//! Admission to the remediations in progress: decided on those of the whole site, under the lock of the chain, so that
//! two nodes cannot both take the last place.

use std::time::Duration;

use clawback_model::{
    Actor, ApprovalRule, Event, Remediation, RemediationId, SiteLoad, StopReason, Throttles, Timestamp, WithoutAVote,
};

use crate::chain;
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::history::budgets;
use crate::history::locking::{Locked, lock};
use crate::history::transitions::write;
use crate::lease::Lease;
use crate::people::principals;
use crate::rows::remediation_id;
use crate::store::Store;

/// A remediation that waits for capacity is checked again after this time, if it is not woken before.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The site's rules on what may start.
#[derive(Debug, Clone)]
pub struct Admission<'a> {
    /// The limits on what may be in progress.
    pub throttles: &'a Throttles,
    /// The limits on what may run without a vote.
    pub without_a_vote: &'a WithoutAVote,
    /// The votes that are required above these limits.
    pub approval: ApprovalRule,
}

impl Store {
    /// Starts an approved remediation, holds it until there is capacity, or pauses it for a person, by the site's
    /// rules. If votes no longer count, it waits for others; if it has no votes and needs some, it requests them.
    #[tracing::instrument(name = "store.remediations.start", skip_all, fields(remediation.id = %lease.remediation))]
    pub async fn start(
        &self,
        lease: &Lease,
        site: &Admission<'_>,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<Remediation, StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let mut locked = lock(&mut tx, &lease.remediation, Some(lease)).await?;
        let mut event = match lapsed(&mut tx, &locked).await? {
            Some(voided) => voided,
            None => site.throttles.start(&site_load(&mut tx, &locked, site.throttles, at).await?),
        };
        if matches!(event, Event::Started | Event::Held { .. }) {
            (locked, event) = covered(&mut tx, locked, event, site, actor, at).await?;
        }
        let waits_on = matches!((&event, &locked.remediation.stop), (Event::Held { reason }, Some(known))
            if reason.rule() == known.rule());
        let number = locked.number;
        // That it still waits for the same reason is recorded once.
        let after = if waits_on { locked } else { write(&mut tx, locked, actor, &event, at).await? };
        if after.remediation.is_held() {
            let sql = "UPDATE remediations SET due_at = $1 WHERE number = $2";
            tx.execute(sql, &[at.plus(LOOK_AGAIN).into(), number.into()]).await?;
        }
        tx.commit().await?;
        Ok(after.remediation)
    }

    /// Resumes a paused remediation, if there is capacity now. A remediation that has not begun waits for votes if some
    /// no longer count, or if it has none and needs some. `refuse` checks first whether it may be resumed.
    #[tracing::instrument(name = "store.remediations.resume", skip_all, fields(remediation.id = %id))]
    pub async fn resume<E: From<StoreError> + From<StopReason>>(
        &self,
        id: &RemediationId,
        site: &Admission<'_>,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
        refuse: impl FnOnce(&Remediation) -> Result<(), E>,
    ) -> Result<Remediation, E> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let mut locked = lock(&mut tx, id, None).await?;
        let event = Event::Resumed { by: actor.name.to_owned() };
        // Check first whether it can be resumed at all.
        locked.remediation.apply(&event, at).map_err(StoreError::from)?;
        refuse(&locked.remediation)?;
        let voided = lapsed(&mut tx, &locked).await?.filter(|_| locked.remediation.progress.next_batch == 0);
        let event = if let Some(voided) = voided {
            voided
        } else {
            let load = site_load(&mut tx, &locked, site.throttles, at).await?;
            if let Some(reason) = site.throttles.room(&load) {
                return Err(reason.into());
            }
            let decided;
            (locked, decided) = covered(&mut tx, locked, event, site, actor, at).await?;
            decided
        };
        let next = write(&mut tx, locked, actor, &event, at).await?;
        tx.commit().await?;
        Ok(next.remediation)
    }
}

/// Returns the event for votes that no longer count, by the current roles of their voters.
async fn lapsed(tx: &mut Tx, locked: &Locked) -> Result<Option<Event>, StoreError> {
    let Some(approval) = &locked.remediation.approval else { return Ok(None) };
    let mut now = Vec::with_capacity(approval.votes.len());
    for vote in &approval.votes {
        now.extend(principals::named(tx, &vote.by).await?);
    }
    let voters = approval.lapsed(locked.remediation.request.action, &now);
    Ok((!voters.is_empty()).then_some(Event::VotesVoided { voters }))
}

/// Returns the event for a remediation that begins without votes: it is counted, or requires votes instead. The
/// transaction holds the lock of the chain.
async fn covered(
    tx: &mut Tx,
    locked: Locked,
    event: Event,
    site: &Admission<'_>,
    actor: Actor<'_>,
    at: Timestamp,
) -> Result<(Locked, Event), StoreError> {
    let used = budgets::used(tx, &locked, site.without_a_vote, at).await?;
    if let Some(reason) = site.without_a_vote.check(&used) {
        return Ok((locked, Event::VoteRequired { reason, approval: site.approval.clone() }));
    }
    if used.is_empty() || matches!(event, Event::Held { .. }) {
        return Ok((locked, event));
    }
    let counted = Event::Counted { counted: used.into_iter().map(|one| one.adds).collect() };
    Ok((write(tx, locked, actor, &counted, at).await?, event))
}

async fn site_load(tx: &mut Tx, locked: &Locked, throttles: &Throttles, at: Timestamp) -> Result<SiteLoad, StoreError> {
    chain::lock_chain(tx).await?;
    let row = tx.row("SELECT COUNT(*) FROM remediations WHERE status = 'in-progress'", &[]).await?;
    let in_progress = row.map_or(Ok(0), |row| row.int(0))?;
    let sql = "SELECT r.id, p.targets FROM remediations r JOIN plans p ON p.remediation = r.number \
               WHERE r.status = 'in-progress' AND p.targets > $1 ORDER BY p.targets DESC, r.number LIMIT 1";
    let limit = i64::try_from(throttles.exclusive_above).unwrap_or(i64::MAX);
    let exclusive = match tx.row(sql, &[limit.into()]).await? {
        Some(row) => Some((remediation_id(&row, 0)?, u64::try_from(row.int(1)?).unwrap_or(0))),
        None => None,
    };
    Ok(SiteLoad {
        in_progress: u64::try_from(in_progress).unwrap_or(0),
        exclusive,
        same: same(tx, locked, throttles.same_selection(), at).await?,
    })
}

/// Returns the latest other remediation with the same selection that has begun. One that was cancelled or undone may
/// run again.
async fn same(
    tx: &mut Tx,
    locked: &Locked,
    within: Duration,
    at: Timestamp,
) -> Result<Option<(RemediationId, Timestamp)>, StoreError> {
    let Some(selection) = locked.remediation.request.selection().filter(|_| !within.is_zero()) else {
        return Ok(None);
    };
    let sql = "SELECT r.id, r.approved_at FROM remediations r WHERE r.selection = $1 AND r.approved_at > $2 \
               AND r.number <> $3 AND r.status IN ('in-progress', 'paused', 'completed', 'partially-completed') \
               AND (r.status <> 'paused' OR EXISTS (SELECT 1 FROM batches b WHERE b.remediation = r.number)) \
               AND NOT EXISTS (SELECT 1 FROM remediations u WHERE u.follows = r.id AND u.action = 'restore' \
               AND u.status IN ('in-progress', 'paused', 'completed', 'partially-completed')) \
               ORDER BY r.approved_at DESC, r.number DESC LIMIT 1";
    let values = [selection.to_string().into(), at.minus(within).into(), locked.number.into()];
    match tx.row(sql, &values).await? {
        Some(row) => Ok(Some((remediation_id(&row, 0)?, row.time(1)?))),
        None => Ok(None),
    }
}
