//! Loads a store from its configuration: finds the component, compares its digest, checks its imports, grants, and
//! reads its self-description.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clawback_model::{Digest, visible_line};
use tokio::sync::Semaphore;

use crate::component::{Compiler, ComponentError, Ready};
use crate::config::{ConfigError, ConnectorChoice, StoreConfig};
use crate::convert;
use crate::describe::{ConnectorInfo, describe};
use crate::embedded::{self, EMBEDDED};
use crate::examiner::{Examination, Examiner};
use crate::granted::context::GrantContext;
use crate::granted::endpoint::HttpGrants;
use crate::granted::grants::{self, Grants, Settings};
use crate::granted::memo::Memo;
use crate::granted::terms;
use crate::label::Label;
use crate::mail_store::{CallError, Capabilities};
use crate::manifest::Manifest;
use crate::options::HostOptions;
use crate::wasm_store::WasmStore;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The component cannot be read.
    #[error("store `{store}`: cannot read connector `{path}`; check `connector.path`")]
    Unreadable {
        /// The store.
        store: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not the one that the operator pinned.
    #[error(
        "store `{store}`: connector {connector} has the sha256 {found}, but {pinned} is pinned; if the new file is meant, pin that"
    )]
    Digest {
        /// The store.
        store: String,
        /// The connector.
        connector: String,
        /// The digest of the file.
        found: String,
        /// The pinned digest.
        pinned: String,
    },
    /// The component is not a connector that this host can run.
    #[error("store `{store}`: connector {connector} cannot be used")]
    Component {
        /// The store.
        store: String,
        /// The connector.
        connector: String,
        /// The cause.
        source: ComponentError,
    },
    /// The manifest next to the component cannot be read.
    #[error("store `{store}`: the manifest of connector {connector} is not valid: {detail}")]
    Manifest {
        /// The store.
        store: String,
        /// The connector.
        connector: String,
        /// The cause.
        detail: String,
    },
    /// The connector's self-description failed.
    #[error("store `{store}`: the connector does not describe itself")]
    Describe {
        /// The store.
        store: String,
        /// The cause.
        source: CallError,
    },
}

