//! Searches for messages of which a playbook's case is made, and stores nothing.

use crate::boxed::boxed;
use std::sync::Arc;

use clawback_connectors::{CallError, MailStore};
use clawback_model::{Message, PlanFacts, PlanGapKind, Query, Request, SelectionMode};
use clawback_playbooks::Bound;
use futures::StreamExt as _;

use super::header::stores_of;
use super::mailboxes::{Listed, mailboxes};
use crate::error::Error;
use crate::intake::bind;
use crate::progress::{Observer, Seen};
use crate::retry::with_retries;
use crate::site::Site;

/// The result of a search, with everything that the playbook reads of it.
#[derive(Debug)]
pub struct Sightings {
    /// The playbook with its inputs.
    pub bound: Arc<Bound>,
    /// The messages that the stores returned: those that the playbook keeps, and those that it leaves out.
    pub messages: Vec<Message>,
    /// What could not be inspected.
    pub facts: PlanFacts,
    /// Whether the search stopped because there are more messages than were asked for.
    pub stopped: bool,
}

/// Searches as a plan of this request would, for at most `most` messages.
#[boxed]
pub async fn look(site: &Arc<Site>, request: &Request, most: usize, observer: &Observer) -> Result<Sightings, Error> {
    let bound = Arc::new(bind(site, request)?);
    let search = Search { site, request, query: bound.query(), most, observer };
    let mut found = Sightings { messages: Vec::new(), facts: PlanFacts::default(), stopped: false, bound };
    for store in stores_of(site, &found.bound)? {
        if !found.stopped {
            search.store(&store, &mut found).await;
        }
    }
    Ok(found)
}

struct Search<'a> {
    site: &'a Arc<Site>,
    request: &'a Request,
    query: Query,
    most: usize,
    observer: &'a Observer,
}

impl Search<'_> {
    async fn store(&self, store: &Arc<dyn MailStore>, found: &mut Sightings) {
        let request = Request { mode: SelectionMode::Query, ..self.request.clone() };
        let mut listed = mailboxes(self.site, Arc::clone(store), &request);
        while let Some(next) = listed.next().await {
            match next {
                Ok(Listed::Mailbox(mailbox)) => {
                    if let Err(error) = self.mailbox(&**store, &mailbox, found).await {
                        found.facts.unsearched(&mailbox, error.to_string());
                    }
                }
                Ok(Listed::Gap(gap)) => found.facts.unsearched(&format!("store {}", store.name()), gap.to_string()),
                Err(error) => {
                    found.facts.unseen(PlanGapKind::Store, 1, store.name().to_string(), error.to_string());
                    return;
                }
            }
            let searched = found.facts.searched.unwrap_or(0) + 1;
            found.facts.searched = Some(searched);
            (self.observer)(Seen::Searching { mailboxes: searched, found: found.messages.len() as u64 });
            if found.stopped {
                return;
            }
        }
    }

    async fn mailbox(&self, store: &dyn MailStore, mailbox: &Arc<str>, found: &mut Sightings) -> Result<(), CallError> {
        let mut cursor = None;
        loop {
            let page =
                with_retries(self.site, || store.search(mailbox, &self.query, cursor.clone(), self.site.tuning.page))
                    .await?;
            for gap in page.gaps {
                found.facts.unseen(PlanGapKind::Part, 1, mailbox.to_string(), gap.to_string());
            }
            let room = self.most.saturating_sub(found.messages.len());
            found.stopped = page.items.len() > room;
            found.messages.extend(page.items.into_iter().take(room));
            match page.next {
                Some(next) if !found.stopped => cursor = Some(next),
                _ => return Ok(()),
            }
        }
    }
}
