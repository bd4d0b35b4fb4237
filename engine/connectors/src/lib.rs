//! Mail stores and the host of the WebAssembly components that speak to them.
//!
//! **Invariant:** the only crate that knows wasmtime, and the only one that holds a credential.

mod mail_store;

pub use mail_store::{Aim, CallError, Capabilities, MailStore, Page};
