//! What of a root's text is its own: before a search, a sample of other mail shows which of its word pairs strangers
//! write, too. A root that is mostly the footer of a mailing list or the notice of a mail program would otherwise make
//! copies of strangers.

use std::sync::Arc;

use clawback_connectors::{CallError, Examined, MailStore};
use clawback_model::{Boilerplate, FeatureRequest, Identity, Query, Root};
use clawback_playbooks::Bound;
use futures::StreamExt as _;

use super::input::PlanInput;
use super::mailboxes::{Listed, mailboxes};
use crate::retry::with_retries;
use crate::site::Site;

/// Mailboxes of a store in the sample, and messages of each.
const SAMPLE: (usize, u32) = (40, 50);
/// Bytes that are read of each message.
const START: u64 = 64 * 1024;

/// Returns the playbook with the roots that have no word pairs of strangers. A sample that fails leaves the roots as
/// they are: it can only make a search find less, and what it could not read is no reason to find nothing.
pub(super) async fn of_strangers_removed(
    site: &Arc<Site>,
    input: &PlanInput<'_>,
    stores: &[Arc<dyn MailStore>],
) -> Arc<Bound> {
    let roots: Vec<Root> = input.bound.roots().cloned().collect();
    if roots.is_empty() {
        return Arc::clone(&input.bound);
    }
    let mut counted: Vec<Boilerplate> = roots.iter().map(Boilerplate::of).collect();
    for store in stores {
        if let Err(error) = sample(site, store, input, &mut counted).await {
            tracing::info!(store.name = %store.name(), %error, "The sample for boilerplate was not complete.");
        }
    }
    let own = |root: &Root| match roots.iter().position(|one| one == root) {
        Some(at) => root.without(&counted[at]),
        None => root.clone(),
    };
    Arc::new(input.bound.with_roots(&own))
}

/// Counts the word pairs of some messages of a store.
async fn sample(
    site: &Arc<Site>,
    store: &Arc<dyn MailStore>,
    input: &PlanInput<'_>,
    counted: &mut [Boilerplate],
) -> Result<(), CallError> {
    let (most, each) = SAMPLE;
    let query = Query { received_after: input.bound.query().received_after, ..Query::default() };
    let request = FeatureRequest { most: START, ..site.examination.clone() };
    let mut listed = mailboxes(site, Arc::clone(store), input.request).take(most);
    while let Some(next) = listed.next().await {
        let Listed::Mailbox(mailbox) = next? else { continue };
        let page = with_retries(site, || store.search(&mailbox, &query, None, each)).await?;
        let references: Vec<_> = page.items.into_iter().map(|message| message.reference).collect();
        if references.is_empty() {
            continue;
        }
        for examined in with_retries(site, || store.examine(&mailbox, &references, &request)).await? {
            let Examined::Features(features) = examined else { continue };
            let domain = Identity::of(&features).domain;
            for one in counted.iter_mut() {
                one.count(&domain, &features.sketch);
            }
        }
    }
    Ok(())
}
