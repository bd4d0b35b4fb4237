//! After a crash or a lost connection: the calendar entries of messages that were acted on already.

use clawback_connectors::{ActionTarget, CallError, MailStore};
use clawback_model::{Action, CalendarEntry, Receipt};

use crate::retry::with_retries;
use crate::site::Site;

/// Lets the store complete the calendar's part of an act that was found done, and writes what became of each entry into
/// its receipt. The act stays done whatever the calendar answers; only a stop ends it, and nothing is recorded then.
pub(crate) async fn settle(
    site: &Site,
    store: &dyn MailStore,
    mailbox: &str,
    action: Action,
    done: &mut [(u32, Receipt)],
) -> Result<(), CallError> {
    if !store.keeps_calendar() {
        return Ok(());
    }
    let (mut receipts, mut targets) = (Vec::new(), Vec::new());
    for (_, receipt) in done {
        // A message that is gone leads to no entry.
        let (Some(reference), Some(location)) = (&receipt.now, &receipt.location) else { continue };
        let former = Some(receipt.former.clone());
        targets.push(ActionTarget { reference: reference.clone(), location: location.clone(), former });
        receipts.push(receipt);
    }
    if targets.is_empty() {
        return Ok(());
    }
    let entries = match with_retries(site, || store.settle_calendar(mailbox, action, &targets)).await {
        Ok(entries) => entries,
        Err(stopped @ CallError::Stopped { .. }) => return Err(stopped),
        Err(error) => vec![Some(CalendarEntry::not_looked_for(error.to_string())); targets.len()],
    };
    for (receipt, entry) in receipts.into_iter().zip(entries) {
        receipt.calendar_entry = entry;
    }
    Ok(())
}
