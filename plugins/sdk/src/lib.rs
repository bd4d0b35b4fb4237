//! The guest side of the contract in `plugins/wit`.
//!
//! A connector is a struct that implements [`Connector`]; [`export!`](crate::export) makes it a component. All its
//! input and output uses the traits of [`host`], which the imports implement in a component and a test implements
//! natively, so the whole logic of a connector runs under `cargo test` without WebAssembly.
//!
//! The other modules are what connectors must not decide individually: the [`fingerprint`] of a message, special folder
//! names ([`place`]), the meaning of a query ([`matching`]), hostile headers as text ([`header`]), the sender of a
//! message ([`sender`]), and the size of a page ([`page`]). [`web`] is for stores with an API over HTTP, and [`memo`] for
//! what they keep between calls.

pub mod attachment;
mod bindings;
pub mod bound;
mod charset;
pub mod connector;
pub mod describe;
pub mod features;
pub mod fields;
pub mod fingerprint;
pub mod flags;
pub mod header;
pub mod host;
pub mod matching;
pub mod memo;
pub mod needle;
/// The comparison of texts: the host's own file, so that all connectors compare by the same rule.
#[path = "../../../engine/model/src/normal.rs"]
pub mod normal;
mod outlook;
pub mod page;
mod parameter;
pub mod place;
pub mod sender;
pub mod utf7;
pub mod web;
mod words;

pub use bindings::clawback::mail_store::{folder, mail_stream, types};
#[doc(hidden)]
pub use bindings::exports;
pub use bindings::exports::clawback::mail_store::examiner;
pub use connector::Connector;
