//! The mailboxes of a store that a plan searches.

use std::collections::BTreeSet;
use std::sync::Arc;

use clawback_connectors::{CallError, MailStore};
use clawback_model::{Gap, Request, SelectionMode};
use futures::StreamExt as _;
use futures::stream;

use crate::retry::with_retries;
use crate::site::Site;

/// An entry of a store's list of mailboxes.
pub(crate) enum Listed {
    Mailbox(Arc<str>),
    /// A mailbox whose name could not be read.
    Gap(Gap),
}

/// The mailboxes to search: all of the store, or, for handpicked messages, those of them that have picked messages. A
/// mailbox that the store does not list cannot be reached by picking it, and each is spelt as the store spells it.
pub(crate) fn mailboxes(
    site: &Arc<Site>,
    store: Arc<dyn MailStore>,
    request: &Request,
) -> stream::BoxStream<'static, Result<Listed, CallError>> {
    let picked: Option<BTreeSet<String>> = (request.mode == SelectionMode::Handpicked)
        .then(|| request.picked.iter().map(|picked| picked.mailbox.to_lowercase()).collect());
    let site = Arc::clone(site);
    stream::try_unfold(Some(None), move |cursor: Option<Option<String>>| {
        let (site, store, picked) = (Arc::clone(&site), Arc::clone(&store), picked.clone());
        async move {
            let Some(cursor) = cursor else { return Ok(None) };
            let page = with_retries(&site, || store.mailboxes(cursor.clone(), site.tuning.page)).await?;
            let wanted =
                move |mailbox: &Arc<str>| picked.as_ref().is_none_or(|picked| picked.contains(&mailbox.to_lowercase()));
            let gaps = page.gaps.into_iter().map(|gap| Ok(Listed::Gap(gap)));
            let listed = page.items.into_iter().filter(wanted).map(|mailbox| Ok(Listed::Mailbox(mailbox)));
            let listed: Vec<_> = listed.chain(gaps).collect();
            Ok(Some((stream::iter(listed), page.next.map(Some))))
        }
    })
    .flat_map(|page| match page {
        Ok(mailboxes) => mailboxes.boxed(),
        Err(error) => stream::iter([Err(error)]).boxed(),
    })
    .boxed()
}
