//! The guest side of the contract in `plugins/wit`.
//!
//! A connector is a plain struct that implements [`Connector`]; [`export!`](crate::export) turns it into a component.
//! All its input and output goes through the traits of [`host`], which the imports implement in a component and which
//! a test implements natively, so the whole logic of a connector runs under `cargo test` without any WebAssembly.
//!
//! The rest is what connectors must not each decide on their own: the [`fingerprint`] of a message, which folder names
//! are special ([`place`]), what a query means ([`matching`]), how hostile headers become text ([`header`]), who sent a message ([`sender`]), and how
//! much one page holds ([`page`]).

pub mod attachment;
mod bindings;
mod bound;
mod charset;
pub mod connector;
pub mod fingerprint;
pub mod header;
pub mod host;
pub mod matching;
/// How texts are compared: the host's own file, so that no connector compares by another rule.
#[path = "../../../engine/model/src/normal.rs"]
pub mod normal;
pub mod page;
mod parameter;
pub mod place;
pub mod sender;
pub mod utf7;
mod words;

pub use bindings::clawback::mail_store::{folder, http, mail_stream, types};
#[doc(hidden)]
pub use bindings::exports;
pub use connector::Connector;

/// The guide's code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Guide;
