//! What the engine asks of a mail store: of a wasm connector, or a store inside the process (tests, benches).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clawback_model::{Action, Effect, Former, Gap, Grant, Located, Location, Message, MessageRef, Query};

/// What a connector says of itself, and what the host knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// `imap`, `maildir`.
    pub connector: String,
    /// Semantic version.
    pub version: String,
    /// sha256 of the component in hexadecimal; `built-in` for a store inside the process.
    pub digest: String,
    /// Actions it can do.
    pub actions: Vec<Action>,
    /// Fields of [`Query`] that the store searches by itself, in kebab case.
    pub search_fields: Vec<String>,
    /// Most targets in one [`MailStore::apply`].
    pub largest_batch: u32,
    /// Most calls on one mailbox at a time.
    pub calls_per_mailbox: u32,
    /// Most calls on the whole store at a time.
    pub calls: u32,
    /// Most calls on the whole store in a second, if that is known.
    pub calls_per_second: Option<u32>,
    /// What it may touch.
    pub grant: Grant,
}

/// One page of an answer; `next` continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// Opaque; none at the end.
    pub next: Option<String>,
    /// What could not be looked at for it.
    pub gaps: Vec<Gap>,
}

/// Whether an action could be done in one mailbox, as far as the store tells before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Which action.
    pub action: Action,
    /// Why the store would refuse it; none where nothing is known against it.
    pub obstacle: Option<String>,
    /// The folder that would be made for it, by path.
    pub creates: Option<String>,
    /// The destination, where the owner of the mailbox can open it although the action is meant to hide mail.
    pub visible: Option<String>,
}

/// One message to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionTarget {
    /// Which.
    pub reference: MessageRef,
    /// Where the plan saw it.
    pub location: Location,
    /// What a restore goes back to.
    pub former: Option<Former>,
}

/// Why a call failed. The scheduler acts on the variant, never on the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Too fast.
    #[error(
        "store `{store}` throttles{}{}",
        after.map_or(String::new(), |after| format!(" and asks to wait {after:?}")),
        said(detail.as_deref()),
    )]
    Throttled {
        /// Which store.
        store: Arc<str>,
        /// What the store asked for (Retry-After).
        after: Option<Duration>,
        /// What it said, where it used words.
        detail: Option<String>,
    },
    /// May work later.
    #[error("store `{store}` did not answer: {detail}")]
    Transient {
        /// Which store.
        store: Arc<str>,
        /// What happened.
        detail: String,
    },
    /// No call was made: a stop was asked for while it waited for its turn.
    #[error("store `{store}` was not called: a stop was asked for")]
    Stopped {
        /// Which store.
        store: Arc<str>,
    },
    /// Will not work again as it is.
    #[error("store `{store}` refused: {detail}")]
    Permanent {
        /// Which store.
        store: Arc<str>,
        /// What happened.
        detail: String,
    },
    /// The server is not proven to be the one that is meant: nothing was sent to it.
    #[error("store `{store}` gives no trusted connection: {detail}")]
    Untrusted {
        /// Which store.
        store: Arc<str>,
        /// Why, and what to do.
        detail: String,
    },
    /// No right to this mailbox or folder, or wrong credentials.
    #[error("store `{store}` denies access: {detail}")]
    Denied {
        /// Which store.
        store: Arc<str>,
        /// What happened.
        detail: String,
    },
    /// The mailbox does not exist.
    #[error("store `{store}` has no mailbox `{mailbox}`{}", said(detail.as_deref()))]
    NotFound {
        /// Which store.
        store: Arc<str>,
        /// Which mailbox.
        mailbox: String,
        /// What is missing, if the connector says so.
        detail: Option<String>,
    },
    /// The connector trapped, ran out of a limit, or broke its contract. Names connector and version.
    #[error("connector {connector} {version} of store `{store}`: {detail}")]
    Fault {
        /// Which store.
        store: Arc<str>,
        /// Which connector.
        connector: String,
        /// Its version.
        version: String,
        /// What it did.
        detail: String,
    },
}

impl CallError {
    /// Whether the same call may do later, which leaves what it was to do open.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Transient { .. } | Self::Stopped { .. })
    }
}

fn said(detail: Option<&str>) -> String {
    detail.map_or(String::new(), |detail| format!(": {detail}"))
}

/// A mail store. Calls may run at once, within [`Capabilities::calls`] and [`Capabilities::calls_per_mailbox`], which the
/// caller keeps.
#[async_trait]
pub trait MailStore: Send + Sync {
    /// The configured name of the store.
    fn name(&self) -> &Arc<str>;

    /// What it can do; known since it was loaded.
    fn capabilities(&self) -> &Capabilities;

    /// All mailboxes, a page at a time, in a stable order.
    async fn mailboxes(&self, cursor: Option<String>, most: u32) -> Result<Page<Arc<str>>, CallError>;

    /// Messages of one mailbox that may match; the caller checks each against its predicate again.
    async fn search(
        &self,
        mailbox: &Arc<str>,
        query: &Query,
        cursor: Option<String>,
        most: u32,
    ) -> Result<Page<Message>, CallError>;

    /// Where these messages are now. One answer per reference, in order.
    async fn locate(&self, mailbox: &str, references: &[MessageRef]) -> Result<Vec<Located>, CallError>;

    /// Acts. One effect per target, in order.
    async fn apply(&self, mailbox: &str, action: Action, targets: &[ActionTarget]) -> Result<Vec<Effect>, CallError>;

    /// The message as stored, at most `most` bytes of it.
    async fn fetch_raw(&self, mailbox: &str, reference: &MessageRef, most: u64) -> Result<Vec<u8>, CallError>;

    /// What is known against each action before it is done. Changes nothing.
    async fn check(&self, _mailbox: &str) -> Result<Vec<Readiness>, CallError> {
        Ok(Vec::new())
    }
}
