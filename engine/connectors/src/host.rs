//! The host of all connectors of a node: one engine, and what the binary brought along.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clawback_model::{Action, Clock};

use crate::clock::SystemClock;
use crate::component::Compiler;
use crate::config::{ConnectorChoice, StoreConfig};
use crate::embedded::EMBEDDED;
use crate::limits::SandboxLimits;
use crate::load::{self, LoadError};
use crate::mail_store::{CallError, MailStore};

/// What a host needs to know. [`HostOptions::default`] is right for a node, less the folders.
#[derive(Clone)]
pub struct HostOptions {
    /// Folder for compiled components; none compiles at each start (tens of milliseconds each). Made with mode 0700.
    pub cache: Option<PathBuf>,
    /// Where relative paths of store configurations start: the folder of the configuration file.
    pub base: PathBuf,
    /// What a call may use.
    pub limits: SandboxLimits,
    /// The time that connectors are told.
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

/// The engine could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the WebAssembly engine: {0}")]
pub struct HostError(String);

/// What `clawback connectors list` shows of one connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of the component, in hexadecimal.
    pub sha256: String,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// Actions it can do.
    pub actions: Vec<Action>,
    /// Query fields that its store searches itself.
    pub search_fields: Vec<String>,
    /// Its settings: name, and what it is for.
    pub settings: Vec<(String, String)>,
    /// Most targets in one call.
    pub largest_batch: u32,
    /// Most calls on one mailbox at a time.
    pub calls_per_mailbox: u32,
}

/// Runs connectors.
#[derive(Clone)]
pub struct Host {
    options: HostOptions,
    compiler: Arc<Compiler>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts the engine.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let compiler = Compiler::new(options.cache.clone()).map_err(|error| HostError(format!("{error:#}")))?;
        Ok(Self { options, compiler: Arc::new(compiler) })
    }

    /// Loads the store `name`. Reads its credentials once, to find mistakes now; connects to nothing.
    pub async fn load(&self, name: &str, config: &StoreConfig) -> Result<Arc<dyn MailStore>, LoadError> {
        Ok(Arc::new(load::load(self, name, config).await?))
    }

    /// The connectors inside the binary.
    pub async fn builtin_connectors(&self) -> Result<Vec<ConnectorInfo>, LoadError> {
        let mut all = Vec::with_capacity(EMBEDDED.len());
        for known in &EMBEDDED {
            all.push(self.describe(&ConnectorChoice::Named(known.name.to_owned())).await?);
        }
        Ok(all)
    }

    /// What a connector says of itself. It is granted nothing for that.
    pub async fn describe(&self, connector: &ConnectorChoice) -> Result<ConnectorInfo, LoadError> {
        load::info(self, connector).await
    }

    pub(crate) fn base(&self) -> &Path {
        &self.options.base
    }

    pub(crate) fn limits(&self) -> &SandboxLimits {
        &self.options.limits
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.options.clock)
    }

    pub(crate) fn compiler(&self) -> Arc<Compiler> {
        Arc::clone(&self.compiler)
    }
}

/// A call error is what a load ends with if the connector fails to describe itself.
impl LoadError {
    /// The call that failed, if one did.
    pub fn call(&self) -> Option<&CallError> {
        match self {
            Self::Describe { source, .. } => Some(source),
            _ => None,
        }
    }
}
