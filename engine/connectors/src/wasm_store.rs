//! A component as a [`MailStore`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clawback_model::{
    Action, CalendarEntry, Effect, FeatureRequest, Located, Message, MessageRef, Query, Receipt, visible_line,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::Instrument as _;

use crate::call::{self, Ended, Size};
use crate::convert::features;
use crate::examiner::{Examination, Examiner};
use crate::granted::grants::Grants;
use crate::imports::bindings::MailStorePre;
use crate::imports::bindings::calendars::CalendarKeeperPre;
use crate::imports::bindings::clawback::mail_store::types as wit;
use crate::imports::bindings::examining::MessageExaminerPre;
use crate::imports::bindings::examining::exports::clawback::mail_store::examiner as examiner_wit;
use crate::imports::guest::{Guest, Trouble};
use crate::mail_store::{ActionTarget, CallError, Capabilities, CredentialTrial, Examined, MailStore, Page, Readiness};
use crate::{contract, convert};

/// A configured store that is accessed by a component.
pub(crate) struct WasmStore {
    pub(crate) component: MailStorePre<Guest>,
    pub(crate) examination: Examination,
    /// The connector's own way to act, with the calendar, if it has one.
    pub(crate) calendar: Option<CalendarKeeperPre<Guest>>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) capabilities: Capabilities,
    /// The mailboxes that the operator listed, if any; the connector is then not asked.
    pub(crate) mailboxes: Option<Vec<Arc<str>>>,
    pub(crate) seats: Semaphore,
    pub(crate) call_timeout: Duration,
}

/// The connector's own result, and what the host saw.
type Answered<T> = (Result<T, wit::Error>, Trouble);

/// Calls one export in a fresh instance and returns the connector's own result and what the host saw.
macro_rules! ask {
    ($self:ident, $mailbox:expr, $bytes:expr, $fresh:expr, $export:ident $(, $argument:expr)*) => {
        ask!($self [$self.component; clawback_mail_store_connector], $mailbox, $bytes, $fresh, $export $(, $argument)*)
    };
    ($self:ident [$component:expr; $interface:ident], $mailbox:expr, $bytes:expr, $fresh:expr, $export:ident $(, $argument:expr)*) => {{
        let engine = $component.engine();
        let mut store = call::store(engine, &$self.grants, $mailbox, $bytes, $fresh);
        let turns = store.data().cpu.turns();
        let answer = async {
            let exports = $component.instantiate_async(&mut store).await?;
            exports.$interface().$export(&mut store $(, $argument)*).await
        };
        let label = &$self.grants.label;
        let span = tracing::info_span!(
            "plugin.call",
            plugin.name = &*label.connector,
            plugin.version = label.version(),
            plugin.export = stringify!($export),
            store.name = &*label.store,
        );
        let ran = call::run($self.call_timeout, turns, answer).instrument(span).await;
        call::finish(store, ran).await
    }};
}

/// Like `ask!`, for exports that change nothing: repeated once on fresh connections if a pooled one was closed
/// unnoticed.
macro_rules! ask_again {
    ($self:ident, $mailbox:expr, $bytes:expr, $export:ident $(, $argument:expr)*) => {
        ask_again!($self [$self.component; clawback_mail_store_connector], $mailbox, $bytes, $export $(, $argument)*)
    };
    ($self:ident [$component:expr; $interface:ident], $mailbox:expr, $bytes:expr, $export:ident $(, $argument:expr)*) => {{
        let (answer, trouble): (Result<_, wit::Error>, Trouble) =
            ask!($self [$component; $interface], Some(Arc::clone($mailbox)), $bytes, false, $export $(, $argument)*)?;
        if trouble.stale && matches!(answer, Err(wit::Error::Transient(_))) {
            ask!($self [$component; $interface], Some(Arc::clone($mailbox)), $bytes, true, $export $(, $argument)*)?
        } else {
            (answer, trouble)
        }
    }};
}

