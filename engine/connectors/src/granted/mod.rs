//! The capabilities behind grants: requests, files, connections to a mail server, and their credentials and trust.
//!
//! **Invariant:** nothing here uses the runtime of the connectors, so each capability can be used and tested without
//! one.

pub(crate) mod clock;
mod commands;
mod confinement;
pub(crate) mod connection;
pub(crate) mod context;
mod dial;
pub(crate) mod endpoint;
pub(crate) mod failure;
mod file_name;
pub(crate) mod folder;
mod gate;
pub(crate) mod grants;
mod headers;
pub(crate) mod http;
pub(crate) mod listing;
mod login;
mod mechanism;
pub(crate) mod memo;
mod outbound;
mod pool;
mod sasl;
mod scram;
mod seats;
pub(crate) mod secret;
mod server;
pub(crate) mod terms;
pub(crate) mod token;
mod trust;
