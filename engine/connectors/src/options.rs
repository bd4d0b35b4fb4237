//! What the host of a node is started with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use clawback_model::Clock;

use crate::granted::clock::SystemClock;
use crate::limits::SandboxLimits;

/// What a host needs to know. [`HostOptions::default`] is right for a node, less the folders.
#[derive(Clone)]
pub struct HostOptions {
    /// Folder for compiled components; none compiles at each start (tens of milliseconds each). Made with mode 0700.
    pub cache: Option<PathBuf>,
    /// Where relative paths of store configurations start: the folder of the configuration file.
    pub base: PathBuf,
    /// What a call may use.
    pub limits: SandboxLimits,
    /// The time that connectors are given.
    pub clock: Arc<dyn Clock>,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self { cache: None, base: PathBuf::new(), limits: SandboxLimits::default(), clock: Arc::new(SystemClock) }
    }
}

impl fmt::Debug for HostOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostOptions")
            .field("cache", &self.cache)
            .field("base", &self.base)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
