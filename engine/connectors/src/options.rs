//! The options of a node's host.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use clawback_model::Clock;

use crate::granted::clock::SystemClock;
use crate::limits::SandboxLimits;

/// The options of a host. [`HostOptions::default`] is suitable for a node, except for the folders.
#[derive(Clone)]
pub struct HostOptions {
    /// The folder for compiled components; `None` compiles at each start (tens of milliseconds each). Created with mode
    /// 0700.
    pub cache: Option<PathBuf>,
    /// The base of relative paths in store configurations: the folder of the configuration file.
    pub base: PathBuf,
    /// The limits on a call.
    pub limits: SandboxLimits,
    /// The clock of the connectors.
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
