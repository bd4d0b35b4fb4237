//! Mail stores, and the host of the WebAssembly components that access them.
//!
//! **Invariant:** the only crate that uses wasmtime, and the only one that holds a credential. A connector gets what
//! the operator granted to its store and nothing else; whatever it does, the node continues.

mod boxed;
mod call;
mod compiled;
mod component;
mod config;
pub mod conformance;
mod contract;
mod convert;
mod describe;
mod duration;
mod embedded;
mod examiner;
mod granted;
mod host;
mod imports;
mod label;
mod limits;
mod load;
mod mail_store;
mod manifest;
mod meter;
mod options;
mod probe;
mod throttle;
mod wasm_store;

pub use component::ComponentError;
pub use config::token::{ClientCredentials, ServiceAccount, SignatureAlgorithm, TokenConfig};
pub use config::{
    AuthConfig, ConfigError, ConnectorChoice, EndpointConfig, EndpointLimits, ServerConfig, StoreConfig, StoreLimits,
    TlsMode,
};
pub use describe::ConnectorInfo;
pub use examiner::Examiner;
pub use granted::secret::Secret;
pub use host::{Host, HostError};
pub use limits::SandboxLimits;
pub use load::LoadError;
pub use mail_store::{ActionTarget, CallError, Capabilities, CredentialTrial, Examined, MailStore, Page, Readiness};
pub use options::HostOptions;
pub use probe::{CalendarReadiness, Probe, ProbeError, Survey, Visit, Which, check, survey};
