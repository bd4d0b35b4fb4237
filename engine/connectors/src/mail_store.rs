//! The interface of a mail store: a wasm connector, or a store inside the process (tests, benchmarks).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clawback_model::{
    Action, CalendarEntry, Effect, FeatureRequest, Features, Gap, Grant, Located, Location, Message, MessageRef, Query,
    RestorePoint,
};

/// The capabilities of a store: the connector's self-description, and what the host knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The name of the connector, such as `imap` or `maildir`.
    pub connector: String,
    /// Its semantic version.
    pub version: String,
    /// The sha256 of the component in hexadecimal; `built-in` for a store inside the process.
    pub digest: String,
    /// The actions that it supports.
    pub actions: Vec<Action>,
    /// The fields of [`Query`] that the store can search, in kebab case.
    pub search_fields: Vec<String>,
    /// The most targets in one [`MailStore::apply`].
    pub largest_batch: u32,
    /// The most concurrent calls on one mailbox.
    pub calls_per_mailbox: u32,
    /// The most concurrent calls on the store.
    pub calls: u32,
    /// The most calls on the store per second, if limited.
    pub calls_per_second: Option<u32>,
    /// What it may access.
    pub grant: Grant,
}

/// One page of an answer; `next` continues it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items of the page.
    pub items: Vec<T>,
    /// An opaque cursor; `None` at the end.
    pub next: Option<String>,
    /// What could not be read for it.
    pub gaps: Vec<Gap>,
}

/// Whether an action could be done in one mailbox, as far as the store can determine in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// The action.
    pub action: Action,
    /// Why the store would refuse it; `None` if no obstacle is known.
    pub obstacle: Option<String>,
    /// The path of the folder that would be created for it.
    pub creates: Option<String>,
    /// The destination, if the owner of the mailbox can open it although the action is meant to hide mail.
    pub visible: Option<String>,
}

/// The result of obtaining one credential that a store uses, without using it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CredentialTrial {
    /// What it is for, such as the endpoint `api`, in words.
    pub what: String,
    /// Why it cannot be obtained, and what to do.
    pub problem: Option<String>,
}

/// One message to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionTarget {
    /// The message.
    pub reference: MessageRef,
    /// Where the plan found it.
    pub location: Location,
    /// The state that a restore goes back to.
    pub former: Option<RestorePoint>,
}

/// The result of an examination of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Examined {
    /// Its features.
    Features(Box<Features>),
    /// The message is not in this mailbox.
    NotFound,
    /// This one message could not be read, for this reason.
    Failed(String),
}

/// Why a call failed. The scheduler acts on the variant, never on the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The store throttled the call.
    #[error(
        "store `{store}` throttles{}{}",
        after.map_or(String::new(), |after| format!(" and asks to wait {after:?}")),
        said(detail.as_deref()),
    )]
    Throttled {
        /// The store.
        store: Arc<str>,
        /// The wait that the store requested (Retry-After).
        after: Option<Duration>,
        /// The store's words, if it used any.
        detail: Option<String>,
    },
    /// The call may succeed later.
    #[error("store `{store}` did not answer: {detail}")]
    Transient {
        /// The store.
        store: Arc<str>,
        /// The failure.
        detail: String,
    },
    /// No call was made, because a stop was requested while it waited for a permit.
    #[error("store `{store}` was not called: a stop was requested")]
    Stopped {
        /// The store.
        store: Arc<str>,
    },
    /// The call will not succeed without a change.
    #[error("store `{store}` refused: {detail}")]
    Permanent {
        /// The store.
        store: Arc<str>,
        /// The failure.
        detail: String,
    },
    /// The server's identity was not verified: nothing was sent to it.
    #[error("store `{store}` gives no trusted connection: {detail}")]
    Untrusted {
        /// The store.
        store: Arc<str>,
        /// The reason, and the next step.
        detail: String,
    },
    /// Access to this mailbox or folder was denied, or the credentials are wrong.
    #[error("store `{store}` denies access: {detail}")]
    Denied {
        /// The store.
        store: Arc<str>,
        /// The failure.
        detail: String,
    },
    /// The mailbox does not exist.
    #[error("store `{store}` has no mailbox `{mailbox}`{}", said(detail.as_deref()))]
    NotFound {
        /// The store.
        store: Arc<str>,
        /// The mailbox.
        mailbox: String,
        /// What is missing, if the connector reports it.
        detail: Option<String>,
    },
    /// The connector trapped, exceeded a limit, or violated its contract. Names connector and version.
    #[error("connector {connector} {version} of store `{store}`: {detail}")]
    Fault {
        /// The store.
        store: Arc<str>,
        /// The connector.
        connector: String,
        /// Its version.
        version: String,
        /// The fault.
        detail: String,
    },
}

