//! What of a root's text is its own: before a search, a sample of other mail shows which of its word pairs strangers
//! write, too. A root that is mostly the footer of a mailing list or the notice of a mail program would otherwise make
//! copies of strangers.

use std::sync::Arc;

use clawback_connectors::{CallError, Examined, MailStore};
use clawback_model::{Boilerplate, FeatureRequest, Identity, LEAST_PAIRS, Query, Root};
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

/// Returns the playbook with the roots that have no word pairs of strangers, and the roots that have too little other
/// text: they stay as they are, because a sender can make any text common by sending parts of it from many domains. A
/// mailbox that cannot be read is left out of the sample.
pub(super) async fn of_strangers_removed(
    site: &Arc<Site>,
    input: &PlanInput<'_>,
    stores: &[Arc<dyn MailStore>],
) -> (Arc<Bound>, Vec<String>) {
    let roots: Vec<Root> = input.bound.roots().cloned().collect();
    if roots.is_empty() {
        return (Arc::clone(&input.bound), Vec::new());
    }
    let mut counted: Vec<Boilerplate> = roots.iter().map(Boilerplate::of).collect();
    for store in stores {
        if let Err(error) = sample(site, store, input, &mut counted).await {
            tracing::info!(store.name = %store.name(), %error, "The sample for boilerplate was not complete.");
        }
    }
    let own: Vec<Root> = roots.iter().zip(&counted).map(|(root, counted)| root.without(counted)).collect();
    let is_common =
        |own: &Root, root: &Root| own.sketch().pairs() < LEAST_PAIRS && root.sketch().pairs() >= LEAST_PAIRS;
    let common = roots.iter().zip(&own).filter(|(root, own)| is_common(own, root)).map(|(root, _)| root.in_words());
    let common: Vec<String> = common.collect();
    let other = |root: &Root| {
        let own = roots.iter().zip(&own).find(|(one, _)| *one == root).map(|(_, own)| own);
        own.filter(|own| !is_common(own, root)).unwrap_or(root).clone()
    };
    (Arc::new(input.bound.with_roots(&other)), common)
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
        let page = match with_retries(site, || store.search(&mailbox, &query, None, each)).await {
            Ok(page) => page,
            Err(error) => {
                tracing::debug!(%error, "A mailbox is not in the sample.");
                continue;
            }
        };
        let references: Vec<_> = page.items.into_iter().map(|message| message.reference).collect();
        if references.is_empty() {
            continue;
        }
        let examined = with_retries(site, || store.examine(&mailbox, &references, &request)).await;
        for examined in examined.unwrap_or_default() {
            let Examined::Features(features) = examined else { continue };
            let domain = Identity::of(&features).domain;
            for one in counted.iter_mut() {
                one.count(&domain, &features.sketch);
            }
        }
    }
    Ok(())
}
