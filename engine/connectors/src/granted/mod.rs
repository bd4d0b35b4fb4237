//! What a grant can do: requests, files, connections to a mail server, and the credentials and the trust behind them.
//!
//! **Invariant:** nothing here knows the runtime that connectors run in, so each capability can be used and tested without one.

pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod context;
mod dial;
pub(crate) mod endpoint;
pub(crate) mod failure;
mod file_name;
pub(crate) mod folder;
mod gate;
pub(crate) mod grants;
pub(crate) mod http;
mod login;
mod mechanism;
mod pool;
mod sasl;
mod scram;
mod seats;
pub(crate) mod secret;
mod server;
pub(crate) mod terms;
mod trust;
