//! The engine, and components that are ready to run: checked against the contract, compiled once, linked once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use clawback_model::Digest;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine};

use crate::compiled::Cache;
use crate::imports::bindings::calendars::CalendarKeeperPre;
use crate::imports::bindings::examining::MessageExaminerPre;
use crate::imports::bindings::{MailStore, MailStorePre};
use crate::imports::guest::Guest;
use crate::limits::{STACK_BYTES, TICK};

/// The interfaces of this package, at this compatible version, that a component may import.
const IMPORTS: [&str; 8] = ["types", "settings", "log", "clock", "memo", "mail-stream", "folder", "http"];
/// The interfaces that a connector may lack.
const EXAMINER: &str = "clawback:mail-store/examiner@0.2.0";
const CALENDAR: &str = "clawback:mail-store/calendar@0.2.0";
const PACKAGE: &str = "clawback:mail-store/";
const VERSION: &str = "@0.2.";

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// It imports something that is not in the contract.
    #[error(
        "it imports `{import}`; a connector may import only the interfaces of clawback:mail-store@0.2 (build it for wasm32-unknown-unknown, without WASI)"
    )]
    ForbiddenImport {
        /// The name of the import.
        import: String,
    },
    /// It is not a component, or not of this contract.
    #[error("it is not a connector of clawback:mail-store@0.2: {detail}")]
    Invalid {
        /// The mistake.
        detail: String,
    },
}

/// A component that is ready to be instantiated.
pub(crate) struct Ready {
    pub(crate) digest: Digest,
    pub(crate) imports: Vec<String>,
    pub(crate) pre: MailStorePre<Guest>,
    /// `None` if the component does not export the interface `examiner`.
    pub(crate) examiner: Option<MessageExaminerPre<Guest>>,
    /// `None` if the component does not export the interface `calendar`.
    pub(crate) calendar: Option<CalendarKeeperPre<Guest>>,
}

/// The engine, its linker, and the components that it has compiled.
pub(crate) struct Compiler {
    engine: Engine,
    linker: Linker<Guest>,
    cache: Option<Cache>,
    known: Mutex<HashMap<Digest, Arc<Ready>>>,
}

impl Compiler {
    /// Starts the engine and its ticker, which ends with the engine.
    pub(crate) fn new(cache: Option<PathBuf>) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        config.max_wasm_stack(STACK_BYTES);
        config.async_stack_size(2 * STACK_BYTES);
        let engine = Engine::new(&config)?;
        let weak = engine.weak();
        thread::Builder::new().name("connector-ticker".into()).spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })?;
        let mut linker = Linker::new(&engine);
        MailStore::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
        Ok(Self { engine, linker, cache: cache.map(Cache::new), known: Mutex::default() })
    }

    /// Checks and compiles a component, unless it did so before. Takes tens of milliseconds of processor time.
    pub(crate) fn prepare(&self, bytes: &[u8]) -> Result<Arc<Ready>, ComponentError> {
        let digest = Digest::of(bytes);
        if let Some(ready) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&digest) {
            return Ok(Arc::clone(ready));
        }
        let component = self.component(bytes, &digest)?;
        let imports: Vec<String> =
            component.component_type().imports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        if let Some(import) = imports.iter().find(|import| !is_allowed(import)) {
            return Err(ComponentError::ForbiddenImport { import: import.clone() });
        }
        let instance = self.linker.instantiate_pre(&component).map_err(|error| invalid(&error))?;
        let has = |interface: &str| component.get_export_index(None, interface).is_some();
        let examiner = has(EXAMINER).then(|| MessageExaminerPre::new(instance.clone())).transpose();
        let examiner = examiner.map_err(|error| invalid(&error))?;
        let calendar = has(CALENDAR).then(|| CalendarKeeperPre::new(instance.clone())).transpose();
        let calendar = calendar.map_err(|error| invalid(&error))?;
        let pre = MailStorePre::new(instance).map_err(|error| invalid(&error))?;
        let ready = Arc::new(Ready { digest, imports, pre, examiner, calendar });
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, Arc::clone(&ready));
        Ok(ready)
    }

    fn component(&self, bytes: &[u8], digest: &Digest) -> Result<Component, ComponentError> {
        let compile = || Component::new(&self.engine, bytes).map_err(|error| invalid(&error));
        let Some(cache) = &self.cache else { return compile() };
        let name = self.file_name(digest);
        if let Some(component) = cache.load(&self.engine, &name) {
            return Ok(component);
        }
        let component = compile()?;
        if let Err(error) = cache.keep(&component, &name) {
            tracing::warn!(%error, "compiled connector not kept; the next start compiles again");
        }
        Ok(component)
    }

    /// Returns a name from the component, wasmtime and every setting that affects the code: a change of any makes
    /// another file.
    fn file_name(&self, digest: &Digest) -> String {
        let mut hash = DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut hash);
        format!("{digest}-{:016x}.cwasm", hash.finish())
    }
}

fn is_allowed(import: &str) -> bool {
    import
        .strip_prefix(PACKAGE)
        .and_then(|rest| rest.split_once('@'))
        .is_some_and(|(interface, version)| IMPORTS.contains(&interface) && format!("@{version}").starts_with(VERSION))
}

fn invalid(error: &wasmtime::Error) -> ComponentError {
    ComponentError::Invalid { detail: clawback_model::visible_line(&format!("{error:#}"), 500) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_interfaces_may_be_imported() {
        assert!(is_allowed("clawback:mail-store/log@0.2.0"));
        assert!(is_allowed("clawback:mail-store/mail-stream@0.2.3"));
        for wrong in [
            "wasi:cli/environment@0.2.0",
            "clawback:mail-store/shell@0.2.0",
            "clawback:mail-store/log@0.1.0",
            "clawback:mail-store/log@0.10.0",
            "clawback:mail-store/log",
            "log",
        ] {
            assert!(!is_allowed(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_a_component_is_refused() {
        let compiler = Compiler::new(None).unwrap();
        assert!(matches!(compiler.prepare(b"not wasm"), Err(ComponentError::Invalid { .. })));
        let text = br#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#;
        // The text format is refused; only binaries are accepted.
        assert!(compiler.prepare(text).is_err());
    }
}