impl WasmStore {
    async fn seat(&self) -> Result<SemaphorePermit<'_>, CallError> {
        let closed = |_| CallError::Transient { store: Arc::clone(self.name()), detail: "the store is closing".into() };
        self.seats.acquire().await.map_err(closed)
    }

    /// Returns one page, which may be too large.
    async fn search_once(
        &self,
        mailbox: &Arc<str>,
        query: &wit::Query,
        cursor: Option<&str>,
        most: u32,
    ) -> Result<Answered<wit::MessagePage>, Ended> {
        let bytes = self.grants.limits.answer_bytes;
        Ok(ask_again!(self, mailbox, bytes, call_search, mailbox, query, cursor, most))
    }

    async fn locate_once(
        &self,
        mailbox: &Arc<str>,
        refs: &[wit::MessageRef],
    ) -> Result<Answered<Vec<wit::Located>>, Ended> {
        let bytes = self.grants.limits.answer_bytes;
        let (answer, trouble) = ask_again!(self, mailbox, bytes, call_locate, mailbox, refs);
        // Counted part by part, so that one part cannot answer for another.
        if let Ok(located) = &answer
            && located.len() != refs.len()
        {
            let asked = refs.iter().map(|one| one.locator.as_str());
            contract::check_located(located, asked, &self.grants.limits).map_err(|breach| self.breach(&breach))?;
        }
        Ok((answer, trouble))
    }

    async fn examine_once(
        &self,
        examiner: &MessageExaminerPre<Guest>,
        mailbox: &Arc<str>,
        refs: &[wit::MessageRef],
        request: &examiner_wit::Request,
    ) -> Result<Answered<Vec<examiner_wit::Examined>>, Ended> {
        let bytes = self.grants.limits.answer_bytes;
        let answered = ask_again!(self [examiner; clawback_mail_store_examiner], mailbox, bytes, call_examine, mailbox, refs, request);
        Ok(answered)
    }

    /// Fetches each message, and examines it outside of the connector.
    async fn examine_fetched(
        &self,
        examiner: &Examiner,
        mailbox: &Arc<str>,
        references: &[MessageRef],
        request: &FeatureRequest,
    ) -> Result<Vec<Examined>, CallError> {
        let mut answers = Vec::with_capacity(references.len());
        for reference in references {
            let answer = match self.fetch_raw(mailbox, reference, request.most).await {
                Ok(raw) => match examiner.examine_raw(&raw, request).await {
                    Ok(found) => {
                        found.into_iter().next().map_or(Examined::NotFound, |one| Examined::Features(Box::new(one)))
                    }
                    Err(error) => Examined::Failed(error.to_string()),
                },
                Err(CallError::NotFound { .. }) => Examined::NotFound,
                Err(CallError::Permanent { detail, .. }) => Examined::Failed(detail),
                Err(error) => return Err(error),
            };
            answers.push(answer);
        }
        Ok(answers)
    }

    fn refused(&self, mailbox: &str, error: wit::Error, trouble: Trouble) -> CallError {
        call::refused(&self.grants.label, mailbox, error, trouble, self.grants.limits.text_chars)
    }

    fn breach(&self, breach: &contract::Breach) -> CallError {
        call::breach(&self.grants.label, breach)
    }

    fn listed(&self, listed: &[Arc<str>], cursor: Option<&str>, most: u32) -> Result<Page<Arc<str>>, CallError> {
        let from: usize = match cursor.map(str::parse) {
            None => 0,
            Some(Ok(from)) => from,
            Some(Err(_)) => {
                let detail = "this cursor is not one of its own".to_owned();
                return Err(CallError::Permanent { store: Arc::clone(self.name()), detail });
            }
        };
        let items: Vec<_> = listed.iter().skip(from).take(most as usize).cloned().collect();
        let to = from.saturating_add(items.len());
        Ok(Page { items, next: (to < listed.len()).then(|| to.to_string()), gaps: Vec::new() })
    }
}