impl CallError {
    /// Returns whether the same call may succeed later, so that its work remains open.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Transient { .. } | Self::Stopped { .. })
    }
}

fn said(detail: Option<&str>) -> String {
    detail.map_or(String::new(), |detail| format!(": {detail}"))
}

/// A mail store. Calls may run concurrently, within [`Capabilities::calls`] and [`Capabilities::calls_per_mailbox`],
/// which the caller enforces.
#[async_trait]
pub trait MailStore: Send + Sync {
    /// Returns the configured name of the store.
    fn name(&self) -> &Arc<str>;

    /// Returns its capabilities, which are known since it was loaded.
    fn capabilities(&self) -> &Capabilities;

    /// Returns all mailboxes, a page at a time, in a stable order.
    async fn mailboxes(&self, cursor: Option<String>, most: u32) -> Result<Page<Arc<str>>, CallError>;

    /// Returns messages of one mailbox that may match; the caller checks each against its predicate again.
    async fn search(
        &self,
        mailbox: &Arc<str>,
        query: &Query,
        cursor: Option<String>,
        most: u32,
    ) -> Result<Page<Message>, CallError>;

    /// Returns where these messages are now: one answer per reference, in order.
    async fn locate(&self, mailbox: &str, references: &[MessageRef]) -> Result<Vec<Located>, CallError>;

    /// Acts on the targets. Returns one effect per target, in order.
    async fn apply(&self, mailbox: &str, action: Action, targets: &[ActionTarget]) -> Result<Vec<Effect>, CallError>;

    /// Returns the message as stored, at most `most` bytes of it.
    async fn fetch_raw(&self, mailbox: &str, reference: &MessageRef, most: u64) -> Result<Vec<u8>, CallError>;

    /// Returns the features of these messages: one answer per reference, in order.
    async fn examine(
        &self,
        _mailbox: &Arc<str>,
        _references: &[MessageRef],
        _request: &FeatureRequest,
    ) -> Result<Vec<Examined>, CallError> {
        let detail = "it cannot examine messages".to_owned();
        Err(CallError::Permanent { store: Arc::clone(self.name()), detail })
    }

    /// Obtains each credential of its own for a mailbox, or, without one, each that serves all mailboxes. Those that
    /// the operator wrote down, such as a password, are not tried.
    async fn try_credentials(&self, _mailbox: Option<&str>) -> Vec<CredentialTrial> {
        Vec::new()
    }

    /// Whether `apply` also removes and restores the entries that invitations left in the calendar.
    fn keeps_calendar(&self) -> bool {
        false
    }

    /// Completes what an interrupted `apply` left undone in the calendar. The targets are where they are after it, with
    /// their former state. Returns one answer per target, in order: `None` if the message left no entry.
    async fn settle_calendar(
        &self,
        _mailbox: &str,
        _action: Action,
        targets: &[ActionTarget],
    ) -> Result<Vec<Option<CalendarEntry>>, CallError> {
        Ok(vec![None; targets.len()])
    }

    /// Returns why entries cannot be removed from the calendar of this mailbox; `None` if no obstacle is known. Changes
    /// nothing.
    async fn calendar_obstacle(&self, _mailbox: &str) -> Result<Option<String>, CallError> {
        Ok(None)
    }

    /// Returns what is known about each action in advance. Changes nothing.
    async fn check(&self, _mailbox: &str) -> Result<Vec<Readiness>, CallError> {
        Ok(Vec::new())
    }
}
