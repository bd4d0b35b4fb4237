//! The host's state of one running guest: its grants and its use of them. Created for a call, dropped after it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use wasmtime::component::ResourceTable;

use crate::granted::folder::Unsynced;
use crate::granted::grants::Grants;
use crate::meter::{CpuMeter, LogMeter, MemoryMeter};
use crate::throttle::Throttle;

/// The data of a wasmtime store.
pub(crate) struct Guest {
    pub(crate) grants: Arc<Grants>,
    /// The mailbox of the call, the only one for which a connection may be opened.
    pub(crate) mailbox: Option<Arc<str>>,
    pub(crate) table: ResourceTable,
    pub(crate) connections: usize,
    /// The number of HTTP requests so far.
    pub(crate) requests: AtomicUsize,
    pub(crate) memory: MemoryMeter,
    pub(crate) cpu: CpuMeter,
    pub(crate) log: LogMeter,
    pub(crate) trouble: Trouble,
    pub(crate) unsynced: Unsynced,
}

/// What the host knows of a failed stream but the contract cannot express.
#[derive(Debug, Default, Clone)]
pub(crate) struct Trouble {
    /// The server reported too many connections or requests.
    pub(crate) throttle: Option<Throttle>,
    /// Why the server's identity was not verified.
    pub(crate) untrusted: Option<String>,
    /// The token server knows no account of the mailbox.
    pub(crate) no_account: Option<String>,
    /// A pooled connection was found closed before a byte of it was read.
    pub(crate) stale: bool,
    /// The call may not take a connection from the pool.
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
