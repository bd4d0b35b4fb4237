//! Block lists, built from the history whenever they are asked for.

use crate::boxed::boxed;
use clawback_model::{
    Action, BlockList, BlockListBuilder, Causes, IndicatorKind, OutcomeKind, Permission, Principal, REMOVALS,
    Remediation, RemediationId, Status, Target, Timestamp, indicators_of, is_removal, is_undone,
};
use clawback_runtime::{Error, intake};
use clawback_store::{Cursor, HistoryFilter};
use std::time::Duration;

use crate::api::Api;
use crate::authorization::allow;
use crate::block_list_cache::BuiltBlockList;

/// The most remediations of one kind that are read.
const MOST_REMEDIATIONS: u32 = 1_000;
/// The most messages that are read.
const MOST_MESSAGES: u32 = 200_000;
/// Messages read at once.
const PAGE: u32 = 4_000;
/// A remediation can end this long after it was submitted: it waits for votes, or is paused.
const LONGEST_WAIT: Duration = Duration::from_hours(30 * 24);

impl Api {
    /// Returns what gateways may refuse, because messages with it were removed and not put back.
    #[boxed]
    pub async fn block_list(&self, who: &Principal, kind: IndicatorKind) -> Result<BuiltBlockList, Error> {
        allow(who, Permission::Read)?;
        let head = self.site().history.head().await?;
        self.block_lists.take(kind, head, || self.build_block_list(kind)).await
    }

    async fn build_block_list(&self, kind: IndicatorKind) -> Result<BuiltBlockList, Error> {
        let site = self.site();
        let mut builder = BlockListBuilder::new(kind, &site.block_lists, site.now());
        let since = builder.since();
        let mut left = MOST_MESSAGES;
        for action in [Action::Restore, Action::MoveToInbox] {
            let (restores, mut is_known) = self.ended(action, since).await?;
            for one in &restores {
                is_known &= !site.history.messages_removed(&one.id).await?;
                left = self.succeeded(&one.id, left, |target| builder.put_back(target)).await?;
            }
            if !is_known || left == 0 {
                // What was put back is not known, so nothing can be listed.
                return Ok(BuiltBlockList { list: BlockList::default(), is_complete: false });
            }
        }
        let mut is_complete = true;
        for action in REMOVALS {
            let (removals, is_whole) = self.ended(action, since).await?;
            is_complete &= is_whole;
            for one in removals.iter().filter(|one| is_removal(one)) {
                if site.history.messages_removed(&one.id).await? {
                    is_complete = false;
                    continue;
                }
                let Ok(bound) = intake::bind(site, &one.request) else {
                    is_complete = false;
                    continue;
                };
                let (named, roots) = (indicators_of(bound.predicate()), bound.roots().cloned().collect::<Vec<_>>());
                let causes = Causes { named: &named, roots: &roots };
                if named.is_empty() && roots.is_empty() {
                    continue;
                }
                let is_undone = self.is_undone(one).await?;
                let note = |target: &Target| {
                    if is_undone { builder.undone(&causes, target) } else { builder.removed(one, &causes, target) }
                };
                left = self.succeeded(&one.id, left, note).await?;
                is_complete &= left > 0;
            }
        }
        Ok(BuiltBlockList { list: builder.finish(), is_complete })
    }

    /// Returns whether a removal is undone; a late copy also by an undo of the remediation whose sweep took it.
    async fn is_undone(&self, one: &Remediation) -> Result<bool, Error> {
        let mut undos: Vec<Status> = Vec::new();
        for id in std::iter::once(&one.id).chain(&one.under) {
            undos.extend(self.site().history.undos(id).await?.iter().map(|undo| undo.status));
        }
        Ok(is_undone(&undos))
    }

    /// Returns the remediations with this action that ended since then, the newest first, and whether these are all.
    async fn ended(&self, action: Action, since: Timestamp) -> Result<(Vec<Remediation>, bool), Error> {
        let filter = HistoryFilter {
            action_type: Some(action),
            since: Some(since.minus(LONGEST_WAIT)),
            without_empty: true,
            ..HistoryFilter::default()
        };
        let mut found = Vec::new();
        let mut cursor: Option<Cursor> = None;
        let mut read = 0;
        loop {
            let page = self.site().history.history(&filter, cursor, MOST_REMEDIATIONS.min(200)).await?;
            read += u32::try_from(page.remediations.len()).unwrap_or(u32::MAX);
            found.extend(page.remediations.into_iter().filter(|one| one.updated_at >= since));
            match page.next {
                Some(_) if read >= MOST_REMEDIATIONS => return Ok((found, false)),
                Some(next) => cursor = Some(next),
                None => return Ok((found, true)),
            }
        }
    }

    /// Passes on each message that a remediation acted on, at most `most`. Returns how many more may be read.
    async fn succeeded(
        &self,
        id: &RemediationId,
        most: u32,
        mut each: impl FnMut(&Target) + Send,
    ) -> Result<u32, Error> {
        let (mut left, mut after) = (most, None);
        while left > 0 {
            let page = self.site().history.former_outcomes(id, OutcomeKind::Succeeded, after, PAGE.min(left)).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.seq);
            left -= u32::try_from(page.len()).unwrap_or(left).min(left);
            for (target, _) in &page {
                each(target);
            }
        }
        Ok(left)
    }
}