/// A load ends with a call error if the connector fails to describe itself.
impl LoadError {
    /// Returns the call that failed, if one did.
    pub fn call(&self) -> Option<&CallError> {
        match self {
            Self::Describe { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The built-in connector that examines messages which are given as bytes: the smallest.
const EXAMINING: &str = "maildir";

/// The bytes of a component, with its digest and manifest.
struct Source {
    name: String,
    bytes: Vec<u8>,
    manifest: Manifest,
}

/// Loads a store.
pub(crate) async fn load(
    options: &HostOptions,
    compiler: &Arc<Compiler>,
    store: &str,
    config: &StoreConfig,
) -> Result<WasmStore, LoadError> {
    let source = source(&options.base, store, &config.connector)?;
    let ready = prepare(compiler, store, &source.name, source.bytes).await?;
    let mut limits = options.limits;
    if let Some(memory) = config.limits.memory_mib {
        limits.memory_bytes = (memory as usize) << 20;
    }
    let context = GrantContext { store, config, manifest: &source.manifest, base: &options.base, limits };
    let mailboxes = grants::mailboxes(&context)?;
    let grants = Arc::new(Grants::of(&context, &source.name, Arc::clone(&options.clock))?);
    let described = describe(&ready, &grants, config.limits.call_timeout)
        .await
        .map_err(|source| LoadError::Describe { store: store.to_owned(), source })?;
    grants.label.set_version(&described.version);
    let examination = match ready.examiner.clone() {
        Some(own) => Examination::Own(own),
        None => Examination::BuiltIn(examiner(options, compiler).await?),
    };
    let limits = &config.limits;
    let capabilities = Capabilities {
        connector: described.name,
        version: described.version,
        digest: ready.digest.to_string(),
        actions: described.actions.into_iter().map(convert::action).collect(),
        search_fields: described.search_fields.into_iter().map(|field| visible_line(&field, 60)).collect(),
        largest_batch: described.largest_batch,
        calls_per_mailbox: described.calls_per_mailbox.min(limits.connections_per_mailbox),
        calls: limits.connections,
        calls_per_second: limits.calls_per_second,
        grant: terms::of(&context, mailboxes.as_deref()),
    };
    Ok(WasmStore {
        component: ready.pre.clone(),
        examination,
        calendar: ready.calendar.clone(),
        grants,
        capabilities,
        mailboxes,
        seats: Semaphore::new(limits.connections as usize),
        call_timeout: limits.call_timeout,
    })
}

/// Finds a component and compares its digest with the pinned one.
fn source(base: &Path, store: &str, choice: &ConnectorChoice) -> Result<Source, LoadError> {
    match choice {
        ConnectorChoice::Named(name) => embedded(store, name),
        ConnectorChoice::File { path, sha256 } => {
            let pinned: Digest = sha256.parse().map_err(|_| ConfigError {
                store: store.to_owned(),
                key: "connector.sha256".to_owned(),
                problem: "not a sha256 digest".to_owned(),
                help: "write the 64 hexadecimal digits that `sha256sum` prints".to_owned(),
            })?;
            file(store, &base.join(path), pinned)
        }
    }
}

fn embedded(store: &str, name: &str) -> Result<Source, LoadError> {
    let Some(known) = EMBEDDED.iter().find(|known| known.name == name) else {
        let names = EMBEDDED.iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
        return Err(LoadError::Config(ConfigError {
            store: store.to_owned(),
            key: "connector".to_owned(),
            problem: format!("`{}` is not built in", visible_line(name, 60)),
            help: format!("built in are {names}; your own is `{{ path = \"...\", sha256 = \"...\" }}`"),
        }));
    };
    // What cannot be decompressed has the digest of nothing.
    let bytes = known.component().unwrap_or_default();
    let found = Digest::of(&bytes).to_string();
    let pinned = embedded::pinned(name).unwrap_or("none");
    if found != pinned {
        return Err(LoadError::Digest {
            store: store.to_owned(),
            connector: name.to_owned(),
            found,
            pinned: pinned.to_owned(),
        });
    }
    Ok(Source { name: name.to_owned(), bytes, manifest: manifest(store, name, known.manifest)? })
}

fn file(store: &str, path: &Path, pinned: Digest) -> Result<Source, LoadError> {
    let unreadable = |source| LoadError::Unreadable { store: store.to_owned(), path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let found = Digest::of(&bytes);
    if found != pinned {
        let (found, pinned) = (found.to_string(), pinned.to_string());
        return Err(LoadError::Digest { store: store.to_owned(), connector: name, found, pinned });
    }
    // No digest pins the manifest, and it determines which grants are in force.
    let manifest = match clawback_files::read_policy(&path.with_extension("toml")) {
        Ok(text) => manifest(store, &name, &text)?,
        Err(error) if error.is_missing() => Manifest::default(),
        Err(error) => {
            return Err(LoadError::Manifest { store: store.to_owned(), connector: name, detail: error.to_string() });
        }
    };
    Ok(Source { name, bytes, manifest })
}

fn manifest(store: &str, connector: &str, text: &str) -> Result<Manifest, LoadError> {
    Manifest::parse(text).map_err(|error| LoadError::Manifest {
        store: store.to_owned(),
        connector: connector.to_owned(),
        detail: error.to_string(),
    })
}

async fn prepare(
    compiler: &Arc<Compiler>,
    store: &str,
    connector: &str,
    bytes: Vec<u8>,
) -> Result<Arc<Ready>, LoadError> {
    let compiler = Arc::clone(compiler);
    let prepared = tokio::task::spawn_blocking(move || compiler.prepare(&bytes)).await;
    let prepared =
        prepared.unwrap_or_else(|_| Err(ComponentError::Invalid { detail: "the compilation was cancelled".into() }));
    prepared.map_err(|source| LoadError::Component { store: store.to_owned(), connector: connector.to_owned(), source })
}

/// Returns the examination of messages that are given as bytes, by a built-in connector without any grant.
pub(crate) async fn examiner(options: &HostOptions, compiler: &Arc<Compiler>) -> Result<Examiner, LoadError> {
    let label = "(none)";
    let source = embedded(label, EXAMINING)?;
    let ready = prepare(compiler, label, &source.name, source.bytes).await?;
    let Some(component) = ready.examiner.clone() else {
        let source = ComponentError::Invalid { detail: "it does not export the interface `examiner`".to_owned() };
        return Err(LoadError::Component { store: label.to_owned(), connector: EXAMINING.to_owned(), source });
    };
    let grants = no_grants(options, label, EXAMINING);
    Ok(Examiner { component, grants, call_timeout: options.limits.call_timeout })
}

fn no_grants(options: &HostOptions, store: &str, connector: &str) -> Arc<Grants> {
    Arc::new(Grants {
        label: Label::new(store, connector),
        limits: options.limits,
        clock: Arc::clone(&options.clock),
        settings: Settings::default(),
        server: None,
        folder: None,
        http: HttpGrants::default(),
        memo: Memo::default(),
    })
}

/// Returns the self-description of a connector, without any grant.
pub(crate) async fn info(
    options: &HostOptions,
    compiler: &Arc<Compiler>,
    choice: &ConnectorChoice,
) -> Result<ConnectorInfo, LoadError> {
    let label = "(none)";
    let source = source(&options.base, label, choice)?;
    let ready = prepare(compiler, label, &source.name, source.bytes).await?;
    let grants = no_grants(options, label, &source.name);
    let described = describe(&ready, &grants, options.limits.call_timeout)
        .await
        .map_err(|source| LoadError::Describe { store: label.to_owned(), source })?;
    Ok(ConnectorInfo {
        name: described.name,
        version: described.version,
        sha256: ready.digest.to_string(),
        imports: ready.imports.clone(),
        actions: described.actions.into_iter().map(convert::action).collect(),
        search_fields: described.search_fields.into_iter().map(|field| visible_line(&field, 60)).collect(),
        settings: source.manifest.settings.into_iter().collect(),
        largest_batch: described.largest_batch,
        calls_per_mailbox: described.calls_per_mailbox,
    })
}
