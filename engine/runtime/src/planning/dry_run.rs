//! A plan that is made to be shown, and not kept.

use crate::boxed::boxed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::MailStore as _;
use clawback_model::{Action, ApprovalRule, LocationKind, PlanSummary, Request, StopReason, Target, Timestamp};
use tokio::sync::mpsc;

use super::approval::approval_for;
use super::header::header;
use super::input::{Noted, PlanInput, Planned};
use super::left_out;
use super::search::search;
use super::tally::Tally;
use crate::error::Error;
use crate::intake::bind;
use crate::progress::Observer;
use crate::site::Site;

/// A plan that was made and not kept.
#[derive(Debug)]
pub struct DryRun {
    /// The summary that the plan would have, or why there would be none.
    pub plan: Result<PlanSummary, StopReason>,
    /// The selection in words.
    pub in_words: String,
    /// Mailboxes that were searched.
    pub searched: u64,
    /// Messages of the selection in folders that "any folder" leaves out. `None` if no such folder is left out, or if
    /// they could not be counted in time.
    pub left_out: Option<BTreeMap<LocationKind, u64>>,
    /// What the stores say against the action, for the first mailboxes of the plan: a sentence each.
    pub obstacles: Vec<String>,
    /// How many mailboxes these were.
    pub mailboxes_checked: u64,
    /// The votes that it would need.
    pub approval: Option<ApprovalRule>,
    /// The first targets.
    pub sample: Vec<Target>,
    /// The display names of their senders, by the number of the target.
    pub names: BTreeMap<u32, String>,
    /// The number of targets by location.
    pub by_location: BTreeMap<LocationKind, u64>,
    /// The number of targets by the hour in which they arrived.
    pub by_hour: BTreeMap<Timestamp, u64>,
    /// The number of targets by mailbox.
    pub by_mailbox: BTreeMap<Arc<str>, u64>,
    /// All targets, to be counted.
    pub tally: Tally,
}

/// The unit of [`DryRun::by_hour`].
const HOUR: Duration = Duration::from_hours(1);
/// Mailboxes of a dry run whose stores are asked what prevents the action.
const MAILBOXES_CHECKED: usize = 5;

/// Makes a plan and discards it; the first `sample` targets are kept to be shown.
#[boxed]
pub async fn dry_run(site: &Arc<Site>, request: Request, sample: usize, observer: &Observer) -> Result<DryRun, Error> {
    let bound = Arc::new(bind(site, &request)?);
    let header = header(site, &request, &bound)?;
    let noted = Noted::new(sample);
    let input = PlanInput {
        request: &request,
        bound: Arc::clone(&bound),
        header: &header,
        outage_pauses: 0,
        noted: Some(&noted),
    };
    let (sender, mut pages) = mpsc::channel::<Vec<Target>>(2);
    let mut shown = Vec::new();
    let (mut by_location, mut by_hour) = (BTreeMap::new(), BTreeMap::new());
    let mut by_mailbox = BTreeMap::new();
    let mut tally = Tally::default();
    let mut some_mailboxes = BTreeSet::new();
    let looking = async {
        while let Some(page) = pages.recv().await {
            for target in &page {
                if some_mailboxes.len() < MAILBOXES_CHECKED {
                    some_mailboxes.insert((Arc::clone(&target.store), Arc::clone(&target.mailbox)));
                }
                tally.add(target);
                *by_location.entry(target.location.kind).or_default() += 1;
                *by_hour.entry(target.received_at.in_whole(HOUR)).or_default() += 1;
                *by_mailbox.entry(Arc::clone(&target.mailbox)).or_default() += 1;
            }
            let room = sample.saturating_sub(shown.len());
            shown.extend(page.into_iter().take(room));
        }
    };
    let ((), planned) = tokio::join!(looking, search(site, &input, sender, observer));
    let left_out = if matches!(planned, Ok(Planned::Plan(..))) { left_out::count(site, &input).await } else { None };
    let (plan, approval) = match planned? {
        Planned::Plan(mut plan, _) => {
            let decided = approval_for(site, &request, &bound, &mut plan).await?;
            (Ok(plan), decided.rule)
        }
        Planned::Refused(reason) => (Err(reason), None),
    };
    let searched = plan.as_ref().ok().and_then(|plan| plan.facts.searched).unwrap_or_default();
    let (names, content) = noted.found();
    tally.content = content;
    let obstacles = obstacles(site, request.action, &some_mailboxes).await;
    Ok(DryRun {
        plan,
        in_words: request.in_words,
        searched,
        left_out,
        obstacles,
        approval,
        mailboxes_checked: some_mailboxes.len() as u64,
        sample: shown,
        names,
        by_location,
        by_hour,
        by_mailbox,
        tally,
    })
}

/// What the stores of these mailboxes say against an action, before it is done.
async fn obstacles(site: &Site, action: Action, mailboxes: &BTreeSet<(Arc<str>, Arc<str>)>) -> Vec<String> {
    let mut found = Vec::new();
    for (store, mailbox) in mailboxes {
        let Some(store) = site.stores.get(store) else { continue };
        match store.check(mailbox).await {
            Ok(known) => {
                let obstacle =
                    known.into_iter().filter(|known| known.action == action).find_map(|known| known.obstacle);
                found.extend(obstacle.map(|obstacle| format!("{action} in {mailbox}: {obstacle}")));
            }
            Err(error) => found.push(format!("{action} in {mailbox} could not be checked: {error}")),
        }
    }
    found
}
