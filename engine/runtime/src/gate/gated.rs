//! A mail store whose every call takes a permit first.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use clawback_connectors::{ActionTarget, CallError, Capabilities, Examined, MailStore, Page, Readiness};
use clawback_model::{
    Action, CalendarEntry, Clock, Effect, FeatureRequest, Located, Message, MessageRef, Query, Timestamp,
};
use clawback_store::Store;
use tokio::sync::Notify;

use super::call_limiter::CallLimiter;
use super::state::{Gate, Source, State};
use crate::stop::Stop;

/// A mail store behind its gate.
#[derive(Clone)]
pub struct Gated {
    store: Arc<dyn MailStore>,
    gate: Arc<Gate>,
    stop: Option<Stop>,
}

impl Gated {
    /// Puts `store` behind its limits over all nodes that share `history`. `node` is this node; other nodes take its
    /// seats if it gives no heartbeat for `lease`.
    pub fn new(
        store: Arc<dyn MailStore>,
        history: Store,
        clock: Arc<dyn Clock>,
        node: String,
        lease: Duration,
    ) -> Self {
        let capabilities = store.capabilities().clone();
        let state = State {
            limiter: CallLimiter::new(capabilities.calls, capabilities.calls_per_second.is_some()),
            waiting: 0,
            kept: false,
            filling: false,
            failures: 0,
            failure: String::new(),
            held_until: Timestamp(0),
        };
        let gate = Arc::new(Gate {
            store: Arc::clone(store.name()),
            capabilities,
            source: Source { history, clock, node, lease },
            state: Mutex::new(state),
            changed: Notify::new(),
            to_publish: Notify::new(),
        });
        Self { store, gate, stop: None }
    }

    /// The same gate, at which no call begins after `stop` is requested.
    pub(crate) fn until(&self, stop: &Stop) -> Self {
        Self { stop: Some(stop.clone()), ..self.clone() }
    }

    /// Calls that this node may make at once; `None` before the first.
    pub(crate) fn seats(&self) -> Option<u32> {
        Some(self.gate.state().limiter.seats()).filter(|seats| *seats > 0)
    }

    async fn call<T>(
        &self,
        mailbox: Option<&str>,
        call: impl Future<Output = Result<T, CallError>> + Send,
    ) -> Result<T, CallError> {
        let _permit = self.gate.permit(mailbox, self.stop.as_ref()).await?;
        let result = call.await;
        self.gate.learn(mailbox, &result);
        result
    }
}

#[async_trait]
impl MailStore for Gated {
    fn name(&self) -> &Arc<str> {
        self.store.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.store.capabilities()
    }

    async fn mailboxes(&self, cursor: Option<String>, most: u32) -> Result<Page<Arc<str>>, CallError> {
        self.call(None, self.store.mailboxes(cursor, most)).await
    }

    async fn search(
        &self,
        mailbox: &Arc<str>,
        query: &Query,
        cursor: Option<String>,
        most: u32,
    ) -> Result<Page<Message>, CallError> {
        self.call(Some(mailbox), self.store.search(mailbox, query, cursor, most)).await
    }

    async fn locate(&self, mailbox: &str, references: &[MessageRef]) -> Result<Vec<Located>, CallError> {
        self.call(Some(mailbox), self.store.locate(mailbox, references)).await
    }

    async fn apply(&self, mailbox: &str, action: Action, aims: &[ActionTarget]) -> Result<Vec<Effect>, CallError> {
        self.call(Some(mailbox), self.store.apply(mailbox, action, aims)).await
    }

    async fn fetch_raw(&self, mailbox: &str, reference: &MessageRef, most: u64) -> Result<Vec<u8>, CallError> {
        self.call(Some(mailbox), self.store.fetch_raw(mailbox, reference, most)).await
    }

    async fn examine(
        &self,
        mailbox: &Arc<str>,
        references: &[MessageRef],
        request: &FeatureRequest,
    ) -> Result<Vec<Examined>, CallError> {
        self.call(Some(mailbox), self.store.examine(mailbox, references, request)).await
    }

    fn keeps_calendar(&self) -> bool {
        self.store.keeps_calendar()
    }

    async fn settle_calendar(
        &self,
        mailbox: &str,
        action: Action,
        aims: &[ActionTarget],
    ) -> Result<Vec<Option<CalendarEntry>>, CallError> {
        self.call(Some(mailbox), self.store.settle_calendar(mailbox, action, aims)).await
    }

    async fn calendar_obstacle(&self, mailbox: &str) -> Result<Option<String>, CallError> {
        self.call(Some(mailbox), self.store.calendar_obstacle(mailbox)).await
    }

    async fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, CallError> {
        self.call(Some(mailbox), self.store.check(mailbox)).await
    }
}
