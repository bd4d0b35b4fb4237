//! The state beside one running guest: what it was granted, and what it has used. Made for a call, thrown away after it.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};

use clawback_model::Clock;
use wasmtime::component::ResourceTable;

use crate::folder::{GrantedFolder, Unsynced};
use crate::http::HttpGrants;
use crate::limits::SandboxLimits;
use crate::log::LogMeter;
use crate::meter::{CpuMeter, MemoryMeter};
use crate::server::MailServer;
use crate::settings::Settings;
use crate::throttle::Throttle;

/// Who is meant, in every error and log line.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) store: Arc<str>,
    pub(crate) connector: String,
    version: OnceLock<String>,
}

impl Label {
    pub(crate) fn new(store: &str, connector: &str) -> Self {
        Self { store: store.into(), connector: connector.to_owned(), version: OnceLock::new() }
    }

    pub(crate) fn version(&self) -> &str {
        self.version.get().map_or("(version not known yet)", String::as_str)
    }

    pub(crate) fn set_version(&self, version: &str) {
        self.version.get_or_init(|| version.to_owned());
    }
}

/// What the operator granted to one store. Nothing is in force that stands only in a component.
pub(crate) struct Grants {
    pub(crate) label: Label,
    pub(crate) limits: SandboxLimits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) server: Option<MailServer>,
    pub(crate) folder: Option<GrantedFolder>,
    pub(crate) http: HttpGrants,
}

/// The data of a wasmtime store.
pub(crate) struct Guest {
    pub(crate) grants: Arc<Grants>,
    /// The mailbox of the call: the only one that a connection may be opened for.
    pub(crate) mailbox: Option<Arc<str>>,
    pub(crate) table: ResourceTable,
    pub(crate) connections: usize,
    /// HTTP requests so far.
    pub(crate) requests: AtomicUsize,
    pub(crate) memory: MemoryMeter,
    pub(crate) cpu: CpuMeter,
    pub(crate) log: LogMeter,
    pub(crate) trouble: Trouble,
    pub(crate) unsynced: Unsynced,
}

/// What the host knows of a failed stream and the contract cannot say.
#[derive(Debug, Default, Clone)]
pub(crate) struct Trouble {
    /// The server said that there are too many connections or requests.
    pub(crate) throttle: Option<Throttle>,
    /// Why the server was not believed to be the one that is meant.
    pub(crate) untrusted: Option<String>,
    /// A pooled connection turned out dead before a byte of it was read.
    pub(crate) stale: bool,
    /// The call was told to leave the pool alone.
    pub(crate) fresh_only: bool,
}

impl Guest {
    pub(crate) fn new(grants: Arc<Grants>, mailbox: Option<Arc<str>>, fresh_only: bool) -> Self {
        let limits = grants.limits;
        Self {
            grants,
            mailbox,
            table: ResourceTable::new(),
            connections: 0,
            requests: AtomicUsize::new(0),
            memory: MemoryMeter::new(&limits),
            cpu: CpuMeter::new(&limits),
            log: LogMeter::default(),
            trouble: Trouble { fresh_only, ..Trouble::default() },
            unsynced: Unsynced::default(),
        }
    }
}
