//! The examination of one message that is named: the root of an investigation.

use std::sync::Arc;

use clawback_connectors::{CallError, Examined, MailStore};
use clawback_model::{Features, LocationKind, MessageRef, Picked, Query};

use super::examine::WHOLE;
use crate::boxed::boxed;
use crate::error::Error;
use crate::retry::with_retries;
use crate::site::Site;

/// Returns the features of a picked message: of its first copy in the first store that has one. Hidden folders are
/// searched, too. A store that fails matters only if no other has the message.
#[boxed]
pub async fn examine_picked(site: &Site, picked: &Picked) -> Result<Features, Error> {
    picked.check()?;
    let mailbox: Arc<str> = Arc::from(picked.mailbox.trim());
    let mut failed = None;
    for store in site.stores.values() {
        match in_store(site, &**store, &mailbox, picked).await {
            Ok(Some(Examined::Features(features))) => return Ok(*features),
            Ok(Some(Examined::Failed(why))) => failed = Some(Error::NotExamined { why }),
            Ok(Some(Examined::NotFound) | None) | Err(CallError::NotFound { .. }) => {}
            Err(error) => failed = Some(error.into()),
        }
    }
    Err(failed.unwrap_or_else(|| Error::NoPickedMessage { mailbox: mailbox.to_string() }))
}

async fn in_store(
    site: &Site,
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    picked: &Picked,
) -> Result<Option<Examined>, CallError> {
    let Some(reference) = find(site, store, mailbox, picked).await? else { return Ok(None) };
    let references = [reference];
    let request = clawback_model::FeatureRequest { most: WHOLE, ..site.examination.clone() };
    Ok(with_retries(site, || store.examine(mailbox, &references, &request)).await?.into_iter().next())
}

async fn find(
    site: &Site,
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    picked: &Picked,
) -> Result<Option<MessageRef>, CallError> {
    let message_id = picked.message_id.trim();
    let query = Query {
        message_id: if message_id.is_empty() { Vec::new() } else { vec![message_id.to_owned()] },
        locations: LocationKind::ALL.to_vec(),
        ..Query::default()
    };
    let mut cursor = None;
    loop {
        let page = with_retries(site, || store.search(mailbox, &query, cursor.clone(), site.tuning.page)).await?;
        if let Some(found) = page.items.into_iter().find(|message| picked.names(message)) {
            return Ok(Some(found.reference));
        }
        cursor = match page.next {
            Some(next) => Some(next),
            None => return Ok(None),
        };
    }
}
