//! The examination of one message that is named: the root of an investigation.

use std::sync::Arc;

use clawback_connectors::{CallError, Examined, MailStore};
use clawback_model::{FeatureRequest, Features, LocationKind, MessageRef, Picked, Query, ReportKind, visible_line};

use super::examine::WHOLE;
use crate::boxed::boxed;
use crate::error::Error;
use crate::retry::with_retries;
use crate::site::Site;

/// Returns the features of a picked message.
#[boxed]
pub async fn examine_picked(site: &Site, picked: &Picked) -> Result<Features, Error> {
    let (store, mailbox, reference) = locate_picked(site, picked).await?;
    let (references, request) = ([reference], FeatureRequest { most: WHOLE, ..site.examination.clone() });
    let examined = match with_retries(site, || store.examine(&mailbox, &references, &request)).await {
        Err(error) if !error.is_retryable() => return Err(Error::NotExamined { why: error.to_string() }),
        examined => examined?,
    };
    match examined.into_iter().next() {
        Some(Examined::Features(features)) => Ok(*features),
        Some(Examined::Failed(why)) => Err(Error::NotExamined { why }),
        Some(Examined::NotFound) | None => Err(Error::NoPickedMessage { mailbox: mailbox.to_string() }),
    }
}

/// Returns where a picked message is, by a search of its mailbox: the first store that has it, the mailbox, and the
/// reference that the store gave. Hidden folders are searched, too. A store that fails, or is not read whole, matters
/// only if no other has the message.
#[boxed]
pub async fn locate_picked<'a>(
    site: &'a Site,
    picked: &Picked,
) -> Result<(&'a dyn MailStore, Arc<str>, MessageRef), Error> {
    picked.check()?;
    let mailbox: Arc<str> = Arc::from(picked.mailbox.trim());
    let (mut found, mut failed) = (Found::default(), None);
    for store in site.stores.values() {
        match find(site, &**store, &mailbox, picked, &mut found).await {
            Ok(()) | Err(CallError::NotFound { .. }) => {}
            Err(error) => failed = Some(error.into()),
        }
        if found.is_ambiguous {
            return Err(Error::NotExamined { why: several(picked) });
        }
    }
    let Some((store, reference)) = found.message else {
        let unread = found.gap.map(|why| Error::NotExamined { why });
        return Err(failed.or(unread).unwrap_or_else(|| Error::NoPickedMessage { mailbox: mailbox.to_string() }));
    };
    Ok((store, mailbox, reference))
}

/// Returns who sent a reported message as a phishing simulation; `None` if it is not proved to be one. The header of
/// what is attached to a report can be written by anybody, so the proof is that of the message in the mailbox of the
/// reporter.
#[boxed]
pub async fn reported_simulation(
    site: &Site,
    reporter: &str,
    (kind, message): (ReportKind, &Features),
) -> Option<String> {
    let simulations = &site.investigations.simulations;
    simulations.sender(message)?;
    if message.message_id.is_empty() || !kind.is_counted() {
        return None;
    }
    let (mailbox, message_id) = (reporter.to_owned(), message.message_id.clone());
    let picked = Picked { mailbox, message_id, fingerprint: None, locator: None };
    match examine_picked(site, &picked).await {
        Ok(delivered) => simulations.sender(&delivered),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::info!(
                error,
                "A reported message has the mark of a simulation, and is not in the mailbox of its reporter."
            );
            None
        }
    }
}

/// What the stores have of a picked message.
#[derive(Default)]
struct Found<'a> {
    message: Option<(&'a dyn MailStore, MessageRef)>,
    /// Whether a Message-ID, which a sender chooses, names different mails.
    is_ambiguous: bool,
    /// A part of a mailbox that was not read.
    gap: Option<String>,
}

/// Searches a mailbox until the message is known. Only a Message-ID is looked for to the end.
async fn find<'a>(
    site: &Site,
    store: &'a dyn MailStore,
    mailbox: &Arc<str>,
    picked: &Picked,
    found: &mut Found<'a>,
) -> Result<(), CallError> {
    let message_id = picked.message_id.trim();
    let query = Query {
        message_id: if message_id.is_empty() { Vec::new() } else { vec![message_id.to_owned()] },
        locations: LocationKind::ALL.to_vec(),
        ..Query::default()
    };
    let mut cursor = None;
    while found.message.is_none() || picked.is_by_message_id() {
        let page = with_retries(site, || store.search(mailbox, &query, cursor.clone(), site.tuning.page)).await?;
        found.gap = found.gap.take().or_else(|| page.gaps.first().map(ToString::to_string));
        for message in page.items.into_iter().filter(|message| picked.names(message)) {
            let known = found.message.get_or_insert_with(|| (store, message.reference.clone()));
            found.is_ambiguous |= known.1.fingerprint != message.reference.fingerprint;
        }
        let Some(next) = page.next.filter(|_| !found.is_ambiguous) else { break };
        cursor = Some(next);
    }
    Ok(())
}

fn several(picked: &Picked) -> String {
    let id = visible_line(&picked.message_id, 200);
    format!(
        "different mails of the mailbox have the Message-ID {id}, which a sender chooses; choose one on the page Search, \
         or give its fingerprint, as `plan --dry-run --format json` prints it"
    )
}
