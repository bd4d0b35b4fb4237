//! The copies of senders who have a mailbox here.

use std::sync::Arc;

use clawback_model::{
    Condition, HandledMessages, LocationKind, Message, PlanGapKind, Predicate, Request, SelectionMode,
};
use futures::StreamExt as _;

use super::builder::PlanBuilder;
use super::header::stores_of;
use super::input::{Hit, PlanInput};
use super::mailboxes::{Listed, mailboxes};
use crate::error::Error;
use crate::retry::with_retries;
use crate::site::Site;

/// Adds the copies in the sent items of senders who have a mailbox here.
pub(super) async fn senders_copies(
    site: &Arc<Site>,
    input: &PlanInput<'_>,
    done_with: &HandledMessages,
    plan: &mut PlanBuilder<'_>,
) -> Result<(), Error> {
    let Some(senders) = plan.senders.take() else { return Ok(()) };
    for store in stores_of(site, &input.bound)? {
        let mut listed =
            mailboxes(site, Arc::clone(&store), &Request { mode: SelectionMode::Query, ..input.request.clone() });
        while let Some(mailbox) = listed.next().await {
            let mailbox = match mailbox {
                Ok(Listed::Mailbox(mailbox)) => mailbox,
                // The search has met the same gap and recorded it.
                Ok(Listed::Gap(_)) => continue,
                Err(error) => {
                    plan.facts.unseen(PlanGapKind::Store, 1, store.name().to_string(), error.to_string());
                    break;
                }
            };
            let Some(sent) = senders.get(&mailbox.to_lowercase()) else { continue };
            let ids: Vec<String> = sent.iter().map(|(id, _)| id).filter(|id| !id.is_empty()).cloned().collect();
            let wanted =
                Predicate::all([Condition::MessageId(ids), Condition::LatestLocation(vec![LocationKind::SentItems])]);
            let query = wanted.push_down();
            let mut cursor = None;
            loop {
                let searched =
                    with_retries(site, || store.search(&mailbox, &query, cursor.clone(), site.tuning.page)).await;
                let page = match searched {
                    Ok(page) => page,
                    Err(error) => {
                        plan.facts.unsearched(&mailbox, error.to_string());
                        break;
                    }
                };
                for gap in page.gaps {
                    plan.facts.unseen(PlanGapKind::Part, 1, mailbox.to_string(), gap.to_string());
                }
                // A forged From with a known Message-ID must not select another message of the sender.
                let is_copy = |message: &Message| {
                    let named = (message.reference.message_id.clone(), message.subject.clone());
                    wanted.matches(message)
                        && !done_with.contains(message)
                        && sent.contains(&named)
                        && message.from_address.eq_ignore_ascii_case(&message.mailbox)
                };
                let copies = page.items.into_iter().filter(is_copy);
                let hits = copies.map(Hit::plain).collect();
                plan.add_all(&store, hits).await?;
                match page.next {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
        }
    }
    Ok(())
}
