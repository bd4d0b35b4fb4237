//! The host of all connectors of a node, with one engine and the built-in connectors.

use crate::boxed::boxed;
use std::fmt;
use std::sync::Arc;

use crate::component::Compiler;
use crate::config::{ConnectorChoice, StoreConfig};
use crate::describe::ConnectorInfo;
use crate::embedded::EMBEDDED;
use crate::examiner::Examiner;
use crate::load::{self, LoadError};
use crate::mail_store::MailStore;
use crate::options::HostOptions;

/// The engine could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the WebAssembly engine: {0}")]
pub struct HostError(String);

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

    /// Loads the store `name`. Reads its credentials once, to detect mistakes; does not connect.
    #[boxed]
    pub async fn load(&self, name: &str, config: &StoreConfig) -> Result<Arc<dyn MailStore>, LoadError> {
        let store: Arc<dyn MailStore> = Arc::new(load::load(&self.options, &self.compiler, name, config).await?);
        Ok(store)
    }

    /// Returns the built-in connectors.
    #[boxed]
    pub async fn builtin_connectors(&self) -> Result<Vec<ConnectorInfo>, LoadError> {
        let mut all = Vec::with_capacity(EMBEDDED.len());
        for known in &EMBEDDED {
            all.push(self.describe(&ConnectorChoice::Named(known.name.to_owned())).await?);
        }
        Ok(all)
    }

    /// Returns the examination of messages that are given as bytes.
    #[boxed]
    pub async fn examiner(&self) -> Result<Examiner, LoadError> {
        load::examiner(&self.options, &self.compiler).await
    }

    /// Returns the self-description of a connector, which gets no grants for it.
    #[boxed]
    pub async fn describe(&self, connector: &ConnectorChoice) -> Result<ConnectorInfo, LoadError> {
        load::info(&self.options, &self.compiler, connector).await
    }
}
