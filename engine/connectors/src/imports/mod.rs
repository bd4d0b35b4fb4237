//! The imports of a connector: the host's side of the contract, for one running guest.

pub(crate) mod bindings;
mod clock;
mod folder;
pub(crate) mod guest;
mod http;
mod log;
mod mail_stream;
mod memo;
mod settings;
