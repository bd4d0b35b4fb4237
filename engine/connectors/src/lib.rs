//! Mail stores and the host of the WebAssembly components that speak to them.
//!
//! **Invariant:** the only crate that knows wasmtime, and the only one that holds a credential. A connector gets what the
//! operator granted to its store and nothing else; whatever it does, the node goes on.

mod bindings;
mod call;
mod clock;
mod compiled;
mod component;
mod config;
mod contract;
mod convert;
mod describe;
mod dial;
mod duration;
mod embedded;
mod file_name;
mod folder;
mod gate;
mod grant;
mod guest;
mod host;
mod http;
mod limits;
mod load;
mod log;
mod login;
mod mail_store;
mod manifest;
mod mechanism;
mod meter;
mod options;
mod pool;
mod probe;
mod sasl;
mod scram;
mod seats;
mod secret;
mod server;
mod settings;
mod stream;
mod terms;
mod throttle;
mod trust;
mod wasm_store;

pub use component::ComponentError;
pub use config::{
    AuthConfig, ConfigError, ConnectorChoice, EndpointConfig, ServerConfig, StoreConfig, StoreLimits, TlsMode,
};
pub use describe::ConnectorInfo;
pub use host::{Host, HostError};
pub use limits::SandboxLimits;
pub use load::LoadError;
pub use mail_store::{Aim, CallError, Capabilities, MailStore, Page, Readiness};
pub use options::HostOptions;
pub use probe::{Probe, ProbeError, Survey, Visit, Which, check, survey};
pub use secret::Secret;