#[async_trait]
impl MailStore for WasmStore {
    fn name(&self) -> &Arc<str> {
        &self.grants.label.store
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn mailboxes(&self, cursor: Option<String>, most: u32) -> Result<Page<Arc<str>>, CallError> {
        let limits = &self.grants.limits;
        let most = most.clamp(1, limits.page);
        if let Some(listed) = &self.mailboxes {
            return self.listed(listed, cursor.as_deref(), most);
        }
        let _seat = self.seat().await?;
        let (answer, trouble) = ask!(self, None, limits.answer_bytes, false, call_mailboxes, cursor.as_deref(), most)?;
        let page = answer.map_err(|error| self.refused("", error, trouble))?;
        contract::check_size(page.mailboxes.len(), most)
            .and_then(|()| contract::check_cursor(cursor.as_deref(), page.next.as_deref(), limits))
            .map_err(|breach| self.breach(&breach))?;
        let gaps = page.gaps.iter().map(|gap| convert::gap(gap, limits.text_chars)).collect();
        Ok(Page { items: page.mailboxes.into_iter().map(Arc::from).collect(), next: page.next, gaps })
    }

    async fn search(
        &self,
        mailbox: &Arc<str>,
        query: &Query,
        cursor: Option<String>,
        most: u32,
    ) -> Result<Page<Message>, CallError> {
        let limits = &self.grants.limits;
        let mut most = most.clamp(1, limits.page);
        let query = convert::query_to_wit(query);
        let _seat = self.seat().await?;
        let (answer, trouble) = loop {
            match self.search_once(mailbox, &query, cursor.as_deref(), most).await {
                Err(Ended { size: Size::TooLarge, .. }) if most > 1 => most /= 2,
                ended => break ended?,
            }
        };
        let page = answer.map_err(|error| self.refused(mailbox, error, trouble))?;
        contract::check_page(&page, cursor.as_deref(), most, limits).map_err(|breach| self.breach(&breach))?;
        let items = page.messages.into_iter().map(|message| convert::message(message, self.name(), mailbox));
        let gaps = page.gaps.iter().map(|gap| convert::gap(gap, limits.text_chars)).collect();
        Ok(Page { items: items.collect(), next: page.next, gaps })
    }

    async fn locate(&self, mailbox: &str, references: &[MessageRef]) -> Result<Vec<Located>, CallError> {
        if references.is_empty() {
            return Ok(Vec::new());
        }
        let limits = &self.grants.limits;
        let refs: Vec<_> = references.iter().map(convert::reference_to_wit).collect();
        let owner: Arc<str> = mailbox.into();
        let _seat = self.seat().await?;
        let mut located = Vec::with_capacity(refs.len());
        let mut parts = vec![refs.as_slice()];
        while let Some(part) = parts.pop() {
            match self.locate_once(&owner, part).await {
                Err(Ended { size: Size::TooLarge, .. }) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                ended => {
                    let (answer, trouble) = ended?;
                    located.extend(answer.map_err(|error| self.refused(mailbox, error, trouble))?);
                }
            }
        }
        contract::check_located(&located, refs.iter().map(|one| one.locator.as_str()), limits)
            .map_err(|breach| self.breach(&breach))?;
        Ok(located.into_iter().map(convert::located).collect())
    }

    async fn apply(&self, mailbox: &str, action: Action, targets: &[ActionTarget]) -> Result<Vec<Effect>, CallError> {
        let store = Arc::clone(self.name());
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        if targets.len() > self.capabilities.largest_batch as usize {
            let detail = format!("{} targets at once; it takes {}", targets.len(), self.capabilities.largest_batch);
            return Err(CallError::Permanent { store, detail });
        }
        if !self.capabilities.actions.contains(&action) {
            return Err(CallError::Permanent { store, detail: format!("it cannot {action}") });
        }
        let limits = &self.grants.limits;
        let asked: Vec<_> = targets.iter().map(convert::target_to_wit).collect();
        let action = convert::action_to_wit(action);
        let owner: Arc<str> = mailbox.into();
        let _seat = self.seat().await?;
        let bytes = limits.answer_bytes;
        let (outcomes, entries) = if let Some(calendar) = &self.calendar {
            let (answer, trouble) = ask!(self [calendar; clawback_mail_store_calendar], Some(owner), bytes, false, call_apply, mailbox, action, &asked)?;
            let acted = answer.map_err(|error| self.refused(mailbox, error, trouble))?;
            acted.into_iter().map(|one| (one.outcome, one.entry)).unzip()
        } else {
            let (answer, trouble) = ask!(self, Some(owner), bytes, false, call_apply, mailbox, action, &asked)?;
            let outcomes = answer.map_err(|error| self.refused(mailbox, error, trouble))?;
            let entries = outcomes.iter().map(|_| None).collect::<Vec<_>>();
            (outcomes, entries)
        };
        contract::check_outcomes(
            &outcomes,
            action,
            targets.iter().map(|target| target.reference.locator.as_str()),
            limits,
        )
        .map_err(|breach| self.breach(&breach))?;
        let bounded = |(outcome, entry): (wit::Outcome, _)| match outcome.effect {
            wit::Effect::Failed(why) => Effect::Failed(visible_line(&why, limits.text_chars)),
            other => match convert::effect(other) {
                Effect::Succeeded(receipt) => {
                    let calendar_entry =
                        Option::map(entry, |entry| convert::calendar::entry(&entry, limits.text_chars));
                    Effect::Succeeded(Receipt { calendar_entry, ..receipt })
                }
                other => other,
            },
        };
        Ok(outcomes.into_iter().zip(entries).map(bounded).collect())
    }

    fn keeps_calendar(&self) -> bool {
        self.calendar.is_some()
    }

    async fn settle_calendar(
        &self,
        mailbox: &str,
        action: Action,
        targets: &[ActionTarget],
    ) -> Result<Vec<Option<CalendarEntry>>, CallError> {
        let Some(calendar) = &self.calendar else { return Ok(vec![None; targets.len()]) };
        let limits = &self.grants.limits;
        let asked: Vec<_> = targets.iter().map(convert::target_to_wit).collect();
        let action = convert::action_to_wit(action);
        let owner: Arc<str> = mailbox.into();
        let _seat = self.seat().await?;
        let (answer, trouble) = ask!(self [calendar; clawback_mail_store_calendar], Some(owner), limits.answer_bytes, false, call_settle, mailbox, action, &asked)?;
        let entries = answer.map_err(|error| self.refused(mailbox, error, trouble))?;
        contract::check_entries(entries.len(), targets.len()).map_err(|breach| self.breach(&breach))?;
        let entry = |entry: Option<_>| entry.map(|entry| convert::calendar::entry(&entry, limits.text_chars));
        Ok(entries.into_iter().map(entry).collect())
    }

    async fn calendar_obstacle(&self, mailbox: &str) -> Result<Option<String>, CallError> {
        let Some(calendar) = &self.calendar else { return Ok(None) };
        let limits = &self.grants.limits;
        let owner: Arc<str> = mailbox.into();
        let _seat = self.seat().await?;
        let (answer, trouble) = ask_again!(self [calendar; clawback_mail_store_calendar], &owner, limits.answer_bytes, call_obstacle, mailbox);
        let obstacle = answer.map_err(|error| self.refused(mailbox, error, trouble))?;
        Ok(obstacle.map(|why| visible_line(&why, limits.text_chars)))
    }

    async fn fetch_raw(&self, mailbox: &str, reference: &MessageRef, most: u64) -> Result<Vec<u8>, CallError> {
        let limits = &self.grants.limits;
        let most = most.min(limits.raw_bytes);
        let bytes = usize::try_from(limits.raw_bytes).unwrap_or(usize::MAX).saturating_add(limits.answer_bytes);
        let reference = convert::reference_to_wit(reference);
        let owner: Arc<str> = mailbox.into();
        let _seat = self.seat().await?;
        let (answer, trouble) = ask_again!(self, &owner, bytes, call_fetch_raw, mailbox, &reference, most);
        let raw = answer.map_err(|error| self.refused(mailbox, error, trouble))?;
        contract::check_raw(raw.len(), most).map_err(|breach| self.breach(&breach))?;
        Ok(raw)
    }

    async fn examine(
        &self,
        mailbox: &Arc<str>,
        references: &[MessageRef],
        request: &FeatureRequest,
    ) -> Result<Vec<Examined>, CallError> {
        let examiner = match &self.examination {
            Examination::Own(examiner) => examiner,
            Examination::BuiltIn(examiner) => {
                return self.examine_fetched(examiner, mailbox, references, request).await;
            }
        };
        let limits = &self.grants.limits;
        let refs: Vec<_> = references.iter().map(convert::reference_to_wit).collect();
        let wanted = features::request_to_wit(request);
        let _seat = self.seat().await?;
        let mut answers = Vec::with_capacity(refs.len());
        let mut parts = vec![refs.as_slice()];
        let mut most = refs.len();
        while let Some(part) = parts.pop() {
            if part.len() > most {
                let (first, second) = part.split_at(most);
                parts.extend([second, first]);
                continue;
            }
            match self.examine_once(examiner, mailbox, part, &wanted).await {
                // One message on which the connector fails must not fail the others.
                Err(Ended { error: CallError::Fault { .. }, .. }) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                // A store that answers slowly is asked for less, from here on.
                Err(Ended { error: CallError::Transient { .. }, .. }) if part.len() > 1 => {
                    most = part.len() / 2;
                    parts.push(part);
                }
                Err(Ended { error: error @ CallError::Fault { .. }, .. }) => {
                    answers.push(Examined::Failed(error.to_string()));
                }
                ended => {
                    let (answer, trouble) = ended?;
                    let answer = answer.map_err(|error| self.refused(mailbox, error, trouble))?;
                    contract::check_examined(&answer, part.len(), request).map_err(|breach| self.breach(&breach))?;
                    answers.extend(answer.into_iter().map(|one| features::examined(one, request, limits.text_chars)));
                }
            }
        }
        Ok(answers)
    }

    async fn try_credentials(&self, mailbox: Option<&str>) -> Vec<CredentialTrial> {
        let logins = self.grants.server.iter().filter_map(|server| server.auth.tokens());
        let mut trials = Vec::new();
        for tokens in logins.chain(self.grants.http.tokens()) {
            trials.extend(tokens.attempt(mailbox).await);
        }
        for problem in trials.iter_mut().filter_map(|trial| trial.problem.as_mut()) {
            *problem = visible_line(problem, self.grants.limits.text_chars);
        }
        trials
    }

    async fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, CallError> {
        let limits = &self.grants.limits;
        let owner: Arc<str> = mailbox.into();
        let _seat = self.seat().await?;
        let (answer, trouble) = ask_again!(self, &owner, limits.answer_bytes, call_check, mailbox);
        let known = answer.map_err(|error| self.refused(mailbox, error, trouble))?;
        contract::check_size(known.len(), 64).map_err(|breach| self.breach(&breach))?;
        Ok(known.into_iter().map(|one| convert::readiness(one, limits.text_chars)).collect())
    }
}
